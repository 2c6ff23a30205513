use std::collections::BTreeSet;

use super::{
    bind::{How, bind, refusals},
    *,
};
use crate::advice::written::Class;

fn how(smoke: bool) -> How {
    How {
        smoke,
        all: true,
        pairs: Some(8),
        budget: None,
        seed: 1,
        start_rate: "100/s".parse().unwrap(),
        bin_dir: None,
    }
}

/// What is refused of a good file with one thing changed.
fn error(from: &str, to: &str) -> String {
    let text = load("kube-api-qps").unwrap().text;
    assert!(text.contains(from), "{from}");
    let parsed = parse("mine", &text.replacen(from, to, 1));
    match parsed.map(|advice| bind(&advice, &how(false)).map(drop)) {
        Err(error) => error.to_string(),
        Ok(Err(error)) => format!("{error:#}"),
        Ok(Ok(())) => "nothing is wrong".to_owned(),
    }
}

#[test]
fn every_rule_of_the_note_has_a_file_and_every_file_is_one() {
    let files: BTreeSet<&str> = FILES.iter().map(|(id, _)| *id).collect();
    let ids: BTreeSet<&str> = RULES.into_iter().collect();
    assert_eq!(ids.len(), RULES.len(), "an id is there twice");
    let missing: Vec<_> = ids.difference(&files).collect();
    let unknown: Vec<_> = files.difference(&ids).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "no file: {missing:?}; no rule of the note: {unknown:?}"
    );
}

#[test]
fn every_rule_binds_to_what_there_is_and_each_candidate_has_a_folder() {
    for (id, _) in FILES {
        let advice = load(id).unwrap();
        refusals(&advice).unwrap();
        for smoke in [false, true] {
            let bound = match bind(&advice, &how(smoke)) {
                Ok(bound) => bound,
                Err(error) => panic!("{error:#}"),
            };
            assert_eq!(bound.is_empty(), advice.file.class == Class::N, "{id}");
            let folders: BTreeSet<&str> = bound.iter().map(|bound| bound.folder.as_str()).collect();
            assert_eq!(folders.len(), bound.len(), "{id}: two candidates would have one folder");
        }
    }
}

#[test]
fn every_rule_says_where_it_comes_from() {
    for (id, _) in FILES {
        let file = load(id).unwrap().file;
        assert!(!file.sources.is_empty() && file.rule.ends_with('.') && file.expect.ends_with('.'), "{id}");
    }
}

#[test]
fn rules_are_in_the_order_of_the_note() {
    let ids: Vec<String> = all().map(|advice| advice.unwrap().id).collect();
    let places: Vec<usize> =
        ids.iter().map(|id| RULES.iter().position(|known| known == id).unwrap()).collect();
    assert!(places.is_sorted() && places.len() == FILES.len(), "{ids:?}");
}

#[test]
fn an_unknown_rule_gets_the_nearest_one() {
    let error = load("kube-api-qsp").unwrap_err().to_string();
    assert!(error.contains("there is no rule `kube-api-qsp`; did you mean `kube-api-qps`?"), "{error}");
}

