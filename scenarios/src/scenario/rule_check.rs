//! Check that a run can judge the rules of its scenario.

use super::Scenario;
use crate::format::clip::clip;
use crate::format::error::ScenarioError;
use crate::journey::Journey;
use crate::load::Model;
use crate::load::phase::Shape;
use crate::rule::{Metric, Rule, Scope};

/// Minimum number of samples beyond a percentile.
const SAMPLES_BEYOND_MIN: f64 = 10.0;

impl Scenario {
    /// Rejects a rule that no run of the scenario could judge.
    pub(super) fn check_rule(&self, rule: &Rule) -> Result<(), ScenarioError> {
        let wrong = |message: String| {
            let mut error = ScenarioError::whole(
                &self.origin,
                format!("rule `{}` {message}", clip(&rule.text)),
            );
            (error.line, error.column) = (rule.line, rule.column);
            error
        };
        if rule.metric == Metric::Rate {
            if self.load.model == Model::Closed {
                return Err(wrong(
                    "can't be judged: a closed model has no offered rate".to_owned(),
                )
                .hint("leave it out, or write load.model = \"open\""));
            }
            if rule.scope != Scope::All {
                return Err(
                    wrong("can't be judged: the rate applies to the whole run".to_owned())
                        .hint("leave out `for ...`"),
                );
            }
        }
        if let Some(phase) = rule.phase.map(|phase| &self.phases[phase])
            && phase.warm_up
        {
            return Err(wrong(format!(
                "can't be judged: phase `{}` is a warm-up, which is not counted",
                clip(&phase.name)
            ))
            .hint("name a counted phase, or leave out `in ...`"));
        }
        let (what, expected) = self.expected_samples(rule);
        let Some(expected) = expected else {
            return Ok(());
        };
        let (needed, beyond) = match rule.metric {
            Metric::Quantile(_, quantile) => (SAMPLES_BEYOND_MIN / (1.0 - quantile), true),
            _ => (1.0, false),
        };
        // Half a request of slack, because the expected number is a mean.
        if expected + 0.5 >= needed {
            return Ok(());
        }
        let reason = if expected < 0.5 {
            format!("can't be judged: the scenario sends no {what}")
        } else if beyond {
            format!(
                "can't be judged: about {expected:.0} {what} are counted, so fewer than {SAMPLES_BEYOND_MIN} would be beyond the percentile"
            )
        } else {
            format!("can't be judged: about {expected:.1} {what} are counted")
        };
        Err(wrong(reason).hint(if expected < 0.5 {
            "name a request that has a weight".to_owned()
        } else {
            format!(
                "it needs {:.0}: run longer, use a higher rate, or a lower percentile",
                (needed - 1e-6).ceil()
            )
        }))
    }

    /// Returns a description of the requests to which a rule applies, and their expected number in its
    /// phases; `None` if the number depends on the run.
    fn expected_samples(&self, rule: &Rule) -> (String, Option<f64>) {
        let scope = rule.scope;
        let in_scope = |index: usize| match scope {
            Scope::All => true,
            Scope::Kind(kind) => self.requests[index].kind == kind,
            Scope::Request(request) => index == request,
        };
        let what = match scope {
            Scope::All => "requests".to_owned(),
            Scope::Kind(kind) => kind.plural().to_owned(),
            Scope::Request(request) => format!("`{}`", self.requests[request].name),
        };
        if rule.metric.is_of_gaps() {
            // How many events a stream has depends on the service.
            return (what, None);
        }
        if self.load.model == Model::Closed || self.journeys_arrive() {
            let walked = |journey: &Journey| {
                journey.weight > 0.0
                    && (journey.in_code || journey.requests().into_iter().any(in_scope))
            };
            let never = !self.journeys.iter().any(walked);
            return (what, never.then_some(0.0));
        }
        let total: f64 = self.requests.iter().map(|request| request.weight).sum();
        let chosen = self
            .requests
            .iter()
            .enumerate()
            .filter(|(index, _)| in_scope(*index));
        let share = match total > 0.0 {
            true => chosen.map(|(_, request)| request.weight).sum::<f64>() / total,
            false => 0.0,
        };
        let phases = self.phases.iter().enumerate();
        let phases = phases.filter(|(index, phase)| {
            !phase.warm_up && rule.phase.is_none_or(|phase| phase == *index)
        });
        let samples = phases.map(|(_, phase)| match &phase.shape {
            Shape::Trace(trace) => {
                let sent = &trace.entries[..trace.entries_before(phase.duration)];
                sent.iter()
                    .filter(|entry| in_scope(entry.request as usize))
                    .count() as f64
            }
            _ => phase.expected_arrivals() * share,
        });
        (what, Some(samples.sum()))
    }
}
