use super::*;

/// Twenty more of these would still fit.
const EARLY: Extent = Extent { to_come: 4.0 };

fn group(name: &str, class: &str, seconds: usize, n: u64, misses: u64) -> Group {
    Group { name: name.to_owned(), class: class.to_owned(), blocks: vec![Block { misses, n }; seconds] }
}

fn only(judged: Vec<Judged>) -> Judged {
    let [one] = <[Judged; 1]>::try_from(judged).unwrap();
    one
}

#[test]
fn a_share_is_shown_to_keep_its_limit_by_459_without_a_miss() {
    let few = shares("slow", &[group("create pods", "mutating", 40, 11, 0)], 0.01, EARLY).unwrap();
    assert_eq!(only(few).judgement, Judgement::Undecided, "440 are not enough");
    let enough = shares("slow", &[group("create pods", "mutating", 42, 11, 0)], 0.01, EARLY).unwrap();
    assert_eq!(only(enough).judgement, Judgement::Holds, "462 are");
    let bad = only(shares("slow", &[group("create pods", "mutating", 40, 20, 1)], 0.01, EARLY).unwrap());
    assert_eq!((bad.judgement, bad.value, bad.few_samples), (Judgement::Breaks, 0.05, false));
}

#[test]
fn what_is_open_at_the_end_is_decided_by_the_figure_and_said_so() {
    let groups = [group("create pods", "mutating", 40, 10, 0)];
    let judged = only(shares("slow", &groups, 0.01, Extent::END).unwrap());
    assert_eq!((judged.judgement, judged.few_samples), (Judgement::Holds, true));
}

#[test]
fn groups_that_will_never_be_large_enough_are_pooled_into_their_class() {
    let groups = [
        group("create pods", "mutating", 40, 100, 0),
        group("delete pods", "mutating", 40, 1, 0),
        group("create leases", "mutating", 30, 2, 0),
        group("get pods", "get", 40, 1, 0),
    ];
    let judged = shares("slow", &groups, 0.01, EARLY).unwrap();
    let found: Vec<_> = judged.iter().map(|it| (it.group.as_str(), it.judgement, it.few_samples)).collect();
    assert_eq!(
        found,
        [
            ("create pods", Judgement::Holds, false),
            ("get", Judgement::Holds, true),
            ("mutating", Judgement::Holds, true),
        ]
    );
    assert!((judged[2].n - 100.0).abs() < 1e-9, "40 deletions and 60 leases");
}

#[test]
fn misses_of_one_second_count_as_fewer_samples_than_misses_of_many() {
    let spread = group("list", "list", 100, 10, 0);
    let mut bunched = spread.clone();
    bunched.blocks[50].misses = 10;
    let mut even = spread;
    for block in even.blocks.iter_mut().step_by(10) {
        block.misses = 1;
    }
    let n = |group| only(shares("slow", &[group], 0.01, Extent::END).unwrap()).n;
    assert!(n(bunched) < n(even) / 5.0);
}

#[test]
fn a_group_without_a_sample_says_nothing() {
    assert_eq!(shares("slow", &[group("create pods", "mutating", 40, 0, 0)], 0.01, EARLY).unwrap(), []);
}

#[test]
fn a_backlog_that_grows_by_five_percent_of_what_is_offered_breaks() {
    let noise = |index: usize| [0.3, -1.0, 0.7, 0.1, -0.4][index % 5];
    let series = |slope: f64| -> Vec<f64> {
        (0..30)
            .map(|index| 20.0 + slope * 2.0 * f64::from(u8::try_from(index).unwrap()) + noise(index))
            .collect()
    };
    for (slope, expected) in [(0.0, Judgement::Holds), (5.0, Judgement::Breaks), (-5.0, Judgement::Holds)] {
        let judged = backlog("pods", &series(slope), 2.0, 100.0, EARLY).unwrap().unwrap();
        assert_eq!(judged.judgement, expected, "{slope}: {judged:?}");
        assert!((judged.value - slope / 100.0).abs() < 0.005, "{judged:?}");
    }
    let short = backlog("pods", &series(0.0)[..10], 2.0, 100.0, EARLY).unwrap().unwrap();
    assert_eq!(short.judgement, Judgement::Undecided);
    let last = backlog("pods", &series(0.0)[..10], 2.0, 100.0, Extent::END).unwrap().unwrap();
    assert_eq!((last.judgement, last.few_samples), (Judgement::Holds, true));
    // A run of a few seconds ended in an error.
    assert_eq!(backlog("pods", &series(0.0)[..4], 2.0, 100.0, Extent::END), Ok(None));
}

#[test]
fn a_backlog_of_half_a_minute_that_grew_by_chance_broke_the_hold() {
    // Slopes of a server that keeps pace at 20/s came out between -2 and +2 hundredths of the offered load.
    let noise = |index: usize| [4.0, -5.0, 6.0, -3.0, 1.0, -6.0, 3.0][index * 3 % 7];
    let judge = |slope: f64| {
        let means: Vec<f64> = (0..10)
            .map(|index| 40.0 + slope * 2.0 * f64::from(u8::try_from(index).unwrap()) + noise(index))
            .collect();
        let judged = backlog("pods", &means, 2.0, 20.0, Extent::END).unwrap().unwrap();
        (judged.judgement, judged.few_samples, judged.limit)
    };
    assert_eq!(judge(0.2), (Judgement::Holds, true, 0.02));
    assert_eq!(judge(0.9).0, Judgement::Breaks);
}

#[test]
fn one_that_breaks_breaks_the_window_and_one_that_is_open_keeps_it_open() {
    let of = |judgement| Judged { judgement, ..none("c", "g", 0) };
    let (holds, open, breaks) = (of(Judgement::Holds), of(Judgement::Undecided), none("leases", "fleet", 1));
    assert_eq!(together([&holds, &open, &breaks]), Judgement::Breaks);
    assert_eq!(together([&holds, &open]), Judgement::Undecided);
    assert_eq!(together([&holds]), Judgement::Holds);
}

#[test]
fn a_figure_is_close_to_its_limit_within_a_tenth_of_it() {
    let of = |value| Judged { value, limit: 0.01, ..none("c", "g", 0) };
    assert!(of(0.0092).is_close() && of(0.0109).is_close());
    assert!(!of(0.0).is_close() && !of(0.02).is_close() && !none("c", "g", 0).is_close());
}
