//! Charts as they are drawn.

use super::*;

fn chart(marks: Vec<Mark>) -> Chart {
    Chart {
        id: "it".to_owned(),
        title: "It".to_owned(),
        about: "What it is.".to_owned(),
        x: Axis::new("offered", Scale::Linear, Unit::Plain),
        y: Axis::new("goodput", Scale::Linear, Unit::Plain),
        marks,
    }
}

fn line(name: &str, look: usize, points: &[(f64, f64)]) -> Mark {
    Mark::Line { name: name.to_owned(), look, points: points.to_vec(), markers: false }
}

#[test]
fn a_line_is_drawn_between_its_points_and_named_at_its_end() {
    let text = chart(vec![line("etcd", 1, &[(0.0, 0.0), (10.0, 5.0)])]).render().into_string();
    assert!(text.contains(r#"class="series c1" stroke-dasharray="7 3""#), "{text}");
    // Once at the line's end, once in the key of the narrow chart, and in each row of the table.
    assert_eq!(text.matches(">etcd<").count(), 4, "{text}");
    assert!(text.contains(r#"<td class="figure">10</td><td class="figure">5</td>"#), "{text}");
}

#[test]
fn what_has_no_place_on_an_axis_is_left_out() {
    let mut chart = chart(vec![line("lag", 0, &[(1.0, 0.0), (2.0, 0.01), (3.0, 0.02)])]);
    chart.y = Axis::new("lag", Scale::Log, Unit::Seconds);
    let text = chart.render().into_string();
    assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
}

#[test]
fn a_chart_of_nothing_is_empty() {
    assert!(chart(Vec::new()).is_empty());
    let band = Mark::Band { label: "measure".to_owned(), from: 0.0, to: 1.0, strong: true };
    assert!(chart(vec![band, line("none", 0, &[])]).is_empty());
    assert!(!chart(vec![line("one", 0, &[(1.0, 1.0)])]).is_empty());
}

#[test]
fn rows_are_named_and_have_their_figures_below() {
    let range = Range { row: 1, low: 0.9, value: 1.0, high: 1.2 };
    let mut chart = chart(vec![Mark::Ranges { name: "95 %".to_owned(), look: 2, ranges: vec![range] }]);
    chart.x = Axis::new("ratio", Scale::Log, Unit::Times);
    chart.y = Axis::new("pair", Scale::Rows(vec!["pair 1".to_owned(), "all".to_owned()]), Unit::Plain);
    let text = chart.render().into_string();
    assert!(text.contains(">pair 1<") && text.contains(">all<"), "{text}");
    assert!(text.contains(r#"<th scope="row">all</th><td class="figure">1.000×</td>"#), "{text}");
}
