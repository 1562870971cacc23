//! Scenarios: traffic to send, and objectives to meet.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use toml::de::DeTable;

use crate::format::byte_order_mark;
use crate::format::error::ScenarioError;
use crate::format::fields::Document;
use crate::journey::Journey;
use crate::key_space::KeySpace;
use crate::load::phase::{Phase, Shape};
use crate::load::{Load, Model};
use crate::random::stream::stream;
use crate::request::Request;
use crate::request::data_file::{DataFile, RowOrder};
use crate::request::draw::Draw;
use crate::request::names::Names;
use crate::request::targets::Targets;
use crate::request::template::Template;
use crate::request::variables::Variables;
use crate::rule::Rule;

mod constant_rate;
pub(crate) mod overrides;
mod pairing;
mod reading;
mod rule_check;

use overrides::Overrides;

/// Traffic to send, in phases, and the objectives to meet.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Name.
    pub name: String,
    /// Purpose.
    pub description: String,
    /// Seed of all randomness.
    pub seed: u64,
    /// The TOML as read.
    pub text: String,
    /// Load model and limits.
    pub load: Load,
    /// Phases of the run, in order.
    pub phases: Vec<Phase>,
    /// Keys that requests use.
    pub key_spaces: Vec<KeySpace>,
    /// Users of the service, with their popularity.
    pub user_space: KeySpace,
    /// Requests.
    pub requests: Vec<Request>,
    /// Users that are logged in before the first arrival.
    pub sessions: Option<Sessions>,
    /// Journeys. In a closed model, each user runs one after another; in an open model, each arrival
    /// starts one. Without journeys, each arrival is a request.
    pub journeys: Vec<Journey>,
    /// Objectives.
    pub rules: Vec<Rule>,
    /// True if it is for two builds at once.
    pub(crate) paired: bool,
    pub(crate) origin: PathBuf,
    pub(crate) names: Names,
    pub(crate) variable_headers: Arc<[Template]>,
    targets: Arc<Targets>,
}

/// Users that are logged in before the first arrival; those requests are not counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sessions {
    /// Request that logs in a user; an index into [`Scenario::requests`].
    pub login: usize,
    /// Number of users.
    pub count: u64,
}

/// Maximum size of a scenario in bytes.
const SCENARIO_BYTES_MAX: u64 = 4 * 1024 * 1024;

