//! Chart data.

use tenfold_analysis::charts;
use tenfold_analysis::synthetic::{MadeUp, Traffic};

fn played(per_second: f64, counted_s: u64) -> tenfold_analysis::Charts {
    let traffic = Traffic {
        per_second,
        peak_per_second: per_second,
        warm_up_s: 5,
        counted_s,
        even: true,
    };
    charts(
        &MadeUp {
            traffic,
            work_sigma: 0.0,
            workers: None,
            ..MadeUp::default()
        }
        .play(),
    )
}

#[test]
fn lines_break_at_bins_with_few_samples() {
    let charts = played(30.0, 25);
    // The last bin holds only late responses.
    assert!(charts.latency.p50[..30].iter().all(Option::is_some));
    assert!(charts.latency.p99.iter().all(Option::is_none));
    assert!(charts.latency.max.iter().all(Option::is_some));
}

#[test]
fn bins_widen_until_they_support_p99() {
    let charts = played(600.0, 115);
    let reported = charts
        .latency
        .p99
        .iter()
        .filter(|p99| p99.is_some())
        .count();
    assert!(
        reported + 1 >= charts.latency.p99.len() && reported >= 20,
        "{reported}"
    );
}

#[test]
fn long_run_has_limited_number_of_points() {
    let charts = played(20.0, 595);
    assert!(
        charts.rates.at_s.len() <= 120,
        "{}",
        charts.rates.at_s.len()
    );
    assert!(charts.heat_map.columns.len() <= 121);
    // Late responses have a row after the ten minutes.
    assert_eq!(charts.rates.bin_s, 6.0);
    assert!(charts.cores.generator.len() <= 120);
    assert_eq!(charts.cores.at_s.len(), charts.cores.host.len());
    assert!(charts.cores.at_s.len() <= 121);
    let middle = charts.rates.offered[charts.rates.offered.len() / 2];
    assert!((middle - 20.0).abs() < 0.5, "{middle}");
}

#[test]
fn curves_exclude_warm_up() {
    let charts = played(100.0, 20);
    assert_eq!(charts.response.count, 2_000);
    let drawn: u64 = charts.heat_map.columns.iter().flatten().sum();
    assert_eq!(drawn, 2_500);
    assert!(charts.phases[0].warm_up && !charts.phases[1].warm_up);
}

#[test]
fn reads_and_writes_sum_to_all() {
    let charts = played(200.0, 20);
    assert_eq!(
        charts.reads.count + charts.writes.count,
        charts.response.count
    );
    // A write takes five times as long as a read.
    let (read, write) = (
        charts.reads.at(0.5).unwrap(),
        charts.writes.at(0.5).unwrap(),
    );
    assert!(write > 3 * read, "{read} {write}");
}
