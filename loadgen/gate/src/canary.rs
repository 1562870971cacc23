//! Judgement of a new build in one instance, beside the others that serve the same load.
//!
//! A gate sends its own requests, in pairs. A canary is judged by the requests of users, which a balancer spreads: each round compares
//! the requests that the candidate answered with those that the others answered in the same seconds, by the services' own histograms.

mod figures;

use std::time::{Duration, Instant};

use tenfold_analysis::gate::{
    BadDay, Build, FailureRule, GateOutcome, Metric, Next, Pair, Plan, Role, Round, RoundRecord,
    Settings, Side, next,
};
use tenfold_loadgen::Interrupt;
use tenfold_probe::{AdminListener, Metrics};

use crate::GateError;
use crate::gate::description::machine;
use crate::gate::timetable::looks;
use crate::rounds::round::{MEAN, P90, P99, requests_min};
use figures::Figures;

/// Number of rounds in a row without an answer from the candidate, after which it counts as dead.
const SILENT_MAX: usize = 3;

/// Interval at which an interrupt is noticed.
const POLL: Duration = Duration::from_millis(50);

/// A service that answers a part of the requests.
#[derive(Debug, Clone)]
pub struct Instance {
    /// Name, for the outcome.
    pub name: String,
    /// Listener with its metrics.
    pub admin: AdminListener,
}

/// Options of a comparison.
pub struct CanaryOptions<'a> {
    /// Instance to judge.
    pub candidate: Instance,
    /// Instances to compare it with.
    pub baseline: Vec<Instance>,
    /// Error rates and limits. The looks are replaced by those that fit into the budget.
    pub settings: Settings,
    /// Time for all rounds, without the warm-up.
    pub budget: Duration,
    /// Length of a round.
    pub round: Duration,
    /// Time before the first round, which shows how many requests a round has.
    pub warm_up: Duration,
    /// Becomes `true` when the comparison is to end early.
    pub interrupt: Interrupt,
    /// Called before each round, with the number of rounds so far and in the budget.
    pub on_round: &'a mut dyn FnMut(usize, usize),
}

impl std::fmt::Debug for CanaryOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CanaryOptions")
            .field("candidate", &self.candidate)
            .field("baseline", &self.baseline)
            .finish_non_exhaustive()
    }
}

/// Compares an instance with the others until there is a decision or the budget is spent. Sends no requests but those for metrics.
///
/// # Errors
/// Fails if the settings allow no plan. A fault of the candidate is part of the outcome.
pub fn judge_canary(options: CanaryOptions<'_>) -> Result<GateOutcome, GateError> {
    let began = Instant::now();
    let started_at = jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string();
    let settings = Settings {
        looks: looks(options.budget, options.round, 1),
        ..options.settings.clone()
    };
    // An impossible budget is an error before anything is measured.
    plan(&settings, f64::INFINITY)?;
    let names: Vec<&str> = options
        .baseline
        .iter()
        .map(|own| own.name.as_str())
        .collect();
    let build = |label: &str| Build {
        label: label.to_owned(),
        given: label.to_owned(),
        ..Build::default()
    };
    let mut outcome = GateOutcome {
        tool: tenfold_measure::tool(),
        started_at,
        scenario: "requests of users".to_owned(),
        builds: Pair {
            baseline: build(&names.join(", ")),
            candidate: build(&options.candidate.name),
        },
        machine: machine(),
        settings: settings.clone(),
        ..GateOutcome::default()
    };
    let mut canary = Canary {
        options,
        settings,
        began,
        silent: 0,
    };
    canary.judge(&mut outcome)?;
    outcome.elapsed_s = began.elapsed().as_secs_f64();
    Ok(outcome.concluded())
}

/// A comparison in progress.
struct Canary<'a> {
    options: CanaryOptions<'a>,
    settings: Settings,
    began: Instant,
    /// Number of readings in a row in which the candidate did not answer.
    silent: usize,
}

