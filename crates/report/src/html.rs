//! A record as one page that needs nothing else: no script, no network, nothing beside it.
//!
//! The answer comes first, then what it is made of, then the doubts, then the exact set-up and the commands that repeat it. What is
//! long is folded. The page has a policy that forbids it to load or run anything.

mod advice;
mod doubts;
mod experiment;
mod latency;
mod over_time;
mod place;
mod requests;
mod run;
mod search;
mod set_up;
mod table;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use record::AnyRecord;

use self::place::Place;
pub(crate) use self::{
    set_up::{commands, machine},
    table::table,
};
use crate::{Child, Holds, Record, chart, words};

const STYLE: &str = include_str!("html/style.css");

/// The page of one record.
pub fn page(record: &Record) -> String {
    let place = Place::top();
    document(&answer(record).replace('`', ""), &article(&place, record))
}

/// One page of several records, each after the other, with an index.
pub fn pages(records: &[Record]) -> String {
    if let [record] = records {
        return page(record);
    }
    let title = format!("{} records", records.len());
    let places: Vec<Place> = (1..=records.len()).map(Place::of).collect();
    let body = html! {
        header { h1 { (title) } }
        nav aria-label="Records" {
            ol {
                @for (record, place) in records.iter().zip(&places) {
                    li { a href={ "#" (place.id("top")) } { (place::with_names(&answer(record))) } " " span.muted { (record.id()) } }
                }
            }
        }
        @for (record, place) in records.iter().zip(&places) { (article(place, record)) }
    };
    document(&title, &body)
}

fn document(title: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(chart::css())) (PreEscaped(STYLE)) }
            }
            body {
                main { (body) }
                footer.muted { "Made by loadgen " (env!("CARGO_PKG_VERSION")) "." }
            }
        }
    };
    page.into_string()
}

/// What came of a record, in a sentence.
pub(crate) fn answer(record: &Record) -> String {
    match &record.holds {
        Holds::Run(run) => words::run::answer(&run.record),
        Holds::Search(search) => words::search::answer(&search.record),
        Holds::Experiment(experiment) => words::experiment::answer(&experiment.record),
        Holds::Advice(advice) => words::advice::answer(&advice.record),
    }
}

fn article(place: &Place, record: &Record) -> Markup {
    let body = match &record.holds {
        Holds::Run(run) => run::body(place, run),
        Holds::Search(search) => search::body(place, search),
        Holds::Experiment(experiment) => experiment::body(place, experiment),
        Holds::Advice(advice) => advice::body(place, advice),
    };
    html! {
        article id=(place.id("top")) {
            header {
                p.kind { (record.kind()) }
                (place.title(&answer(record)))
            }
            (body)
            (set_up::repeat(place, record))
        }
    }
}

/// The trial of an experiment that stands for all of them: the first whose record is there.
fn first_run(children: &[Child]) -> Option<&AnyRecord> {
    children.first().map(|child| &child.record)
}

/// A list of what is to be said, a line each.
fn list<T: maud::Render>(items: &[T]) -> Markup {
    html! { ul { @for item in items { li { (item) } } } }
}

#[cfg(test)]
mod tests;
