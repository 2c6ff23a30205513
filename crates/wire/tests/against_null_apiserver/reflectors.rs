//! The reflector: what it asks for, what it reports, and when it tries again.

use std::time::Duration;

use k8s_pb::api::core::v1::Pod;
use null_apiserver::{Action, NullApiserver, Reason, Refusal, Rule};
use tokio::time::Instant;
use wire::{Client, Credential, Encoding, Reflector, ReflectorCounters, Seen, Step, WatchKind, WatchSpec};

use crate::fixture::{client, in_memory, pod};

const LIST: &str = "GET /api/v1/pods?";

/// A watch of one node's pods, as the kubelet's pod source has it, with a fixed timeout.
fn spec() -> WatchSpec {
    let five_minutes = Duration::from_mins(5);
    WatchSpec::new("/api/v1/pods")
        .field_selector("spec.nodeName=n-1")
        .without_timeout_param()
        .timeout(five_minutes..five_minutes)
}

fn reflector(client: &Client) -> Reflector {
    Reflector::new(client.clone(), spec(), 1)
}

/// What was seen, in short.
async fn next(reflector: &mut Reflector) -> String {
    match reflector.next().await {
        Seen::Restarted => "restarted".into(),
        Seen::Synced => "synced".into(),
        Seen::Error(error) => match error.status() {
            Some(status) => format!("error {}", status.code),
            None => format!("error {}", format!("{error:?}").split([' ', '(']).next().unwrap()),
        },
        Seen::Object { kind, object, resource_version } => {
            let meta = object.meta().unwrap();
            assert_eq!(meta.resource_version, resource_version);
            let kind = match kind {
                WatchKind::Added => "+",
                WatchKind::Modified => "~",
                WatchKind::Deleted => "-",
                other => panic!("{other:?} is not for the user of a reflector"),
            };
            format!("{kind}{}", meta.name)
        }
    }
}

async fn expect(reflector: &mut Reflector, expected: &[&str]) {
    for (at, expected) in expected.iter().enumerate() {
        assert_eq!(next(reflector).await, *expected, "number {at}");
    }
}

/// The queries of the requests so far, without what all of them share.
fn asked(server: &NullApiserver) -> Vec<String> {
    let lines = server.requests().into_iter().map(|request| request.line());
    lines
        .map(|line| {
            line.trim_start_matches(LIST)
                .replace("fieldSelector=spec.nodeName%3Dn-1", "..")
                .replace("allowWatchBookmarks=true&", "")
                .replace("&timeoutSeconds=300&watch=true", " watch")
        })
        .collect()
}

/// Lets an open watch grow old enough that its end is an ordinary one, and then cuts the connection.
async fn cut_later(server: &NullApiserver) {
    tokio::time::sleep(Duration::from_secs(2)).await;
    server.close_connections();
}

const WATCH_LIST: &str = "..&resourceVersionMatch=NotOlderThan&sendInitialEvents=true watch";

fn watch_list_from(version: u64) -> String {
    format!("..&resourceVersion={version}&resourceVersionMatch=NotOlderThan&sendInitialEvents=true watch")
}

fn watch_from(version: u64) -> String {
    format!("..&resourceVersion={version} watch")
}

#[tokio::test(start_paused = true)]
async fn a_watch_list_brings_what_there_is_and_then_what_happens() {
    let (server, client) = in_memory().await;
    server.put(&pod("a", "n-1"));
    server.put(&pod("elsewhere", "n-2"));
    server.put(&pod("b", "n-1"));
    let mut reflector = reflector(&client);
    expect(&mut reflector, &["restarted", "+a", "+b", "synced"]).await;
    server.put(&pod("c", "n-1"));
    server.put(&pod("a", "n-1"));
    server.put(&pod("elsewhere", "n-1"));
    server.delete::<Pod>("default", "b");
    expect(&mut reflector, &["+c", "~a", "+elsewhere", "-b"]).await;
    assert_eq!(asked(&server), [WATCH_LIST]);
    let expected = ReflectorCounters { watches: 1, ..ReflectorCounters::default() };
    assert_eq!(reflector.counters(), expected);
}

