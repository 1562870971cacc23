//! A scenario's mix at a constant rate, and other objectives for it.

use std::time::Duration;

use toml::de::DeTable;

use super::Scenario;
use crate::format::error::ScenarioError;
use crate::format::fields::Document;
use crate::format::rate::Rate;
use crate::load::Model;
use crate::load::phase::{Constant, Phase, Ramp, Shape};
use crate::rule::{Metric, Rule, RuleNames};

/// Name of the phase that is not counted.
const WARM_UP: &str = "warm-up";

/// Share of the rate with which the warm-up begins.
const RAMP_FROM: f64 = 0.1;

/// Name of the counted phase.
const COUNTED: &str = "constant";

impl Scenario {
    /// Returns the scenario's mix of requests at a constant rate: a warm-up that grows from a tenth of it, then a counted phase.
    /// Connections open one after the other then: handshakes at the full rate can overload a service that would sustain it.
    ///
    /// Objectives never end the run, and those of a single phase of the scenario are left out. An objective on a
    /// percentile for which the phase is too short stays; it is not judged.
    ///
    /// # Errors
    /// Fails if the scenario has no mix at a given rate: a closed model, or a phase that replays a trace.
    pub fn at_constant_rate(
        &self,
        rate: Rate,
        warm_up: Duration,
        counted: Duration,
    ) -> Result<Self, ScenarioError> {
        let without_rate = |what: &str, hint: &str| {
            let message = format!("{what}, so the scenario can't be sent at a constant rate");
            Err(ScenarioError::whole(&self.origin, message).hint(hint))
        };
        if self.load.model == Model::Closed {
            return without_rate(
                "in a closed model, users set the pace",
                "write load.model = \"open\"; each arrival then begins a journey",
            );
        }
        let traced = |phase: &Phase| matches!(phase.shape, Shape::Trace(_));
        if self.phases.iter().any(traced) {
            return without_rate(
                "a trace has its own times",
                "make a scenario of the recording with `tenfold record --model`",
            );
        }
        let phase = |name: &str, start, duration, shape| Phase {
            name: name.to_owned(),
            warm_up: name == WARM_UP,
            profiled: name != WARM_UP,
            start,
            duration,
            shape,
        };
        let constant = Shape::Constant(Constant { rate });
        let mut phases = vec![phase(COUNTED, warm_up, counted, constant)];
        if !warm_up.is_zero() {
            let from = Rate::new(rate.per_second() * RAMP_FROM).unwrap_or(rate);
            let ramp = Shape::Ramp(Ramp { from, to: rate });
            phases.insert(0, phase(WARM_UP, Duration::ZERO, warm_up, ramp));
        }
        let mut scenario = self.clone();
        scenario.phases = phases;
        scenario.rules.retain(|rule| rule.phase.is_none());
        scenario.rules.iter_mut().for_each(Rule::never_abort);
        Ok(scenario)
    }

    /// Returns the mean rate over the counted phases, per second. 0 in a closed model.
    pub fn mean_rate(&self) -> f64 {
        let counted = self.phases.iter().filter(|phase| !phase.warm_up);
        let arrivals: f64 = counted.map(Phase::expected_arrivals).sum();
        arrivals / self.counted_duration().as_secs_f64().max(1e-9)
    }

