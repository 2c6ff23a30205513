//! Whether a window keeps its limits: shares by exact bounds, backlogs by their slope, and things of which there may be none.
//!
//! Every judgement has three outcomes, and the third asks for a longer window. At the end of the longest one nothing is
//! undecided any more: what the bounds leave open is decided by the figure itself, and the judgement says that its sample
//! was small. What groups and criteria are called is the caller's.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::statistics::{
    Error, Judgement,
    binomial::{Block, Share, least_n},
    number,
    trend::{self, theil_sen},
};

/// One-sided, of the bounds of shares.
const LEVEL: f64 = 0.99;
/// Two-sided, of the slope of a backlog.
const SLOPE_LEVEL: f64 = 0.95;
/// A backlog breaks when it is shown to grow by more than this share of what is offered, per second.
const GROWS: f64 = 0.01;
/// And holds when it is shown to grow by no more than this.
const KEEPS: f64 = 0.03;
/// Between the two the slope itself decides at the end. Of half a minute at twenty operations a second a steady backlog is seen to
/// grow or shrink by more than one hundredth every other time.
const MIDDLE: f64 = 0.02;
/// A figure is close to its limit within this share of it.
const CLOSE: f64 = 0.1;

/// What is judged together as far as it can be: one kind of operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// What it is pooled with where it is too small for itself.
    pub class: String,
    /// Misses, second by second, from the beginning of the window.
    pub blocks: Vec<Block>,
}

/// How one limit was kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Judged {
    /// Of which criterion.
    pub criterion: String,
    /// Of which group, or class where groups were too small.
    pub group: String,
    /// How it was kept.
    pub judgement: Judgement,
    /// The figure: a share, a slope as a share of the offered load, or a count.
    pub value: f64,
    /// Its limit, in the same unit.
    pub limit: f64,
    /// Its lower bound, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Its upper bound, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// Samples, less where they were not independent.
    pub n: f64,
    /// The bounds left it open and the figure decided.
    pub few_samples: bool,
}

impl Judged {
    /// Whether the figure is within a tenth of its limit.
    pub fn is_close(&self) -> bool {
        self.limit > 0.0 && (self.value / self.limit - 1.0).abs() <= CLOSE
    }
}

/// How far a window is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent {
    /// By how much the longest window is longer than this one, at least 1; 1 says that this is the end.
    pub to_come: f64,
}

impl Extent {
    /// The window is as long as it may get.
    pub const END: Self = Self { to_come: 1.0 };

    fn is_the_end(self) -> bool {
        self.to_come <= 1.0
    }
}

/// Judges the share of misses of every group against one limit. Groups of which even the longest window would show too few to
/// keep the limit without a miss are pooled by class.
///
/// # Errors
/// [`Error::OutOfRange`] for a limit outside of (0, 1).
pub fn shares(criterion: &str, groups: &[Group], limit: f64, extent: Extent) -> Result<Vec<Judged>, Error> {
    let least = least_n(limit, LEVEL)?;
    let reaches = |blocks: &[Block]| {
        let n: u64 = blocks.iter().map(|block| block.n).sum();
        number(n) * extent.to_come >= number(least)
    };
    let mut judged = Vec::new();
    let mut classes: BTreeMap<&str, Vec<Block>> = BTreeMap::new();
    for group in groups {
        if reaches(&group.blocks) {
            judged.extend(share(criterion, &group.name, &group.blocks, limit, extent)?);
        } else {
            pool(classes.entry(&group.class).or_default(), &group.blocks);
        }
    }
    for (class, blocks) in classes {
        // A class that cannot reach its least number either is not worth a longer window.
        let extent = if reaches(&blocks) { extent } else { Extent::END };
        judged.extend(share(criterion, class, &blocks, limit, extent)?);
    }
    Ok(judged)
}

/// Adds blocks of the same seconds.
fn pool(all: &mut Vec<Block>, more: &[Block]) {
    if all.len() < more.len() {
        all.resize(more.len(), Block { misses: 0, n: 0 });
    }
    for (sum, block) in all.iter_mut().zip(more) {
        sum.misses += block.misses;
        sum.n += block.n;
    }
}