/// Figures of the candidate and of each other instance. `None` if it did not answer.
struct Reading {
    candidate: Option<Figures>,
    baseline: Vec<Option<Figures>>,
}

impl Canary<'_> {
    fn judge(&mut self, outcome: &mut GateOutcome) -> Result<(), GateError> {
        let start = self.read();
        let Some(warm) = self.read_at(Instant::now() + self.options.warm_up) else {
            outcome.bad_days.push(interrupted(0));
            return Ok(());
        };
        let of_warm_up = between(&start, &warm)
            .candidate
            .map_or(0.0, |own| own.count());
        let rounds_of_warm_up =
            self.options.warm_up.as_secs_f64() / self.options.round.as_secs_f64();
        let plan = plan(&self.settings, of_warm_up / rounds_of_warm_up.max(1.0))?;
        let budget_rounds = self.settings.looks.last().copied().unwrap_or_default();
        let mut rounds: Vec<Round> = Vec::new();
        let mut before = warm;
        let mut edge = Instant::now();
        loop {
            (self.options.on_round)(rounds.len(), budget_rounds);
            let at_s = self.began.elapsed().as_secs_f64();
            edge += self.options.round;
            let Some(after) = self.read_at(edge) else {
                outcome.bad_days.push(interrupted(rounds.len()));
                return Ok(());
            };
            if let Some(status) = self.death(&before, &after) {
                outcome.bad_days.push(BadDay::Died {
                    side: Side::Candidate,
                    after_s: self.began.elapsed().as_secs_f64(),
                    status,
                    last_lines: Vec::new(),
                });
                return Ok(());
            }
            let round = round_of(&between(&before, &after));
            outcome.rounds.push(RoundRecord {
                at_s,
                seconds: self.options.round.as_secs_f64(),
                restarted: false,
                metrics: round.metrics.clone(),
                failures: round.failures,
            });
            rounds.push(round);
            before = after;
            if let Next::Stop(decision) = next(&rounds, &plan) {
                outcome.decision = Some(*decision);
                break;
            }
        }
        let sent = |side: Side| -> u64 {
            let counted = rounds.iter().filter_map(|round| round.failures);
            counted.map(|pair| pair.of(side).sent).sum()
        };
        for (side, named) in [
            (Side::Candidate, &outcome.builds.candidate.label),
            (Side::Baseline, &outcome.builds.baseline.label),
        ] {
            if sent(side) == 0 {
                let reason = format!("{named} answered no request");
                outcome.bad_days.push(BadDay::NothingMeasured { reason });
                break;
            }
        }
        Ok(())
    }

    /// Reads all instances at a time. `None` if interrupted before.
    fn read_at(&mut self, at: Instant) -> Option<Reading> {
        loop {
            if *self.options.interrupt.borrow() {
                return None;
            }
            match at.checked_duration_since(Instant::now()) {
                Some(left) if !left.is_zero() => std::thread::sleep(left.min(POLL)),
                _ => return Some(self.read()),
            }
        }
    }

    fn read(&mut self) -> Reading {
        let figures = |own: &Instance| {
            let metrics = Metrics::scrape(&own.admin.join("/metrics")).ok()?;
            Some(Figures::of(&metrics))
        };
        let reading = Reading {
            candidate: figures(&self.options.candidate),
            baseline: self.options.baseline.iter().map(figures).collect(),
        };
        self.silent = match reading.candidate {
            Some(_) => 0,
            None => self.silent + 1,
        };
        reading
    }

    /// Returns how the candidate ended. `None` if it did not.
    fn death(&self, before: &Reading, after: &Reading) -> Option<String> {
        if self.silent >= SILENT_MAX {
            return Some("its metrics can't be read any more".to_owned());
        }
        let (before, after) = (before.candidate.as_ref()?, after.candidate.as_ref()?);
        after
            .is_restarted_since(before)
            .then(|| "it was started again".to_owned())
    }
}