#[test]
fn mistakes_are_named_with_their_places_and_what_is_right() {
    for (from, to, wanted) in [
        (
            "predict =",
            "predcit =",
            "unknown field `predcit` under [[experiment.candidate]]; did you mean `predict`?",
        ),
        ("class = \"M\"", "class = \"X\"", "unknown value `X`"),
        ("class = \"M\"", "class = \"N\"", "class N says `why`"),
        ("pod-schedule-p99", "pod-scheduel-p99", "did you mean `pod-schedule-p99`?"),
        ("primary = \"pod-schedule-p99\"", "primary = \"lambda\"", "lambda is not of this design"),
        (
            "scenario = \"scheduler-burst\"",
            "scenario = \"scheduler-brust\"",
            "did you mean `scheduler-burst`?",
        ),
        ("profile = \"defaults\"", "profile = \"default\"", "did you mean `defaults`?"),
        ("scheduler.flags.kube-api-qps=500", "scheduler.flags.kube-api-qqs=500", "kube-api-qps"),
        ("predict = \"helps\"", "predict = \"inconclusive\"", "helps, hurts or equivalent"),
        ("first = true", "first = false", "0 candidates are `first`"),
        ("name = \"50/100\"", "name = \"500/1000\"", "two arms called 500/1000"),
        ("name = \"50/100\"", "name = \"50 100\"", "without spaces"),
        ("scheduler-qps = \"=500\"", "schedular-qps = \"=500\"", "did you mean `scheduler-qps`?"),
        (
            "scheduler-qps = \"=absent\"",
            "scheduler-qps = \"lower\"",
            "of a baseline scheduler-qps is a value",
        ),
        ("scheduler-qps = \"=500\"", "scheduler-qps = \"more\"", "none of different"),
        ("at = \"58/s\"", "", "a fixed rate needs `at`"),
        ("design = \"fixed-rate\"", "design = \"capacity\"", "is not of this design"),
        ("set = [\"storage.medium=tmpfs\"]", "load = { \"pod.rate\" = \"1/s\" }", "did you mean `pods`?"),
        ("flag = \"kube-api-qps\"\nof = \"kube-scheduler\"", "flag = \"kube-api-qps\"", "whose?"),
    ] {
        let error = error(from, to);
        assert!(error.contains(wanted), "{to}: {error}");
        assert!(error.contains("profiles/advice/mine.toml:"), "{error}");
    }
}

#[test]
fn what_must_differ_for_a_candidate_to_be_one_is_checked() {
    let alike = "sees = { scheduler-qps = \"same\", controllers-qps = \"same\" }";
    let error = error("sees = { scheduler-qps = \"=50\", controllers-qps = \"=50\" }", alike);
    assert!(error.contains("to be seen to differ in nothing"), "{error}");
}

#[test]
fn without_more_words_the_first_candidate_is_tested() {
    let advice = load("kube-api-qps").unwrap();
    let first = bind(&advice, &How { all: false, ..how(false) }).unwrap();
    let [bound] = first.as_slice() else { panic!("{}", first.len()) };
    assert_eq!(
        (bound.folder.as_str(), bound.experiment.as_str()),
        ("scheduler-burst-500-1000", "scheduler-burst")
    );
    assert_eq!(bind(&advice, &how(true)).unwrap().len(), 2, "a smoke is of all");
}

#[test]
fn a_setting_that_exists_is_not_refused() {
    let text = load("kube-api-qps").unwrap().text;
    let with = |setting: &str| parse("mine", &format!("refused = [\"{setting}\"]\n{text}")).unwrap();
    let refused = refusals(&with("apiserver.flags.target-ram-mb=1024")).unwrap();
    assert!(refused[0].reason.contains("target-ram-mb"), "{refused:?}");
    let error = refusals(&with("apiserver.flags.v=2")).unwrap_err().to_string();
    assert!(error.ends_with("`apiserver.flags.v=2` is not refused"), "{error}");
}

#[test]
fn a_rule_that_cannot_be_tested_says_why() {
    let advice = load("container-runtime").unwrap();
    let text = show::text(&advice, None);
    for wanted in ["container-runtime (N, no effect on a control plane)", "why not: ", "nearest: "] {
        assert!(text.contains(wanted), "{text}");
    }
}

#[test]
fn a_rule_is_shown_with_its_arms_and_what_is_looked_at() {
    let text = show::text(&load("kube-api-qps").unwrap(), None);
    for wanted in [
        "scheduler-burst: scenario scheduler-burst, both at 58/s",
        "decides: created to bound p99",
        "baseline default (defaults)",
        "candidate 500/1000 (scheduler.flags.kube-api-qps=500, ",
        "the rule says helps (measured first)",
        "looked at: --kube-api-qps of kube-scheduler, different",
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
}

#[test]
fn a_list_has_a_line_for_each_rule_with_its_class() {
    let text = list::text(std::collections::BTreeMap::new()).unwrap();
    let row = |id: &str| text.lines().find(|line| line.split_whitespace().next() == Some(id)).unwrap();
    let words: Vec<&str> = row("kube-api-qps").split_whitespace().collect();
    assert_eq!(words[..4], ["kube-api-qps", "M", "scheduler-burst", "defaults:"]);
    assert_eq!(words.last(), Some(&"-"));
    assert!(row("container-runtime").ends_with("none possible: see show"));
    assert!(text.contains(&format!("{} rules;", FILES.len())));
}
