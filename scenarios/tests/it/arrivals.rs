//! Arrival times against theory: exact for even arrivals, by Kolmogorov-Smirnov for Poisson arrivals.

use std::path::Path;
use std::time::Duration;

use tenfold_scenarios::Scenario;

fn scenario(arrivals: &str, seed: u64, phases: &str) -> Scenario {
    let text = format!(
        r#"
version = 1
name = "test"
seed = {seed}
load = {{ arrivals = "{arrivals}" }}
phases = [{phases}]
requests = [
    {{ name = "read", kind = "read", weight = 100, path = "/" }},
    {{ name = "write", kind = "write", weight = 1, path = "/" }},
]
"#
    );
    Scenario::parse(&text, Path::new("test.toml")).unwrap_or_else(|error| panic!("{error}"))
}

fn times(scenario: &Scenario) -> Vec<u64> {
    scenario
        .schedule()
        .map(|arrival| arrival.intended.as_nanos() as u64)
        .collect()
}

#[test]
fn even_arrivals_are_exact() {
    let steady = scenario(
        "even",
        1,
        r#"{ name = "a", kind = "constant", rate = "1000/s", duration = "60s" }"#,
    );
    let times_steady = times(&steady);
    assert_eq!(times_steady.len(), 60_000);
    assert_eq!(times_steady[0], 500_000);
    assert!(
        times_steady
            .windows(2)
            .all(|pair| pair[1] - pair[0] == 1_000_000)
    );

    let fast = scenario(
        "even",
        1,
        r#"{ name = "a", kind = "constant", rate = "100k/s", duration = "10s" }"#,
    );
    let times_fast = times(&fast);
    assert_eq!(times_fast.len(), 1_000_000);
    assert!(
        times_fast
            .windows(2)
            .all(|pair| pair[1] - pair[0] == 10_000)
    );
}

#[test]
fn even_arrivals_follow_curve_across_phases() {
    let scenario = scenario(
        "even",
        1,
        r#"
        { name = "a", kind = "constant", rate = "3/s", duration = "500ms" },
        { name = "b", kind = "ramp", from = "0/s", to = "1000/s", duration = "10s" },
        { name = "c", kind = "steps", rates = ["100/s", "0/s", "300/s"], duration = "3s" },
        { name = "d", kind = "spike", base = "100/s", peak = "1100/s", at = "1s", rise = "1s", hold = "1s", fall = "1s", duration = "6s" },
        { name = "e", kind = "diurnal", low = "100/s", high = "300/s", period = "4s", duration = "8s" }"#,
    );
    let mut counts = [0_i64; 5];
    for arrival in scenario.schedule() {
        counts[arrival.phase] += 1;
        assert_eq!(scenario.phase_at(arrival.intended), Some(arrival.phase));
    }
    // The 1.5 leaves half an arrival for the ramp: cumulative areas add up to within one half.
    let areas = [1.5, 5000.0, 400.0, 600.0 + 2000.0, 1600.0];
    let (mut counted, mut area) = (0.0, 0.0);
    for (count, phase_area) in counts.into_iter().zip(areas) {
        counted += count as f64;
        area += phase_area;
        assert!((counted - area).abs() <= 0.5 + 1e-6, "{counts:?}");
    }
    // On a ramp from 0, arrival n comes after sqrt(2 n / slope).
    let ramp: Vec<f64> = scenario
        .schedule()
        .filter(|arrival| arrival.phase == 1)
        .map(|arrival| arrival.intended.as_secs_f64() - 0.5)
        .collect();
    for (index, time) in ramp.iter().enumerate() {
        // Half an arrival is left from before, and the first comes when a whole one is due.
        let mass = time * time * 50.0;
        let steps = (mass - ramp[0] * ramp[0] * 50.0).round() as usize;
        assert_eq!(steps, index);
        assert!((mass - ramp[0] * ramp[0] * 50.0 - index as f64).abs() < 1e-4);
    }
}

