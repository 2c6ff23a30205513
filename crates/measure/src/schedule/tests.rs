//! Same seed, same bytes; and the arrivals are what their name says.

use super::*;

fn rate(per_second: f64) -> Rate {
    Rate::per_second(per_second).unwrap()
}

/// FNV-1a over the little-endian offsets.
fn fingerprint(schedule: Schedule) -> u64 {
    schedule
        .take(10_000)
        .flat_map(|offset| offset.0.to_le_bytes())
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[test]
fn same_seed_same_bytes() {
    // Committed: a change here changes every run that anybody wants to repeat, and must be meant.
    let of = |arrivals, per_second, seed| {
        format!("{:016x}", fingerprint(Schedule::new(arrivals, rate(per_second), seed)))
    };
    let found = [
        of(Arrivals::Poisson, 20.0, 1),
        of(Arrivals::Poisson, 333.3, 42),
        of(Arrivals::Uniform, 333.3, 42),
        of(Arrivals::Periodic, 0.1, 1),
        of(Arrivals::Periodic, 333.3, 42),
    ];
    assert_eq!(
        found,
        ["51065f2b670edb13", "664f9fb783e65f46", "4502f88a8279bd39", "4ab6d08ae40aa6d9", "a0015a4e5e42b548"]
    );
}

#[test]
fn another_seed_is_another_schedule() {
    for arrivals in [Arrivals::Poisson, Arrivals::Uniform, Arrivals::Periodic] {
        let of = |seed| fingerprint(Schedule::new(arrivals, rate(20.0), seed));
        assert_ne!(of(1), of(2));
    }
}

#[test]
fn poisson_gaps_have_the_mean_and_the_spread_of_an_exponential() {
    let offsets: Vec<f64> =
        Schedule::new(Arrivals::Poisson, rate(50.0), 7).take(100_000).map(Nanos::as_secs_f64).collect();
    assert!(offsets.is_sorted());
    let gaps: Vec<f64> = offsets.windows(2).map(|pair| pair[1] - pair[0]).collect();
    #[expect(clippy::cast_precision_loss, reason = "a hundred thousand")]
    let n = gaps.len() as f64;
    let mean = gaps.iter().sum::<f64>() / n;
    let deviation = (gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / n).sqrt();
    // The mean's own standard deviation is 0.02 / sqrt(100,000), 0.3 %.
    assert!((mean / 0.02 - 1.0).abs() < 0.015, "{mean}");
    assert!((deviation / 0.02 - 1.0).abs() < 0.03, "{deviation}");
}

#[test]
fn uniform_gaps_are_even_and_do_not_drift() {
    let offsets: Vec<Nanos> = Schedule::new(Arrivals::Uniform, rate(3.0), 7).take(3_000_001).collect();
    assert!(offsets[0].as_secs_f64() < 1.0 / 3.0);
    assert_eq!(offsets[3_000_000].since(offsets[0]), Duration::from_secs(1_000_000));
    assert!(offsets.windows(2).all(|pair| pair[1].since(pair[0]).as_nanos().abs_diff(333_333_333) <= 1));
}

#[test]
fn periodic_gaps_are_stretched_by_up_to_four_per_cent_and_keep_the_rate() {
    let offsets: Vec<Nanos> = Schedule::new(Arrivals::Periodic, rate(0.1), 7).take(20_001).collect();
    assert!(offsets[0].as_secs_f64() < 10.0);
    let gaps: Vec<f64> = offsets.windows(2).map(|pair| pair[1].since(pair[0]).as_secs_f64()).collect();
    // 10 s less half of the 4 %, up to 4 % more.
    let (least, most) = (10.0 / 1.02, 10.0 / 1.02 * 1.04);
    assert!(gaps.iter().all(|gap| (least - 1e-9..=most + 1e-9).contains(gap)));
    assert!(gaps.iter().any(|gap| *gap < least + 0.01) && gaps.iter().any(|gap| *gap > most - 0.01));
    let mean = offsets[20_000].since(offsets[0]).as_secs_f64() / 20_000.0;
    // The mean's own standard deviation is 0.113 s / sqrt(20,000), 0.8 ms.
    assert!((mean - 10.0).abs() < 0.003, "{mean}");
}

#[test]
fn periodic_timers_drift_apart() {
    let of = |seed| {
        let mut schedule = Schedule::new(Arrivals::Periodic, rate(0.1), seed);
        let (first, thousandth) = (schedule.next().unwrap(), schedule.nth(998).unwrap());
        thousandth.since(first).as_secs_f64()
    };
    // Independent sums of a thousand gaps: a difference of five seconds is one standard deviation.
    let spread: Vec<f64> = (0..20).map(of).collect();
    let least = spread.iter().copied().fold(f64::INFINITY, f64::min);
    let most = spread.iter().copied().fold(0.0, f64::max);
    assert!(most - least > 3.0, "{least} to {most}");
}

#[test]
fn a_bounded_schedule_ends_before_its_duration() {
    let bounded: Vec<_> =
        Schedule::new(Arrivals::Poisson, rate(100.0), 3).within(Duration::from_secs(10)).collect();
    assert!(bounded.last().unwrap().as_secs_f64() < 10.0);
    let unbounded: Vec<_> =
        Schedule::new(Arrivals::Poisson, rate(100.0), 3).take(bounded.len() + 1).collect();
    assert_eq!(bounded, unbounded[..bounded.len()]);
    assert!(unbounded.last().unwrap().as_secs_f64() >= 10.0);
}

#[test]
fn schedules_of_one_seed_and_of_its_neighbour_had_the_same_arrivals() {
    let mut seeds: Vec<u64> = (0..10).flat_map(|seed| (0..100).map(move |n| nth_seed(seed, n))).collect();
    assert_eq!(nth_seed(1, 0), seeds[100]);
    seeds.sort_unstable();
    seeds.dedup();
    assert_eq!(seeds.len(), 1000);
}
