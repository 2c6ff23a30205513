use super::*;

fn histogram(buckets: &[(f64, f64)]) -> Histogram {
    let count = buckets.last().map_or(0.0, |last| last.1);
    Histogram::new(buckets.iter().map(|&(upper, count)| Bucket { upper, count }).collect(), 0.0, count)
}

const INF: f64 = f64::INFINITY;

/// Ten observations up to 1, ten up to 2, none up to 4, ten above.
fn example() -> Histogram {
    histogram(&[(1.0, 10.0), (2.0, 20.0), (4.0, 20.0), (INF, 30.0)])
}

fn check(histogram: &Histogram, quantile: f64, expected: Option<f64>) {
    let found = histogram.quantile(quantile);
    let same = found.zip(expected).map_or(found == expected, |(one, other)| (one - other).abs() < 1e-12);
    assert!(same, "{quantile}: {found:?}, expected {expected:?}");
}

#[test]
fn quantiles_are_those_computed_by_hand() {
    let example = example();
    check(&example, 0.0, Some(0.0));
    check(&example, 1.0 / 6.0, Some(0.5));
    check(&example, 1.0 / 3.0, Some(1.0));
    check(&example, 0.5, Some(1.5));
    check(&example, 2.0 / 3.0, Some(2.0));
}

#[test]
fn a_quantile_above_the_last_finite_bound_is_that_bound() {
    check(&example(), 0.9, Some(4.0));
    check(&example(), 1.0, Some(4.0));
}

#[test]
fn a_first_bound_at_zero_or_below_is_the_quantile_itself() {
    let zeros = histogram(&[(0.0, 8.0), (0.5, 10.0), (INF, 10.0)]);
    check(&zeros, 0.5, Some(0.0));
    check(&zeros, 0.9, Some(0.25));
}

#[test]
fn no_quantile_without_observations_bounds_or_sense() {
    check(&histogram(&[]), 0.5, None);
    check(&histogram(&[(INF, 3.0)]), 0.5, None);
    check(&histogram(&[(1.0, 3.0), (2.0, 3.0)]), 0.5, None);
    check(&histogram(&[(1.0, 0.0), (INF, 0.0)]), 0.5, None);
    for nonsense in [-0.1, 1.1, f64::NAN] {
        check(&example(), nonsense, None);
    }
}

#[test]
fn counts_that_fall_are_taken_as_the_highest_so_far() {
    check(&histogram(&[(1.0, 10.0), (2.0, 9.0), (3.0, 20.0), (INF, 20.0)]), 0.75, Some(2.5));
}

#[test]
fn shares_above_a_bound() {
    let share = |bound| example().share_above(bound).unwrap();
    for (bound, above) in
        [(0.0, 30.0), (0.5, 25.0), (1.0, 20.0), (1.5, 15.0), (3.0, 10.0), (60.0, 10.0), (INF, 0.0)]
    {
        assert!((share(bound) - above / 30.0).abs() < 1e-12, "{bound}: {}", share(bound));
    }
    assert_eq!(histogram(&[(1.0, 0.0), (INF, 0.0)]).share_above(1.0), None);
    assert_eq!(example().share_above(f64::NAN), None);
}

#[test]
fn merging_drops_what_only_one_has() {
    let mut merged = example();
    merged.merge(&histogram(&[(1.0, 1.0), (3.0, 2.0), (INF, 5.0)]));
    assert_eq!(merged.buckets(), [Bucket { upper: 1.0, count: 11.0 }, Bucket { upper: INF, count: 35.0 }]);
    assert!((merged.count - 35.0).abs() < 1e-12);
}

#[test]
fn a_difference_needs_the_same_bounds_and_counts_that_did_not_go_back() {
    let later = histogram(&[(1.0, 12.0), (2.0, 25.0), (4.0, 25.0), (INF, 35.0)]);
    let grown = later.since(&example()).unwrap();
    assert_eq!(grown, histogram(&[(1.0, 2.0), (2.0, 5.0), (4.0, 5.0), (INF, 5.0)]));
    assert_eq!(example().since(&later), None, "all went back");
    let one_back = histogram(&[(1.0, 9.0), (2.0, 25.0), (4.0, 25.0), (INF, 35.0)]);
    assert_eq!(one_back.since(&example()), None, "one bucket went back");
    let other = histogram(&[(1.0, 12.0), (2.5, 25.0), (4.0, 25.0), (INF, 35.0)]);
    assert_eq!(other.since(&example()), None, "another bound");
}

#[test]
fn bounds_are_sorted_and_the_later_of_two_counts() {
    let sorted = histogram(&[(2.0, 5.0), (1.0, 3.0), (2.0, 6.0), (INF, 6.0)]);
    let bounds: Vec<_> = sorted.buckets().iter().map(|bucket| (bucket.upper, bucket.count)).collect();
    assert_eq!(bounds, [(1.0, 3.0), (2.0, 6.0), (INF, 6.0)]);
}