/// Plans the tests, for a number of requests that a round sends to the candidate.
fn plan(settings: &Settings, requests: f64) -> Result<Plan, GateError> {
    let mut metrics = vec![Metric::gated(MEAN, "us")];
    for (name, share) in [(P90, 0.9), (P99, 0.99)] {
        let least = requests_min(share);
        let mut metric = Metric::gated(name, "us");
        if requests < least {
            metric.role = Role::Informs;
            metric.not_gated_because = Some(format!(
                "a round has {requests:.0} requests of the candidate, but {name} needs {least:.0}; give a longer --round"
            ));
        }
        metrics.push(metric);
    }
    Ok(Plan::new(
        settings.clone(),
        metrics,
        Some(FailureRule::default()),
    )?)
}

/// Requests between two readings. An instance that did not answer one of them, or was started again, is left out.
fn between(before: &Reading, after: &Reading) -> Pair<Option<Figures>> {
    let since = |before: &Option<Figures>, after: &Option<Figures>| {
        let (before, after) = (before.as_ref()?, after.as_ref()?);
        (!after.is_restarted_since(before)).then(|| after.since(before))
    };
    let baseline = before.baseline.iter().zip(&after.baseline);
    Pair {
        candidate: since(&before.candidate, &after.candidate),
        baseline: baseline
            .filter_map(|(before, after)| since(before, after))
            .reduce(|sum, own| sum.plus(&own)),
    }
}

fn round_of(figures: &Pair<Option<Figures>>) -> Round {
    let mut round = Round::default();
    let (Some(baseline), Some(candidate)) = (&figures.baseline, &figures.candidate) else {
        return round;
    };
    let both = Pair {
        baseline,
        candidate,
    };
    type Value = fn(&Figures) -> Option<f64>;
    let values: [(&str, Value); 3] = [
        (MEAN, Figures::mean_us),
        (P90, |own| own.quantile_us(0.9)),
        (P99, |own| own.quantile_us(0.99)),
    ];
    for (name, of) in values {
        if let (Some(baseline), Some(candidate)) = (of(both.baseline), of(both.candidate)) {
            let pair = Pair {
                baseline,
                candidate,
            };
            round.metrics.insert(name.to_owned(), pair);
        }
    }
    round.failures = Some(both.map(|own| own.attempts()));
    round
}

