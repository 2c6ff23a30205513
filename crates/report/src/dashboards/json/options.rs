//! What each kind of panel has of its own: its options, and those of its fields.

use serde_json::{Value, json};

use crate::dashboards::panel::{Lines, Panel, Shape};

/// How the panel is shown.
pub(super) fn options(panel: &Panel) -> Value {
    match &panel.shape {
        Shape::Lines(_) => json!({ "legend": legend(&["mean", "max"]), "tooltip": tooltip() }),
        Shape::Number => json!({
            "colorMode": "value",
            "graphMode": "area",
            "justifyMode": "auto",
            "orientation": "auto",
            "percentChangeColorMode": "standard",
            "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
            "showPercentChange": false,
            "textMode": "auto",
            "wideLayout": true,
        }),
        Shape::Table { .. } => {
            json!({ "cellHeight": "sm", "frameIndex": 0, "showHeader": true, "sortBy": [] })
        }
        Shape::HeatMap => heat_map(panel),
        Shape::Timeline(_) => json!({
            "alignValue": "left",
            "legend": { "calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": false },
            "mergeValues": true,
            "rowHeight": 0.9,
            "showValue": "auto",
            "tooltip": { "mode": "single", "sort": "none" },
        }),
        Shape::Text(words) => json!({
            "code": { "language": "plaintext", "showLineNumbers": false, "showMiniMap": false },
            "content": words,
            "mode": "markdown",
        }),
    }
}

/// How its fields are.
pub(super) fn custom(panel: &Panel) -> Value {
    match &panel.shape {
        Shape::Lines(lines) => drawn(*lines, panel.limit.is_some()),
        Shape::Table { .. } => {
            json!({ "align": "auto", "cellOptions": { "type": "auto" }, "inspect": false })
        }
        Shape::HeatMap => json!({ "scaleDistribution": { "type": "linear" } }),
        Shape::Timeline(_) => json!({ "fillOpacity": 70, "lineWidth": 0 }),
        Shape::Number | Shape::Text(_) => json!({}),
    }
}

/// Values beside the names, so that nobody has to read them off the lines.
fn legend(figures: &[&str]) -> Value {
    json!({ "calcs": figures, "displayMode": "table", "placement": "bottom", "showLegend": true })
}

fn tooltip() -> Value {
    json!({ "mode": "multi", "sort": "desc" })
}

fn drawn(lines: Lines, has_limit: bool) -> Value {
    let scale =
        if lines.logarithmic { json!({ "log": 10, "type": "log" }) } else { json!({ "type": "linear" }) };
    json!({
        "axisPlacement": "auto",
        "drawStyle": "line",
        "fillOpacity": if lines.stacked { 40 } else { 5 },
        "lineInterpolation": "linear",
        "lineWidth": 2,
        "pointSize": 4,
        "scaleDistribution": scale,
        "showPoints": "auto",
        "spanNulls": false,
        "stacking": { "group": "A", "mode": if lines.stacked { "normal" } else { "none" } },
        "thresholdsStyle": { "mode": if has_limit { "dashed" } else { "off" } },
    })
}

/// In colours that get brighter all the way, for whoever does not see hues; buckets as Prometheus has them.
fn heat_map(panel: &Panel) -> Value {
    json!({
        "calculate": false,
        "cellGap": 1,
        "cellValues": {},
        "color": {
            "exponent": 0.5, "fill": "dark-orange", "mode": "scheme", "reverse": false, "scale": "exponential",
            "scheme": "Cividis", "steps": 64,
        },
        "exemplars": { "color": "rgba(255,0,255,0.7)" },
        "filterValues": { "le": 1e-9 },
        "legend": { "show": true },
        "rowsFrame": { "layout": "auto" },
        "showValue": "never",
        "tooltip": { "mode": "single", "showColorScale": true, "yHistogram": true },
        "yAxis": { "axisPlacement": "left", "reverse": false, "unit": panel.unit.id() },
    })
}