    /// Returns the scenario with other objectives, each written as in a scenario. Without one on errors, at most 1% may fail.
    ///
    /// # Errors
    /// Fails if an objective is not valid for the scenario.
    pub fn with_rules(mut self, rules: &[String]) -> Result<Self, ScenarioError> {
        let requests: Vec<&str> = self.requests.iter().map(|own| own.name.as_str()).collect();
        let phases: Vec<&str> = self.phases.iter().map(|own| own.name.as_str()).collect();
        let names = RuleNames {
            requests: &requests,
            phases: &phases,
        };
        let texts = rules.iter().map(|rule| toml::Value::from(rule.as_str()));
        let text = format!("rules = {}", toml::Value::Array(texts.collect()));
        let document = Document {
            text: &text,
            origin: &self.origin,
        };
        let root = DeTable::parse(&text).map_err(|error| {
            document.error(error.span().unwrap_or(0..0), error.message().to_owned())
        })?;
        let values = document.fields(&root).required("rules")?.list()?;
        let mut read = values
            .iter()
            .map(|value| Rule::read_for(value, names, &self.requests))
            .collect::<Result<Vec<_>, _>>()
            .map_err(ScenarioError::without_position)?;
        if !read.iter().any(|rule| rule.metric == Metric::Errors) {
            read.push(Rule::default_errors());
        }
        self.rules = read;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn scenario(rest: &str) -> Scenario {
        let text = format!(
            "version = 1\nname = \"s\"\n{rest}\n[[requests]]\nname = \"get\"\nkind = \"read\"\npath = \"/\"\n"
        );
        Scenario::parse(&text, Path::new("s.toml")).unwrap()
    }

    const SPIKE: &str = "rules = [\"p50 < 1s\", \"p90 < 2s in \\\"day\\\"\", \"errors < 2%, abort after 5s\"]\n\
        [[phases]]\nname = \"in\"\nkind = \"constant\"\nrate = \"10/s\"\nduration = \"5s\"\nwarm_up = true\n\
        [[phases]]\nname = \"day\"\nkind = \"ramp\"\nfrom = \"100/s\"\nto = \"300/s\"\nduration = \"20s\"";

    fn at(scenario: &Scenario, per_second: f64) -> Scenario {
        let rate = Rate::new(per_second).unwrap();
        let (warm_up, counted) = (Duration::from_secs(1), Duration::from_secs(4));
        scenario.at_constant_rate(rate, warm_up, counted).unwrap()
    }

    #[test]
    fn any_curve_becomes_a_constant_rate() {
        let spike = scenario(SPIKE);
        assert!((spike.mean_rate() - 200.0).abs() < 1e-6);
        let constant = at(&spike, 50.0);
        assert_eq!(constant.duration(), Duration::from_secs(5));
        assert_eq!(constant.counted_duration(), Duration::from_secs(4));
        assert!((constant.mean_rate() - 50.0).abs() < 1e-6);
        assert_eq!(constant.phases[1].start, Duration::from_secs(1));
    }

    #[test]
    fn rules_never_abort_and_lose_those_of_a_phase() {
        let constant = at(&scenario(SPIKE), 50.0);
        let texts: Vec<&str> = constant
            .rules
            .iter()
            .map(|rule| rule.text.as_str())
            .collect();
        assert_eq!(texts, ["p50 < 1s", "errors < 2%"]);
        assert!(constant.rules.iter().all(|rule| rule.abort.is_none()));
    }

    #[test]
    fn other_rules_replace_those_of_the_scenario() {
        let rules = |rules: &[&str]| {
            let rules: Vec<String> = rules.iter().map(|rule| (*rule).to_owned()).collect();
            scenario(SPIKE).with_rules(&rules)
        };
        let texts = |scenario: Scenario| -> Vec<String> {
            scenario.rules.into_iter().map(|rule| rule.text).collect()
        };
        let read = rules(&["p99 < 50ms for \"get\""]).unwrap();
        assert_eq!(texts(read), ["p99 < 50ms for \"get\"", "errors < 1%"]);
        let error = rules(&["p99 < 50ms for \"put\""]).unwrap_err();
        assert_eq!(error.line, 0);
        assert!(error.to_string().contains("no request `put`"), "{error}");
        assert!(rules(&["p99 first_event < 1s"]).is_err());
        assert!(rules(&["\u{0}\"\n"]).is_err());
    }

    #[test]
    fn closed_model_has_no_rate() {
        let text = "[load]\nmodel = \"closed\"\nusers = 3\n[[journeys]]\nname = \"j\"\nweight = 1\nsteps = [{ request = \"get\" }]\n\
            [[phases]]\nname = \"all\"\nkind = \"users\"\nduration = \"5s\"";
        let error = scenario(text)
            .at_constant_rate(
                Rate::new(5.0).unwrap(),
                Duration::ZERO,
                Duration::from_secs(1),
            )
            .unwrap_err();
        assert!(error.to_string().contains("users set the pace"), "{error}");
    }
}