fn interrupted(rounds: usize) -> BadDay {
    BadDay::Interrupted {
        by: "a signal".to_owned(),
        rounds,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{SocketAddr, TcpListener};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use tenfold_analysis::gate::Conclusion;

    use super::*;

    /// Service of a given speed, which has always just answered more requests.
    struct Service {
        address: SocketAddr,
        is_over: Arc<AtomicBool>,
        thread: Option<std::thread::JoinHandle<()>>,
    }

    impl Service {
        fn new(mean_us: u64, failed_of_ten: u64) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let is_over = Arc::new(AtomicBool::new(false));
            let over = is_over.clone();
            let thread = std::thread::spawn(move || {
                let (mut done, mut failed, mut sum_us) = (0, 0, 0);
                for stream in listener.incoming() {
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                    let mut stream = stream.unwrap();
                    let _ = stream.read(&mut [0; 1024]);
                    let noise = (done / 100) % 3;
                    done += 100;
                    failed += 10 * failed_of_ten;
                    sum_us += 100 * (mean_us + noise);
                    let name = "http_server_request_duration_seconds";
                    let mut body = String::new();
                    for (status, count) in [(200, done - failed), (500, failed)] {
                        let labels = format!(
                            "method=\"GET\",route=\"/v1/posts/{{id}}\",status=\"{status}\""
                        );
                        let sum_s = (sum_us * count / done) as f64 / 1e6;
                        body.push_str(&format!(
                            "{name}_bucket{{{labels},le=\"0.1\"}} {count}\n\
                             {name}_bucket{{{labels},le=\"+Inf\"}} {count}\n\
                             {name}_sum{{{labels}}} {sum_s}\n{name}_count{{{labels}}} {count}\n"
                        ));
                    }
                    let _ = write!(
                        stream,
                        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                        body.len()
                    );
                }
            });
            Self {
                address,
                is_over,
                thread: Some(thread),
            }
        }

        fn instance(&self, name: &str) -> Instance {
            Instance {
                name: name.to_owned(),
                admin: AdminListener::from(format!("http://{}", self.address).as_str()),
            }
        }
    }

    impl Drop for Service {
        fn drop(&mut self) {
            self.is_over.store(true, Ordering::Relaxed);
            let _ = std::net::TcpStream::connect(self.address);
            let _ = self.thread.take().unwrap().join();
        }
    }

    fn judged(candidate: &Service, others: &[&Service]) -> GateOutcome {
        let others = others.iter().zip(["app-1", "app-2"]);
        judge_canary(CanaryOptions {
            candidate: candidate.instance("app-3"),
            baseline: others.map(|(own, name)| own.instance(name)).collect(),
            settings: Settings::default(),
            budget: Duration::from_millis(800),
            round: Duration::from_millis(20),
            warm_up: Duration::from_millis(60),
            interrupt: tokio::sync::watch::channel(false).1,
            on_round: &mut |_, _| {},
        })
        .unwrap()
    }

    #[test]
    fn slower_instance_fails_and_equal_one_passes() {
        let (old, other) = (Service::new(1_000, 0), Service::new(1_000, 0));
        let equal = Service::new(1_000, 0);
        let outcome = judged(&equal, &[&old, &other]);
        assert_eq!(outcome.verdict, Conclusion::Pass, "{}", outcome.sentence);
        let slow = Service::new(1_300, 0);
        let outcome = judged(&slow, &[&old, &other]);
        assert_eq!(outcome.verdict, Conclusion::Fail, "{}", outcome.sentence);
        assert!(
            outcome.sentence.contains("mean response time"),
            "{}",
            outcome.sentence
        );
        assert_eq!(outcome.exit_code, 99);
    }

    #[test]
    fn instance_that_fails_requests_fails() {
        let (old, new) = (Service::new(1_000, 0), Service::new(1_000, 1));
        let outcome = judged(&new, &[&old]);
        assert_eq!(outcome.verdict, Conclusion::Fail, "{}", outcome.sentence);
        assert!(
            outcome.sentence.contains("requests fail"),
            "{}",
            outcome.sentence
        );
    }

    #[test]
    fn dead_or_idle_instance_does_not_pass() {
        let old = Service::new(1_000, 0);
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
        let mut dead = old.instance("app-3");
        dead.admin = AdminListener::from(format!("http://{}", address.unwrap()).as_str());
        let options = |candidate: Instance, baseline: Vec<Instance>| CanaryOptions {
            candidate,
            baseline,
            settings: Settings::default(),
            budget: Duration::from_millis(800),
            round: Duration::from_millis(20),
            warm_up: Duration::from_millis(20),
            interrupt: tokio::sync::watch::channel(false).1,
            on_round: Box::leak(Box::new(|_, _| {})),
        };
        let outcome = judge_canary(options(dead.clone(), vec![old.instance("app-1")])).unwrap();
        assert_eq!(outcome.verdict, Conclusion::Died, "{}", outcome.sentence);
        // Nothing to compare with.
        let outcome = judge_canary(options(old.instance("app-1"), vec![dead])).unwrap();
        assert_eq!(
            outcome.verdict,
            Conclusion::NothingMeasured,
            "{}",
            outcome.sentence
        );
        let mut short = options(old.instance("app-1"), vec![]);
        short.budget = Duration::from_millis(60);
        assert!(matches!(judge_canary(short), Err(GateError::Plan(_))));
    }
}
