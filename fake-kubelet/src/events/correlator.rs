//! What keeps a kubelet from flooding the server with events (client-go's `tools/record/events_cache.go`).
//!
//! Ten different messages of one object, type and reason, none of them more than ten minutes after the one before, are combined in one
//! event from then on. What has been sent before is counted. And of all that, an object may cause 25 requests of a type, and one more
//! every five minutes; what is left out for that is counted all the same.
//!
//! Three things differ from client-go and show nowhere: the source of the events is no part of the keys because it is always this
//! kubelet, hashes stand for keys and messages, and what would begin anew at its next use is forgotten.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use jiff::Timestamp;
use measure::Nanos;

use super::{About, Moments, Occurrence, recent::Recent};
use crate::{
    action::Now,
    limiter::{Limit, Limiter},
};

/// Different messages from which on they are combined (`defaultAggregateMaxEvents`).
const COMBINED_FROM: usize = 10;
/// The longest pause between similar events (`defaultAggregateIntervalInSeconds`).
const SIMILAR_WITHIN: Duration = Duration::from_mins(10);
/// Requests for one object and type (`defaultSpamBurst`, `defaultSpamQPS`).
const BUDGET: Limit = Limit { qps: 1.0 / 300.0, burst: 25 };

#[derive(Debug, Default)]
pub(super) struct Correlator {
    similar: Recent<Similar>,
    counted: Recent<Counted>,
    budgets: Recent<Limiter>,
}

/// Messages of one object, type and reason.
#[derive(Debug)]
struct Similar {
    last: Nanos,
    messages: Vec<u64>,
}

/// An event that was seen before.
#[derive(Clone, Copy, Debug)]
struct Counted {
    first: Timestamp,
    count: i32,
}

impl Correlator {
    /// What is to be written of an event: it as it is, counted, combined with others, or nothing.
    pub(super) fn correlate(
        &mut self,
        event: Occurrence,
        now: Now,
        moments: &mut Moments,
    ) -> Option<Occurrence> {
        let (event, key) = self.combine(event, now, moments);
        let event = self.count(event, key);
        self.is_allowed(&event, now).then_some(event)
    }

    /// `EventAggregator.EventAggregate`: the event or the one that stands for it, and under which key it is counted.
    fn combine(&mut self, event: Occurrence, now: Now, moments: &mut Moments) -> (Occurrence, u64) {
        let key = hash(|it| ("similar", object(&event.about), event.severity, event.reason).hash(it));
        let is_old = |similar: &Similar| now.at.since(similar.last) > SIMILAR_WITHIN;
        self.similar.drop_while(is_old);
        let known = self.similar.take(key).filter(|similar| !is_old(similar));
        let mut similar = known.unwrap_or_else(|| Similar { last: now.at, messages: Vec::new() });
        let message = hash(|it| event.message.hash(it));
        if !similar.messages.contains(&message) {
            similar.messages.push(message);
        }
        similar.last = now.at;
        let many = similar.messages.len() >= COMBINED_FROM;
        if many {
            // client-go drops any of them.
            similar.messages.remove(0);
        }
        self.similar.put(key, similar);
        if many { (combined(event, moments.next(now)), key) } else { (event.clone(), own_key(&event)) }
    }

    /// `eventLogger.eventObserve`: repeats go to the event that was made first.
    fn count(&mut self, mut event: Occurrence, key: u64) -> Occurrence {
        if let Some(before) = self.counted.take(key) {
            event.first = before.first;
            event.count = before.count.saturating_add(1);
        }
        self.counted.put(key, Counted { first: event.first, count: event.count });
        event
    }

    /// `EventSourceObjectSpamFilter.Filter`, which spares neither reasons nor containers (`getSpamKey`).
    fn is_allowed(&mut self, event: &Occurrence, now: Now) -> bool {
        self.budgets.drop_while(|budget| budget.is_full(now.at));
        let key = hash(|it| (object(&event.about), event.severity).hash(it));
        let mut budget = self.budgets.take(key).unwrap_or_else(|| Limiter::new(BUDGET));
        let allowed = budget.accept(now.at);
        self.budgets.put(key, budget);
        allowed
    }

    /// How many of similar messages, counts and budgets are kept.
    #[cfg(test)]
    pub(super) fn kept(&self) -> [usize; 3] {
        [self.similar.len(), self.counted.len(), self.budgets.len()]
    }
}

/// `EventAggregatorByReasonMessageFunc`.
fn combined(event: Occurrence, at: Timestamp) -> Occurrence {
    let message = format!("(combined from similar events): {}", event.message).into();
    Occurrence { message, first: at, last: at, count: 1, combined: true, ..event }
}

/// `getEventKey`.
fn own_key(event: &Occurrence) -> u64 {
    let container = match &event.about {
        About::Node => None,
        About::Pod { container, .. } => container.as_ref(),
    };
    hash(|it| ("own", object(&event.about), container, event.severity, event.reason, &event.message).hash(it))
}

/// What tells objects apart. The version of a pod does not.
fn object(about: &About) -> Option<(&str, &str, &str)> {
    match about {
        About::Node => None,
        About::Pod { pod, .. } => Some((&pod.namespace, &pod.name, &pod.uid)),
    }
}

fn hash(write: impl FnOnce(&mut DefaultHasher)) -> u64 {
    let mut hasher = DefaultHasher::new();
    write(&mut hasher);
    hasher.finish()
}