/// Nothing of a group of which there was nothing.
fn share(
    criterion: &str,
    group: &str,
    blocks: &[Block],
    limit: f64,
    extent: Extent,
) -> Result<Option<Judged>, Error> {
    if blocks.iter().all(|block| block.n == 0) {
        return Ok(None);
    }
    let share = Share::of_blocks(blocks)?;
    let found = share.judge(limit, LEVEL)?;
    let (judgement, few_samples) = at_the_end(found, share.point() <= limit, extent);
    Ok(Some(Judged {
        criterion: criterion.to_owned(),
        group: group.to_owned(),
        judgement,
        value: share.point(),
        limit,
        low: Some(share.lower(LEVEL)?),
        high: Some(share.upper(LEVEL)?),
        n: share.effective().1,
        few_samples,
    }))
}

fn at_the_end(found: Judgement, keeps: bool, extent: Extent) -> (Judgement, bool) {
    match found {
        Judgement::Undecided if extent.is_the_end() => {
            (if keeps { Judgement::Holds } else { Judgement::Breaks }, true)
        }
        found => (found, false),
    }
}

/// Judges the backlog of `group` by its slope: `means` of `spacing` seconds each, at `offered` operations per second. Undecided while there are
/// too few means; nothing at the end of a window that was too short for any slope.
///
/// # Errors
/// As [`theil_sen`], but for [`Error::TooFew`].
pub fn backlog(
    group: &str,
    means: &[f64],
    spacing: f64,
    offered: f64,
    extent: Extent,
) -> Result<Option<Judged>, Error> {
    let judged = |judgement, limit, (value, low, high): (f64, f64, f64), few_samples| Judged {
        criterion: "backlog".to_owned(),
        group: group.to_owned(),
        judgement,
        value,
        limit,
        low: Some(low).filter(|low| low.is_finite()),
        high: Some(high).filter(|high| high.is_finite()),
        n: number(means.len() as u64),
        few_samples,
    };
    if means.len() < trend::LEAST_MEANS && !extent.is_the_end() {
        let anything = (0.0, f64::NEG_INFINITY, f64::INFINITY);
        return Ok(Some(judged(Judgement::Undecided, GROWS, anything, false)));
    }
    let trend = match theil_sen(means, spacing, SLOPE_LEVEL) {
        Err(Error::TooFew { .. }) => return Ok(None),
        trend => trend?,
    };
    let found = trend.judge(GROWS * offered, KEEPS * offered);
    let (judgement, few_samples) = at_the_end(found, trend.slope <= MIDDLE * offered, extent);
    let limit = if few_samples { MIDDLE } else { GROWS };
    let figures = (trend.slope / offered, trend.interval.low / offered, trend.interval.high / offered);
    Ok(Some(judged(judgement, limit, figures, few_samples || means.len() < trend::LEAST_MEANS)))
}

/// Judges what there may be none of.
pub fn none(criterion: &str, group: &str, count: u64) -> Judged {
    let value = number(count);
    Judged {
        criterion: criterion.to_owned(),
        group: group.to_owned(),
        judgement: if count == 0 { Judgement::Holds } else { Judgement::Breaks },
        value,
        limit: 0.0,
        low: Some(value),
        high: Some(value),
        n: value,
        few_samples: false,
    }
}

/// Judges a figure that may not be above its limit at any moment, of `n` moments.
pub fn at_most(criterion: &str, group: &str, value: f64, limit: f64, n: u64) -> Judged {
    Judged {
        criterion: criterion.to_owned(),
        group: group.to_owned(),
        judgement: if value <= limit { Judgement::Holds } else { Judgement::Breaks },
        value,
        limit,
        low: Some(value),
        high: Some(value),
        n: number(n),
        few_samples: false,
    }
}

/// What the judgements of a window come to: one that breaks breaks it, and it holds when all do.
pub fn together<'a>(judged: impl IntoIterator<Item = &'a Judged>) -> Judgement {
    let mut all = Judgement::Holds;
    for Judged { judgement, .. } in judged {
        match judgement {
            Judgement::Breaks => return Judgement::Breaks,
            Judgement::Undecided => all = Judgement::Undecided,
            Judgement::Holds => {}
        }
    }
    all
}

#[cfg(test)]
mod tests;