#[test]
fn expected_arrivals_match_the_schedule() {
    let scenario = scenario(
        "even",
        1,
        r#"
        { name = "a", kind = "ramp", from = "0/s", to = "1000/s", duration = "10s" },
        { name = "b", kind = "steps", rates = ["100/s", "0/s", "300/s"], duration = "3s" },
        { name = "c", kind = "diurnal", low = "100/s", high = "300/s", period = "4s", duration = "8s" }"#,
    );
    for phase in &scenario.phases {
        for tenth in 0..=11 {
            let time = phase.duration * tenth / 10;
            let came = scenario
                .schedule()
                .filter(|arrival| {
                    (phase.start..(phase.start + time).min(phase.end())).contains(&arrival.intended)
                })
                .count() as f64;
            let expected = phase.expected_before(time);
            assert!(
                (expected - came).abs() <= 1.0,
                "{} {time:?}: {expected} {came}",
                phase.name
            );
        }
        let all = phase.expected_before(phase.duration);
        assert!((all - phase.expected_arrivals()).abs() < 1e-6);
    }
}

#[test]
fn arrival_times_are_unique() {
    for seed in 0..3 {
        let crowded = scenario(
            "poisson",
            seed,
            r#"{ name = "a", kind = "constant", rate = "100M/s", duration = "5ms" }"#,
        );
        let times = times(&crowded);
        assert!(times.len() > 490_000, "{}", times.len());
        assert!(times.windows(2).all(|pair| pair[0] < pair[1]));
    }
}

/// Kolmogorov-Smirnov distance between a sample and the exponential distribution with mean 1, times the
/// square root of its size. Exceeds 1.95 for one in a thousand samples (Kolmogorov's limit
/// distribution).
fn kolmogorov_smirnov(mut gaps: Vec<f64>) -> f64 {
    gaps.sort_by(f64::total_cmp);
    let n = gaps.len() as f64;
    let distance = gaps.iter().enumerate().map(|(index, gap)| {
        let theory = 1.0 - (-gap).exp();
        (theory - index as f64 / n)
            .abs()
            .max(((index + 1) as f64 / n - theory).abs())
    });
    distance.fold(0.0, f64::max) * n.sqrt()
}