#[tokio::test(start_paused = true)]
async fn at_its_timeout_a_watch_goes_on_from_the_last_bookmark() {
    let (server, client) = in_memory().await;
    let mut reflector = reflector(&client);
    expect(&mut reflector, &["restarted", "synced"]).await;
    server.advance_resource_version(500);
    server.send_bookmarks();
    let bookmarked = server.resource_version();
    // The reflector has to run to see the bookmark, and then the end of the watch.
    assert!(tokio::time::timeout(Duration::from_secs(301), reflector.next()).await.is_err());
    assert_eq!(asked(&server), [WATCH_LIST.to_owned(), watch_from(bookmarked)]);
    server.put(&pod("a", "n-1"));
    expect(&mut reflector, &["+a"]).await;
    assert_eq!(reflector.counters().relists, 0);
}

#[tokio::test(start_paused = true)]
async fn initial_events_do_not_move_the_version_but_live_ones_do() {
    let (server, client) = in_memory().await;
    server.put(&pod("a", "n-1"));
    let mut reflector = reflector(&client);
    expect(&mut reflector, &["restarted", "+a", "synced"]).await;
    server.put(&pod("b", "n-1"));
    expect(&mut reflector, &["+b"]).await;
    let version = server.resource_version();
    server.put(&pod("elsewhere", "n-2"));
    cut_later(&server).await;
    expect(&mut reflector, &["error ConnectionLost"]).await;
    server.put(&pod("c", "n-1"));
    expect(&mut reflector, &["+c"]).await;
    assert_eq!(asked(&server)[1..], [watch_from(version)]);
}

#[tokio::test(start_paused = true)]
async fn one_in_the_place_of_another_begins_where_that_has_ended() {
    let (server, client) = in_memory().await;
    server.put(&pod("a", "n-1"));
    let mut first = reflector(&client);
    assert_eq!(first.version(), "");
    expect(&mut first, &["restarted", "+a", "synced"]).await;
    server.put(&pod("b", "n-1"));
    expect(&mut first, &["+b"]).await;
    let version = server.resource_version();
    assert_eq!(first.version(), version.to_string());
    server.put(&pod("c", "n-1"));
    let resuming = |version: u64, step| {
        let from = if version == 0 { String::new() } else { version.to_string() };
        Reflector::resuming(client.clone(), spec(), 1, from, step)
    };
    let listed = ["restarted", "+a", "+b", "+c", "synced"];
    expect(&mut resuming(version, Step::Rewatch), &["+c"]).await;
    for step in [Step::WatchList, Step::List] {
        let mut reflector = resuming(version, step);
        expect(&mut reflector, &listed).await;
        assert_eq!(reflector.counters().relists, 1);
    }
    expect(&mut resuming(0, Step::Rewatch), &listed).await;
    let list = format!("..&resourceVersion={version}");
    let expected = [watch_from(version), watch_list_from(version), list, WATCH_LIST.to_owned()];
    assert_eq!(asked(&server)[1..], expected);
}

