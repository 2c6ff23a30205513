//! Operations at a rate, whether those before them are over or not.

use measure::{Arrivals, Pacer, Rate, Schedule, Start};
use tokio::task::JoinSet;

use super::{Accounting, Counts, NOT_OVER, STARTS_WAITING, Stage, Stop, sleep_until};

/// The reason of starts that the pacing thread could not hand over.
pub(super) const DROPPED_START: &str = "dropped-start";

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It succeeded and leaves nothing behind.
    Gone,
    /// It succeeded, and what it made stays.
    There,
    /// It did not succeed, for this reason.
    Failed(String),
}

/// Starts operations from the stage's begin until it is told to stop, and waits for those that are under way until it is to give up.
/// `operation` gets the number of each and when it is due, and tells the rest itself.
pub(super) async fn run<Operation>(
    stage: &mut Stage,
    arrivals: Arrivals,
    rate: Rate,
    mut operation: impl FnMut(Start) -> Operation,
) -> anyhow::Result<Accounting>
where
    Operation: Future<Output = End> + Send + 'static,
{
    let schedule = Schedule::new(arrivals, rate, stage.seed);
    let (pacer, mut starts) = Pacer::start(stage.clock, stage.begin, schedule, STARTS_WAITING)?;
    let mut under_way: JoinSet<End> = JoinSet::new();
    let mut accounting = Accounting::default();
    let mut counts = Counts::default();
    let mut stop: Option<Stop> = None;
    while stop.is_none() || !under_way.is_empty() {
        let give_up = stop.as_ref().map(|stop| stop.give_up);
        tokio::select! {
            Ok(()) = stage.orders.changed(), if stop.is_none() => {
                // What is due by now is still offered, so that a window that ends now is whole.
                while let Ok(start) = starts.try_recv() {
                    counts.offered += 1;
                    under_way.spawn(operation(start));
                }
                starts.close();
                stop.clone_from(&stage.orders.borrow());
            }
            Some(start) = starts.recv(), if stop.is_none() => {
                counts.offered += 1;
                under_way.spawn(operation(start));
            }
            Some(Ok(end)) = under_way.join_next() => {
                counts.settled += 1;
                counts.done += u64::from(!matches!(end, End::Failed(_)));
                accounting.add_one(end);
            }
            () = sleep_until(stage.clock, give_up.unwrap_or_default()), if give_up.is_some() => break,
        }
        counts.backlog = under_way.len() as u64;
        counts.dropped = pacer.counts().dropped;
        stage.progress.send_replace(counts);
    }
    let dropped = pacer.stop().dropped;
    accounting.offered = counts.offered + dropped;
    for (reason, count) in [(DROPPED_START, dropped), (NOT_OVER, under_way.len() as u64)] {
        if count > 0 {
            *accounting.failed_by_reason.entry(reason.to_owned()).or_default() += count;
        }
    }
    Ok(accounting)
}

impl Accounting {
    fn add_one(&mut self, end: End) {
        match end {
            End::Gone => self.gone += 1,
            End::There => self.there += 1,
            End::Failed(reason) => *self.failed_by_reason.entry(reason).or_default() += 1,
        }
    }
}
