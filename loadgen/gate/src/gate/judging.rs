//! What a gate judges beside its metrics: answers, memory, noise, and whether the load was what it should
//! have been.

use tenfold_analysis::gate::{BadDay, Decision, GateVerdict, MetricResult, Role, Settings, Side};

use crate::epoch::Epoch;
use crate::gate::Gate;
use crate::rounds::{CPU, MEAN};
use crate::{answers, memory};

/// The share of arrivals that may be dropped for a pass: beyond it, both builds share one queue for idle
/// users, and what sets them apart is lost in it.
const MOST_DROPPED: f64 = 0.01;

/// The share of requests that may fail on both sides for what is left to say anything.
const MOST_FAILED: f64 = 0.5;

impl Gate<'_> {
    /// Judges what is no metric: answers, memory, noise, the generator.
    pub(super) fn judge_the_rest(&mut self, decision: Option<&Decision>) {
        if let Some(answers) = self.answers()
            && let Some(differ) = answers::differ(&answers)
        {
            self.bad_days.push(differ);
        }
        if let Some(leak) = self
            .memory()
            .and_then(|memory| memory::leak(&memory, self.options.leak_limit_mib_per_min))
        {
            match leak {
                // It is no fault of the change, which may be what mends it.
                BadDay::Leaked {
                    side: Side::Baseline,
                    ..
                } => self.remarks.push(leak.sentence()),
                _ => self.bad_days.push(leak),
            }
        }
        self.judge_the_answered();
        self.judge_the_generator(decision);
        match decision.map(|decision| (decision, decision.verdict)) {
            Some((decision, GateVerdict::Inconclusive)) => {
                let open = decision.metrics.iter().filter(|result| {
                    result.metric.role == Role::Gated && result.verdict == GateVerdict::Inconclusive
                });
                self.bad_days
                    .extend(too_noisy(open, &self.options.settings));
            }
            Some((decision, GateVerdict::Pass)) => {
                // What is left where the calibration has taken these out says nothing of speed.
                let telling = |result: &&MetricResult| [CPU, MEAN].contains(&&*result.metric.name);
                let mut speed = decision.metrics.iter().filter(telling);
                if speed
                    .clone()
                    .all(|result| result.metric.role == Role::Informs)
                {
                    let worst = too_noisy(speed.by_ref(), &self.options.settings);
                    self.bad_days.push(
                        worst.unwrap_or(BadDay::NothingMeasured {
                            reason: "neither processor time nor mean response time could be gated"
                                .to_owned(),
                        }),
                    );
                }
            }
            _ => {}
        }
    }

    /// Judges whether enough requests were answered for times to say anything.
    pub(super) fn judge_the_answered(&mut self) {
        let count = |side: Side| {
            let attempts = self.records().filter_map(|round| round.failures);
            attempts.fold((0, 0), |(sent, failed), pair| {
                let of = pair.of(side);
                (sent + of.sent, failed + of.failed)
            })
        };
        let (baseline, candidate) = (count(Side::Baseline), count(Side::Candidate));
        let counts = [(Side::Baseline, baseline), (Side::Candidate, candidate)];
        // A candidate that answers nothing as expected while the baseline does is judged by its failures.
        let none = counts.iter().find(|(side, (sent, failed))| {
            *sent == 0 || (*side == Side::Baseline && sent == failed)
        });
        // Where the candidate alone fails so much, that is a verdict on it.
        let most = |(sent, failed): (u64, u64)| failed as f64 > MOST_FAILED * sent as f64;
        let reason = match none {
            Some((side, _)) => format!("the {side} completed no request"),
            None if most(baseline) && most(candidate) => format!(
                "{} of {} requests failed in the baseline, and {} of {} in the candidate",
                baseline.1, baseline.0, candidate.1, candidate.0
            ),
            None => return,
        };
        // Without rounds there is another reason.
        if self.records().next().is_some() {
            self.bad_days.push(BadDay::NothingMeasured { reason });
        }
    }

    /// Judges whether the generator kept up.
    pub(super) fn judge_the_generator(&mut self, decision: Option<&Decision>) {
        let sum = |of: fn(&Epoch) -> u64| self.epochs.iter().map(of).sum::<u64>();
        let (planned, dropped) = (sum(|epoch| epoch.planned), sum(|epoch| epoch.dropped));
        let late: usize = self.epochs.iter().map(|epoch| epoch.late_rounds).sum();
        if late > 0 {
            self.remarks.push(format!(
                "In {late} of {} rounds the generator itself was late; what response times those had does \
                 not count.",
                self.records().count()
            ));
        }
        if dropped == 0 {
            return;
        }
        let told = format!(
            "{dropped} of {planned} requests were never sent, because every user was busy: the rate is more \
             than builds and generator sustain together here"
        );
        let passed = decision.is_some_and(|decision| decision.verdict == GateVerdict::Pass);
        if passed && dropped as f64 > MOST_DROPPED * planned as f64 {
            self.bad_days.push(BadDay::NothingMeasured { reason: told });
        } else {
            self.remarks.push(format!("{told}."));
        }
    }
}

/// The metric that needs the most rounds, where it needs more than there were to be had.
fn too_noisy<'a>(
    metrics: impl Iterator<Item = &'a MetricResult>,
    settings: &Settings,
) -> Option<BadDay> {
    let budget_rounds = settings.looks.last().copied()?;
    let worst = metrics
        .filter_map(|result| Some((result, result.rounds_needed?)))
        .max_by_key(|(_, needed)| *needed)?;
    let (result, rounds_needed) = worst;
    (rounds_needed > budget_rounds).then(|| BadDay::TooNoisy {
        metric: result.metric.name.clone(),
        budget_rounds,
        rounds_needed,
        min_effect: result.limits.min_effect,
        smallest_detectable: result.smallest_detectable.unwrap_or(f64::INFINITY),
    })
}
