//! Scenarios for two builds of a service at once.

use super::Scenario;
use crate::format::error::ScenarioError;
use crate::journey::{Action, Journey, JourneyStep};
use crate::load::Model;
use crate::request::Request;
use crate::request::draw::Draw;
use crate::request::side::Side;
use crate::rule::{Rule, Scope};

impl Scenario {
    /// Returns the scenario for two builds at once. It has every request and journey twice, first those
    /// of the baseline, then those of the candidate, with the side in their name ([`Side::named`]).
    /// Rules for one request are doubled too.
    ///
    /// Arrivals come in pairs: the same request, with the same key, user and random content, once to
    /// each side; the seed decides which goes first. Arrival times are unchanged, so the scenario's
    /// rate is that of both sides together. If the number of arrivals is odd, the last is not sent. Of
    /// each two entries in a trace, a random one is sent to both sides.
    ///
    /// # Errors
    /// Fails for a closed model, or if the scenario is already paired.
    pub fn paired(mut self) -> Result<Self, ScenarioError> {
        if self.load.model == Model::Closed {
            return Err(ScenarioError::whole(
                &self.origin,
                "a closed model can't be sent to two builds in pairs: the requests to each would depend \
                 on how fast the other responds",
            )
            .hint("write model = \"open\" under [load], and give the phases a rate"));
        }
        if self.paired {
            return Err(ScenarioError::whole(
                &self.origin,
                "the scenario is already paired",
            ));
        }
        let count = self.requests.len();
        let names: Vec<String> = self
            .requests
            .iter()
            .map(|request| request.name.clone())
            .collect();
        self.requests = doubled(&self.requests, |request, side| {
            request.on_side(side, first(side, count))
        });
        self.journeys = doubled(&self.journeys, |journey, side| Journey {
            name: side.named(&journey.name),
            steps: shifted(&journey.steps, first(side, count)),
            ..journey.clone()
        });
        self.rules = self
            .rules
            .iter()
            .flat_map(|rule| rules_of(rule, &names))
            .collect();
        self.paired = true;
        Ok(self)
    }

    /// Returns whether the scenario is for two builds at once.
    pub fn is_paired(&self) -> bool {
        self.paired
    }

    /// Returns the side of a request, by index; the baseline if the scenario is not paired.
    pub fn side_of(&self, request: usize) -> Side {
        match self.paired {
            true => Side::of_index(request, self.requests.len()),
            false => Side::Baseline,
        }
    }

    /// Returns the index of a request before pairing.
    pub fn request_of(&self, request: usize) -> usize {
        match self.side_of(request) {
            Side::Baseline => request,
            Side::Candidate => request - self.requests.len() / 2,
        }
    }

    /// Returns the same draw for the given side; unchanged if the scenario is not paired.
    pub fn on_side(&self, draw: Draw, side: Side) -> Draw {
        let request = self.request_of(draw.request);
        let request = match self.paired {
            true => request + first(side, self.requests.len() / 2),
            false => request,
        };
        Draw { request, ..draw }
    }

    /// Returns the requests of the baseline; all requests if the scenario is not paired.
    pub(crate) fn baseline_requests(&self) -> &[Request] {
        match self.paired {
            true => &self.requests[..self.requests.len() / 2],
            false => &self.requests,
        }
    }

    /// Returns the journeys of a side; all journeys if the scenario is not paired.
    pub(crate) fn journeys_of(&self, side: Side) -> &[Journey] {
        let (baseline, candidate) = self.journeys.split_at(self.journeys.len() / 2);
        match (self.paired, side) {
            (false, _) => &self.journeys,
            (true, Side::Baseline) => baseline,
            (true, Side::Candidate) => candidate,
        }
    }
}

/// Index of a side's first item in a list with `count` items per side.
fn first(side: Side, count: usize) -> usize {
    match side {
        Side::Baseline => 0,
        Side::Candidate => count,
    }
}

fn doubled<T>(items: &[T], on_side: impl Fn(&T, Side) -> T) -> Vec<T> {
    Side::ALL
        .into_iter()
        .flat_map(|side| items.iter().map(move |item| (item, side)))
        .map(|(item, side)| on_side(item, side))
        .collect()
}

/// Returns the steps with the indices of requests shifted by `by`.
fn shifted(steps: &[JourneyStep], by: usize) -> Vec<JourneyStep> {
    let of = |step: &JourneyStep| JourneyStep {
        action: match &step.action {
            Action::Request { request, think } => Action::Request {
                request: request + by,
                think: *think,
            },
            Action::Group { steps, turns } => Action::Group {
                steps: shifted(steps, by),
                turns: turns.clone(),
            },
        },
        condition: step.condition.clone(),
        otherwise: shifted(&step.otherwise, by),
    };
    steps.iter().map(of).collect()
}

/// Returns the rule, or one per side if it applies to a single request.
fn rules_of(rule: &Rule, names: &[String]) -> Vec<Rule> {
    let Scope::Request(request) = rule.scope else {
        return vec![rule.clone()];
    };
    let name = &names[request];
    Side::ALL
        .into_iter()
        .map(|side| Rule {
            text: rule
                .text
                .replace(&format!("\"{name}\""), &format!("\"{}\"", side.named(name))),
            scope: Scope::Request(request + first(side, names.len())),
            ..rule.clone()
        })
        .collect()
}
