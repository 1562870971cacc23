//! Overloads in a part of a run, and how many requests are served at a time, in runs with known answers.

use tenfold_analysis::synthetic::{MadeUp, Traffic};
use tenfold_analysis::{Confidence, Finding, Summary, summarise};

/// Seeds over which false alarms are counted. None in 60 shows, with 95% confidence, that fewer than 5% of runs have one.
const SEEDS: u64 = 60;

/// Steps of `rates`, 5 s each, with random arrivals.
fn stepped(rates: &[f64]) -> MadeUp {
    MadeUp {
        traffic: Traffic {
            per_second: rates[0],
            peak_per_second: rates[0],
            warm_up_s: 2,
            counted_s: 5 * rates.len() as u64,
            even: false,
        },
        steps: rates.to_vec(),
        write_factor: 1.0,
        rules: Vec::new(),
        names: ["read post", "read feed", "create post"]
            .map(str::to_owned)
            .to_vec(),
        ..MadeUp::default()
    }
}

/// Two workers of 10 ms: at most 200/s. A spike asks for 260/s from 12 s to 17 s.
fn spike(seed: u64) -> MadeUp {
    MadeUp {
        seed,
        workers: Some(2),
        work_ns: 10_000_000,
        work_sigma: 0.0,
        ..stepped(&[80.0, 80.0, 260.0, 60.0, 60.0])
    }
}

fn is_alarm(finding: &Finding) -> bool {
    [
        "overloaded",
        "slowed down",
        "achieved",
        "fell behind",
        "at a time",
        "saturated before",
        "Too few",
    ]
    .iter()
    .any(|text| finding.title.contains(text))
}

fn alarms(of: impl Fn(u64) -> MadeUp) -> Vec<String> {
    let alarmed = (0..SEEDS).filter_map(|seed| {
        let findings = summarise(&of(seed).play()).findings;
        findings
            .into_iter()
            .find(is_alarm)
            .map(|finding| format!("{seed}: {finding:?}"))
    });
    alarmed.collect()
}

fn first(summary: &Summary) -> &Finding {
    &summary.findings[0]
}

#[test]
fn overloaded_spike_names_its_time_and_cpu() {
    let mut missed = Vec::new();
    for seed in 0..50 {
        // Two cores, and the work is all CPU.
        let summary = summarise(
            &MadeUp {
                cpu_share: 0.97,
                ..spike(seed)
            }
            .play(),
        );
        let finding = first(&summary);
        let expected =
            ["The service was overloaded from 12 s to 17 s, in phase `day`, limited by CPU"];
        if !expected.contains(&finding.title.as_str()) {
            missed.push(format!("{seed}: {finding:?}"));
        }
        assert!(
            !summary.next.contains("twice this rate"),
            "{}",
            summary.next
        );
        assert!(
            summary
                .findings
                .iter()
                .all(|finding| !finding.title.contains("Nothing saturated"))
        );
    }
    assert!(missed.len() <= 5, "{missed:#?}");
}

#[test]
fn spike_has_rates_backlog_and_full_rate_as_evidence() {
    let summary = summarise(
        &MadeUp {
            cpu_share: 0.97,
            ..spike(1)
        }
        .play(),
    );
    let finding = first(&summary);
    assert_eq!(finding.confidence, Confidence::High, "{finding:?}");
    let evidence = finding.evidence.join("\n");
    for text in [
        "the highest rate without a backlog was",
        "(Little's law); the backlog was gone by 19 s",
        "in use there:",
        "2.00 cores are full at",
    ] {
        assert!(evidence.contains(text), "{text}: {evidence}");
    }
}

#[test]
fn idle_cpu_in_a_spike_gives_the_size_of_the_pool() {
    for seed in 0..20 {
        let summary = summarise(
            &MadeUp {
                cpu_share: 0.1,
                ..spike(seed)
            }
            .play(),
        );
        let title = &first(&summary).title;
        assert!(
            title.contains("it serves about 2 requests at a time"),
            "{seed}: {:?}",
            first(&summary)
        );
    }
}

#[test]
fn pool_of_one_request_is_distinguished_from_the_others() {
    for seed in 0..20 {
        let made_up = MadeUp {
            seed,
            workers: None,
            work_ns: 20_000_000,
            pool: Some((vec![1], 3)),
            cpu_share: 0.02,
            // Half of the reads: 150/s through the pool at most.
            ..stepped(&[100.0, 100.0, 400.0, 80.0, 80.0])
        };
        let summary = summarise(&made_up.play());
        let finding = first(&summary);
        assert!(
            finding.title.contains("from 12 s to 17 s"),
            "{seed}: {finding:?}"
        );
        assert!(
            finding.title.contains("`read feed` waited"),
            "{seed}: {finding:?}"
        );
        assert!(
            finding.title.contains("about 3 of them at a time"),
            "{seed}: {finding:?}"
        );
    }
}

