//! How a scenario is read from its parts.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{Scenario, Sessions};
use crate::data_set::DataSet;
use crate::error::ScenarioError;
use crate::fields::{Document, Fields, Value};
use crate::journey::Journey;
use crate::key_space::KeySpace;
use crate::load::{Load, Model};
use crate::names::{Names, read_declared};
use crate::nearest::suggestion;
use crate::phase::{Phase, Shape, TraceReader};
use crate::popularity::Popularity;
use crate::request::{Request, RequestContext, captured_names};
use crate::rule::Rule;
use crate::targets::Targets;

/// Each request has histograms of its own, some megabytes with all phases under way.
const MOST_REQUESTS: usize = 256;

/// A directory's name has at most 255 bytes, of which the time of the run takes some.
const LONGEST_NAME: usize = 200;

/// A scenario reads no more data files.
const MOST_DATA: usize = 16;

/// No list of a scenario is longer, so that a run's memory stays bounded.
const LONGEST_LIST: usize = 10_000;

/// Reads a whole scenario, all of whose parts are checked but for what only shows together.
pub(super) fn read(
    document: Document<'_>,
    mut fields: Fields<'_>,
) -> Result<Scenario, ScenarioError> {
    let version = fields.required("version")?;
    if version.count(0..=u64::MAX)? != 1 {
        return Err(version.error("this tenfold reads scenarios of version 1"));
    }
    let name_value = fields.required("name")?;
    let name = name_value.name()?;
    if name.len() > LONGEST_NAME {
        return Err(name_value
            .error(format!(
                "the scenario's name has {} bytes, more than {LONGEST_NAME}",
                name.len()
            ))
            .hint("it names the directory of each run; say more in `description`"));
    }
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
    let variables_value = fields.optional("variables");
    let data_value = fields.optional("data");
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
    if (load.model == Model::Closed || !journey_values.is_empty())
        && let Some(at) = key_spaces
            .iter()
            .position(|space| matches!(space.popularity, Popularity::FlashCrowd(_)))
    {
        return Err(key_values[at]
            .error("a flash crowd needs an open model without journeys: users know no time"));
    }

    let folder = document.origin.parent().unwrap_or(Path::new(""));
    let declared = match &variables_value {
        None => Vec::new(),
        Some(value) => read_declared(value)?,
    };
    let names = read_names(declared, &request_values, data_value.as_ref(), folder)?;
    let mut context = RequestContext {
        key_spaces: &key_spaces,
        names,
        folder,
        requests: request_values.iter().map(request_name).collect(),
        variable_headers: Vec::new(),
        engine: None,
    };
    if request_values.len() > MOST_REQUESTS {
        return Err(request_list
            .error(format!(
                "a scenario has at most {MOST_REQUESTS} requests, and this one has {}",
                request_values.len()
            ))
            .hint("give what differs in a path as `{key}`; a trace takes any number of targets"));
    }
    let mut requests: Vec<Request> = Vec::new();
    for value in &request_values {
        let request = Request::read(value.table("a request")?, &mut context)?;
        if requests.iter().any(|other| other.name == request.name) {
            return Err(value.error(format!("two requests are called `{}`", request.name)));
        }
        requests.push(request);
    }
    let RequestContext {
        names,
        variable_headers,
        ..
    } = context;
    let request_names: Vec<&str> = requests
        .iter()
        .map(|request| request.name.as_str())
        .collect();

    let mut traces = TraceReader {
        folder,
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
    if curved && journey_values.is_empty() && requests.iter().all(|request| request.weight <= 0.0) {
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
        if phases
            .iter()
            .any(|phase| matches!(phase.shape, Shape::Trace(_)))
        {
            return Err(value
                .error("a trace says itself which requests are sent, so it goes without journeys")
                .hint("give phases of another kind, or leave the journeys out"));
        }
        let journey = Journey::read(value.table("a journey")?, &requests, &names.variables)?;
        if journey.in_code && load.model == Model::Open {
            return Err(value
                .error("a journey in code needs a closed model")
                .hint("write model = \"closed\" under [load]"));
        }
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
    if let Some(value) = journey_values.first()
        && journeys.iter().all(|journey| journey.weight <= 0.0)
    {
        return Err(value.error("no journey has a weight, so nothing would be sent"));
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
        paired: false,
        origin: document.origin.to_owned(),
        names,
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

/// Returns all names that the scenario may use, and reads the data that some of them stand for.
fn read_names(
    declared: Vec<(String, Option<String>)>,
    requests: &[Value<'_>],
    data: Option<&Value<'_>>,
    folder: &Path,
) -> Result<Names, ScenarioError> {
    let (mut variables, mut initial): (Vec<_>, Vec<_>) = declared.into_iter().unzip();
    for value in requests {
        for name in captured_names(value)? {
            if !variables.contains(&name) {
                variables.push(name);
            }
        }
    }
    let mut sets: Vec<Arc<DataSet>> = Vec::new();
    if let Some(value) = data {
        let entries = value.table("the data")?.entries();
        if entries.len() > MOST_DATA {
            return Err(value.error(format!("a scenario reads at most {MOST_DATA} data files")));
        }
        for (name, _, value) in entries {
            let set = DataSet::read(&name, &value, folder, variables.len())?;
            variables.extend(set.variable_names());
            sets.push(Arc::new(set));
        }
    }
    initial.resize(variables.len(), None);
    Ok(Names {
        variables: variables.into(),
        initial: initial.into(),
        data: sets.into(),
    })
}

/// Returns a request's name without judging it.
fn request_name(request: &Value<'_>) -> String {
    let name = request
        .table("a request")
        .ok()
        .and_then(|mut fields| fields.optional("name"));
    let name = name.and_then(|name| name.text().ok());
    name.unwrap_or_default().to_owned()
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
