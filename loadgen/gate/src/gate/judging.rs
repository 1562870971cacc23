//! Judgement beside the metrics: responses, memory, noise, and the load itself.

use tenfold_analysis::gate::{BadDay, Decision, GateVerdict, MetricResult, Role, Settings, Side};

use crate::gate::{Gate, answers, memory};
use crate::rounds::epoch::Epoch;
use crate::rounds::round::{CPU, MEAN};

/// Largest share of dropped arrivals for a pass. Beyond it, both builds share one queue for idle users, which
/// hides their difference.
const DROPPED_MAX: f64 = 0.01;

/// Largest share of failed requests on both sides that leaves enough responses to judge.
const FAILED_MAX: f64 = 0.5;

impl Gate<'_> {
    /// Judges everything beside the metrics: responses, memory, completion, generator and noise.
    pub(super) fn judge_beside_metrics(&mut self, decision: Option<&Decision>) {
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
                // The change is not at fault; it may even fix the leak.
                BadDay::Leaked {
                    side: Side::Baseline,
                    ..
                } => self.remarks.push(leak.sentence()),
                _ => self.bad_days.push(leak),
            }
        }
        self.judge_completion();
        self.judge_generator(decision);
        match decision.map(|decision| (decision, decision.verdict)) {
            Some((decision, GateVerdict::Inconclusive)) => {
                let open = decision.metrics.iter().filter(|result| {
                    result.metric.role == Role::Gated && result.verdict == GateVerdict::Inconclusive
                });
                self.bad_days
                    .extend(too_noisy(open, &self.options.settings));
            }
            Some((decision, GateVerdict::Pass)) => {
                // The other metrics say nothing about speed.
                let is_speed = |result: &&MetricResult| [CPU, MEAN].contains(&&*result.metric.name);
                let mut speed = decision.metrics.iter().filter(is_speed);
                if speed
                    .clone()
                    .all(|result| result.metric.role == Role::Informs)
                {
                    let worst = too_noisy(speed.by_ref(), &self.options.settings);
                    self.bad_days.push(worst.unwrap_or(BadDay::NothingMeasured {
                        reason: "neither CPU time nor mean response time could be gated".to_owned(),
                    }));
                }
            }
            _ => {}
        }
    }

    /// Judges whether enough requests completed for response times to be meaningful.
    pub(super) fn judge_completion(&mut self) {
        let count = |side: Side| {
            let attempts = self.records().filter_map(|round| round.failures);
            attempts.fold((0, 0), |(sent, failed), pair| {
                let of = pair.of(side);
                (sent + of.sent, failed + of.failed)
            })
        };
        let (baseline, candidate) = (count(Side::Baseline), count(Side::Candidate));
        let counts = [(Side::Baseline, baseline), (Side::Candidate, candidate)];
        // A candidate without any expected response is judged by its failures if the baseline has some.
        let none = counts.iter().find(|(side, (sent, failed))| {
            *sent == 0 || (*side == Side::Baseline && sent == failed)
        });
        // Failures of the candidate alone are a verdict on it.
        let most = |(sent, failed): (u64, u64)| failed as f64 > FAILED_MAX * sent as f64;
        let reason = match none {
            Some((side, _)) => format!("the {side} completed no request"),
            None if most(baseline) && most(candidate) => format!(
                "{} of {} requests to the baseline failed, and {} of {} to the candidate",
                baseline.1, baseline.0, candidate.1, candidate.0
            ),
            None => return,
        };
        // Without rounds, another reason is already recorded.
        if self.records().next().is_some() {
            self.bad_days.push(BadDay::NothingMeasured { reason });
        }
    }

    /// Judges whether the generator kept up with the schedule.
    pub(super) fn judge_generator(&mut self, decision: Option<&Decision>) {
        let sum = |of: fn(&Epoch) -> u64| self.epochs.iter().map(of).sum::<u64>();
        let (planned, dropped) = (sum(|epoch| epoch.planned), sum(|epoch| epoch.dropped));
        let late: usize = self.epochs.iter().map(|epoch| epoch.late_rounds).sum();
        if late > 0 {
            self.remarks.push(format!(
                "In {late} of {} rounds the generator itself was late, so their response times do not \
                 count.",
                self.records().count()
            ));
        }
        if dropped == 0 {
            return;
        }
        let reason = format!(
            "{dropped} of {planned} requests were never sent, because every user was busy: the rate is \
             higher than builds and generator sustain together on this machine"
        );
        let passed = decision.is_some_and(|decision| decision.verdict == GateVerdict::Pass);
        if passed && dropped as f64 > DROPPED_MAX * planned as f64 {
            self.bad_days.push(BadDay::NothingMeasured { reason });
        } else {
            self.remarks.push(format!("{reason}."));
        }
    }
}

/// Returns the metric that needs the most rounds, if the budget does not allow as many.
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