#[test]
fn parallelism_is_within_its_interval() {
    for (workers, sigma, even, widest) in [
        (1, 0.0, true, 1.6),
        (2, 0.0, true, 1.6),
        (2, 0.0, false, 1.6),
        (5, 0.0, false, 1.6),
        (16, 0.0, false, 1.6),
        // Few answers of varied length make a wide interval.
        (4, 0.5, false, 3.0),
    ] {
        let capacity = workers as f64 / 0.05;
        let mut missed = Vec::new();
        for seed in 0..30 {
            let mut made_up = MadeUp {
                seed,
                workers: Some(workers),
                work_ns: 50_000_000,
                work_sigma: sigma,
                cpu_share: 0.01,
                ..stepped(&[0.3, 0.3, 0.3, 1.4, 1.4].map(|load| load * capacity))
            };
            made_up.traffic.even = even;
            let findings = summarise(&made_up.play()).findings;
            let evidence = findings.iter().flat_map(|finding| &finding.evidence);
            let mut intervals = evidence.filter_map(|line| {
                let (_, ends) = line.split_once("(Little's law), ")?;
                let (low, rest) = ends.split_once(" to ")?;
                let (high, _) = rest.split_once(' ')?;
                Some((low.parse::<f64>().ok()?, high.parse::<f64>().ok()?))
            });
            let interval = intervals.next_back();
            if !interval.is_some_and(|(low, high)| {
                low <= workers as f64 && workers as f64 <= high && high < widest * low
            }) {
                missed.push(format!("{seed}: {interval:?} {:?}", findings[0]));
            }
        }
        assert!(
            missed.len() <= 2,
            "{workers} {sigma} {even}: {} {missed:#?}",
            missed.len()
        );
    }
}

#[test]
fn overload_throughout_asks_for_a_run_at_low_load() {
    let made_up = MadeUp {
        workers: Some(2),
        work_ns: 50_000_000,
        work_sigma: 0.0,
        cpu_share: 0.01,
        wait_ns: 3_000_000_000,
        ..stepped(&[56.0; 5])
    };
    let summary = summarise(&made_up.play());
    let finding = first(&summary);
    assert!(
        finding.title.starts_with("The service achieved"),
        "{finding:?}"
    );
    let evidence = finding.evidence.join("\n");
    assert!(
        evidence.contains("how many requests are served at a time is unknown"),
        "{evidence}"
    );
    assert!(evidence.contains("--rate 5."), "{evidence}");
}

#[test]
fn slowdown_at_a_sustained_rate_is_no_overload() {
    let mut run = MadeUp {
        workers: None,
        cpu_share: 0.1,
        ..stepped(&[1_000.0; 6])
    }
    .play();
    // Half of the arrivals of four seconds wait for up to five seconds.
    let mut behind = 0;
    for row in &mut run.timeline.rows[15..19] {
        let missing = row.reads / 2;
        row.reads -= missing;
        behind += missing;
        row.in_flight += behind;
    }
    let summary = summarise(&run);
    let title = &first(&summary).title;
    assert!(
        title.starts_with("The service slowed down from 15 s to 19 s"),
        "{title}"
    );
}

#[test]
fn healthy_runs_are_never_called_saturated() {
    let healthy = |seed| MadeUp {
        seed,
        workers: Some(2),
        work_ns: 10_000_000,
        work_sigma: 0.45,
        // Up to 70% of 2 / (10 ms times 1.11).
        ..stepped(&[40.0, 60.0, 126.0, 60.0, 90.0])
    };
    let alarmed = alarms(healthy);
    assert!(alarmed.is_empty(), "{} {alarmed:#?}", alarmed.len());
}

#[test]
fn slow_endpoint_alone_is_never_called_saturated() {
    let slow = |seed| MadeUp {
        seed,
        workers: None,
        work_ns: 5_000_000,
        work_sigma: 0.6,
        slow_request: Some((1, 200.0)),
        ..stepped(&[50.0, 80.0, 150.0, 80.0, 50.0])
    };
    let alarmed = alarms(slow);
    assert!(alarmed.is_empty(), "{} {alarmed:#?}", alarmed.len());
}

#[test]
fn constant_healthy_load_is_never_called_saturated() {
    let steady = |seed| MadeUp {
        seed,
        workers: Some(4),
        work_ns: 5_000_000,
        work_sigma: 0.3,
        ..stepped(&[500.0; 3])
    };
    let alarmed = alarms(steady);
    assert!(alarmed.is_empty(), "{} {alarmed:#?}", alarmed.len());
}
