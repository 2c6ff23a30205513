//! What a comment looks like.

use super::*;
use crate::samples;

#[test]
fn a_search_is_told_in_a_few_lines() {
    let text = comment(&samples::search());
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "### pod-churn saturates at 21.3/s: 21.0/s holds, 21.5/s breaks");
    assert_eq!(lines[2], "profile defaults-unthrottled, etcd 3.6.8, kubernetes 1.36.3, 200 nodes");
    assert_eq!(lines[4], "- broken first: startup: 5.14 % of the pods took too long to run, limit 1.00 %");
    for wanted in [
        "- warning `not-steady`: the load had not come to rest",
        "<details><summary>Everything that was tried</summary>\n\n| tried | at | goodput/s | p50 | p99 | result |\n",
        "| recovery | 17.0/s | - | - | - | in 59 s |\n\n</details>",
        "```sh\nloadgen saturate pod-churn --profile defaults-unthrottled --seed 1\n```",
    ] {
        assert!(text.contains(wanted), "{wanted} in {text}");
    }
}

#[test]
fn a_run_says_what_was_broken_and_what_is_void() {
    let text = comment(&samples::run());
    for wanted in [
        "### pod-churn: 20.0/s offered, 19.8/s done; pods take 2.10 s at the 99th percentile",
        "The harness does not vouch for these figures",
        "- errors: 2.00 % of drivers: create pods, limit 0.50 %",
        "| pods | 20.0/s | 19.8 | 750 ms | 2.10 s | 20.0 ms |",
        "- **INVALID** `late-sends`",
        "| errors | drivers: create pods | **broken** | 2.00 % | 0.50 % |",
    ] {
        assert!(text.contains(wanted), "{wanted} in {text}");
    }
}

#[test]
fn every_comment_is_short_and_its_folds_are_closed() {
    for record in samples::all() {
        let text = comment(&record);
        assert!(text.len() < 8_000 && text.starts_with("### "), "{text}");
        assert_eq!(text.matches("<details>").count(), text.matches("</details>").count());
        assert_eq!(text.matches("```").count() % 2, 0);
        let tables = text.lines().filter(|line| line.starts_with('|'));
        assert!(tables.clone().all(|line| line.ends_with('|')), "{text}");
    }
    assert_eq!(comments(&samples::all()).matches("\n---\n").count(), samples::all().len() - 1);
}

#[test]
fn names_are_text_but_between_backticks() {
    assert_eq!(escaped("`a_b` helps: lambda* <b>|"), "`a_b` helps: lambda\\* &lt;b&gt;\\|");
    assert_eq!(escaped("a`_b\nc"), "a\\`\\_b c");
}
