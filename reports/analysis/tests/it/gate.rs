//! Simulated gates: false-alarm rates and detection rates.

use rand::SeedableRng;
use rand_distr::{Distribution, StandardNormal, StudentT};
use rand_pcg::Pcg64Mcg;
use tenfold_analysis::gate::{
    Attempts, Decision, FailureRule, GateVerdict, Metric, Next, Pair, Plan, Role, Round, Settings,
    calibrate, calibrated, decide, next,
};

const GATED: [&str; 5] = [
    "cpu",
    "mean",
    "p90",
    "wait in the pool",
    "wait for the cache",
];

/// Share of the noise variance that is common to all metrics of a round.
const COMMON: f64 = 0.5;

/// Noise of `d` from round to round.
#[derive(Clone, Copy)]
struct Noise {
    sigma: f64,
    /// Degrees of freedom of Student's t. `None` for normal noise.
    freedom: Option<f64>,
    /// Correlation with the previous round.
    serial: f64,
    /// Share of the variance that is common to the rounds between two restarts.
    clustered: f64,
}

/// Rounds from one restart to the next.
const ROUNDS_PER_RESTART: usize = 4;

fn normal(sigma: f64) -> Noise {
    Noise {
        sigma,
        freedom: None,
        serial: 0.0,
        clustered: 0.0,
    }
}

fn clustered(sigma: f64, clustered: f64) -> Noise {
    Noise {
        clustered,
        ..normal(sigma)
    }
}

fn heavy(sigma: f64, freedom: f64) -> Noise {
    Noise {
        freedom: Some(freedom),
        ..normal(sigma)
    }
}

fn serial(sigma: f64, serial: f64) -> Noise {
    Noise {
        serial,
        ..normal(sigma)
    }
}

