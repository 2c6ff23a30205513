//! What every page has, whatever it is of.

use std::{collections::BTreeSet, fs, path::Path};

use roxmltree::{Document, Node, ParsingOptions};

use super::*;
use crate::samples;

/// The page as XML: it is well-formed but for the elements that HTML does not close.
fn as_xml(page: &str) -> String {
    let mut xml = page.to_owned();
    for void in ["<meta ", "<br"] {
        let mut from = 0;
        while let Some(found) = xml[from..].find(void) {
            let end = from + found + xml[from + found..].find('>').unwrap();
            xml.insert(end, '/');
            from = end;
        }
    }
    xml
}

fn elements<'a, 'd: 'a>(document: &'a Document<'d>, name: &'a str) -> impl Iterator<Item = Node<'a, 'd>> {
    document.descendants().filter(move |node| node.tag_name().name() == name)
}

fn text(node: Node<'_, '_>) -> String {
    node.descendants().filter_map(|node| node.text().filter(|_| node.is_text())).collect()
}

/// What holds of every page.
fn check(page: &str) {
    let xml = as_xml(page);
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    let document =
        Document::parse_with_options(&xml, options).unwrap_or_else(|error| panic!("{error}: {xml}"));

    let html = document.root_element();
    assert_eq!(html.attribute("lang"), Some("en"));
    assert!(elements(&document, "title").next().is_some_and(|title| !text(title).is_empty()));
    assert!(page.contains(r#"<meta name="viewport""#) && page.contains("default-src 'none'"));
    for forbidden in ["script", "link", "iframe", "img"] {
        assert_eq!(elements(&document, forbidden).count(), 0, "{forbidden}");
    }

    let ids: Vec<&str> = document.descendants().filter_map(|node| node.attribute("id")).collect();
    let known: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), known.len(), "a name is there twice: {ids:?}");
    for node in document.descendants() {
        for id in node.attribute("aria-labelledby").into_iter().flat_map(str::split_whitespace) {
            assert!(known.contains(id), "{id}");
        }
        if let Some(href) = node.attribute("href") {
            assert!(href.strip_prefix('#').is_some_and(|id| known.contains(id)), "{href}");
        }
        assert!(node.attribute("src").is_none() && node.attribute("style").is_none(), "{node:?}");
    }

    let levels: Vec<u32> = document
        .descendants()
        .filter_map(|node| node.tag_name().name().strip_prefix('h')?.parse().ok())
        .collect();
    assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1, "{levels:?}");
    assert_eq!(levels[0], 1);
    assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{levels:?}");

    for svg in elements(&document, "svg") {
        assert_eq!(svg.attribute("role"), Some("img"));
        for part in ["title", "desc"] {
            let told = svg.children().find(|node| node.tag_name().name() == part).map(text);
            assert!(told.is_some_and(|told| !told.is_empty()), "{part}");
        }
        let drawn = svg.descendants().filter_map(|node| node.attribute("d"));
        assert!(drawn.clone().count() > 0);
        assert!(drawn.into_iter().all(|path| !path.contains("NaN") && !path.contains("inf")));
    }
    for figure in elements(&document, "figure") {
        let rows = figure
            .descendants()
            .filter(|node| node.tag_name().name() == "tbody")
            .flat_map(|it| it.children());
        assert!(rows.count() > 0, "a chart without its figures: {:?}", figure.attribute("id"));
    }
    for table in elements(&document, "table") {
        assert_eq!(table.parent().and_then(|it| it.attribute("class")), Some("scroll"));
    }
}

#[test]
fn every_page_is_well_formed_complete_and_by_itself() {
    for record in samples::all() {
        let page = page(&record);
        check(&page);
        assert!(page.contains(&format!("<p class=\"kind\">{}</p>", record.kind())));
        // The same record gives the same bytes.
        assert_eq!(super::page(&record), page);
    }
}

#[test]
fn whatever_is_kept_can_be_shown() {
    let evidence = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/evidence");
    let mut pages = 0;
    for folder in
        fs::read_dir(evidence).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir())
    {
        for file in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if let Ok(record) = Record::open(&file) {
                check(&page(&record));
                pages += 1;
            }
        }
    }
    assert!(pages >= 5, "{pages} records are kept");
}