#[tokio::test(start_paused = true)]
async fn a_server_without_watch_list_is_listed() {
    let (server, client) = in_memory().await;
    let refusal = Refusal::new(
        422,
        "Invalid",
        "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled",
    );
    server.script(Rule::new(Action::Refuse(refusal)).parameter("sendInitialEvents", "true"));
    server.put(&pod("a", "n-1"));
    let version = server.resource_version();
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        server.clear_requests();
        let mut reflector = Reflector::new(client.clone(), spec().accept(encoding), 1);
        expect(&mut reflector, &["error 422", "restarted", "+a", "synced"]).await;
        assert!(tokio::time::timeout(Duration::from_secs(1), reflector.next()).await.is_err());
        let list = "..&limit=500&resourceVersion=0".to_owned();
        assert_eq!(asked(&server), [WATCH_LIST.to_owned(), list, watch_from(version)]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_version_is_listed_anew() {
    let (server, client) = in_memory().await;
    server.put(&pod("a", "n-1"));
    let version = server.resource_version();
    let mut reflector = reflector(&client);
    expect(&mut reflector, &["restarted", "+a", "synced"]).await;
    let expired =
        || Rule::new(Action::ErrorEvent { after: 0, refusal: Refusal::expired() }).watches().times(1);

    // Told by an event on a watch: after a back-off everything from the last version.
    server.script(expired());
    cut_later(&server).await;
    let started = Instant::now();
    expect(&mut reflector, &["error ConnectionLost", "error 410", "restarted", "+a", "synced"]).await;
    let waited = started.elapsed();
    assert!((Duration::from_millis(800)..Duration::from_millis(1600)).contains(&waited), "{waited:?}");
    assert_eq!(asked(&server)[1..], [watch_from(version), watch_list_from(version)]);
    assert_eq!(reflector.counters(), ReflectorCounters { watches: 3, relists: 1, expired: 1, errors: 2 });

    // Told by the status of a watch and again by the new list: at once everything from the newest version.
    server.clear_requests();
    let gone = Action::Refuse(Refusal::expired());
    server.script(Rule::new(gone).watches().times(2));
    cut_later(&server).await;
    let expected = ["error ConnectionLost", "error 410", "error 410", "restarted", "+a", "synced"];
    expect(&mut reflector, &expected).await;
    assert_eq!(asked(&server), [watch_from(version), watch_list_from(version), WATCH_LIST.to_owned()]);
    assert_eq!(reflector.counters().expired, 3);
}

#[tokio::test(start_paused = true)]
async fn a_version_from_the_future_is_dropped() {
    let (server, client) = in_memory().await;
    let mut reflector = reflector(&client);
    expect(&mut reflector, &["restarted", "synced"]).await;
    let version = server.resource_version();
    // Another server, restored from a backup, as an etcd restore would do.
    let too_large = Refusal {
        cause: Some("ResourceVersionTooLarge".into()),
        ..Refusal::new(504, "Timeout", "Too large resource version")
    };
    server.script(Rule::new(Action::ErrorEvent { after: 0, refusal: Refusal::expired() }).watches().times(1));
    server.script(Rule::new(Action::Refuse(too_large)).watches().times(1));
    cut_later(&server).await;
    let expected = ["error ConnectionLost", "error 410", "error 504", "restarted", "synced"];
    expect(&mut reflector, &expected).await;
    assert_eq!(asked(&server)[1..], [watch_from(version), watch_list_from(version), WATCH_LIST.to_owned()]);
}

#[tokio::test(start_paused = true)]
async fn load_shedding_backs_off_and_asks_again_for_the_same() {
    let (server, client) = in_memory().await;
    let mut reflector = reflector(&client);
    expect(&mut reflector, &["restarted", "synced"]).await;
    let version = server.resource_version();
    server.script(Rule::new(Action::Refuse(Refusal::too_many_requests(None))).watches().times(5));
    cut_later(&server).await;
    expect(&mut reflector, &["error ConnectionLost"]).await;
    let mut waits = Vec::new();
    for _ in 0..5 {
        let started = Instant::now();
        expect(&mut reflector, &["error 429"]).await;
        waits.push(started.elapsed());
    }
    server.put(&pod("a", "n-1"));
    expect(&mut reflector, &["+a"]).await;
    assert_eq!(asked(&server)[1..], vec![watch_from(version); 6]);
    // The first was at once, the next after 0.8, 1.6, 3.2 and 6.4 s and up to as much again.
    assert!(waits[0] < Duration::from_millis(100));
    for (wait, base) in waits[1..].iter().zip([800, 1600, 3200, 6400].map(Duration::from_millis)) {
        assert!((base..base * 2 + Duration::from_millis(10)).contains(wait), "{waits:?}");
    }
    assert_eq!(reflector.counters().relists, 0);
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_obeyed() {
    let (server, client) = in_memory().await;
    let shed = Refusal::too_many_requests(Some(Duration::from_secs(7)));
    server.script(Rule::new(Action::Refuse(shed)).times(2));
    let started = Instant::now();
    let mut reflector = reflector(&client);
    expect(&mut reflector, &["error 429", "error 429", "restarted", "synced"]).await;
    assert_eq!(started.elapsed().as_secs(), 14);
    assert_eq!(asked(&server), [WATCH_LIST, WATCH_LIST, WATCH_LIST]);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_ends_at_once_and_empty_is_an_error() {
    let (server, client) = in_memory().await;
    let mut reflector = reflector(&client);
    expect(&mut reflector, &["restarted", "synced"]).await;
    let version = server.resource_version();
    server.script(Rule::new(Action::EndWatch { after: 0 }).watches().times(1));
    cut_later(&server).await;
    let started = Instant::now();
    expect(&mut reflector, &["error ConnectionLost", "error VeryShortWatch", "restarted", "synced"]).await;
    assert!(started.elapsed() >= Duration::from_millis(800));
    assert_eq!(asked(&server)[1..], [watch_from(version), watch_list_from(version)]);
}

#[tokio::test(start_paused = true)]
async fn a_reset_stream_is_listed_anew_after_a_back_off() {
    let (server, client) = in_memory().await;
    server.script(Rule::new(Action::BreakBody { after: 1000 }).watches().times(1));
    let mut reflector = reflector(&client);
    expect(&mut reflector, &["restarted", "synced"]).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut version = 0;
    let mut puts = 0;
    // As many pods as fit into what arrives.
    loop {
        server.put(&pod(&format!("p-{puts}"), "n-1"));
        puts += 1;
        match next(&mut reflector).await.as_str() {
            "error Reset" => break,
            seen => assert_eq!(seen, format!("+p-{}", puts - 1)),
        }
        version = server.resource_version();
    }
    assert!(puts > 1, "the stream broke too early");
    let started = Instant::now();
    expect(&mut reflector, &["restarted"]).await;
    assert!(started.elapsed() >= Duration::from_millis(800));
    assert_eq!(asked(&server)[1..], [watch_list_from(version)]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_in_an_event_goes_on_from_the_one_before() {
    let (server, client) = in_memory().await;
    server.script(Rule::new(Action::Truncate { after: 1000 }).watches().times(1));
    let mut reflector = reflector(&client);
    expect(&mut reflector, &["restarted", "synced"]).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let names: Vec<String> = (0..20).map(|number| format!("+p-{number:02}")).collect();
    for name in &names {
        server.put(&pod(&name[1..], "n-1"));
    }
    let mut seen = Vec::new();
    while seen.len() < 21 {
        seen.push(next(&mut reflector).await);
    }
    let truncated = seen.iter().position(|seen| seen == "error Truncated").unwrap();
    seen.remove(truncated);
    assert_eq!(seen, names, "every event once");
    assert_eq!(server.requests().len(), 2);
    assert_eq!(reflector.counters().relists, 0);
}

#[tokio::test(start_paused = true)]
async fn initial_events_that_break_off_begin_anew() {
    let (server, client) = in_memory().await;
    for name in ["a", "b", "c"] {
        server.put(&pod(name, "n-1"));
    }
    server.script(Rule::new(Action::EndWatch { after: 2 }).watches().times(1));
    let mut reflector = reflector(&client);
    let expected = ["restarted", "+a", "+b", "restarted", "+a", "+b", "+c", "synced"];
    expect(&mut reflector, &expected).await;
    assert_eq!(asked(&server), [WATCH_LIST, WATCH_LIST]);
    assert_eq!(reflector.counters().relists, 0, "only what follows a complete list is a relist");
}

#[tokio::test(start_paused = true)]
async fn a_watch_list_that_ends_at_once_and_empty_falls_back_to_a_list() {
    let (server, client) = in_memory().await;
    server.script(Rule::new(Action::EndWatch { after: 0 }).watches().times(1));
    let mut reflector = reflector(&client);
    expect(&mut reflector, &["restarted", "error VeryShortWatch", "restarted", "synced"]).await;
    assert_eq!(asked(&server), [WATCH_LIST, "..&limit=500&resourceVersion=0"]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_has_forgotten_everything_is_not_asked_without_a_pause() {
    let (server, client) = in_memory().await;
    server.script(Rule::new(Action::Refuse(Refusal::expired())));
    let started = Instant::now();
    let mut reflector = reflector(&client);
    // Twice by watch and twice by list; once the newest version failed too there is only one of each.
    expect(&mut reflector, &["error 410"; 3]).await;
    assert!(started.elapsed() < Duration::from_millis(100));
    expect(&mut reflector, &["error 410"; 2]).await;
    assert!(started.elapsed() >= Duration::from_millis(800));
    expect(&mut reflector, &["error 410"; 2]).await;
    assert!(started.elapsed() >= Duration::from_millis(2400));
    let list = "..&limit=500";
    assert_eq!(asked(&server), [WATCH_LIST, WATCH_LIST, list, WATCH_LIST, list, WATCH_LIST, list]);
}

#[tokio::test(start_paused = true)]
async fn lists_that_expire_are_not_repeated_without_a_pause() {
    let (server, client) = in_memory().await;
    server.script(Rule::new(Action::Refuse(Refusal::new(422, "Invalid", "no"))).watches());
    server.script(Rule::new(Action::Refuse(Refusal::expired())));
    let started = Instant::now();
    let mut reflector = reflector(&client);
    expect(&mut reflector, &["error 422", "error 410", "error 410"]).await;
    assert!(started.elapsed() < Duration::from_millis(100));
    expect(&mut reflector, &["error 422", "error 410", "error 422"]).await;
    assert!(started.elapsed() >= Duration::from_millis(2400));
}

#[tokio::test(start_paused = true)]
async fn without_a_watch_cache_later_lists_are_paged_too() {
    let (server, client) = in_memory().await;
    server.disable_watch_cache();
    server.script(
        Rule::new(Action::Refuse(Refusal::new(422, "Invalid", "no"))).parameter("sendInitialEvents", "true"),
    );
    for number in 0..501 {
        server.put(&pod(&format!("p-{number:04}"), "n-1"));
    }
    let version = server.resource_version();
    let mut reflector = reflector(&client);
    expect(&mut reflector, &["error 422", "restarted"]).await;
    while next(&mut reflector).await != "synced" {}
    server.script(Rule::new(Action::ErrorEvent { after: 0, refusal: Refusal::expired() }).watches().times(1));
    expect(&mut reflector, &["error 410", "error 422", "restarted"]).await;
    let lists: Vec<String> = asked(&server).into_iter().filter(|asked| !asked.ends_with("watch")).collect();
    let rest = "continue=default%2Fp-0499&..&limit=500".to_owned();
    let first = "..&limit=500&resourceVersion=0".to_owned();
    assert_eq!(lists, [first, rest.clone(), format!("..&limit=500&resourceVersion={version}"), rest]);
}

#[tokio::test(start_paused = true)]
async fn long_lists_come_in_pages() {
    let (server, client) = in_memory().await;
    let no_watch_list = Refusal::new(422, "Invalid", "no");
    server.script(Rule::new(Action::Refuse(no_watch_list)).parameter("sendInitialEvents", "true"));
    for number in 0..1203 {
        server.put(&pod(&format!("p-{number:04}"), "n-1"));
    }
    // Version 0 is served whole from the watch cache; without one, as after a 410, the list is paged.
    server.script(Rule::new(Action::Refuse(Refusal::expired())).no_watches().times(1));
    let mut reflector = reflector(&client);
    expect(&mut reflector, &["error 422", "error 410", "restarted"]).await;
    for number in 0..1203 {
        assert_eq!(next(&mut reflector).await, format!("+p-{number:04}"));
    }
    expect(&mut reflector, &["synced"]).await;
    let asked = asked(&server);
    assert_eq!(asked[1..3], ["..&limit=500&resourceVersion=0", "..&limit=500"]);
    assert_eq!(asked[3], "continue=default%2Fp-0499&..&limit=500");
    assert_eq!(asked[4], "continue=default%2Fp-0999&..&limit=500");
    assert_eq!(asked.len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_expired_is_read_again_without_pages() {
    let (server, client) = in_memory().await;
    let no_watch_list = Refusal::new(422, "Invalid", "no");
    server.script(Rule::new(Action::Refuse(no_watch_list)).parameter("sendInitialEvents", "true"));
    server.script(Rule::new(Action::Refuse(Refusal::expired())).no_watches().times(1));
    server.script(Rule::new(Action::Refuse(Refusal::expired())).parameter("continue", "default/p-0499"));
    for number in 0..501 {
        server.put(&pod(&format!("p-{number:04}"), "n-1"));
    }
    let mut reflector = reflector(&client);
    expect(&mut reflector, &["error 422", "error 410", "restarted"]).await;
    for number in 0..501 {
        assert_eq!(next(&mut reflector).await, format!("+p-{number:04}"));
    }
    expect(&mut reflector, &["synced"]).await;
    assert_eq!(asked(&server)[4], "..");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_future_repeats_no_request() {
    let (server, client) = in_memory().await;
    server.script(Rule::new(Action::Delay(Duration::from_secs(5))).watches());
    let mut reflector = reflector(&client);
    for _ in 0..10 {
        assert!(tokio::time::timeout(Duration::from_millis(400), reflector.next()).await.is_err());
    }
    expect(&mut reflector, &["restarted", "synced"]).await;
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn nobody_there_is_tried_again_and_not_listed() {
    let server = NullApiserver::start().await.unwrap();
    let client = client(server.endpoint().unwrap(), Credential::anonymous());
    let mut reflector = reflector(&client);
    expect(&mut reflector, &["restarted", "synced"]).await;
    server.stop_listening();
    server.close_connections();
    expect(&mut reflector, &["error ConnectionLost"]).await;
    assert_eq!(next(&mut reflector).await, "error Connect");
    assert_eq!(reflector.counters().watches, 2);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_reset_before_the_headers_falls_back_to_a_list() {
    let (server, client) = in_memory().await;
    server.script(Rule::new(Action::Reset(Reason::INTERNAL_ERROR)).watches().times(1));
    let mut reflector = reflector(&client);
    expect(&mut reflector, &["error Reset", "restarted", "synced"]).await;
}
