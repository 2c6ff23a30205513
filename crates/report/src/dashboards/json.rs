//! A dashboard as Grafana reads it: its JSON model, in the version of Grafana 12.
//!
//! Field names and values are those of `@grafana/schema` (`raw/dashboard` and `raw/composable/*/panelcfg`), which
//! `cargo xtask dashboards --check-types` holds them against.

mod options;

use serde_json::{Value, json};

use self::options::{custom, options};
use super::{
    Dashboard,
    annotation::Annotation,
    grid::{Place, Placed, place},
    panel::{Limit, Lines, Panel, Row, Shape, Target},
    variable::{Variable, datasource},
};

/// Of Grafana 12.0; newer ones bring it up to theirs when they open it, and 11 takes it as it is.
const SCHEMA_VERSION: u32 = 41;

/// What every metric of ours begins with.
const OURS: &str = "loadgen_";

/// How often a record has the components' metrics; a Prometheus of somebody's own scrapes them about as often.
const COMPONENTS_EVERY: &str = "15s";

/// All dashboards have it: what links between them go by.
const TAG: &str = "loadgen";

/// The whole of it.
pub(super) fn dashboard(dashboard: &Dashboard) -> Value {
    let placed = place(&dashboard.rows);
    let panels: Vec<Value> = placed.iter().zip(1..).map(|(placed, id)| item(placed, id)).collect();
    let annotations: Vec<Value> =
        std::iter::once(of_grafana()).chain(dashboard.annotations.iter().map(Annotation::json)).collect();
    let variables: Vec<Value> = dashboard.variables.iter().map(Variable::json).collect();
    json!({
        "annotations": { "list": annotations },
        "description": dashboard.about,
        "editable": true,
        "fiscalYearStartMonth": 0,
        // One crosshair for all panels.
        "graphTooltip": 1,
        // Grafana's own, which differs between servers; it goes by the uid.
        "id": null,
        "links": [links()],
        "panels": panels,
        "refresh": "10s",
        "schemaVersion": SCHEMA_VERSION,
        "tags": [TAG],
        "templating": { "list": variables },
        "time": { "from": "now-30m", "to": "now" },
        "timepicker": {},
        "timezone": "browser",
        "title": dashboard.title,
        "uid": dashboard.uid,
        "weekStart": "",
    })
}

/// The annotations that people make by hand.
fn of_grafana() -> Value {
    json!({
        "builtIn": 1,
        "datasource": { "type": "grafana", "uid": "-- Grafana --" },
        "enable": true,
        "hide": true,
        "iconColor": "rgba(0, 211, 255, 1)",
        "name": "Annotations & Alerts",
        "type": "dashboard",
    })
}

/// The way to the other dashboards, with what was chosen in this one.
fn links() -> Value {
    json!({
        "asDropdown": false,
        "icon": "external link",
        "includeVars": true,
        "keepTime": true,
        "tags": [TAG],
        "targetBlank": false,
        "title": TAG,
        "tooltip": "The other dashboards of loadgen",
        "type": "dashboards",
        "url": "",
    })
}

fn item(placed: &Placed<'_>, id: u32) -> Value {
    let Place { x, y, width, height } = placed.place();
    let position = json!({ "x": x, "y": y, "w": width, "h": height });
    match placed {
        Placed::Heading(Row { title, .. }, _) => json!({
            "collapsed": false, "gridPos": position, "id": id, "panels": [], "title": title, "type": "row",
        }),
        Placed::Panel(it, _) => panel(it, id, &position),
    }
}

fn panel(panel: &Panel, id: u32, position: &Value) -> Value {
    let mut json = json!({
        "description": panel.about,
        "gridPos": position,
        "id": id,
        "options": options(panel),
        "title": panel.title,
        "type": plugin(&panel.shape),
    });
    if matches!(panel.shape, Shape::Text(_)) {
        return json;
    }
    let targets = panel.targets.iter().zip('A'..).map(|(it, letter)| target(it, letter, &panel.shape));
    json["datasource"] = datasource();
    json["fieldConfig"] = json!({ "defaults": defaults(panel), "overrides": overrides(panel) });
    json["targets"] = targets.collect();
    if let Shape::Table { columns, value } = panel.shape {
        json["transformations"] = json!([organized(columns, value)]);
    }
    json
}