fn gaps_in_mass(times: &[u64], mass: impl Fn(f64) -> f64) -> Vec<f64> {
    let masses: Vec<f64> = times.iter().map(|time| mass(*time as f64 / 1e9)).collect();
    masses.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[test]
fn poisson_gaps_are_exponential() {
    for seed in 0..5 {
        let steady = scenario(
            "poisson",
            seed,
            r#"{ name = "a", kind = "constant", rate = "2000/s", duration = "60s" }"#,
        );
        let times = times(&steady);
        let mean = 120_000.0_f64;
        assert!(
            (times.len() as f64 - mean).abs() < 4.0 * mean.sqrt(),
            "{}",
            times.len()
        );
        let statistic = kolmogorov_smirnov(gaps_in_mass(&times, |time| 2000.0 * time));
        assert!(statistic < 1.95, "seed {seed}: {statistic}");
    }
}

/// Integrates a rate numerically, so that the test shares no formula with the code.
fn cumulative(rate: impl Fn(f64) -> f64, seconds: f64) -> impl Fn(f64) -> f64 {
    const STEP: f64 = 1e-4;
    let mut sums = vec![0.0];
    let mut sum = 0.0;
    for index in 0..(seconds / STEP).round() as usize + 1 {
        sum += rate((index as f64 + 0.5) * STEP) * STEP;
        sums.push(sum);
    }
    move |time: f64| {
        let place = time / STEP;
        let index = place as usize;
        sums[index] + (sums[index + 1] - sums[index]) * (place - index as f64)
    }
}

#[test]
fn poisson_gaps_are_exponential_on_any_curve() {
    // By the time-rescaling theorem (Brown et al., 2002), gaps measured in expected arrivals are
    // exponential for every curve.
    let swell = |time: f64| {
        let burst = match time {
            20.0..22.0 => (time - 20.0) / 2.0,
            22.0..27.0 => 1.0,
            27.0..31.0 => 1.0 - (time - 27.0) / 4.0,
            _ => 0.0,
        };
        800.0 + 800.0 * (1.0 - (std::f64::consts::TAU * time / 60.0).cos()) + 3000.0 * burst
    };
    let mass = cumulative(swell, 60.0);
    for seed in 0..3 {
        let day = scenario(
            "poisson",
            seed,
            r#"{ name = "a", kind = "diurnal", low = "800/s", high = "2400/s", period = "60s", duration = "60s", spike = { add = "3000/s", at = "20s", rise = "2s", hold = "5s", fall = "4s" } }"#,
        );
        assert!((mass(60.0) - 120_000.0).abs() < 1.0);
        let statistic = kolmogorov_smirnov(gaps_in_mass(&times(&day), &mass));
        assert!(statistic < 1.95, "seed {seed}: {statistic}");
    }
    let ramp = scenario(
        "poisson",
        9,
        r#"{ name = "a", kind = "ramp", from = "4000/s", to = "0/s", duration = "30s" }"#,
    );
    let statistic = kolmogorov_smirnov(gaps_in_mass(&times(&ramp), |time| {
        4000.0 * time - 4000.0 * time * time / 60.0
    }));
    assert!(statistic < 1.95, "{statistic}");
}

#[test]
fn mix_is_exact() {
    let mixed = |weights: [f64; 5]| {
        let names = ["a", "b", "c", "d", "e"];
        let requests: Vec<String> = names
            .iter()
            .zip(weights)
            .zip(["read", "read", "read", "write", "write"])
            .map(|((name, weight), kind)| {
                format!(
                    "{{ name = \"{name}\", kind = \"{kind}\", weight = {weight}, path = \"/\" }}"
                )
            })
            .collect();
        let text = format!(
            "version = 1\nname = \"mix\"\nphases = [{{ name = \"a\", kind = \"constant\", rate = \"1000/s\", duration = \"60s\" }}]\nrequests = [{}]",
            requests.join(", ")
        );
        Scenario::parse(&text, Path::new("test.toml")).unwrap()
    };
    for (weights, block) in [
        ([70.0, 20.0, 10.0, 0.7, 0.3], 101),
        ([1.0, 1.0, 1.0, 1.0, 1.0], 3),
        ([60.3, 17.1, 5.5, 13.37, 2.2], 6),
        ([5.0, 3.0, 2.0, 0.0, 0.0], 5),
        ([999.0, 0.5, 0.5, 0.01, 0.02], 10_000),
    ] {
        let scenario = mixed(weights);
        let total: f64 = weights.iter().sum();
        let mut counts = [0.0_f64; 5];
        for (index, arrival) in scenario.schedule().enumerate() {
            counts[arrival.draw.request] += 1.0;
            let sent = (index + 1) as f64;
            if (index + 1) % block == 0 {
                let reads = counts[..3].iter().sum::<f64>();
                let share = weights[..3].iter().sum::<f64>() / total;
                assert!(
                    (reads - sent * share).abs() <= 1.0,
                    "{weights:?} at {index}: {counts:?}"
                );
                for (count, weight) in counts.iter().zip(weights) {
                    assert!(
                        (count - sent * weight / total).abs() <= 1.5,
                        "{weights:?} at {index}: {counts:?}"
                    );
                }
            }
        }
    }
    // 100 to 1 in each block of 101, with the write at a random position.
    let scenario = scenario(
        "even",
        3,
        r#"{ name = "a", kind = "constant", rate = "1010/s", duration = "100s" }"#,
    );
    let requests: Vec<usize> = scenario
        .schedule()
        .map(|arrival| arrival.draw.request)
        .collect();
    let places: Vec<usize> = requests
        .chunks_exact(101)
        .map(|block| {
            assert_eq!(block.iter().sum::<usize>(), 1);
            block.iter().position(|request| *request == 1).unwrap()
        })
        .collect();
    assert_eq!(places.len(), 1000);
    let mean = places.iter().sum::<usize>() as f64 / 1000.0;
    // The mean of 0..=100 is 50, with a standard error of 29.2 / sqrt(1000).
    assert!((mean - 50.0).abs() < 4.0, "{mean}");
}

#[test]
fn replays_traces_as_recorded() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixture/everything.toml");
    let scenario = Scenario::read(&path).unwrap();
    let trace = scenario
        .phases
        .iter()
        .position(|phase| phase.name == "trace")
        .unwrap();
    let start = scenario.phases[trace].start;
    let replayed: Vec<_> = scenario
        .schedule()
        .filter(|arrival| arrival.phase == trace)
        .collect();
    let offsets: Vec<Duration> = replayed
        .iter()
        .map(|arrival| arrival.intended - start)
        .collect();
    // Twice the recorded speed; the second of two equal times is a nanosecond later.
    let expected = [0, 1, 6_250_000, 1_000_000_000].map(Duration::from_nanos);
    assert_eq!(offsets, expected);
    let targets: Vec<_> = replayed
        .iter()
        .map(|arrival| scenario.recorded_target(&arrival.draw).unwrap())
        .collect();
    assert_eq!(targets, ["/favicon.ico", "/a?b=c", "/favicon.ico", "/end"]);
}
