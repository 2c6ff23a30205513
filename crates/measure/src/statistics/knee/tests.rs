//! Knees of the paper and of the curves that its Python implementation is tested with.

use proptest::prelude::*;

use super::*;

fn knee(y: &[f64], shape: Shape, sensitivity: f64) -> Option<usize> {
    let points: Vec<(f64, f64)> = y.iter().enumerate().map(|(x, &y)| (real(x), y)).collect();
    kneedle(&points, shape, sensitivity).unwrap().map(|knee| knee.index)
}

#[test]
fn knee_is_that_of_the_papers_second_figure() {
    // Satopaa et al. 2011, figure 2: y = -1 / (x + 0.1) + 5 at ten places in [0, 1]; the knee is at x = 0.22.
    let points: Vec<(f64, f64)> =
        (0..10).map(|i| f64::from(i) / 9.0).map(|x| (x, 5.0 - 1.0 / (x + 0.1))).collect();
    let knee = kneedle(&points, Shape::ConcaveRising, 1.0).unwrap().unwrap();
    assert_eq!(knee, Knee { index: 2, x: points[2].0, y: points[2].1 });
}

#[test]
fn curves_of_all_four_shapes_have_their_knee() {
    // kneed 0.9.0, tests/test_sample.py: its DataGenerator's curves, and its answers.
    for (shape, y, expected) in [
        (Shape::ConcaveRising, [0, 60, 80, 85, 90, 95, 96, 97, 98, 99], 2),
        (Shape::ConvexRising, [1, 2, 3, 4, 5, 10, 15, 20, 40, 100], 7),
        (Shape::ConvexFalling, [100, 40, 20, 15, 10, 5, 4, 3, 2, 1], 2),
        (Shape::ConcaveFalling, [99, 98, 97, 96, 95, 90, 85, 80, 60, 0], 7),
    ] {
        assert_eq!(knee(&y.map(f64::from), shape, 1.0), Some(expected), "{shape:?}");
    }
}

#[test]
fn greater_sensitivity_passes_over_bumps() {
    // kneed 0.9.0, DataGenerator.bumpy and its answers at S = 1, 3 and 5.
    let bumpy = [
        7305.0, 6979.0, 6666.6, 6463.2, 6326.5, 6048.8, 6032.8, 5762.0, 5742.8, 5398.2, 5256.8, 5227.0,
        5001.7, 4942.0, 4854.2, 4734.6, 4558.7, 4491.1, 4411.6, 4333.0, 4234.6, 4139.1, 4056.8, 4022.5,
        3868.0, 3808.3, 3745.3, 3692.3, 3645.6, 3618.3, 3574.3, 3504.3, 3452.4, 3401.2, 3382.4, 3340.7,
        3301.1, 3247.6, 3190.3, 3180.0, 3154.2, 3089.5, 3045.6, 2989.0, 2993.6, 2941.3, 2875.6, 2866.3,
        2834.1, 2785.1, 2759.7, 2763.2, 2720.1, 2660.1, 2690.2, 2635.7, 2632.9, 2574.6, 2556.0, 2545.7,
        2513.4, 2491.6, 2496.0, 2466.5, 2442.7, 2420.5, 2381.5, 2388.1, 2340.6, 2335.0, 2318.9, 2319.0,
        2308.2, 2262.2, 2235.8, 2259.3, 2221.0, 2202.7, 2184.3, 2170.1, 2160.0, 2127.7, 2134.7, 2102.0,
        2101.4, 2066.4, 2074.3, 2063.7, 2048.1, 2031.9,
    ];
    let found = [1.0, 3.0, 5.0].map(|sensitivity| knee(&bumpy, Shape::ConvexFalling, sensitivity));
    assert_eq!(found, [Some(26), Some(31), Some(53)]);
}

#[test]
fn straight_and_level_curves_have_none() {
    let line: Vec<f64> = (0..12).map(|x| 3.0 * f64::from(x)).collect();
    for shape in [Shape::ConcaveRising, Shape::ConvexRising] {
        assert_eq!(knee(&line, shape, 1.0), None);
        assert_eq!(knee(&[4.0; 12], shape, 1.0), None);
    }
    // The bend of a curve that runs the other way is not one of this shape.
    assert_eq!(
        knee(&[1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 15.0, 20.0, 40.0, 100.0], Shape::ConcaveRising, 1.0),
        None
    );
}

#[test]
fn latency_over_offered_load_bends_where_the_queue_does() {
    // A queue's response 1 / (1 - load): the tangent along the diagonal is where the distance is greatest.
    let points: Vec<(f64, f64)> =
        (0..=19).map(|i| f64::from(i) / 20.0).map(|x| (x, 1.0 / (1.0 - x))).collect();
    let knee = kneedle(&points, Shape::ConvexRising, 1.0).unwrap().unwrap();
    // Slope of the diagonal: (20 - 1) / 0.95 = 20, so 1 / (1 - x)^2 = 20, x = 0.776.
    assert!((0.75..=0.8).contains(&knee.x), "{knee:?}");
}

#[test]
fn what_is_no_curve_is_refused() {
    let of = |points: &[(f64, f64)], sensitivity| kneedle(points, Shape::ConcaveRising, sensitivity);
    assert_eq!(of(&[(0.0, 0.0), (1.0, 1.0)], 1.0), Err(Error::TooFew { found: 2, least: 3 }));
    assert_eq!(of(&[(0.0, 0.0), (1.0, f64::NAN), (2.0, 1.0)], 1.0), Err(Error::NotFinite));
    assert!(of(&[(0.0, 0.0), (1.0, 1.0), (1.0, 2.0)], 1.0).is_err());
    assert!(of(&[(0.0, 0.0), (1.0, 1.0), (2.0, 2.0)], -1.0).is_err());
}

proptest! {
    #[test]
    fn knee_does_not_depend_on_units(y in prop::collection::vec(0.0..100.0, 3..40), scale in 0.1_f64..10.0, shift in -50.0_f64..50.0) {
        let points: Vec<(f64, f64)> = y.iter().enumerate().map(|(x, &y)| (real(x), y)).collect();
        // A power of two, so that scaling rounds nothing.
        let scale = f64::exp2(f64::round(scale));
        let scaled: Vec<(f64, f64)> = points.iter().map(|&(x, y)| (x * scale + shift.round(), y * scale)).collect();
        let index = |points: &[(f64, f64)]| kneedle(points, Shape::ConcaveRising, 1.0).unwrap().map(|knee| knee.index);
        prop_assert_eq!(index(&points), index(&scaled));
    }
}
