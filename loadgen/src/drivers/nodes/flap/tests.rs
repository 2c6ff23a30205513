use super::{super::observer::Health, *};

fn at(seconds: u64) -> Nanos {
    Nanos(seconds * 1_000_000_000)
}

fn sighting(name: &str, seconds: u64, health: Health) -> Sighting {
    Sighting { name: name.to_owned(), at: at(seconds), health }
}

fn silent() -> Silences {
    let mut silences = Silences::default();
    silences.begin(&["a".to_owned(), "b".to_owned()], at(100));
    silences
}

#[test]
fn a_silence_is_found_once_and_over_when_the_node_is_ready_again() {
    let mut silences = silent();
    assert_eq!(silences.see(&sighting("a", 110, Health::TakesPods)), News::Nothing, "what was on its way");
    let found = News::Found { begun: at(100), at: at(150) };
    assert_eq!(silences.see(&sighting("a", 150, Health::NotReady)), found);
    assert_eq!(silences.see(&sighting("a", 155, Health::NotReady)), News::Nothing);
    assert_eq!(
        silences.see(&sighting("b", 151, Health::NotReady)),
        News::Found { begun: at(100), at: at(151) }
    );
    assert_eq!(silences.end(at(190)), []);
    silences.see(&sighting("a", 192, Health::Ready));
    let counts = Counts { offered: 2, done: 2, settled: 1, backlog: 1, dropped: 0 };
    assert_eq!(silences.counts(), counts);
    silences.see(&sighting("b", 193, Health::TakesPods));
    assert_eq!(silences.back_after, [Duration::from_secs(2), Duration::from_secs(3)]);
    assert_eq!(silences.accounting(), Accounting { offered: 2, gone: 2, ..Accounting::default() });
}

#[test]
fn a_silence_that_nobody_found_has_failed() {
    let mut silences = silent();
    silences.see(&sighting("a", 150, Health::NotReady));
    assert_eq!(silences.end(at(190)), [at(100)]);
    assert_eq!(silences.see(&sighting("b", 200, Health::NotReady)), News::Nothing, "too late");
    let accounting = silences.accounting();
    assert_eq!(accounting.failed_by_reason, [(NOT_FOUND.to_owned(), 1), (NOT_OVER.to_owned(), 1)].into());
    assert_eq!(accounting.offered, accounting.gone + accounting.failed());
}

#[test]
fn a_node_that_is_silent_again_before_it_is_back_is_accounted_for_twice() {
    let mut silences = silent();
    silences.see(&sighting("a", 150, Health::NotReady));
    silences.see(&sighting("b", 150, Health::NotReady));
    silences.end(at(190));
    silences.begin(&["a".to_owned()], at(191));
    let accounting = silences.accounting();
    assert_eq!((accounting.offered, accounting.failed()), (3, 3));
}

#[test]
fn others_that_are_not_ready_are_no_silence_of_ours() {
    assert_eq!(silent().see(&sighting("c", 150, Health::NotReady)), News::Nothing);
}
