//! A scenario: what traffic to send, and what must come of it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use toml::de::DeTable;

use crate::arrival::Draw;
use crate::error::ScenarioError;
use crate::fields::{Document, Fields, Value};
use crate::journey::{Journey, JourneyWalk};
use crate::key_space::KeySpace;
use crate::load::{Load, Model};
use crate::nearest::suggestion;
use crate::overrides::Overrides;
use crate::phase::{Phase, Shape, TraceReader};
use crate::popularity::Popularity;
use crate::request::{Request, RequestContext, captured_names};
use crate::rule::{Rule, Scope};
use crate::schedule::Schedule;
use crate::stream::stream;
use crate::targets::Targets;
use crate::template::Template;

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
    /// What the users of a closed model do.
    pub journeys: Vec<Journey>,
    /// The objectives.
    pub rules: Vec<Rule>,
    pub(crate) origin: PathBuf,
    pub(crate) variable_names: Arc<[String]>,
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
/// No list of a scenario is longer, so that a run's memory stays bounded.
const LONGEST_LIST: usize = 10_000;

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
        let scenario = read(document, document.fields(&root))?;
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

    /// Returns the steps of one user of a closed model; empty in an open one.
    pub fn journey_walk(&self, user: u64) -> JourneyWalk<'_> {
        JourneyWalk::new(self, user)
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
        })
    }

    /// Returns the name of a captured variable.
    pub fn variable_name(&self, index: usize) -> Option<&str> {
        self.variable_names.get(index).map(String::as_str)
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
        if self.load.model == Model::Closed {
            let walked = |journey: &Journey| {
                journey.weight > 0.0 && journey.steps.iter().any(|step| in_scope(*step))
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
        self.rules.iter().try_for_each(|rule| rule.check(self))
    }
}

fn read(document: Document<'_>, mut fields: Fields<'_>) -> Result<Scenario, ScenarioError> {
    let version = fields.required("version")?;
    if version.count(0..=u64::MAX)? != 1 {
        return Err(version.error("this tenfold reads scenarios of version 1"));
    }
    let name = fields.required("name")?.name()?;
    let description = match fields.optional("description") {
        None => String::new(),
        Some(value) => value.text()?.to_owned(),
    };
    let seed = match fields.optional("seed") {
        None => 0,
        Some(value) => value.count(0..=i64::MAX as u64)?,
    };
    let load = match fields.optional("load") {
        None => Load::standard(Model::Open),
        Some(value) => Load::read(value.table("the load")?)?,
    };
    let user_space = match fields.optional("users") {
        None => KeySpace::default_users(seed),
        Some(value) => KeySpace::read_users(value.table("the users")?, seed)?,
    };
    let sessions_value = fields.optional("sessions");
    let rules_value = fields.optional("rules");
    let key_values = tables(&mut fields, "keys")?;
    let journey_values = tables(&mut fields, "journeys")?;
    // The unknown before the missing: a misspelt table is both, and its name is what helps.
    let request_list = fields.required("requests")?;
    let phase_list = fields.required("phases")?;
    fields.finish()?;
    let request_values = bounded(&request_list)?;
    let phase_values = bounded(&phase_list)?;

    let mut key_spaces: Vec<KeySpace> = Vec::new();
    for value in &key_values {
        let space = KeySpace::read(value.table("keys")?, seed)?;
        if key_spaces.iter().any(|other| other.name == space.name) {
            return Err(value.error(format!("two keys are called `{}`", space.name)));
        }
        key_spaces.push(space);
    }
    if load.model == Model::Closed
        && let Some(at) = key_spaces
            .iter()
            .position(|space| matches!(space.popularity, Popularity::FlashCrowd(_)))
    {
        return Err(key_values[at]
            .error("a flash crowd needs an open model: users of a closed one know no time"));
    }

    let mut names: Vec<String> = Vec::new();
    for value in &request_values {
        for name in captured_names(value)? {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    let mut context = RequestContext {
        key_spaces: &key_spaces,
        variable_names: names.into(),
        variable_headers: Vec::new(),
    };
    let mut requests: Vec<Request> = Vec::new();
    for value in &request_values {
        let request = Request::read(value.table("a request")?, &mut context)?;
        if requests.iter().any(|other| other.name == request.name) {
            return Err(value.error(format!("two requests are called `{}`", request.name)));
        }
        requests.push(request);
    }
    let RequestContext {
        variable_names,
        variable_headers,
        ..
    } = context;
    let request_names: Vec<&str> = requests
        .iter()
        .map(|request| request.name.as_str())
        .collect();

    let mut traces = TraceReader {
        folder: document.origin.parent().unwrap_or(Path::new("")),
        requests: request_names
            .iter()
            .map(|name| (*name).to_owned())
            .zip(0..)
            .collect::<HashMap<_, _>>(),
        targets: Targets::default(),
    };
    let phases = read_phases(&phase_values, load.model, &mut traces)?;
    let counted = phases.iter().any(|phase| !phase.warm_up);
    if !counted {
        return Err(phase_list.error("all phases are warm-up, so nothing would be counted"));
    }
    let curved = phases
        .iter()
        .any(|phase| !matches!(phase.shape, Shape::Trace(_) | Shape::Users));
    if curved && requests.iter().all(|request| request.weight <= 0.0) {
        return Err(request_list.error("no request has a weight, so nothing would be sent"));
    }
    for (value, request) in request_values.iter().zip(&requests) {
        if curved && request.weight > 0.0 && request.uses_target() {
            return Err(value
                .error(format!(
                    "request `{}` uses `{{target}}`, which only a trace has",
                    request.name
                ))
                .hint("give it weight = 0, or use phases of kind \"trace\" alone"));
        }
    }

    let sessions = sessions_value
        .map(|value| read_sessions(&value, &requests))
        .transpose()?;
    let mut journeys: Vec<Journey> = Vec::new();
    for value in &journey_values {
        if load.model == Model::Open {
            return Err(value
                .error("journeys need a closed model")
                .hint("write model = \"closed\" under [load]"));
        }
        let journey = Journey::read(value.table("a journey")?, &requests)?;
        if journeys.iter().any(|other| other.name == journey.name) {
            return Err(value.error(format!("two journeys are called `{}`", journey.name)));
        }
        journeys.push(journey);
    }
    if load.model == Model::Closed && journeys.iter().all(|journey| journey.weight <= 0.0) {
        return Err(ScenarioError::whole(
            document.origin,
            "a closed model needs [[journeys]], at least one of them with a weight",
        ));
    }
    let mut rules = Vec::new();
    if let Some(value) = rules_value {
        for rule in bounded(&value)? {
            rules.push(Rule::read(&rule, &request_names)?);
        }
    }

    let targets = Arc::new(traces.targets);
    for request in &mut requests {
        request.set_targets(Arc::clone(&targets));
    }
    Ok(Scenario {
        name,
        description,
        seed,
        text: document.text.to_owned(),
        load,
        phases,
        key_spaces,
        user_space,
        requests,
        sessions,
        journeys,
        rules,
        origin: document.origin.to_owned(),
        variable_names,
        variable_headers: variable_headers.into(),
        targets,
    })
}

fn read_phases(
    values: &[Value<'_>],
    model: Model,
    traces: &mut TraceReader<'_>,
) -> Result<Vec<Phase>, ScenarioError> {
    let mut phases: Vec<Phase> = Vec::new();
    let mut start = Duration::ZERO;
    let mut profiled = None;
    for (value, index) in values.iter().zip(0..) {
        let (phase, profile) = Phase::read(value.table("a phase")?, model, start, traces)?;
        if phases.iter().any(|other| other.name == phase.name) {
            return Err(value.error(format!("two phases are called `{}`", phase.name)));
        }
        if profile == Some(true) {
            if profiled.is_some() {
                return Err(
                    value.error("two phases have `profile = true`, but one profile is taken")
                );
            }
            profiled = Some(index);
        }
        start = phase.end();
        phases.push(phase);
    }
    // The first of the longest.
    let longest = phases
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, phase)| !phase.warm_up)
        .max_by_key(|(_, phase)| phase.duration)
        .map(|(index, _)| index);
    if let Some(index) = profiled.or(longest) {
        phases[index].profiled = true;
    }
    Ok(phases)
}

fn read_sessions(value: &Value<'_>, requests: &[Request]) -> Result<Sessions, ScenarioError> {
    let mut fields = value.table("the sessions")?;
    let login_value = fields.required("login")?;
    let wanted = login_value.text()?;
    let login = requests
        .iter()
        .position(|request| request.name == wanted)
        .ok_or_else(|| {
            login_value
                .error(format!(
                    "the scenario has no request `{}`",
                    crate::fields::clip(wanted)
                ))
                .maybe_hint(suggestion(
                    wanted,
                    requests.iter().map(|request| request.name.as_str()),
                ))
        })?;
    if requests[login].captures.is_empty() {
        return Err(login_value
            .error(format!(
                "request `{wanted}` captures nothing, so it logs nobody in"
            ))
            .hint("add capture = { token = \"json:/token\" } to it"));
    }
    let count = fields.required("count")?.count(1..=1_000_000)?;
    fields.finish()?;
    Ok(Sessions { login, count })
}

/// Returns the tables of a list that may be missing.
fn tables<'a>(
    fields: &mut Fields<'a>,
    name: &'static str,
) -> Result<Vec<Value<'a>>, ScenarioError> {
    fields
        .optional(name)
        .map_or(Ok(Vec::new()), |value| bounded(&value))
}

fn bounded<'a>(value: &Value<'a>) -> Result<Vec<Value<'a>>, ScenarioError> {
    let list = value.list()?;
    match list.len() {
        0..=LONGEST_LIST => Ok(list),
        length => Err(value.error(format!(
            "the list has {length} entries, more than {LONGEST_LIST}"
        ))),
    }
}
