// What a dashboard of ours is, in the types that Grafana publishes.
//
// Those leave a panel's options and its fields' own settings open, since each kind of panel has types of its own; here they are put
// together. What only the Prometheus datasource knows of queries and annotations is in no package of types; it is said here.

import type {
  AnnotationQuery,
  Dashboard,
  DataQuery,
  DataTransformerConfig,
  FieldConfig,
  FieldConfigSource,
  GraphFieldConfig,
  Panel,
  RowPanel,
  TableFieldOptions,
  VariableModel,
} from '@grafana/schema';
import type * as heatmap from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import type * as stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as stateTimeline from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type * as table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as text from '@grafana/schema/dist/esm/raw/composable/text/panelcfg/x/TextPanelCfg_types.gen';
import type * as timeSeries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

/** The same, with the values of enumerations as JSON has them. */
type Plain<T> = T extends string
  ? `${T}`
  : T extends number | boolean | null | undefined
    ? T
    : T extends ReadonlyArray<infer Item>
      ? Array<Plain<Item>>
      : T extends object
        ? { [Key in keyof T]: Plain<T[Key]> }
        : T;

/** As Grafana's Prometheus datasource reads it (`PrometheusDataQuery`). */
type PrometheusQuery = DataQuery & {
  editorMode: 'code' | 'builder';
  expr: string;
  format: 'time_series' | 'table' | 'heatmap';
  instant: boolean;
  interval?: string;
  legendFormat: string;
  range: boolean;
};

type PanelOf<Type extends string, Options, Custom> = Omit<Panel, 'type' | 'options' | 'fieldConfig' | 'targets'> & {
  title: string;
  description: string;
  type: Type;
  options: Options;
  targets: Array<PrometheusQuery>;
  fieldConfig: Omit<FieldConfigSource, 'defaults'> & {
    defaults: Omit<FieldConfig, 'custom'> & { unit: string; custom: Custom };
  };
};

type TextPanel = Omit<Panel, 'type' | 'options' | 'fieldConfig' | 'targets'> & {
  title: string;
  description: string;
  type: 'text';
  options: text.Options;
};

type AnyPanel =
  | PanelOf<'timeseries', timeSeries.Options, GraphFieldConfig>
  | PanelOf<'stat', stat.Options, Record<string, never>>
  | (PanelOf<'table', table.Options, TableFieldOptions> & { transformations: Array<DataTransformerConfig> })
  | PanelOf<'heatmap', heatmap.Options, heatmap.FieldConfig>
  | PanelOf<'state-timeline', stateTimeline.Options, stateTimeline.FieldConfig>
  | TextPanel;

/** Likewise (`PrometheusAnnotationSupport`). */
type PrometheusAnnotation = Omit<AnnotationQuery, 'target'> & {
  expr: string;
  step: string;
  tagKeys: string;
  textFormat: string;
  titleFormat: string;
  useValueForTime: boolean;
};

export type LoadgenDashboard = Plain<
  Omit<Dashboard, 'annotations' | 'panels' | 'templating'> & {
    uid: string;
    title: string;
    annotations: { list: Array<AnnotationQuery | PrometheusAnnotation> };
    panels: Array<AnyPanel | RowPanel>;
    templating: { list: Array<VariableModel> };
  }
>;