fn plugin(shape: &Shape) -> &'static str {
    match shape {
        Shape::Lines(_) => "timeseries",
        Shape::Number => "stat",
        Shape::Table { .. } => "table",
        Shape::HeatMap => "heatmap",
        Shape::Timeline(_) => "state-timeline",
        Shape::Text(_) => "text",
    }
}

fn target(target: &Target, letter: char, shape: &Shape) -> Value {
    let is_table = matches!(shape, Shape::Table { .. });
    let format = match shape {
        Shape::Table { .. } => "table",
        Shape::HeatMap => "heatmap",
        Shape::Lines(_) | Shape::Number | Shape::Timeline(_) | Shape::Text(_) => "time_series",
    };
    let expr = target.expr.to_string();
    let mut json = json!({
        "datasource": datasource(),
        "editorMode": "code",
        "expr": expr,
        "format": format,
        "instant": is_table,
        "legendFormat": target.legend,
        "range": !is_table,
        "refId": letter.to_string(),
    });
    // Grafana makes the interval of a rate four times this, or four times what the datasource says.
    if !expr.contains(OURS) {
        json["interval"] = COMPONENTS_EVERY.into();
    }
    json
}

/// What holds for all fields of a panel.
fn defaults(panel: &Panel) -> Value {
    let mut json = json!({
        "color": { "mode": colours(&panel.shape) },
        "custom": custom(panel),
        "mappings": mappings(&panel.shape),
        "thresholds": { "mode": "absolute", "steps": steps(panel) },
        "unit": panel.unit.id(),
    });
    // Nothing that is shown is below zero, and powers of ten never come to it.
    if matches!(panel.shape, Shape::Lines(Lines { logarithmic: false, .. })) {
        json["min"] = 0.into();
    }
    json
}

fn colours(shape: &Shape) -> &'static str {
    match shape {
        Shape::Lines(_) => "palette-classic",
        Shape::Number | Shape::Table { .. } | Shape::HeatMap | Shape::Timeline(_) | Shape::Text(_) => {
            "thresholds"
        }
    }
}

/// A limit is a dashed line in a chart and a colour of a number. Blue and orange, which everybody can tell apart.
fn steps(panel: &Panel) -> Value {
    let (good, bad) = ("blue", "orange");
    match panel.limit {
        None => json!([{ "color": if panel.shape == Shape::Number { "text" } else { good }, "value": null }]),
        Some(Limit::AtMost(limit)) => {
            json!([{ "color": good, "value": null }, { "color": bad, "value": limit }])
        }
        Some(Limit::AtLeast(limit)) => {
            json!([{ "color": bad, "value": null }, { "color": good, "value": limit }])
        }
    }
}

fn mappings(shape: &Shape) -> Value {
    let Shape::Timeline(states) = shape else { return json!([]) };
    let zero = if states.zero_is_bad { "orange" } else { "transparent" };
    json!([{
        "type": "value",
        "options": {
            "0": { "color": zero, "index": 0, "text": states.zero },
            "1": { "color": "blue", "index": 1, "text": states.one },
        },
    }])
}

/// Dashed lines, by the query that they come of: in a panel with more than one, fields can be told apart by it.
fn overrides(panel: &Panel) -> Value {
    let dashed = panel.targets.iter().zip('A'..).filter(|(target, _)| target.dashed);
    let by_letter = |letter: char| {
        json!({
            "matcher": { "id": "byFrameRefID", "options": letter.to_string() },
            "properties": [
                { "id": "custom.lineStyle", "value": { "dash": [10, 10], "fill": "dash" } },
                { "id": "custom.fillOpacity", "value": 0 },
            ],
        })
    };
    dashed.map(|(_, letter)| by_letter(letter)).collect()
}

/// The columns of a table in their order, and nothing else.
fn organized(columns: &[&str], value: &str) -> Value {
    let ordered = columns.iter().copied().chain(["Value"]).zip(0_u32..);
    let order: serde_json::Map<_, _> =
        ordered.map(|(name, index)| (name.to_owned(), Value::from(index))).collect();
    json!({
        "id": "organize",
        "options": {
            "excludeByName": { "Time": true },
            "indexByName": order,
            "renameByName": { "Value": value },
        },
    })
}