/// Effects planted in the candidate, by metric.
type Planted = [(&'static str, f64)];

struct Course {
    rng: Pcg64Mcg,
    noise: Noise,
    last: [f64; GATED.len() + 1],
    /// Common deviation of the rounds since the last restart.
    restart: [f64; GATED.len()],
    number: usize,
}

impl Course {
    fn new(noise: Noise, seed: u64) -> Self {
        let mut course = Self {
            rng: Pcg64Mcg::seed_from_u64(seed),
            noise,
            last: [0.0; GATED.len() + 1],
            restart: [0.0; GATED.len()],
            number: 0,
        };
        for _ in 0..if noise.serial > 0.0 { 30 } else { 0 } {
            course.step();
        }
        course
    }

    fn draw(&mut self) -> f64 {
        match self.noise.freedom {
            None => StandardNormal.sample(&mut self.rng),
            Some(freedom) => StudentT::new(freedom)
                .expect("positive degrees")
                .sample(&mut self.rng),
        }
    }

    /// Advances a first-order autoregression with unit variance.
    fn step(&mut self) {
        let serial = self.noise.serial;
        for index in 0..self.last.len() {
            let fresh = self.draw() * (1.0 - serial * serial).sqrt();
            self.last[index] = serial * self.last[index] + fresh;
        }
    }

    fn round(&mut self, planted: &Planted) -> Round {
        self.step();
        let restarted = self.number.is_multiple_of(ROUNDS_PER_RESTART);
        self.number += 1;
        let of_restart = self.noise.clustered;
        if restarted && of_restart > 0.0 {
            self.restart = std::array::from_fn(|_| self.draw());
        }
        let metrics = GATED.iter().enumerate().map(|(index, name)| {
            let unit =
                COMMON.sqrt() * self.last[GATED.len()] + (1.0 - COMMON).sqrt() * self.last[index];
            let unit = (1.0 - of_restart).sqrt() * unit + of_restart.sqrt() * self.restart[index];
            let effect = planted.iter().find(|(planted, _)| planted == name);
            let d = self.noise.sigma * unit + effect.map_or(0.0, |(_, effect)| effect.ln_1p());
            let pair = Pair {
                baseline: 1e6,
                candidate: 1e6 * d.exp(),
            };
            ((*name).to_owned(), pair)
        });
        let attempts = Attempts {
            sent: 500,
            failed: 1,
        };
        Round {
            metrics: metrics.collect(),
            failures: Some(Pair {
                baseline: attempts,
                candidate: attempts,
            }),
            restarted,
        }
    }

    fn rounds(&mut self, number: usize, planted: &Planted) -> Vec<Round> {
        (0..number).map(|_| self.round(planted)).collect()
    }
}

fn plan(settings: Settings) -> Plan {
    let metrics = GATED.map(|name| Metric::gated(name, "ns")).to_vec();
    Plan::new(settings, metrics, Some(FailureRule::default())).expect("valid plan")
}

/// Fails above half of the effect, so that the effect itself is detected.
fn detecting(min_effect: f64) -> Settings {
    Settings {
        min_effect,
        fail_above: Some(min_effect / 2.0),
        ..Settings::default()
    }
}

fn play(plan: &Plan, noise: Noise, planted: &Planted, seed: u64) -> Decision {
    let mut course = Course::new(noise, seed);
    let mut rounds = Vec::new();
    loop {
        match next(&rounds, plan) {
            Next::Stop(decision) => return *decision,
            Next::Continue { until_rounds } => {
                let more = until_rounds - rounds.len();
                rounds.extend(course.rounds(more, planted));
            }
        }
    }
}

#[derive(Debug)]
struct Shares {
    fail: f64,
    pass: f64,
    rounds: f64,
}

fn shares(plan: &Plan, noise: Noise, planted: &Planted, seeds: u64) -> Shares {
    let decisions: Vec<Decision> = (0..seeds)
        .map(|seed| play(plan, noise, planted, seed))
        .collect();
    let share = |verdict| {
        let number = decisions
            .iter()
            .filter(|decision| decision.verdict == verdict)
            .count();
        number as f64 / seeds as f64
    };
    Shares {
        fail: share(GateVerdict::Fail),
        pass: share(GateVerdict::Pass),
        rounds: decisions
            .iter()
            .map(|decision| decision.rounds as f64)
            .sum::<f64>()
            / seeds as f64,
    }
}

#[test]
fn identical_builds_rarely_fail() {
    for (name, noise) in [
        ("normal, 3%", normal(0.03)),
        ("Student's t with 3 degrees, 3%", heavy(0.03, 3.0)),
        ("Cauchy, 1%", heavy(0.01, 1.0)),
        ("autocorrelated 0.5, 3%", serial(0.03, 0.5)),
        (
            "a third of the variance from restarts, 3%",
            clustered(0.03, 0.3),
        ),
        (
            "half of the variance from restarts, 3%",
            clustered(0.03, 0.5),
        ),
    ] {
        for settings in [Settings::default(), detecting(0.05)] {
            let found = shares(&plan(settings), noise, &[], 1000);
            println!("A/A, {name}: {found:?}");
            assert!(found.fail <= 0.01, "{name}: {found:?}");
        }
    }
}

/// A calibration removes metrics that are too noisy and supplies the variance inflation of the others.
#[test]
fn identical_builds_rarely_fail_after_calibration() {
    for (name, noise) in [
        ("normal, 6%", normal(0.06)),
        ("autocorrelated 0.5, 3%", serial(0.03, 0.5)),
        ("autocorrelated 0.5, 8%", serial(0.08, 0.5)),
    ] {
        let planned = plan(detecting(0.05));
        let seeds = 1000;
        let (mut failed, mut gated) = (0, 0);
        for seed in 0..seeds {
            let before = Course::new(noise, 1_000_000 + seed).rounds(40, &[]);
            let known = calibrated(&planned, &calibrate(&before, &planned, 40));
            gated += known
                .metrics()
                .iter()
                .filter(|metric| metric.role == Role::Gated)
                .count();
            failed += usize::from(play(&known, noise, &[], seed).verdict == GateVerdict::Fail);
        }
        let share = failed as f64 / seeds as f64;
        let gated = gated as f64 / (seeds as usize * GATED.len()) as f64;
        println!("A/A, calibrated, {name}: {share} fail, {gated} of the metrics gated");
        assert!(share <= 0.01, "{name}: {share}");
    }
}

#[test]
fn identical_builds_pass_early_without_noise() {
    let found = shares(&plan(Settings::default()), normal(0.03), &[], 2000);
    println!("A/A at 3%: {found:?}");
    assert!(found.pass >= 0.999 && found.rounds < 24.0, "{found:?}");
}

/// Without a minimum effect, only the significance levels limit false alarms.
#[test]
fn levels_alone_limit_false_alarms() {
    let settings = Settings {
        tolerance: Some(1e-9),
        fail_above: Some(1e-9),
        ..Settings::default()
    };
    for (noise, seeds) in [(normal(0.05), 3000), (heavy(0.05, 2.0), 2000)] {
        let found = shares(&plan(settings.clone()), noise, &[], seeds);
        println!("levels alone, freedom {:?}: {found:?}", noise.freedom);
        assert!(found.fail <= 0.01, "{found:?}");
    }
    // With correlated rounds, a known inflation keeps the false alarms near alpha.
    let correlated = GATED.map(|name| Metric {
        serial_inflation: Some(1.4 / 0.6),
        ..Metric::gated(name, "ns")
    });
    let plan = Plan::new(settings, correlated.to_vec(), None).expect("valid plan");
    let found = shares(&plan, serial(0.05, 0.4), &[], 1000);
    println!("levels alone, autocorrelated 0.4: {found:?}");
    assert!(found.fail <= 0.02, "{found:?}");
}

#[test]
fn detects_five_percent_slowdown() {
    let found = shares(&plan(detecting(0.05)), normal(0.03), &[("cpu", 0.05)], 2000);
    println!("+5% at 3%, failing above 2.5%: {found:?}");
    assert!(found.fail >= 0.95 && found.pass <= 0.01, "{found:?}");
    // The variance of t with 3 degrees of freedom is 3.
    let noise = heavy(0.03 / 3.0_f64.sqrt(), 3.0);
    let found = shares(&plan(detecting(0.05)), noise, &[("cpu", 0.05)], 1000);
    println!("+5% at 3%, heavy-tailed: {found:?}");
    assert!(found.fail >= 0.95, "{found:?}");
}

/// An estimate exceeds the true effect half of the time, so an effect equal to the limit fails half of the gates.
#[test]
fn slowdown_at_limit_fails_half_of_gates() {
    let found = shares(
        &plan(Settings::default()),
        normal(0.03),
        &[("cpu", 0.05)],
        1000,
    );
    println!("+5% at 3%, failing above 5%: {found:?}");
    assert!(
        (0.4..0.8).contains(&found.fail) && found.pass <= 0.01,
        "{found:?}"
    );
    let found = shares(
        &plan(Settings::default()),
        normal(0.03),
        &[("cpu", 0.07)],
        1000,
    );
    println!("+7% at 3%, failing above 5%: {found:?}");
    assert!(found.fail >= 0.95, "{found:?}");
}

#[test]
fn longer_waits_fail_candidate() {
    let planted = [("mean", 0.1), ("p90", 0.1), ("wait in the pool", 0.4)];
    let decision = play(&plan(Settings::default()), normal(0.03), &planted, 5);
    assert_eq!(decision.verdict, GateVerdict::Fail);
    let failed: Vec<&str> = decision
        .metrics
        .iter()
        .filter(|result| result.verdict == GateVerdict::Fail)
        .map(|result| result.metric.name.as_str())
        .collect();
    assert_eq!(failed, ["mean", "p90", "wait in the pool"]);
    assert!(
        decision.reasons[0].starts_with("mean: worse by"),
        "{:?}",
        decision.reasons
    );
}

#[test]
fn improvement_passes_and_is_reported() {
    let decision = play(
        &plan(Settings::default()),
        normal(0.03),
        &[("cpu", -0.1)],
        5,
    );
    assert_eq!(decision.verdict, GateVerdict::Pass);
    assert!(decision.metrics[0].improved && !decision.metrics[1].improved);
    assert!(decision.metrics[0].effect.unwrap().value < -0.07);
}

#[test]
fn nothing_measured_never_passes() {
    let plan = plan(Settings::default());
    let empty = vec![Round::default(); 40];
    for rounds in [&[][..], &empty[..16], &empty] {
        assert_eq!(decide(rounds, &plan).verdict, GateVerdict::Inconclusive);
    }
    assert!(matches!(
        next(&empty[..16], &plan),
        Next::Continue { until_rounds: 28 }
    ));
    assert!(matches!(next(&empty, &plan), Next::Stop(_)));
    let informing = Metric {
        role: Role::Informs,
        ..Metric::gated("cpu", "ns")
    };
    let nothing_gated = Plan::new(
        Settings::default(),
        vec![informing],
        Some(FailureRule::default()),
    )
    .unwrap();
    let rounds = Course::new(normal(0.01), 1).rounds(40, &[]);
    let decision = decide(&rounds, &nothing_gated);
    assert_eq!(decision.verdict, GateVerdict::Inconclusive);
    assert_eq!(decision.reasons, ["no metric is gated"]);
}

#[test]
fn metric_missing_from_half_of_rounds_is_inconclusive() {
    let mut rounds = Course::new(normal(0.01), 1).rounds(40, &[]);
    for round in rounds.iter_mut().step_by(2) {
        round.metrics.remove("p90");
    }
    let decision = decide(&rounds, &plan(Settings::default()));
    assert_eq!(decision.verdict, GateVerdict::Inconclusive);
    assert_eq!(decision.reasons, ["p90: only 20 of 40 rounds measured it"]);
}

#[test]
fn failures_alone_fail_candidate() {
    let mut rounds = Course::new(normal(0.01), 1).rounds(16, &[]);
    for round in &mut rounds {
        round.failures.as_mut().unwrap().candidate.failed = 20;
    }
    let Next::Stop(decision) = next(&rounds, &plan(Settings::default())) else {
        panic!("decided at the first look");
    };
    assert_eq!(decision.verdict, GateVerdict::Fail);
    assert_eq!(
        decision.reasons,
        ["failures: an additional 3.80% of all requests fail"]
    );
}

#[test]
fn decides_only_at_planned_looks() {
    let plan = plan(Settings::default());
    let rounds = Course::new(normal(0.01), 1).rounds(40, &[("cpu", 0.3)]);
    for (number, until) in [(0, 16), (15, 16), (17, 28), (39, 40)] {
        assert_eq!(
            next(&rounds[..number], &plan),
            Next::Continue {
                until_rounds: until
            }
        );
    }
    assert!(matches!(next(&rounds[..16], &plan), Next::Stop(_)));
}

#[test]
fn calibration_gates_only_detectable_metrics() {
    let plan = plan(Settings::default());
    let mut rounds = Course::new(normal(0.02), 3).rounds(40, &[("wait for the cache", 0.06)]);
    let noisy = Course::new(normal(0.2), 4).rounds(40, &[]);
    for (round, noisy) in rounds.iter_mut().zip(&noisy) {
        round.metrics.insert("p90".to_owned(), noisy.metrics["p90"]);
        round.metrics.remove("wait in the pool");
    }
    let calibration = calibrate(&rounds, &plan, 40);
    let gated: Vec<bool> = calibration.iter().map(|metric| metric.gated).collect();
    assert_eq!(gated, [true, true, false, false, false], "{calibration:?}");
    let noise = calibration[0].noise.unwrap();
    assert!((0.014..0.027).contains(&noise), "{noise}");
    let reason = |index: usize| calibration[index].reason.clone().unwrap();
    assert!(reason(2).starts_with("40 rounds detect "), "{}", reason(2));
    assert!(
        reason(3).starts_with("0 rounds measured it"),
        "{}",
        reason(3)
    );
    assert!(
        reason(4).starts_with("a build differs from itself by"),
        "{}",
        reason(4)
    );
    let left = calibrated(&plan, &calibration);
    assert_eq!((plan.tests(), left.tests()), (6, 3));
    assert_eq!(left.metrics()[2].role, Role::Informs);
    assert_eq!(left.metrics()[2].not_gated_because, Some(reason(2)));
    assert_eq!(decide(&rounds, &left).verdict, GateVerdict::Pass);
}

#[test]
fn decision_survives_json_round_trip() {
    let decision = play(&plan(Settings::default()), normal(0.03), &[], 1);
    let json = serde_json::to_string(&decision).unwrap();
    let back: Decision = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (back.verdict, back.rounds),
        (decision.verdict, decision.rounds)
    );
    assert_eq!(back.metrics.len(), decision.metrics.len());
}
