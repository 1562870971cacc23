//! Reading of a scenario from TOML.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{Scenario, Sessions};
use crate::format::clip::clip;
use crate::format::error::ScenarioError;
use crate::format::fields::{Document, Fields, Value};
use crate::format::nearest::suggestion;
use crate::journey::Journey;
use crate::key_space::KeySpace;
use crate::key_space::popularity::Popularity;
use crate::load::phase::{Phase, Shape, TraceReader};
use crate::load::{Load, Model};
use crate::request::data_file::DataFile;
use crate::request::names::{Names, read_declared};
use crate::request::targets::Targets;
use crate::request::transport::Transport;
use crate::request::{Request, RequestContext, captured_names};
use crate::rule::{Metric, Rule, RuleNames};

/// Maximum number of requests. Each has its own histograms, which take several megabytes over all
/// phases.
const REQUESTS_MAX: usize = 256;

/// Maximum length of a name in bytes. The name of a run directory has at most 255 bytes, including the
/// time.
const NAME_BYTES_MAX: usize = 200;

/// Maximum number of data files.
const DATA_MAX: usize = 16;

/// Maximum length of a list, to bound the memory of a run.
const LIST_MAX: usize = 10_000;

/// Reads a scenario. Checks all parts, but not the scenario as a whole.
pub(super) fn read(
    document: Document<'_>,
    mut fields: Fields<'_>,
) -> Result<Scenario, ScenarioError> {
    let version = fields.required("version")?;
    if version.count(0..=u64::MAX)? != 1 {
        return Err(version.error("unsupported version: this tenfold reads scenarios of version 1"));
    }
    let name_value = fields.required("name")?;
    let name = name_value.name()?;
    if name.len() > NAME_BYTES_MAX {
        return Err(name_value
            .error(format!(
                "the scenario's name has {} bytes, more than {NAME_BYTES_MAX}",
                name.len()
            ))
            .hint("run directories are named after it; use `description` for more text"));
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
        None => Load::with_defaults(Model::Open),
        Some(value) => Load::read(value.table("the load")?)?,
    };
    let user_space = match fields.optional("users") {
        None => KeySpace::default_users(seed),
        Some(value) => KeySpace::read_users(value.table("the users")?, seed)?,
    };
    let transport = match fields.optional("http") {
        None => Transport::default(),
        Some(value) => Transport::read_defaults(&value)?,
    };
    let sessions_value = fields.optional("sessions");
    let variables_value = fields.optional("variables");
    let data_value = fields.optional("data");
    let rules_value = fields.optional("rules");
    let key_values = tables(&mut fields, "keys")?;
    let journey_values = tables(&mut fields, "journeys")?;
    // Unknown fields are reported before missing ones: a misspelt table is both, and its name helps
    // more.
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
        return Err(key_values[at].error("a flash crowd requires an open model without journeys"));
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
        transport,
        variable_headers: Vec::new(),
        engine: None,
    };
    if request_values.len() > REQUESTS_MAX {
        return Err(request_list
            .error(format!(
                "a scenario has at most {REQUESTS_MAX} requests, and this one has {}",
                request_values.len()
            ))
            .hint(
                "use `{key}` for the variable part of a path, or a trace for any number of targets",
            ));
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
                .hint("set weight = 0, or use only phases of kind \"trace\""));
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
                .error(
                    "a trace can't be combined with journeys, because it determines the requests",
                )
                .hint("use phases of another kind, or leave out the journeys"));
        }
        let journey = Journey::read(value.table("a journey")?, &requests, &names.variables)?;
        if journey.in_code && load.model == Model::Open {
            return Err(value
                .error("a journey in code requires a closed model")
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
            "a closed model requires [[journeys]], at least one of them with a weight",
        ));
    }
    if let Some(value) = journey_values.first()
        && journeys.iter().all(|journey| journey.weight <= 0.0)
    {
        return Err(value.error("no journey has a weight, so nothing would be sent"));
    }
    let mut rules = Vec::new();
    if let Some(value) = rules_value {
        let phase_names: Vec<&str> = phases.iter().map(|phase| phase.name.as_str()).collect();
        let names = RuleNames {
            requests: &request_names,
            phases: &phase_names,
        };
        for rule in bounded(&value)? {
            rules.push(Rule::read_for(&rule, names, &requests)?);
        }
    }
    if !rules.iter().any(|rule| rule.metric == Metric::Errors) {
        rules.push(Rule::default_errors());
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
                return Err(value.error("only one phase can have `profile = true`"));
            }
            profiled = Some(index);
        }
        start = phase.end();
        phases.push(phase);
    }
    // The first of the longest phases.
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

/// Returns all names available to the scenario, and reads the data files.
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
    let mut files: Vec<Arc<DataFile>> = Vec::new();
    if let Some(value) = data {
        let entries = value.table("the data")?.entries();
        if entries.len() > DATA_MAX {
            return Err(value.error(format!("a scenario reads at most {DATA_MAX} data files")));
        }
        for (name, _, value) in entries {
            let file = DataFile::read(&name, &value, folder, variables.len())?;
            variables.extend(file.variable_names());
            files.push(Arc::new(file));
        }
    }
    initial.resize(variables.len(), None);
    Ok(Names {
        variables: variables.into(),
        initial: initial.into(),
        data: files.into(),
    })
}

/// Returns a request's name without validating it.
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
                .error(format!("the scenario has no request `{}`", clip(wanted)))
                .maybe_hint(suggestion(
                    wanted,
                    requests.iter().map(|request| request.name.as_str()),
                ))
        })?;
    // A session is a captured token, or the cookies that the log-in set.
    if requests[login].captures.is_empty() && !requests[login].transport.cookies {
        return Err(login_value
            .error(format!(
                "request `{wanted}` captures nothing and keeps no cookies, so it can't log in a user"
            ))
            .hint(
                "add capture = { token = \"json:/token\" } to it, or `cookies = true` under [http]",
            ));
    }
    let count = fields.required("count")?.count(1..=1_000_000)?;
    fields.finish()?;
    Ok(Sessions { login, count })
}

/// Returns the tables of an optional list.
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
        0..=LIST_MAX => Ok(list),
        length => Err(value.error(format!(
            "the list has {length} entries, more than {LIST_MAX}"
        ))),
    }
}
