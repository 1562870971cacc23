//! The simulation against closed forms of queueing theory.
//!
//! Each figure is the mean over twenty independent runs. It must agree with theory within four standard errors (99.9% by
//! Student's t with 19 degrees of freedom), and the standard error must be at most 2%, so that the test can fail.

use tenfold_simulation::{
    Demand, Discipline, Outcome, Path, Quota, Routing, Sample, Settings, Step, System, Tier,
    poisson, simulate,
};

const RUNS: u64 = 20;

/// Requests of a run that are counted.
const REQUESTS: f64 = 40_000.0;

fn tier(cores: u32, discipline: Discipline) -> Tier {
    Tier {
        name: "tier".to_owned(),
        copies: 1,
        cores,
        quota: None,
        discipline,
        routing: Routing::Random,
    }
}

fn system(tiers: Vec<Tier>, steps: Vec<Step>) -> System {
    System {
        tiers,
        paths: vec![Path::of(steps)],
        hop_s: 0.0,
    }
}

fn one(cores: u32, discipline: Discipline, demand: Demand) -> System {
    system(vec![tier(cores, discipline)], vec![Step::to(0, demand)])
}

fn outcome(system: &System, rate: f64, seed: u64) -> Outcome {
    let settings = Settings {
        warm_up_s: 2_000.0 / rate,
        counted_s: REQUESTS / rate,
        seed,
        in_flight_max: 1_000_000,
    };
    let whole = Sample::whole(system);
    let until = settings.warm_up_s + settings.counted_s;
    simulate(system, &whole, rate, poisson(rate, until, seed), settings)
}

/// Asserts that the mean of a figure over the runs is that of theory.
fn agree(system: &System, rate: f64, theory: f64, figure: impl Fn(&Outcome) -> f64) {
    let figures: Vec<f64> = (0..RUNS)
        .map(|seed| figure(&outcome(system, rate, seed)))
        .collect();
    let mean = figures.iter().sum::<f64>() / RUNS as f64;
    let squares: f64 = figures.iter().map(|own| (own - mean).powi(2)).sum();
    let error = (squares / (RUNS * (RUNS - 1)) as f64).sqrt();
    assert!(error < 0.02 * theory, "too noisy: {mean} +- {error}");
    assert!(
        (mean - theory).abs() < 4.0 * error.max(1e-9),
        "simulated {mean} +- {error}, theory {theory}"
    );
}

fn mean(outcome: &Outcome) -> f64 {
    outcome.mean(|_| true).unwrap()
}

use Discipline::{FirstComeFirstServed, ProcessorSharing};

#[test]
fn single_server_with_exponential_times() {
    // M/M/1: response times are exponential with mean 1 / (mu - lambda).
    let queue = one(1, FirstComeFirstServed, Demand::Exponential(1.0));
    agree(&queue, 0.7, 1.0 / 0.3, mean);
    agree(&queue, 0.7, 100_f64.ln() / 0.3, |own| {
        own.quantile(0.99, |_| true).unwrap()
    });
    agree(&queue, 0.7, 0.7, |own| own.tiers[0].mean);
}

#[test]
fn several_servers_follow_erlang_c() {
    // M/M/c: the wait is C(c, a) / (c mu - lambda), Erlang's formula for the probability to wait times the mean wait.
    let (servers, load) = (4_u32, 3.2_f64);
    let terms: Vec<f64> = (0..servers)
        .scan(1.0, |term, own| {
            let current = *term;
            *term *= load / f64::from(own + 1);
            Some(current)
        })
        .collect();
    let last = terms[3] * load / 4.0 / (1.0 - load / 4.0);
    let waits = last / (terms.iter().sum::<f64>() + last);
    let theory = 1.0 + waits / (4.0 - load);
    let queue = one(servers, FirstComeFirstServed, Demand::Exponential(1.0));
    agree(&queue, load, theory, mean);
}

#[test]
fn fixed_and_measured_times_follow_pollaczek_and_khinchine() {
    // M/G/1: the wait is lambda E[S^2] / (2 (1 - rho)).
    let rate = 0.8;
    let fixed = one(1, FirstComeFirstServed, Demand::Fixed(1.0));
    agree(&fixed, rate, 1.0 + rate / (2.0 * 0.2), mean);
    let measured = Demand::measured([(0.5, 9.0), (5.5, 1.0)]).unwrap();
    assert_eq!(measured.mean(), 1.0);
    let square = 0.9 * 0.25 + 0.1 * 30.25;
    let rate = 0.6;
    let queue = one(1, FirstComeFirstServed, measured);
    agree(&queue, rate, 1.0 + rate * square / (2.0 * 0.4), mean);
}

