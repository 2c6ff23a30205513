use measure::statistics::Interval;
use record::{
    Host,
    advice::{ADVICE_SCHEMA_VERSION, AdviceKind, AdviceMode, KnobSeen, Refused},
    experiment::{Arms, Metric},
};

use super::*;

fn rule() -> Rule {
    let text = "rule = \"Raise it.\"\nclass = \"M\"\nexpect = \"It helps.\"\nsources = [\"a file\"]\n[[experiment]]\nscenario = \"pod-churn\"\n\
                primary = \"pod-schedule-p99\"\nbaseline = { name = \"default\", profile = \"defaults\" }\ncandidate = [{ name = \"500\" }]\n";
    Rule { id: "kube-api-qps".to_owned(), sha256: "5f".to_owned(), ..toml::from_str(text).unwrap() }
}

fn record(predict: Verdict, found: Verdict) -> AdviceRecord {
    let interval = Interval { low: 0.4, high: 0.6, level: 0.95 };
    let comparison = Comparison {
        verdict: found,
        n: 8,
        ratio: 0.5,
        interval,
        equivalence: interval,
        p_value: 0.008,
        needed: None,
    };
    let knob = KnobSeen {
        name: "qps".to_owned(),
        place: "--kube-api-qps of kube-scheduler".to_owned(),
        seen: Arms { baseline: "absent".to_owned(), candidate: "500".to_owned() },
        wanted: "500".to_owned(),
        shown: true,
    };
    let versions: std::collections::BTreeMap<String, String> =
        [("etcd".to_owned(), "3.6.8".to_owned())].into();
    AdviceRecord {
        schema_version: ADVICE_SCHEMA_VERSION,
        kind: AdviceKind::Advice,
        run_id: "it".to_owned(),
        id: "kube-api-qps".to_owned(),
        file_sha256: "5f".to_owned(),
        rule: "Raise it.".to_owned(),
        expect: "It helps.".to_owned(),
        mode: AdviceMode::Verdict,
        loadgen_version: "0.1.0".to_owned(),
        command: ["loadgen", "advice", "test", "kube-api-qps"].map(str::to_owned).into(),
        start: jiff::Timestamp::UNIX_EPOCH,
        host: Host::default(),
        refused: vec![Refused { setting: "a.b=1".to_owned(), reason: "it is gone".to_owned() }],
        tested: vec![Tested {
            experiment: "pod-churn".to_owned(),
            arms: Arms { baseline: "default".to_owned(), candidate: "500".to_owned() },
            scenario: "pod-churn".to_owned(),
            primary: Metric::PodScheduleP99,
            predict,
            versions: Arms { baseline: versions.clone(), candidate: versions },
            folder: "pod-churn-500".to_owned(),
            knobs: vec![knob],
            trial_seconds: None,
            failed: None,
            ended: None,
            verdict: Some(comparison),
            adjusted_p_value: None,
        }],
        ended: true,
    }
}

fn with(predict: Verdict, found: Verdict) -> String {
    page(&[Known { rule: rule(), verdict: Some(record(predict, found)), smoke: None }])
}

#[test]
fn a_rule_that_is_borne_out_is_told_with_its_figures() {
    let page = with(Verdict::Helps, Verdict::Helps);
    for wanted in [
        "| [kube-api-qps](#kube-api-qps) | M | 500: helps | helps | 0.50 | 0.40 to 0.60 | 8 | 1970-01-01 |",
        "`pod-schedule-p99` of 500 is 0.50 times that of default (95.0 % 0.40 to 0.60, 8 pairs). The rule is borne out",
        "etcd 3.6.8.",
        "`a.b=1` itself is refused: it is gone.",
        "- --kube-api-qps of kube-scheduler: absent -> 500",
        "`loadgen advice test kube-api-qps`, 1970-01-01 00:00, on 0 CPUs",
        "1 rules, of which 1 can be tested and 1 are: 1 borne out",
    ] {
        assert!(page.contains(wanted), "{wanted}: {page}");
    }
    assert!(!page.contains("contradicts") && !page.contains("changed since"), "{page}");
}

#[test]
fn a_rule_that_the_measurement_contradicts_is_said_so_plainly() {
    let page = with(Verdict::Helps, Verdict::Hurts);
    assert!(page.contains("| 500: helps | **hurts: contradicts the rule** |"), "{page}");
    assert!(
        page.contains("**The measurement contradicts the rule**: it says helps, and what was found hurts.")
    );
    let none = with(Verdict::Helps, Verdict::Equivalent);
    assert!(none.contains("**Here the rule has no effect**: it says that it helps"), "{none}");
}

#[test]
fn what_is_not_measured_has_a_row_and_a_section_all_the_same() {
    let page = page(&[Known { rule: rule(), verdict: None, smoke: None }]);
    assert!(page.contains("| [kube-api-qps](#kube-api-qps) | M | |  | | | | |"), "{page}");
    assert!(
        page.contains("Tested by `pod-churn`, `pod-schedule-p99` decides: default (`defaults`), 500."),
        "{page}"
    );
}

#[test]
fn arms_that_were_not_seen_to_differ_are_named() {
    let mut smoke = AdviceRecord { mode: AdviceMode::Smoke, ..record(Verdict::Helps, Verdict::Helps) };
    let shown = page(&[Known { rule: rule(), verdict: None, smoke: Some(smoke.clone()) }]);
    assert!(
        shown.contains("Every arm was run at the smallest size and seen to differ on 1970-01-01"),
        "{shown}"
    );
    smoke.tested[0].knobs[0].shown = false;
    let wrong = page(&[Known { rule: rule(), verdict: None, smoke: Some(smoke) }]);
    assert!(wrong.contains("**Not shown to differ** at the smallest size on 1970-01-01: 500"), "{wrong}");
}

#[test]
fn a_file_that_was_changed_since_is_told() {
    let old = AdviceRecord { file_sha256: "60".to_owned(), ..record(Verdict::Helps, Verdict::Helps) };
    let page = page(&[Known { rule: rule(), verdict: Some(old), smoke: None }]);
    assert!(page.contains("The rule's file was changed since."), "{page}");
}
