//! How a search stands, for a person who waits.

use measure::search::{Next, Search, Task};

use crate::{experiment::standing::time, scenario::Axis};

/// What holds, what breaks, and how long it may take yet: `holds 70.3/s, breaks 101/s, about 6 min left`. Nothing of one that is over.
pub(super) fn text(search: &Search, axis: &Axis, seconds: impl Fn(Task) -> f64) -> String {
    if matches!(search.next(), Next::Over(_)) {
        return String::new();
    }
    let (low, high) = search.bracket();
    let holds = low.map(|low| format!("holds {}", axis.show(low)));
    let breaks = high.map(|high| format!("breaks {}", axis.show(high)));
    let left = time(search.likely().into_iter().map(seconds).sum());
    let left = Some(format!("about {left} left"));
    [holds, breaks, left].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use measure::search::{Finding, From, Outcome, Plan};

    use super::*;

    fn search(outcomes: &[Outcome]) -> Search {
        let plan = Plan {
            from: From::Start { at: 100.0 },
            bracket: 1.2,
            repeats: false,
            most: None,
            probes: None,
            hold: false,
            overload: false,
        };
        let mut search = Search::new(plan).unwrap();
        for outcome in outcomes {
            search.report(Finding { outcome: *outcome, close: false });
        }
        search
    }

    fn told(outcomes: &[Outcome]) -> String {
        text(&search(outcomes), &Axis::Rate("pods".to_owned()), |_| 60.0)
    }

    #[test]
    fn what_is_known_is_told_and_how_long_it_may_take() {
        use Outcome::{Broke, Held};
        assert_eq!(told(&[]), "about 3 min left");
        assert_eq!(told(&[Held]), "holds 100/s, about 3 min left");
        assert_eq!(told(&[Held, Broke]), "holds 100/s, breaks 144/s, about 1 min left");
        assert_eq!(told(&[Held, Broke, Held]), "", "it is over");
    }
}
