//! Tables, each in a box of its own in which it can be scrolled: a page is never wider than its window.

use maud::{Markup, html};

/// A table. A column is of figures where every cell of it begins as a figure does, or is empty.
pub(crate) fn table(name: &str, header: &[&str], rows: &[Vec<Markup>]) -> Markup {
    let class = |column: usize| {
        let is_figure = |row: &Vec<Markup>| row.get(column).is_none_or(|cell| begins_as_figure(&cell.0));
        let is_empty = |row: &Vec<Markup>| row.get(column).is_none_or(|cell| cell.0.is_empty());
        (column > 0 && rows.iter().all(is_figure) && !rows.iter().all(is_empty)).then_some("figure")
    };
    let classes: Vec<Option<&str>> = (0..header.len()).map(class).collect();
    html! {
        div.scroll tabindex="0" role="region" aria-label=(name) {
            table {
                thead {
                    tr { @for (title, class) in header.iter().zip(&classes) { th scope="col" class=[class.as_ref()] { (title) } } }
                }
                tbody {
                    @for row in rows {
                        tr {
                            @for (place, (cell, class)) in row.iter().zip(&classes).enumerate() {
                                @if place == 0 { th scope="row" { (cell) } } @else { td class=[class.as_ref()] { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn begins_as_figure(cell: &str) -> bool {
    let first = cell.trim_start_matches(['-', '+', '<']);
    cell.is_empty() || cell == "-" || first.starts_with(|first: char| first.is_ascii_digit())
}

/// A row of plain text.
pub(crate) fn row<T: AsRef<str>>(cells: impl IntoIterator<Item = T>) -> Vec<Markup> {
    cells.into_iter().map(|cell| html! { (cell.as_ref()) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_figures_are_found() {
        let rows = [row(["etcd", "0.31", "-"]), row(["kube", "12 ms", "yes"])];
        let text = table("it", &["process", "cores", "said"], &rows).into_string();
        assert!(
            text.contains(r#"<th scope="col" class="figure">cores</th><th scope="col">said</th>"#),
            "{text}"
        );
        assert!(
            text.contains(r#"<th scope="row">etcd</th><td class="figure">0.31</td><td>-</td>"#),
            "{text}"
        );
    }
}
