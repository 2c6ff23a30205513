//! Where in a page something is: names that no other record of the page has, and headings of the right level.

use maud::{Markup, html};

/// The place of one record in a page.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Before every name.
    prefix: String,
    /// The level of its title, 1 to 4.
    level: u8,
}

impl Place {
    /// Of the only record of a page.
    pub(super) fn top() -> Self {
        Self { prefix: String::new(), level: 1 }
    }

    /// Of one of several, from 1.
    pub(super) fn of(number: usize) -> Self {
        Self { prefix: format!("record-{number}-"), level: 2 }
    }

    /// Of a record that is shown as a part of this one.
    pub(super) fn inner(&self, name: &str) -> Self {
        Self { prefix: format!("{}{name}-", self.prefix), level: self.level + 1 }
    }

    /// The name of something in the page.
    pub(super) fn id(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The record's title.
    pub(super) fn title(&self, text: &str) -> Markup {
        heading(self.level, None, &with_names(text))
    }

    /// A part of the record with a title; nothing where it is empty.
    pub(super) fn section(&self, name: &str, title: &str, body: &Markup) -> Markup {
        if body.0.is_empty() {
            return html! {};
        }
        let id = self.id(name);
        html! {
            section aria-labelledby=(id) {
                (heading(self.level + 1, Some(&id), &html! { (title) }))
                (body)
            }
        }
    }
}

/// Names are between backticks where there is only text.
pub(super) fn with_names(text: &str) -> Markup {
    html! {
        @for (place, part) in text.split('`').enumerate() {
            @if place % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn heading(level: u8, id: Option<&str>, text: &Markup) -> Markup {
    match level {
        1 => html! { h1 id=[id] { (text) } },
        2 => html! { h2 id=[id] { (text) } },
        3 => html! { h3 id=[id] { (text) } },
        _ => html! { h4 id=[id] { (text) } },
    }
}