#[test]
fn several_records_make_one_page_with_an_index() {
    let records = samples::all();
    let page = pages(&records);
    check(&page);
    assert_eq!(page.matches("<li><a href=\"#record-").count(), records.len());
    assert!(page.contains(&format!("<h1>{} records</h1>", records.len())));
}

#[test]
fn names_are_text_whatever_is_in_them() {
    let odd = r#"<b>"&'</b><script>"#;
    let mut records = samples::all();
    for record in &mut records {
        match &mut record.holds {
            Holds::Run(run) => {
                run.record.scenario.name = odd.to_owned();
                run.record.loads[0].name = odd.to_owned();
                run.record.warnings[0].name = odd.to_owned();
                run.record.components[0].argv.push(odd.to_owned());
                run.record.command.push(odd.to_owned());
            }
            Holds::Search(search) => {
                search.record.scenario.name = odd.to_owned();
                search.record.scenario.text = odd.to_owned();
                search.record.axis.unit = odd.to_owned();
            }
            Holds::Experiment(experiment) => {
                experiment.record.plan.arms.candidate.name = odd.to_owned();
                experiment.record.plan.differences = vec![odd.to_owned()];
            }
            Holds::Advice(advice) => {
                advice.record.rule = odd.to_owned();
                advice.record.tested[0].arms.candidate = odd.to_owned();
            }
        }
        let page = page(record);
        check(&page);
        assert!(!page.contains("<b>") && !page.contains("<script") && page.contains("&lt;b&gt;"), "{page}");
    }
}

#[test]
fn the_answer_comes_first() {
    let page = page(&samples::search());
    let first = page.find("<h1>").map(|at| &page[at..]).unwrap();
    assert!(
        first.starts_with("<h1>pod-churn saturates at 21.3/s: 21.0/s holds, 21.5/s breaks</h1>"),
        "{first}"
    );
    let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is not there"));
    let order = [
        "<h1>",
        "Where it saturates",
        "What broke first",
        "Everything that was tried",
        "trusted",
        ">Set-up<",
        "To repeat it",
    ];
    assert!(order.map(place).is_sorted(), "{:?}", order.map(place));
}

#[test]
fn a_run_is_shown_with_its_curves_and_its_course() {
    let whole = page(&samples::run());
    for wanted in [
        "latency-drivers",
        "startup-stages",
        "\"cpu\"",
        "\"memory\"",
        "id=\"answered\"",
        "✗ broken",
        "INVALID",
    ] {
        assert!(whole.contains(wanted), "{wanted}");
    }
    // What was kept every five seconds is drawn as a rate.
    let figures = &whole[whole.find("id=\"rates\"").unwrap()..];
    assert!(
        figures
            .contains(r#"<th scope="row">offered</th><td class="figure">5</td><td class="figure">20</td>"#)
    );
    assert!(
        figures.contains(r#"<th scope="row">good</th><td class="figure">55</td><td class="figure">19</td>"#)
    );
    // Of a record alone there are the percentiles that it has, and nothing of its course.
    let alone = page(&samples::run_alone());
    assert!(alone.contains("latency-drivers") && alone.contains("Only a few percentiles were kept"));
    assert!(!alone.contains("id=\"cpu\""));
}

#[test]
fn a_verdict_is_shown_with_its_pairs_and_what_is_a_difference() {
    let page = page(&samples::experiment());
    assert!(page.contains("<h1><code>etcd-slow-disk</code> hurts: service time p50 38.45x"), "{page}");
    for wanted in [
        "pair 6",
        "all together, 95 %",
        "CPU per operation *",
        "* better",
        "storage.write-iops",
        "The control passed",
    ] {
        assert!(page.contains(wanted), "{wanted}");
    }
}

#[test]
fn what_repeats_a_search_is_a_command_that_can_be_pasted() {
    let record = samples::search();
    let (version, commands) = commands(&record);
    assert_eq!(version, "0.1.0");
    let lines: Vec<&str> = commands.iter().map(|(_, command)| command.as_str()).collect();
    assert_eq!(
        lines,
        [
            "loadgen saturate pod-churn --profile defaults-unthrottled --seed 1",
            "loadgen run pod-churn --profile defaults-unthrottled --at 21.01/s --seed 1 --nodes 200 --preset kubelet"
        ]
    );
}
