//! Mixes: loads that are turned up together and keep their parts of the whole.

use std::collections::BTreeMap;

use super::{Load, Turn};
use crate::scenario::Axis;

impl Load {
    /// The mix that it is part of.
    pub(crate) fn mix(&self) -> Option<&str> {
        match self {
            Self::Objects(load) => load.mix.as_deref(),
            Self::Lists(load) => load.mix.as_deref(),
            _ => None,
        }
    }

    /// Where the axis puts it that is at `at`: all of it, or its part where its mix is turned up. Nothing where another load is.
    pub(crate) fn turned(&self, axis: &Axis, at: f64) -> Option<Turn> {
        let name = axis.load()?;
        if self.name() == name {
            return axis.turn(at);
        }
        if self.mix() == Some(name) { axis.turn(at * self.share()) } else { None }
    }

    /// Its part of its mix, from 0 to 1.
    fn share(&self) -> f64 {
        match self {
            Self::Objects(load) => load.share,
            Self::Lists(load) => load.share,
            _ => 1.0,
        }
    }

    fn put_share(&mut self, share: f64) {
        match self {
            Self::Objects(load) => load.share = share,
            Self::Lists(load) => load.share = share,
            _ => {}
        }
    }
}

/// Tells each load that is part of a mix which part it is, by the rates that their file gives them.
pub(crate) fn share_mixes(loads: &mut [Load]) {
    let mut whole: BTreeMap<String, f64> = BTreeMap::new();
    for load in loads.iter() {
        if let Some(mix) = load.mix() {
            *whole.entry(mix.to_owned()).or_default() += rate(load);
        }
    }
    for load in loads.iter_mut() {
        let part = load.mix().and_then(|mix| whole.get(mix)).map(|whole| rate(load) / whole);
        if let Some(part) = part {
            load.put_share(part);
        }
    }
}

/// What is part of a mix is done at a rate.
fn rate(load: &Load) -> f64 {
    match load.turn() {
        Turn::Rate(rate) => rate.get(),
        Turn::Count(_) => 0.0,
    }
}
