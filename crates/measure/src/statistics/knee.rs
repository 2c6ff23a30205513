//! Where a curve bends: Kneedle (Satopaa, Albrecht, Irwin & Raghavan 2011, "Finding a 'Kneedle' in a Haystack").
//!
//! The curve is scaled into the unit square and compared with its diagonal; a knee is where the distance has a maximum and
//! then falls by more than the sensitivity allows. This is the offline form: all points are there. It takes the points as
//! they are: the paper's smoothing is left to the caller, who knows what may be smoothed.

use super::{Error, finite, real};

/// How a curve runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Rises ever less, as goodput does over the offered load.
    ConcaveRising,
    /// Rises ever more, as latency does over the offered load.
    ConvexRising,
    /// Falls ever more.
    ConcaveFalling,
    /// Falls ever less.
    ConvexFalling,
}

/// The bend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Knee {
    /// Which of the points it is.
    pub index: usize,
    /// Its place.
    pub x: f64,
    /// The curve there.
    pub y: f64,
}

/// The first knee of the curve through `points`, whose x rise strictly; `None` where it has none.
///
/// `sensitivity` is the paper's S: by how many mean gaps between points the curve must have come back towards the
/// diagonal before a knee is believed. The paper uses 1; a greater one is slower to believe.
///
/// # Errors
///
/// [`Error::TooFew`] below three points; [`Error::NotFinite`]; [`Error::OutOfRange`] for a negative sensitivity or an x
/// that is not greater than the one before.
pub fn kneedle(points: &[(f64, f64)], shape: Shape, sensitivity: f64) -> Result<Option<Knee>, Error> {
    if points.len() < 3 {
        return Err(Error::TooFew { found: points.len(), least: 3 });
    }
    points.iter().try_for_each(|&(x, y)| finite(&[x, y]))?;
    if let Some(pair) = points.windows(2).find(|pair| pair[1].0 <= pair[0].0) {
        return Err(Error::OutOfRange {
            name: "x",
            value: pair[1].0,
            allowed: "greater than the one before",
        });
    }
    if !(sensitivity >= 0.0 && sensitivity.is_finite()) {
        let allowed = "finite and not negative";
        return Err(Error::OutOfRange { name: "sensitivity", value: sensitivity, allowed });
    }
    let knee_at = |index: usize| Knee { index, x: points[index].0, y: points[index].1 };
    let Some(distances) = above_diagonal(points, shape) else { return Ok(None) };
    let gap = 1.0 / real(points.len() - 1);
    let found = first_knee(&distances, sensitivity * gap);
    // A curve that was turned by half a circle was read from its end.
    Ok(found.map(|at| knee_at(if turned(shape) { points.len() - 1 - at } else { at })))
}

/// Whether the curve, to look like one that rises ever less, has to be read backwards.
fn turned(shape: Shape) -> bool {
    matches!(shape, Shape::ConvexRising | Shape::ConcaveFalling)
}

/// How far each point lies above the diagonal once the curve is scaled, and mirrored into one that rises ever less; `None`
/// of a curve that is level.
fn above_diagonal(points: &[(f64, f64)], shape: Shape) -> Option<Vec<f64>> {
    let (first, last) = (points.first()?.0, points.last()?.0);
    let low = points.iter().map(|point| point.1).fold(f64::INFINITY, f64::min);
    let high = points.iter().map(|point| point.1).fold(f64::NEG_INFINITY, f64::max);
    if high <= low {
        return None;
    }
    let upside_down = matches!(shape, Shape::ConvexRising | Shape::ConvexFalling);
    let distance = |&(x, y): &(f64, f64)| {
        let (x, y) = ((x - first) / (last - first), (y - low) / (high - low));
        (if upside_down { 1.0 - y } else { y }) - (if turned(shape) { 1.0 - x } else { x })
    };
    let mut distances: Vec<f64> = points.iter().map(distance).collect();
    if turned(shape) {
        distances.reverse();
    }
    Some(distances)
}

/// The first maximum of which the curve comes back by more than `fall` before it reaches another one.
fn first_knee(distances: &[f64], fall: f64) -> Option<usize> {
    let mut candidate = None;
    let mut threshold = 0.0;
    for at in 1..distances.len() - 1 {
        let (before, here, after) = (distances[at - 1], distances[at], distances[at + 1]);
        if before < here && here >= after {
            candidate = Some(at);
            threshold = here - fall;
        } else if before > here && here <= after {
            // It rises again: the knee is given up, unless the curve falls below the diagonal.
            threshold = 0.0;
        }
        if candidate.is_some() && after < threshold {
            return candidate;
        }
    }
    None
}

#[cfg(test)]
mod tests;