impl Scenario {
    /// Reads a scenario from a file. Paths in it are relative to the file.
    ///
    /// # Errors
    /// Fails if the file can't be read or is invalid, with the position and advice.
    pub fn read(path: &Path) -> Result<Self, ScenarioError> {
        let unreadable = |error: std::io::Error| {
            ScenarioError::whole(path, format!("could not read the scenario: {error}"))
        };
        let size = std::fs::metadata(path).map_err(unreadable)?.len();
        if size > SCENARIO_BYTES_MAX {
            return Err(ScenarioError::whole(path, "a scenario has at most 4 MiB"));
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        Self::parse(byte_order_mark::strip(&text), path)
    }

    /// Reads a scenario from a text; `origin` is the path for messages and for relative paths.
    ///
    /// # Errors
    /// As for [`Scenario::read`].
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

    /// Applies overrides from the command line.
    ///
    /// # Errors
    /// Fails if an override is not valid for this scenario, or leaves a rule that can't be judged.
    pub fn with(self, overrides: &Overrides) -> Result<Self, ScenarioError> {
        let scenario = overrides.apply(self)?;
        scenario.check()?;
        Ok(scenario)
    }

    /// Returns the path that it was read from, to which the paths in it are relative.
    pub fn origin(&self) -> &Path {
        &self.origin
    }

    /// Returns the duration of all phases.
    pub fn duration(&self) -> Duration {
        self.phases.last().map_or(Duration::ZERO, Phase::end)
    }

    /// Returns the duration of the counted phases.
    pub fn counted_duration(&self) -> Duration {
        self.phases
            .iter()
            .filter(|phase| !phase.warm_up)
            .map(|phase| phase.duration)
            .sum()
    }

    /// Returns whether each arrival of the open model starts a journey.
    pub fn journeys_arrive(&self) -> bool {
        self.load.model == Model::Open && !self.journeys.is_empty()
    }

    /// Returns the variables of a new user or session, with the scenario's initial values.
    pub fn variables(&self) -> Variables {
        Variables::new(&self.names.initial, &self.variable_headers)
    }

    /// Returns the data that the scenario reads.
    pub fn data(&self) -> impl Iterator<Item = &DataFile> {
        self.names.data.iter().map(Arc::as_ref)
    }

    /// Returns the files that the scenario reads, as it names them: data, scripts, bodies, recordings and descriptions of gRPC services. Each once. A
    /// `.proto` file may import others, which are not among them.
    pub fn files(&self) -> Vec<&Path> {
        let bodies = self.requests.iter().flat_map(Request::files);
        let scripts = self.requests.iter().filter_map(|own| own.script.as_ref());
        let traces = self.phases.iter().filter_map(|phase| match &phase.shape {
            Shape::Trace(trace) => Some(trace.file.as_path()),
            _ => None,
        });
        let calls = self.requests.iter().filter_map(|own| own.grpc.as_ref());
        let descriptions = calls.flat_map(|call| &call.proto);
        let mut files: Vec<&Path> = self
            .data()
            .map(|data| data.file.as_path())
            .chain(scripts.filter_map(|script| script.file.as_deref()))
            .chain(bodies.map(|body| body.file.as_path()))
            .chain(traces)
            .chain(descriptions.map(|path| path.as_path()))
            .collect();
        files.sort_unstable();
        files.dedup();
        files
    }

    /// Returns the index of the phase at a time of the run; `None` after the end.
    pub fn phase_at(&self, time: Duration) -> Option<usize> {
        let after = self.phases.partition_point(|phase| phase.start <= time);
        let index = after.checked_sub(1)?;
        (time < self.phases[index].end()).then_some(index)
    }

    /// Returns the draw that logs in a session; `None` if the scenario has no such session.
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

    /// Returns the name of a variable.
    pub fn variable_name(&self, index: usize) -> Option<&str> {
        self.names.variables.get(index).map(String::as_str)
    }

    /// Returns the index of a variable.
    pub fn variable(&self, name: &str) -> Option<usize> {
        self.names.variables.iter().position(|known| known == name)
    }

    /// Returns the target of a recorded request.
    pub fn recorded_target(&self, draw: &Draw) -> Option<&str> {
        self.targets.get(draw.key)
    }

    /// Returns the scenario for another number of users of the service. Keys and sessions grow in proportion; the rate stays.
    #[must_use]
    pub fn for_users(&self, users: u64) -> Self {
        let factor = users as f64 / self.user_space.count as f64;
        let grown = |count: u64| (count as f64 * factor).round() as u64;
        let mut scenario = self.clone();
        for space in &mut scenario.key_spaces {
            *space = space.resized(grown(space.count), self.seed);
        }
        scenario.user_space = self.user_space.resized(users, self.seed);
        if let Some(sessions) = &mut scenario.sessions {
            sessions.count = grown(sessions.count).clamp(1, scenario.user_space.count);
        }
        scenario
    }

    pub(crate) fn reseed(&mut self, seed: u64) {
        self.seed = seed;
        for space in self.key_spaces.iter_mut().chain([&mut self.user_space]) {
            *space = space.clone().reseeded(seed);
        }
    }

    /// Checks the scenario as a whole.
    fn check(&self) -> Result<(), ScenarioError> {
        if self.load.model == Model::Open {
            let counted = self.phases.iter().filter(|phase| !phase.warm_up);
            let expected: f64 = counted.map(Phase::expected_arrivals).sum();
            if expected < 1.0 {
                return Err(ScenarioError::whole(
                    &self.origin,
                    format!(
                        "the counted phases send about {expected:.2} requests, which is too few to measure"
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
                        "data `{}` has {} rows, fewer than the {users} users of {of}, which need \
                         one each",
                        data.name, data.rows
                    ),
                )
                .hint("use more rows or fewer users, or write order = \"random\""));
            }
        }
        self.rules.iter().try_for_each(|rule| self.check_rule(rule))
    }
}
