//! The search for the knee in simulated services of known capacity.

mod builds;
mod judged;

use std::time::Duration;

use tenfold_analysis::knee::{Answer, Attempt, End, Goal, Outcome, Search};
use tenfold_analysis::synthetic::queue::{self, Queue, ServiceTime};

/// Pause between trials.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs a search in virtual time. Returns its answer, and how long it took.
fn search(
    goal: Goal,
    start: f64,
    mut try_rate: impl FnMut(Attempt, Duration) -> Outcome,
) -> (Answer, Duration) {
    let mut search = Search::new(goal, start, 1e6);
    let mut elapsed = Duration::ZERO;
    while let Some(attempt) = search.next() {
        let outcome = try_rate(attempt, elapsed);
        let took = attempt.duration + PAUSE;
        elapsed += took;
        search.record(outcome, took);
    }
    (search.answer(), elapsed)
}

/// Searches a queue with some seeds, and checks width and time of each answer. Returns a line for each that does not hold the
/// truth.
fn missed(goal: Goal, queue: &Queue, truth: f64, seeds: u64, budget: Duration) -> Vec<String> {
    let mut missed = Vec::new();
    for seed in 0..seeds {
        let mut stream = queue::stream(seed);
        let start = truth * [0.03, 0.4, 1.0, 5.0][seed as usize % 4];
        let (answer, took) = search(goal, start, |attempt, _| {
            queue.trial(attempt.rate, attempt.duration, &mut stream)
        });
        let (low, high) = (
            answer.sustained.unwrap_or(0.0),
            answer.failed.unwrap_or(f64::INFINITY),
        );
        if !(low..=high).contains(&truth) {
            let end = answer.end;
            missed.push(format!(
                "seed {seed}: {low:.1} to {high:.1}, {end:?} after {took:?}"
            ));
        }
        assert!(took <= budget, "{took:?}");
        if answer.end == End::Confirmed {
            assert!(high / low <= 1.0 + goal.width + 1e-9);
        }
    }
    missed
}

const FIVE_MINUTES: Duration = Duration::from_secs(300);

#[test]
fn finds_capacity_of_fixed_service_times() {
    // Eight permits of 5 ms answer 1,600/s.
    let queue = Queue {
        servers: 8,
        service: ServiceTime::Fixed(0.005),
        limit_p99_s: 0.5,
        ..Queue::default()
    };
    let missed = missed(Goal::thorough(), &queue, 1_600.0, 60, FIVE_MINUTES);
    assert!(missed.len() <= 3, "{missed:#?}");
}

#[test]
fn finds_capacity_of_exponential_service_times() {
    let queue = Queue {
        servers: 8,
        service: ServiceTime::Exponential(0.005),
        limit_p99_s: 0.5,
        ..Queue::default()
    };
    let missed = missed(Goal::thorough(), &queue, 1_600.0, 20, FIVE_MINUTES);
    assert!(missed.len() <= 2, "{missed:#?}");
}

#[test]
fn long_tails_are_found_about() {
    // M/M/1: the p99 of the response time is ln(100) / (capacity - rate). Half of the trials of 15 s meet it at a rate 1.5% higher,
    // because most of them lack the rare long queues.
    let queue = Queue {
        servers: 1,
        service: ServiceTime::Exponential(0.001),
        limit_p99_s: 0.05,
        ..Queue::default()
    };
    let truth = 1_000.0 - 100_f64.ln() / 0.05;
    let missed = missed(Goal::thorough(), &queue, truth, 20, FIVE_MINUTES);
    assert!(missed.len() <= 8, "{missed:#?}");
}

#[test]
fn finds_knee_despite_bad_moments_of_the_machine() {
    let queue = Queue {
        servers: 8,
        service: ServiceTime::Fixed(0.005),
        limit_p99_s: 0.5,
        bad_moment: 0.05,
    };
    let missed = missed(Goal::thorough(), &queue, 1_600.0, 20, FIVE_MINUTES);
    assert!(missed.len() <= 1, "{missed:#?}");
}

#[test]
fn quick_search_ends_within_90_seconds() {
    let queue = Queue {
        servers: 8,
        service: ServiceTime::Fixed(0.005),
        limit_p99_s: 0.5,
        ..Queue::default()
    };
    let budget = Duration::from_secs(90);
    let missed = missed(Goal::quick(), &queue, 1_600.0, 20, budget);
    assert!(missed.len() <= 1, "{missed:#?}");
}

/// Service that sustains every rate up to a capacity, which may depend on the time.
fn sharp(capacity: impl Fn(Duration) -> f64) -> impl Fn(Attempt, Duration) -> Outcome {
    move |attempt, elapsed| match capacity(elapsed) {
        capacity if attempt.rate <= capacity => Outcome::Sustained,
        capacity => Outcome::NotSustained { achieved: capacity },
    }
}

fn holds(answer: &Answer, capacity: f64) -> bool {
    let (low, high) = (answer.sustained, answer.failed);
    low.is_some_and(|low| low <= capacity) && high.is_some_and(|high| capacity < high)
}

