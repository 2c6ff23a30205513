//! What tells one series from another: a colour, a dash pattern and a marker, and the other colours of a page.
//!
//! The hues are those of Okabe and Ito (<https://jfly.uni-koeln.de/color/>), which people who do not see red or green tell apart. They
//! are darker on white and lighter on black than there, so that each has a contrast of 4.5 to 1: text may have them too. A test says so.

/// A colour on a light page and on a dark one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Colour {
    /// The CSS variable.
    pub(crate) name: &'static str,
    pub(crate) light: &'static str,
    pub(crate) dark: &'static str,
}

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) colour: Colour,
    /// As `stroke-dasharray` has it; nothing of a whole line.
    pub(crate) dash: Option<&'static str>,
    pub(crate) marker: Marker,
}

/// The shape of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marker {
    Circle,
    Cross,
    Square,
    Triangle,
    Diamond,
    Plus,
}

const fn colour(name: &'static str, light: &'static str, dark: &'static str) -> Colour {
    Colour { name, light, dark }
}

/// What is written and drawn upon.
pub(crate) const GROUNDS: [Colour; 2] =
    [colour("paper", "#ffffff", "#14181c"), colour("panel", "#f4f6f8", "#1e242a")];

/// What is read.
pub(crate) const TEXT: [Colour; 5] = [
    colour("ink", "#1b2126", "#e8ecf0"),
    colour("muted", "#56616b", "#a3aeb8"),
    colour("accent", "#005a8e", "#6fc3f0"),
    colour("good", "#00664a", "#3fc79a"),
    colour("bad", "#a63d00", "#ff8a4c"),
];

/// What only parts one thing from another.
pub(crate) const LINES: [Colour; 2] =
    [colour("line", "#d5dbe1", "#38424c"), colour("band", "#dcebf5", "#1d3a4d")];

/// The looks of series: blue, vermillion, green, purple, orange, grey.
pub(crate) const LOOKS: [Look; 6] = [
    Look { colour: colour("s0", "#0072b2", "#56b4e9"), dash: None, marker: Marker::Circle },
    Look { colour: colour("s1", "#b84a00", "#f0803c"), dash: Some("7 3"), marker: Marker::Cross },
    Look { colour: colour("s2", "#00795a", "#2db88c"), dash: Some("2 3"), marker: Marker::Square },
    Look { colour: colour("s3", "#a8457e", "#db93b9"), dash: Some("9 3 2 3"), marker: Marker::Triangle },
    Look { colour: colour("s4", "#8a6000", "#e69f00"), dash: Some("4 4"), marker: Marker::Diamond },
    Look { colour: colour("s5", "#3d4a55", "#c3ccd4"), dash: Some("1 2"), marker: Marker::Plus },
];

impl Marker {
    /// Its outline around a point, as the data of a path.
    pub(crate) fn path(self, x: f64, y: f64) -> String {
        let at = |dx: f64, dy: f64| format!("{},{}", super::draw::px(x + dx), super::draw::px(y + dy));
        let closed = |corners: &[(f64, f64)]| {
            let corners: Vec<String> = corners.iter().map(|(dx, dy)| at(*dx, *dy)).collect();
            format!("M{}Z", corners.join("L"))
        };
        match self {
            Self::Circle => format!("M{}a4,4 0 1,0 8,0a4,4 0 1,0 -8,0Z", at(-4.0, 0.0)),
            Self::Square => closed(&[(-3.5, -3.5), (3.5, -3.5), (3.5, 3.5), (-3.5, 3.5)]),
            Self::Triangle => closed(&[(0.0, -4.5), (4.5, 3.5), (-4.5, 3.5)]),
            Self::Diamond => closed(&[(0.0, -5.0), (5.0, 0.0), (0.0, 5.0), (-5.0, 0.0)]),
            Self::Cross => {
                format!("M{}L{}M{}L{}", at(-4.0, -4.0), at(4.0, 4.0), at(-4.0, 4.0), at(4.0, -4.0))
            }
            Self::Plus => {
                format!("M{}L{}M{}L{}", at(-4.5, 0.0), at(4.5, 0.0), at(0.0, -4.5), at(0.0, 4.5))
            }
        }
    }
}

/// The variables and classes of all of them: `var(--ink)`, `.c0` to `.c5`.
pub(crate) fn css() -> String {
    let all = || GROUNDS.iter().chain(&TEXT).chain(&LINES).copied().chain(LOOKS.iter().map(|it| it.colour));
    let set = |of: fn(Colour) -> &'static str| -> String {
        all().fold(String::new(), |css, colour| css + "--" + colour.name + ":" + of(colour) + ";")
    };
    let (light, dark) = (set(|colour| colour.light), set(|colour| colour.dark));
    let classes: Vec<String> = LOOKS
        .iter()
        .enumerate()
        .map(|(place, look)| format!(".c{place}{{--c:var(--{})}}\n", look.colour.name))
        .collect();
    let classes = classes.concat();
    format!(
        ":root{{color-scheme:light dark;{light}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n{classes}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance, WCAG 2.2.
    fn luminance(colour: &str) -> f64 {
        let channel = |from: usize| {
            let value = f64::from(u8::from_str_radix(&colour[from..from + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn black_on_white_has_the_highest_contrast_there_is() {
        assert!((contrast("#000000", "#ffffff") - 21.0).abs() < 1e-9);
        assert!((contrast("#777777", "#ffffff") - 4.48).abs() < 0.01);
    }

    #[test]
    fn everything_that_says_something_can_be_read_in_both_themes() {
        for colour in TEXT.iter().copied().chain(LOOKS.iter().map(|look| look.colour)) {
            for ground in GROUNDS {
                for (one, other) in [(colour.light, ground.light), (colour.dark, ground.dark)] {
                    let contrast = contrast(one, other);
                    assert!(contrast >= 4.5, "{} on {}: {contrast:.2}", colour.name, ground.name);
                }
            }
        }
        // What a band lies behind is read, too.
        let band = LINES[1];
        for colour in TEXT {
            let contrasts = [contrast(colour.light, band.light), contrast(colour.dark, band.dark)];
            assert!(contrasts.iter().all(|contrast| *contrast >= 4.5), "{}: {contrasts:?}", colour.name);
        }
    }

    #[test]
    fn no_two_series_have_a_dash_or_a_marker_in_common() {
        for (place, look) in LOOKS.iter().enumerate() {
            for other in &LOOKS[place + 1..] {
                assert_ne!(look.dash, other.dash);
                assert_ne!(look.marker, other.marker);
            }
        }
    }

    #[test]
    fn every_colour_is_set_for_both_themes() {
        let css = css();
        assert_eq!(css.matches("--ink:").count(), 2, "{css}");
        assert_eq!(css.matches("--s5:").count(), 2, "{css}");
    }
}
