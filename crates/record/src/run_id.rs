//! Names of runs.

use jiff::{Timestamp, tz::TimeZone};

/// The longest scenario part: with the rest, a name is 52 characters, so that what is called after it has the 63 that a label and a
/// namespace may have, be it a node (its number behind it) or the last of a hundred namespaces (`loadgen-` before it, `-99` behind).
const LONGEST: usize = 31;

/// Names a run like `20261122-143000-pod-churn-3f2a`: when it began (UTC), what ran, and four digits from the moment and the
/// seed, so that two runs of one second differ. The name is a valid label value whatever the scenario is called.
pub fn run_id(at: Timestamp, scenario: &str, seed: u64) -> String {
    let safe: String = scenario
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .collect();
    let scenario: String = safe.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-");
    let scenario: String = scenario.chars().take(LONGEST).collect();
    let scenario = match scenario.trim_end_matches('-') {
        "" => "run",
        name => name,
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the low bits are those that change"
    )]
    let moment = at.as_nanosecond() as u64;
    let digits = mix(seed ^ mix(moment)) >> 48;
    format!("{}-{scenario}-{digits:04x}", at.to_zoned(TimeZone::UTC).strftime("%Y%m%d-%H%M%S"))
}

/// The finalizer of `SplitMix64`: every bit of the input moves every bit of the output.
fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_name_says_when_and_what() {
        let id = run_id(at("2026-11-22T14:30:00.25Z"), "pod-churn", 1);
        assert_eq!(id, "20261122-143000-pod-churn-3a60");
    }

    #[test]
    fn seed_and_moment_tell_runs_apart() {
        let moments = ["2026-11-22T14:30:00Z", "2026-11-22T14:30:00.000000001Z"].map(at);
        let ids = [run_id(moments[0], "a", 1), run_id(moments[0], "a", 2), run_id(moments[1], "a", 1)];
        assert!(ids[0] != ids[1] && ids[0] != ids[2] && ids[1] != ids[2], "{ids:?}");
        assert_eq!(ids[0], run_id(moments[0], "a", 1));
    }

    #[test]
    fn any_scenario_makes_a_name_that_others_can_be_called_after() {
        let long = "x".repeat(30) + "-" + &"y".repeat(80);
        for (scenario, part) in [
            ("scenarios/My Churn.toml", "scenarios-my-churn-toml"),
            ("", "run"),
            ("--", "run"),
            ("ünïcode", "n-code"),
            (&long, &"x".repeat(30)),
        ] {
            let id = run_id(at("2026-11-22T14:30:00Z"), scenario, 1);
            assert!(
                format!("loadgen-{id}-99").len() <= 63 && id.starts_with(&format!("20261122-143000-{part}-")),
                "{id}"
            );
            assert_eq!(id.len(), 16 + part.len() + 5);
        }
    }
}
