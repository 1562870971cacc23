//! Objectives of a simulated service.

use tenfold_scenarios::{Comparison, Kind, Latency, Metric, Rule, Scenario, Scope};

use crate::outcome::Outcome;

/// Objective on the response times of some requests.
#[derive(Debug, Clone, PartialEq)]
pub struct Objective {
    /// The objective as text.
    pub text: String,
    /// Requests that it is for, by their number: true if it holds for them.
    pub paths: Vec<bool>,
    /// Figure that is compared.
    pub statistic: Statistic,
    /// Comparison with the limit.
    pub comparison: Comparison,
    /// Limit, in seconds.
    pub limit_s: f64,
}

/// A figure of response times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Statistic {
    /// Quantile, a fraction such as 0.99.
    Quantile(f64),
    /// Mean.
    Mean,
    /// Maximum.
    Max,
}

impl Objective {
    /// Returns whether a simulated service meets it. `None` without requests that it is for.
    pub fn is_met(&self, outcome: &Outcome) -> Option<bool> {
        let is_for = |path: usize| self.paths.get(path).copied().unwrap_or(false);
        let value = match self.statistic {
            Statistic::Quantile(quantile) => outcome.quantile(quantile, is_for),
            Statistic::Mean => outcome.mean(is_for),
            Statistic::Max => outcome.quantile(1.0, is_for),
        };
        Some(self.comparison.holds(value?, self.limit_s))
    }
}

/// Returns the objectives of a scenario on response times and service times, which are the same in a simulation. Those on
/// errors, on the rate and on streams of events are left out: the simulated service loses nothing and has no events.
pub fn objectives(scenario: &Scenario) -> Vec<Objective> {
    let of_rule = |rule: &Rule| {
        let statistic = match rule.metric {
            Metric::Quantile(Latency::Response | Latency::Service, quantile) => {
                Statistic::Quantile(quantile)
            }
            Metric::Mean(Latency::Response | Latency::Service) => Statistic::Mean,
            Metric::Max(Latency::Response | Latency::Service) => Statistic::Max,
            _ => return None,
        };
        let requests = scenario.requests.iter().enumerate();
        let paths = requests.map(|(number, request)| match rule.scope {
            Scope::All => true,
            Scope::Kind(kind) => (request.kind == Kind::Read) == (kind == Kind::Read),
            Scope::Request(one) => one == number,
        });
        Some(Objective {
            text: rule.text.clone(),
            paths: paths.collect(),
            statistic,
            comparison: rule.comparison,
            limit_s: rule.limit / 1e9,
        })
    };
    scenario.rules.iter().filter_map(of_rule).collect()
}