#[test]
fn sharing_is_insensitive_to_the_distribution() {
    // M/G/1-PS: the mean response time is E[S] / (1 - rho) for any distribution with this mean.
    let measured = Demand::measured([(0.5, 9.0), (5.5, 1.0)]).unwrap();
    for demand in [Demand::Fixed(1.0), Demand::Exponential(1.0), measured] {
        let queue = one(1, ProcessorSharing, demand);
        agree(&queue, 0.7, 1.0 / 0.3, mean);
    }
}

#[test]
fn stations_in_a_row_are_independent() {
    // Jackson: each is an M/M/1 of its own.
    let row = system(
        vec![
            tier(1, FirstComeFirstServed),
            tier(1, FirstComeFirstServed),
            tier(1, FirstComeFirstServed),
        ],
        vec![
            Step::to(0, Demand::Exponential(1.0)),
            Step::to(1, Demand::Exponential(0.5)),
            Step::to(2, Demand::Exponential(0.8)),
        ],
    );
    let theory = 1.0 / (1.0 - 0.7) + 1.0 / (2.0 - 0.7) + 1.0 / (1.25 - 0.7);
    agree(&row, 0.7, theory, mean);
}

#[test]
fn hops_and_delays_add_up() {
    let mut queue = one(1, FirstComeFirstServed, Demand::Fixed(0.001));
    queue.hop_s = 0.5;
    queue.paths[0].delay = Demand::Fixed(2.0);
    // There and back, at a load without queues.
    let found = mean(&outcome(&queue, 0.01, 1));
    assert!((found - 3.001).abs() < 1e-3, "{found}");
}

#[test]
fn two_parallel_visits_follow_flatto_and_hahn() {
    // Fork-join of two M/M/1 queues: (12 - rho) / 8 times the response time of one (Flatto and Hahn, 1984; Nelson and
    // Tantawi, 1988).
    let mut parts = tier(1, FirstComeFirstServed);
    parts.copies = 2;
    let mut step = Step::to(0, Demand::Exponential(1.0));
    step.width = 2;
    let fork = system(vec![parts], vec![step]);
    let rate = 0.6;
    agree(&fork, rate, (12.0 - rate) / 8.0 / (1.0 - rate), mean);
}

#[test]
fn turns_halve_the_arrivals_of_each_server() {
    // Two servers in turn: each is an E2/M/1 queue, whose response time is 1 / (mu (1 - sigma)), where sigma is the root of
    // sigma = (2 lambda / (2 lambda + mu - mu sigma))^2 below 1.
    let mut pair = tier(1, FirstComeFirstServed);
    pair.copies = 2;
    pair.routing = Routing::RoundRobin;
    let servers = system(vec![pair], vec![Step::to(0, Demand::Exponential(1.0))]);
    let own_rate: f64 = 0.7;
    let mut sigma: f64 = 0.5;
    for _ in 0..200 {
        sigma = (2.0 * own_rate / (2.0 * own_rate + 1.0 - sigma)).powi(2);
    }
    agree(&servers, 2.0 * own_rate, 1.0 / (1.0 - sigma), mean);
}

#[test]
fn a_quota_is_the_capacity() {
    let mut limited = tier(2, FirstComeFirstServed);
    limited.quota = Some(Quota {
        cpu_s: 0.002,
        period_s: 0.01,
    });
    let queue = system(vec![limited], vec![Step::to(0, Demand::Fixed(0.000_2))]);
    // 0.2 processors by 200 us: 1,000/s.
    assert_eq!(queue.saturation(&[1.0]), Some(1_000.0));
    let above = outcome(&queue, 1_200.0, 1);
    assert!(above.piled_up());
    let answered = above.answered as f64 / above.counted_s;
    assert!((answered / 1_000.0 - 1.0).abs() < 0.005, "{answered}");
    let below = outcome(&queue, 800.0, 1);
    assert!(!below.piled_up());
    // A server that used up its 2 ms stands still for up to 9 ms: the tail is of that size, though a request takes 200 us.
    let p99 = below.quantile(0.99, |_| true).unwrap();
    assert!((0.004..0.02).contains(&p99), "{p99}");
    agree(&queue, 800.0, 0.8, |own| own.tiers[0].mean);
}

#[test]
fn equal_seeds_give_equal_outcomes() {
    let queue = one(2, FirstComeFirstServed, Demand::Exponential(1.0));
    assert_eq!(outcome(&queue, 1.5, 7), outcome(&queue, 1.5, 7));
    assert_ne!(outcome(&queue, 1.5, 7), outcome(&queue, 1.5, 8));
}
