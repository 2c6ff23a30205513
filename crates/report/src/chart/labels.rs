//! Where text goes so that no two texts lie on one another.

/// How wide a character is at the size that charts are written in, roughly: glyphs differ by who draws them.
const CHARACTER: f64 = 6.6;

/// How wide a text is.
pub(super) fn width(text: &str) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "nobody labels a chart with 2^53 characters")]
    let count = text.chars().count() as f64;
    count * CHARACTER
}

/// Moves heights apart until each is `apart` from the next, and all are from `top` to `bottom` as far as there is room. They stay in
/// their order.
pub(super) fn spread(heights: &[f64], apart: f64, top: f64, bottom: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..heights.len()).collect();
    order.sort_by(|a, b| heights[*a].total_cmp(&heights[*b]));
    let mut spread = heights.to_vec();
    let mut least = top;
    for place in &order {
        spread[*place] = spread[*place].max(least);
        least = spread[*place] + apart;
    }
    let mut most = bottom;
    for place in order.iter().rev() {
        spread[*place] = spread[*place].min(most);
        most = spread[*place] - apart;
    }
    spread
}

/// For texts around these places the rows, from 0, in which none overlaps another of its row; each begins where the second number
/// says, which is between `left` and `right` as far as there is room.
pub(super) fn rows(texts: &[(f64, &str)], left: f64, right: f64) -> Vec<(usize, f64)> {
    const GAP: f64 = 8.0;
    let begins = |(at, text): (f64, &str)| (at - width(text) / 2.0).min(right - width(text)).max(left);
    let mut ends: Vec<f64> = Vec::new();
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by(|a, b| begins(texts[*a]).total_cmp(&begins(texts[*b])));
    let mut placed = vec![(0, 0.0); texts.len()];
    for place in order {
        let begin = begins(texts[place]);
        let row = ends.iter().position(|end| *end + GAP <= begin).unwrap_or_else(|| {
            ends.push(f64::NEG_INFINITY);
            ends.len() - 1
        });
        ends[row] = begin + width(texts[place].1);
        placed[place] = (row, begin);
    }
    placed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_fits_stays_where_it_is() {
        assert_eq!(spread(&[30.0, 10.0], 14.0, 0.0, 100.0), [30.0, 10.0]);
        assert_eq!(spread(&[10.0, 12.0, 11.0], 14.0, 0.0, 100.0), [10.0, 38.0, 24.0]);
        assert_eq!(spread(&[99.0, 98.0], 14.0, 0.0, 100.0), [100.0, 86.0]);
    }

    #[test]
    fn texts_that_overlap_go_into_another_row() {
        let placed = rows(&[(50.0, "one"), (55.0, "two"), (150.0, "three")], 0.0, 300.0);
        assert_eq!(placed.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [0, 1, 0]);
        // A text at the edge does not leave the chart.
        assert!(rows(&[(299.0, "at the edge")], 0.0, 300.0)[0].1 + width("at the edge") <= 300.0);
    }

    proptest! {
        #[test]
        fn labels_are_apart_wherever_there_is_room(heights in prop::collection::vec(0.0..200.0_f64, 0..8)) {
            let mut spread = spread(&heights, 14.0, 0.0, 200.0);
            prop_assert!(spread.iter().all(|height| (0.0..=200.0).contains(height)));
            spread.sort_by(f64::total_cmp);
            prop_assert!(spread.windows(2).all(|pair| pair[1] - pair[0] >= 14.0 - 1e-9), "{spread:?}");
        }
    }
}
