//! A scenario: what traffic to send, and what must come of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use toml::de::DeTable;

use crate::arrival::Draw;
use crate::data_set::{DataSet, RowOrder};
use crate::error::ScenarioError;
use crate::fields::Document;
use crate::journey::{Journey, JourneyWalk};
use crate::key_space::KeySpace;
use crate::load::{Load, Model};
use crate::names::Names;
use crate::overrides::Overrides;
use crate::phase::{Phase, Shape};
use crate::request::Request;
use crate::rule::{Rule, Scope};
use crate::schedule::Schedule;
use crate::stream::stream;
use crate::targets::Targets;
use crate::template::Template;

mod reading;

/// What traffic to send, in which phases, and the objectives it must meet.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What it is called.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Where all randomness comes from.
    pub seed: u64,
    /// The TOML as read.
    pub text: String,
    /// How the load is driven.
    pub load: Load,
    /// The stretches of the run, first to last.
    pub phases: Vec<Phase>,
    /// The keys that requests ask for.
    pub key_spaces: Vec<KeySpace>,
    /// The users of the service, and how active each is.
    pub user_space: KeySpace,
    /// The kinds of requests.
    pub requests: Vec<Request>,
    /// Users that are logged in before the first arrival.
    pub sessions: Option<Sessions>,
    /// What users do, step by step: each user of a closed model one after the other, each arrival
    /// of an open one a journey. Without journeys, each arrival is a request.
    pub journeys: Vec<Journey>,
    /// The objectives.
    pub rules: Vec<Rule>,
    /// Whether it is for two builds of a service at once.
    pub(crate) paired: bool,
    pub(crate) origin: PathBuf,
    pub(crate) names: Names,
    pub(crate) variable_headers: Arc<[Template]>,
    targets: Arc<Targets>,
}

/// Users that are logged in before the first arrival; their requests are not counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sessions {
    /// The request that logs one in; an index into [`Scenario::requests`].
    pub login: usize,
    /// How many there are.
    pub count: u64,
}

/// No scenario is larger.
const LARGEST: u64 = 4 * 1024 * 1024;

impl Scenario {
    /// Reads a scenario from a file. The traces it names are found relative to that file.
    ///
    /// # Errors
    /// Fails where the file can't be read or used, with the place and what to write instead.
    pub fn read(path: &Path) -> Result<Self, ScenarioError> {
        let unreadable = |error: std::io::Error| {
            ScenarioError::whole(path, format!("could not read the scenario: {error}"))
        };
        let size = std::fs::metadata(path).map_err(unreadable)?.len();
        if size > LARGEST {
            return Err(ScenarioError::whole(path, "a scenario has at most 4 MiB"));
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        Self::parse(&text, path)
    }

    /// Reads a scenario from a text; `origin` is the file's name, for messages and traces.
    ///
    /// # Errors
    /// As for [`Scenario::read`].
    pub fn parse(text: &str, origin: &Path) -> Result<Self, ScenarioError> {
        let document = Document { text, origin };
        let root = DeTable::parse(text).map_err(|error| {
            let message = error.message().trim().replace('\n', ", ");
            document.error(error.span().unwrap_or(0..0), message)
        })?;
        let scenario = reading::read(document, document.fields(&root))?;
        scenario.check()?;
        Ok(scenario)
    }

    /// Returns the scenario with what the command line changes.
    ///
    /// # Errors
    /// Fails where a change makes no sense for it, or leaves a rule that can't be judged.
    pub fn with(self, overrides: &Overrides) -> Result<Self, ScenarioError> {
        let scenario = overrides.apply(self)?;
        scenario.check()?;
        Ok(scenario)
    }

    /// Returns how long all phases last together.
    pub fn duration(&self) -> Duration {
        self.phases.last().map_or(Duration::ZERO, Phase::end)
    }

    /// Returns how long the phases last that are counted.
    pub fn counted_duration(&self) -> Duration {
        self.phases
            .iter()
            .filter(|phase| !phase.warm_up)
            .map(|phase| phase.duration)
            .sum()
    }

    /// Returns the plan of all arrivals; empty in a closed model.
    pub fn schedule(&self) -> Schedule<'_> {
        Schedule::new(self)
    }

