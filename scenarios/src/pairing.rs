//! A scenario for two builds of a service at once.

use crate::arrival::Draw;
use crate::error::ScenarioError;
use crate::journey::{Action, Journey, JourneyStep};
use crate::load::Model;
use crate::request::Request;
use crate::rule::{Rule, Scope};
use crate::scenario::Scenario;
use crate::side::Side;

impl Scenario {
    /// Returns the scenario for two builds of a service at once: every request and journey is there
    /// twice, first all of the baseline's, then all of the candidate's, under names that tell the
    /// side ([`Side::named`]). A rule that is for one request is there twice as well.
    ///
    /// Its arrivals come in pairs: both of a pair are the same request, with the same key, the same
    /// user and the same random content, one to each side; which goes first is a fair toss of the
    /// seed's. The times are those of the scenario as it was, so its rate is that of both sides
    /// together. Where their number is odd, the last is not sent. Of the entries of a trace one of
    /// each two is sent, twice: which, is another toss.
    ///
    /// # Errors
    /// Fails for a closed model, and where it is paired already.
    pub fn paired(mut self) -> Result<Self, ScenarioError> {
        if self.load.model == Model::Closed {
            return Err(ScenarioError::whole(
                &self.origin,
                "a closed model can't be sent to two builds in pairs: how often each is asked would \
                 depend on how fast the other answers",
            )
            .hint("write model = \"open\" under [load], and give the phases a rate"));
        }
        if self.paired {
            return Err(ScenarioError::whole(
                &self.origin,
                "the scenario is paired already",
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
            steps: moved(&journey.steps, first(side, count)),
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

    /// Says whether it is for two builds at once.
    pub fn is_paired(&self) -> bool {
        self.paired
    }

    /// Returns the side that a request goes to, by its index; the baseline where the scenario is
    /// not paired.
    pub fn side_of(&self, request: usize) -> Side {
        match self.paired {
            true => Side::of_index(request, self.requests.len()),
            false => Side::Baseline,
        }
    }

    /// Returns what the index of a request was before the scenario was paired.
    pub fn request_of(&self, request: usize) -> usize {
        match self.side_of(request) {
            Side::Baseline => request,
            Side::Candidate => request - self.requests.len() / 2,
        }
    }

    /// Returns the same draw for one of the two sides. In a scenario that is not paired there is
    /// but one.
    pub fn on_side(&self, draw: Draw, side: Side) -> Draw {
        let request = self.request_of(draw.request);
        let request = match self.paired {
            true => request + first(side, self.requests.len() / 2),
            false => request,
        };
        Draw { request, ..draw }
    }

    /// Returns the requests of the baseline: all of them where the scenario is not paired.
    pub(crate) fn requests_of_one(&self) -> &[Request] {
        match self.paired {
            true => &self.requests[..self.requests.len() / 2],
            false => &self.requests,
        }
    }

    /// Returns the journeys of a side: all of them where the scenario is not paired.
    pub(crate) fn journeys_of(&self, side: Side) -> &[Journey] {
        let (baseline, candidate) = self.journeys.split_at(self.journeys.len() / 2);
        match (self.paired, side) {
            (false, _) => &self.journeys,
            (true, Side::Baseline) => baseline,
            (true, Side::Candidate) => candidate,
        }
    }
}

/// Where a side's part of a list of `count` for each side begins.
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

/// The same steps, with requests that begin at another index.
fn moved(steps: &[JourneyStep], by: usize) -> Vec<JourneyStep> {
    let of = |step: &JourneyStep| JourneyStep {
        action: match &step.action {
            Action::Request { request, think } => Action::Request {
                request: request + by,
                think: *think,
            },
            Action::Group { steps, turns } => Action::Group {
                steps: moved(steps, by),
                turns: turns.clone(),
            },
        },
        condition: step.condition.clone(),
        otherwise: moved(&step.otherwise, by),
    };
    steps.iter().map(of).collect()
}

/// A rule, or the same rule for each side where it is for one request of those called `names`.
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
