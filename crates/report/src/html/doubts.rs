//! Doubts about the figures: which, how bad, what they mean and what to do about them.

use maud::{Markup, html};
use record::{Warning, WarningClass};

use super::place::Place;
use crate::words::doubts::meaning;

/// A doubt, and of how much it is where that is not the whole record.
pub(super) type Doubt<'a> = (&'a Warning, Option<String>);

/// The section; it is there also where there is no doubt.
pub(super) fn section(place: &Place, doubts: &[Doubt<'_>]) -> Markup {
    let mut doubts: Vec<&Doubt<'_>> = doubts.iter().collect();
    doubts.sort_by_key(|(warning, _)| warning.class);
    let body = html! {
        @if doubts.is_empty() {
            p { "The harness found nothing that would make these figures doubtful." }
        } @else {
            ul.doubts {
                @for (warning, of) in doubts { (item(warning, of.as_deref())) }
            }
        }
    };
    place.section("validity", "How far these figures can be trusted", &body)
}

fn item(warning: &Warning, of: Option<&str>) -> Markup {
    let (class, word) = match warning.class {
        WarningClass::Invalid => ("doubt invalid", "INVALID"),
        WarningClass::Warn => ("doubt", "warning"),
    };
    html! {
        li class=(class) {
            strong { (word) " " (warning.name) }
            @if let Some(of) = of { " " span.muted { "(" (of) ")" } }
            @if let Some(meaning) = meaning(&warning.name) { " " (meaning) }
            br;
            span.muted { "In this record: " (warning.advice) "." }
        }
    }
}

/// All of a record, each of the whole of it.
pub(super) fn of(warnings: &[Warning]) -> Vec<Doubt<'_>> {
    warnings.iter().map(|warning| (warning, None)).collect()
}
