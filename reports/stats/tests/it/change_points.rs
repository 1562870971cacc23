//! Change points of published and simulated series.

use rand::SeedableRng;
use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64Mcg;
use tenfold_stats::{ChangePoint, ChangePointSettings, change_points};

/// Annual flow of the Nile at Aswan, 1871 to 1970, in 10^8 m^3 (Cobb, The problem of the Nile,
/// Biometrika 65, 1978). The flow fell in 1899.
const NILE: [f64; 100] = [
    1120., 1160., 963., 1210., 1160., 1160., 813., 1230., 1370., 1140., 995., 935., 1110., 994.,
    1020., 960., 1180., 799., 958., 1140., 1100., 1210., 1150., 1250., 1260., 1220., 1030., 1100.,
    774., 840., 874., 694., 940., 833., 701., 916., 692., 1020., 1050., 969., 831., 726., 456.,
    824., 702., 1120., 1100., 832., 764., 821., 768., 845., 864., 862., 698., 845., 744., 796.,
    1040., 759., 781., 865., 845., 944., 984., 897., 822., 1010., 771., 676., 649., 846., 812.,
    742., 801., 1040., 860., 874., 848., 890., 744., 749., 838., 1050., 918., 986., 797., 923.,
    975., 815., 1020., 906., 901., 1170., 912., 746., 919., 718., 714., 740.,
];

fn found(series: &[f64]) -> Vec<ChangePoint> {
    change_points(series, &ChangePointSettings::default())
}

fn indices(series: &[f64]) -> Vec<usize> {
    found(series).iter().map(|point| point.index).collect()
}

/// Values around the given levels, each for a number of runs, with normal noise.
fn series(levels: &[(f64, usize)], noise: f64, seed: u64) -> Vec<f64> {
    let normal = StandardNormal.sample_iter(Pcg64Mcg::seed_from_u64(seed));
    let means = levels.iter().flat_map(|(level, runs)| vec![*level; *runs]);
    means
        .zip(normal)
        .map(|(level, deviation): (f64, f64)| level * (1.0 + noise * deviation))
        .collect()
}

#[test]
fn nile_flow_changes_in_1899() {
    let points = found(&NILE);
    assert_eq!(points.len(), 1, "{points:?}");
    assert_eq!(1871 + points[0].index, 1899);
    assert!((-0.26..-0.20).contains(&points[0].change), "{points:?}");
    assert_eq!(points[0].p_value, 0.001);
}

#[test]
fn finds_planted_changes() {
    let (seeds, mut exact, mut near) = (60, 0, 0);
    for seed in 0..seeds {
        let runs = series(&[(100.0, 30), (106.0, 25), (95.0, 30)], 0.02, seed);
        let at = indices(&runs);
        let is_near = at.len() == 2 && at[0].abs_diff(30) <= 3 && at[1].abs_diff(55) <= 3;
        near += u32::from(is_near);
        exact += u32::from(at == [30, 55]);
    }
    assert!(near >= 56, "{near} of {seeds} within three runs");
    assert!(exact >= 25, "{exact} of {seeds} at the exact run");
}

#[test]
fn temporary_increase_is_two_changes() {
    let runs = series(&[(100.0, 25), (110.0, 20), (100.0, 25)], 0.02, 4);
    let points = found(&runs);
    assert_eq!(points.len(), 2, "{points:?}");
    assert!(
        points[0].change > 0.07 && points[1].change < -0.06,
        "{points:?}"
    );
}

#[test]
fn false_alarm_rate_matches_significance() {
    let (seeds, mut alarms) = (2000, 0);
    for seed in 0..seeds {
        let runs = series(&[(100.0, 40)], 0.05, seed);
        let settings = ChangePointSettings {
            seed,
            permutations: 199,
            ..ChangePointSettings::default()
        };
        alarms += usize::from(!change_points(&runs, &settings).is_empty());
    }
    let share = alarms as f64 / seeds as f64;
    println!("false alarms: {share}");
    // 1% plus three standard errors of 0.22%.
    assert!(share <= 0.0167, "{share}");
}

#[test]
fn ignores_changes_below_minimum() {
    let runs = series(&[(100.0, 30), (103.0, 30)], 0.005, 7);
    assert_eq!(indices(&runs), [30]);
    let settings = ChangePointSettings {
        change_min: 0.05,
        ..ChangePointSettings::default()
    };
    assert!(change_points(&runs, &settings).is_empty());
}

#[test]
fn one_outlier_is_not_a_change() {
    let mut runs = series(&[(100.0, 40)], 0.01, 3);
    runs[20] = 300.0;
    assert!(found(&runs).is_empty());
}

#[test]
fn short_and_constant_series_have_no_changes() {
    assert!(found(&[]).is_empty());
    assert!(found(&[1.0, 2.0]).is_empty());
    assert!(found(&[5.0; 50]).is_empty());
}

#[test]
fn same_seed_finds_same_changes() {
    let runs = series(&[(100.0, 20), (102.0, 20)], 0.02, 11);
    assert_eq!(found(&runs), found(&runs));
}