#[test]
fn start_hardly_matters() {
    for start in [1.0, 60.0, 777.0, 1e5] {
        let (answer, took) = search(Goal::thorough(), start, sharp(|_| 777.0));
        assert_eq!(answer.end, End::Confirmed, "{start}");
        assert!(holds(&answer, 777.0), "{start}: {answer:?}");
        assert!(took < Duration::from_secs(200), "{start}: {took:?}");
    }
}

#[test]
fn service_that_warms_up_is_measured_warm() {
    let warm = Duration::from_secs(30);
    let (answer, _) = search(
        Goal::thorough(),
        100.0,
        sharp(|elapsed| if elapsed < warm { 150.0 } else { 900.0 }),
    );
    assert_eq!(answer.end, End::Confirmed);
    assert!(holds(&answer, 900.0), "{answer:?}");
}

#[test]
fn capacity_that_drifts_is_measured_at_its_end() {
    let (answer, took) = search(
        Goal::thorough(),
        100.0,
        sharp(|elapsed| 1_000.0 - 0.2 * elapsed.as_secs_f64()),
    );
    let last = 1_000.0 - 0.2 * took.as_secs_f64();
    let failed = answer.failed.unwrap();
    assert!(failed > last && failed < 1.08 * last, "{failed}, {last}");
}

#[test]
fn collapse_under_overload_does_not_mislead() {
    // Beyond its capacity, it answers a third of it.
    let (answer, _) = search(Goal::thorough(), 3_000.0, |attempt, _| match attempt.rate {
        rate if rate <= 500.0 => Outcome::Sustained,
        _ => Outcome::NotSustained { achieved: 170.0 },
    });
    assert_eq!(answer.end, End::Confirmed);
    assert!(holds(&answer, 500.0), "{answer:?}");
}

#[test]
fn hysteresis_is_reported() {
    // After an overload, it sustains half for as long as it is asked for more.
    let mut is_degraded = false;
    let (answer, _) = search(Goal::thorough(), 100.0, |attempt, _| {
        let capacity = if is_degraded { 500.0 } else { 1_000.0 };
        is_degraded = attempt.rate > capacity;
        match is_degraded {
            false => Outcome::Sustained,
            true => Outcome::NotSustained { achieved: capacity },
        }
    });
    let hysteresis = answer.hysteresis.unwrap();
    assert!(hysteresis.sustained_from_below > 500.0, "{hysteresis:?}");
    assert!(hysteresis.failed_from_above > 500.0, "{hysteresis:?}");
}

#[test]
fn limit_of_the_generator_makes_a_lower_bound() {
    let (answer, _) = search(Goal::thorough(), 100.0, |attempt, _| match attempt.rate {
        rate if rate <= 2_000.0 => Outcome::Sustained,
        _ => Outcome::NotMeasured,
    });
    assert_eq!(answer.end, End::Generator);
    assert_eq!(answer.failed, None);
    let sustained = answer.sustained.unwrap();
    assert!((1_000.0..=2_000.0).contains(&sustained), "{sustained}");
}

#[test]
fn bad_moment_of_generator_is_tried_again() {
    let mut trials = 0;
    let (answer, _) = search(Goal::thorough(), 100.0, |attempt, elapsed| {
        trials += 1;
        match trials % 4 {
            0 => Outcome::NotMeasured,
            _ => sharp(|_| 800.0)(attempt, elapsed),
        }
    });
    assert_eq!(answer.end, End::Confirmed);
    assert!(holds(&answer, 800.0));
}

#[test]
fn service_that_sustains_nothing_has_no_knee() {
    let (answer, _) = search(Goal::thorough(), 100.0, sharp(|_| 0.0));
    assert_eq!(answer.end, End::LowestRate);
    assert_eq!(answer.sustained, None);
}

#[test]
fn stop_keeps_what_is_known() {
    let mut search = Search::new(Goal::thorough(), 100.0, 1e6);
    search.record(Outcome::Sustained, Duration::from_secs(3));
    search.stop();
    assert_eq!(search.next(), None);
    assert_eq!(search.answer().end, End::Stopped);
    assert_eq!(search.answer().sustained, Some(100.0));
}

#[test]
fn unconfirmed_answer_has_the_nearest_rates_that_were_tried() {
    let capacity = 730.0;
    let goal = Goal {
        budget: Duration::from_secs(20),
        ..Goal::quick()
    };
    for start in [50.0, 700.0, 3_000.0] {
        let (answer, _) = search(goal, start, sharp(|_| capacity));
        assert_eq!(answer.end, End::OutOfTime, "from {start}");
        let tried = || answer.trials.iter().map(|trial| trial.rate);
        let below = tried().filter(|rate| *rate <= capacity);
        let above = tried().filter(|rate| *rate > capacity);
        assert_eq!(
            answer.sustained,
            below.max_by(f64::total_cmp),
            "from {start}"
        );
        assert_eq!(answer.failed, above.min_by(f64::total_cmp), "from {start}");
    }
}