    /// Returns the walk of one user of a closed model; none in an open one.
    pub fn journey_walk(&self, user: u64) -> Option<JourneyWalk<'_>> {
        (self.load.model == Model::Closed)
            .then(|| JourneyWalk::of_user(self, user))
            .flatten()
    }

    /// Returns the walk that an arrival begins, of which its own request is the first step; none
    /// where each arrival is a request by itself.
    pub fn arriving_walk(&self, draw: &Draw) -> Option<JourneyWalk<'_>> {
        self.journeys_arrive()
            .then(|| JourneyWalk::of_arrival(self, draw.turn, self.side_of(draw.request)))
            .flatten()
    }

    /// Says whether each arrival of the open model begins a journey.
    pub fn journeys_arrive(&self) -> bool {
        self.load.model == Model::Open && !self.journeys.is_empty()
    }

    /// Returns the data that it reads.
    pub fn data(&self) -> impl Iterator<Item = &DataSet> {
        self.names.data.iter().map(Arc::as_ref)
    }

    /// Returns the index of the phase at a time of the run.
    pub fn phase_at(&self, time: Duration) -> Option<usize> {
        let after = self.phases.partition_point(|phase| phase.start <= time);
        let index = after.checked_sub(1)?;
        (time < self.phases[index].end()).then_some(index)
    }

    /// Returns the draw that logs a session in; `None` where the scenario has no such session.
    pub fn login_draw(&self, session: u64) -> Option<Draw> {
        let sessions = self
            .sessions
            .as_ref()
            .filter(|sessions| session < sessions.count)?;
        let mut random = stream(self.seed, "session", session);
        let (rank, key) = match self.requests[sessions.login].key_space {
            None => (0, 0),
            Some(space) => self.key_spaces[space].draw(&mut random, Duration::ZERO),
        };
        let entropy = random.next_u64();
        Some(Draw {
            request: sessions.login,
            key,
            rank,
            user: session,
            entropy,
            turn: session,
        })
    }

    /// Returns the name of a captured variable.
    pub fn variable_name(&self, index: usize) -> Option<&str> {
        self.names.variables.get(index).map(String::as_str)
    }

    /// Returns the index of a variable, by its name.
    pub fn variable(&self, name: &str) -> Option<usize> {
        self.names.variables.iter().position(|known| known == name)
    }

    /// Returns the target of a recorded request, by the key of its draw.
    pub fn recorded_target(&self, draw: &Draw) -> Option<&str> {
        self.targets.get(draw.key)
    }

    /// Returns what the samples of a scope are called, and how many of them the counted phases are
    /// expected to give; `None` where only the run can tell.
    pub(crate) fn expected_samples(&self, scope: Scope) -> (String, Option<f64>) {
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
        let phases = self.phases.iter().filter(|phase| !phase.warm_up);
        let samples = phases.map(|phase| match &phase.shape {
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

    pub(crate) fn reseed(&mut self, seed: u64) {
        self.seed = seed;
        for space in self.key_spaces.iter_mut().chain([&mut self.user_space]) {
            *space = space.clone().reseeded(seed);
        }
    }

    /// Refuses what only shows in the whole.
    fn check(&self) -> Result<(), ScenarioError> {
        if self.load.model == Model::Open {
            let counted = self.phases.iter().filter(|phase| !phase.warm_up);
            let expected: f64 = counted.map(Phase::expected_arrivals).sum();
            if expected < 1.0 {
                return Err(ScenarioError::whole(
                    &self.origin,
                    format!(
                        "the counted phases send about {expected:.2} requests, too few to measure"
                    ),
                )
                .hint("run longer, or at a higher rate"));
            }
        }
        for data in self.data() {
            let (users, of) = match self.load.model {
                Model::Closed => (u64::from(self.load.users), "[load]"),
                Model::Open => (self.user_space.count, "[users]"),
            };
            if data.order == RowOrder::UniquePerUser && data.rows < users {
                return Err(ScenarioError::whole(
                    &self.origin,
                    format!(
                        "data `{}` has {} rows, fewer than the {users} users of {of}, who are to \
                         have one each",
                        data.name, data.rows
                    ),
                )
                .hint("give more rows or fewer users, or write order = \"random\""));
            }
        }
        self.rules.iter().try_for_each(|rule| rule.check(self))
    }
}
