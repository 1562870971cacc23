//! Scripts in Rhai, for logic that TOML can't express.
//!
//! A script belongs to a request. Its function `before(vars)` is called before the request is rendered,
//! `after(response, vars)` after its response is complete. It has access to its arguments only: no
//! file, network or clock. Each call is bounded.

use std::borrow::Cow;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, HeaderName};
use rand::{RngExt, SeedableRng};
use rhai::{
    AST, CallFnOptions, Dynamic, Engine, EvalAltResult, FuncArgs, ImmutableString, Map, Position,
    Scope,
};

use super::field_value::field_value;
use super::variables::Variables;
use crate::format::byte_order_mark;
use crate::format::clip::clip;
use crate::format::error::ScenarioError;
use crate::format::fields::Value;
use crate::format::nearest::suggestion;
use crate::format::regular_file;
use crate::random::stream::{Stream, mix_bits};

/// A compiled script of a request.
#[derive(Clone)]
pub struct Script {
    /// The file, as written in the scenario. `None` if the scenario has the script itself.
    pub file: Option<PathBuf>,
    engine: Arc<Engine>,
    ast: Arc<AST>,
    names: Arc<[String]>,
    requests: Arc<[String]>,
    /// Index of the first of these requests in the scenario.
    first_request: usize,
    /// True if it has a function `before`.
    pub has_before: bool,
    /// True if it has a function `after`.
    pub has_after: bool,
}

/// A response, as seen by a script.
#[derive(Debug, Clone)]
pub struct ScriptResponse {
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body, decoded and possibly cut.
    pub body: Vec<u8>,
    /// True if `body` is only the start of the body.
    pub is_cut: bool,
    /// Length of the whole body as it was transferred.
    pub body_bytes: u64,
    /// Service time in milliseconds, from sending the request to the last byte of the response.
    pub service_ms: f64,
}

/// Result of a call of a script.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScriptOutcome {
    /// Checks by name, with their results; `fail` adds a failed one.
    pub checks: Vec<(String, bool)>,
    /// Next step of the journey, if the script chose one.
    pub next: Option<NextStep>,
    /// Error in the script itself.
    pub error: Option<String>,
    /// True if the script exceeded its time limit.
    pub timed_out: bool,
}

/// Next step of a journey, chosen by a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    /// The first step that sends this request; an index into
    /// [`Scenario::requests`](crate::Scenario::requests).
    Request(usize),
    /// The end of the journey.
    End,
}

/// Maximum number of interpreter operations per call, which take a few milliseconds.
const OPERATIONS_MAX: u64 = 100_000;
/// Number of body bytes available to a script. Parsing `response.json` takes about 30 µs per KiB and
/// blocks all users, which share one thread.
pub(crate) const READ_BODY_BYTES: usize = 64 * 1024;
/// Maximum number of checks per call, by name.
const CHECKS_MAX: usize = 64;
/// Maximum size of a script in bytes.
const SCRIPT_BYTES_MAX: u64 = 1024 * 1024;
/// Maximum length in bytes of a string made by a script, which bounds the time of each built-in
/// function.
const STRING_BYTES_MAX: usize = READ_BODY_BYTES;

/// Termination token of a call that exceeds its time limit.
const TIMED_OUT: &str = "timed out";

/// State shared with a script's functions during a call.
struct State {
    variables: Variables,
    names: Arc<[String]>,
    requests: Arc<[String]>,
    first_request: usize,
    random: Stream,
    outcome: ScriptOutcome,
}

/// `vars` in a script.
#[derive(Clone)]
struct Vars(Arc<Mutex<State>>);

/// `response` in a script.
#[derive(Clone)]
struct Response(Arc<ScriptResponse>);

mod script_clock;

use script_clock::CALL_MAX;
pub use script_clock::ScriptClock;

type Fallible<T> = Result<T, Box<EvalAltResult>>;

impl Script {
    /// Reads a script: the name of a `.rhai` file, or the script itself.
    pub(crate) fn read(
        value: &Value<'_>,
        folder: &Path,
        engine: &Arc<Engine>,
        names: &Arc<[String]>,
        requests: &Arc<[String]>,
    ) -> Result<Self, ScenarioError> {
        let text = value.text()?;
        let (source, what, file) = if text.ends_with(".rhai") && !text.contains('\n') {
            let path = folder.join(text);
            let what = format!("the script {}", path.display());
            let unreadable =
                |error: std::io::Error| value.error(format!("could not read {what}: {error}"));
            let (mut file, length) = regular_file::open(&path).map_err(unreadable)?;
            if length > SCRIPT_BYTES_MAX {
                return Err(value.error(format!("{what} has more than 1 MiB")));
            }
            let mut source = String::new();
            file.read_to_string(&mut source).map_err(unreadable)?;
            let source = byte_order_mark::strip(&source).to_owned();
            (source, what, Some(PathBuf::from(text)))
        } else {
            (text.to_owned(), "the script".to_owned(), None)
        };
        let ast = engine.compile(&source).map_err(|error| {
            let position = error.position();
            value.error(format!(
                "{what} has an error in line {}, column {}: {}",
                position.line().unwrap_or(0),
                position.position().unwrap_or(0),
                error.err_type()
            ))
        })?;
        let (mut has_before, mut has_after) = (false, false);
        for function in ast.iter_functions() {
            match (function.name, function.params.len()) {
                ("before", 1) => has_before = true,
                ("after", 2) => has_after = true,
                ("before", _) => {
                    return Err(value.error(format!("{what}: write `fn before(vars)`")));
                }
                ("after", _) => {
                    return Err(value.error(format!("{what}: write `fn after(response, vars)`")));
                }
                _ => {}
            }
        }
        if !has_before && !has_after {
            return Err(value
                .error(format!(
                    "{what} has neither `before` nor `after`, so it is never called"
                ))
                .hint("write `fn after(response, vars) { ... }`"));
        }
        Ok(Self {
            file,
            engine: Arc::clone(engine),
            ast: Arc::new(ast),
            names: Arc::clone(names),
            requests: Arc::clone(requests),
            first_request: 0,
            has_before,
            has_after,
        })
    }

    /// Returns the script for requests that start at another index.
    pub(crate) fn with_first_request(&self, first_request: usize) -> Self {
        Self {
            first_request,
            ..self.clone()
        }
    }

    /// Calls `before(vars)` if the script has it. `entropy` seeds its random numbers, and `clock`
    /// bounds its time.
    pub fn before(
        &self,
        variables: &mut Variables,
        entropy: u64,
        clock: ScriptClock,
    ) -> ScriptOutcome {
        if !self.has_before {
            return ScriptOutcome::default();
        }
        self.call(
            "before",
            variables,
            mix_bits(entropy),
            clock,
            |vars| (vars,),
        )
    }

    /// Calls `after(response, vars)` if the script has it.
    pub fn after(
        &self,
        response: ScriptResponse,
        variables: &mut Variables,
        entropy: u64,
        clock: ScriptClock,
    ) -> ScriptOutcome {
        if !self.has_after {
            return ScriptOutcome::default();
        }
        let response = Response(Arc::new(response));
        self.call("after", variables, mix_bits(!entropy), clock, |vars| {
            (response, vars)
        })
    }

    fn call<A: FuncArgs>(
        &self,
        function: &str,
        variables: &mut Variables,
        entropy: u64,
        clock: ScriptClock,
        arguments: impl FnOnce(Vars) -> A,
    ) -> ScriptOutcome {
        let state = Arc::new(Mutex::new(State {
            variables: std::mem::replace(variables, Variables::none()),
            names: Arc::clone(&self.names),
            requests: Arc::clone(&self.requests),
            first_request: self.first_request,
            random: Stream::seed_from_u64(entropy),
            outcome: ScriptOutcome::default(),
        }));
        let arguments = arguments(Vars(Arc::clone(&state)));
        // Code outside of functions is not run.
        let options = CallFnOptions::new().eval_ast(false).rewind_scope(true);
        let called: Fallible<Dynamic> = clock.bounding(|| {
            self.engine.call_fn_with_options(
                options,
                &mut Scope::new(),
                &self.ast,
                function,
                arguments,
            )
        });
        let mut state = lock(&state);
        *variables = std::mem::replace(&mut state.variables, Variables::none());
        let mut outcome = std::mem::take(&mut state.outcome);
        if let Err(error) = called
            && !is_failure(&error)
        {
            outcome.timed_out = is_timeout(&error);
            let reason = match outcome.timed_out {
                true => format!("it took more than {CALL_MAX:?} of CPU time"),
                false => error.to_string(),
            };
            outcome.error = Some(clipped(&format!("`{function}`: {reason}"), 500));
        }
        outcome
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script")
            .field("has_before", &self.has_before)
            .field("has_after", &self.has_after)
            .finish_non_exhaustive()
    }
}

/// Returns the interpreter for a scenario's scripts.
pub(crate) fn engine() -> Engine {
    let mut engine = Engine::new();
    engine
        .set_max_operations(OPERATIONS_MAX)
        .set_max_call_levels(16)
        .set_max_expr_depths(64, 32)
        .set_max_string_size(STRING_BYTES_MAX)
        .set_max_array_size(10_000)
        .set_max_map_size(10_000)
        .set_max_variables(256)
        .set_max_functions(256)
        .disable_symbol("eval")
        .on_progress(|operations| script_clock::is_over(operations).then(|| TIMED_OUT.into()))
        // Standard output is reserved for the summary.
        .on_print(|_| ())
        .on_debug(|_, _, _| ());
    engine
        .register_type_with_name::<Vars>("Vars")
        .register_indexer_get(|vars: &mut Vars, name: ImmutableString| vars.get(&name))
        .register_indexer_set(|vars: &mut Vars, name: ImmutableString, value: Dynamic| {
            vars.set(&name, &value)
        })
        .register_fn(
            "check",
            |vars: &mut Vars, name: ImmutableString, passed: bool| vars.check(&name, passed),
        )
        .register_fn(
            "fail",
            |vars: &mut Vars, name: ImmutableString| -> Fallible<()> {
                vars.check(&name, false)?;
                Err(Box::new(failure()))
            },
        )
        .register_fn("next", |vars: &mut Vars, request: ImmutableString| {
            vars.next(&request)
        })
        .register_fn("end", |vars: &mut Vars| {
            lock(&vars.0).outcome.next = Some(NextStep::End);
        })
        .register_fn(
            "random",
            |vars: &mut Vars, low: i64, high: i64| -> Fallible<i64> {
                if low > high {
                    return Err(format!(
                        "random({low}, {high}): the first must not exceed the second"
                    )
                    .into());
                }
                Ok(lock(&vars.0).random.random_range(low..=high))
            },
        );
    engine
        .register_type_with_name::<Response>("Response")
        .register_get("status", |response: &mut Response| {
            i64::from(response.0.status)
        })
        .register_get("body", |response: &mut Response| {
            clipped(
                &String::from_utf8_lossy(response.0.read()),
                STRING_BYTES_MAX,
            )
        })
        .register_get("is_cut", |response: &mut Response| response.0.is_cut())
        .register_get("body_bytes", |response: &mut Response| {
            i64::try_from(response.0.body_bytes).unwrap_or(i64::MAX)
        })
        .register_get("service_ms", |response: &mut Response| {
            response.0.service_ms
        })
        .register_get("json", |response: &mut Response| -> Fallible<Dynamic> {
            if response.0.is_cut() {
                return Err(format!(
                    "the body is longer than the {READ_BODY_BYTES} bytes that `response.json` reads; \
                     take the value out by `capture`, or check it by `checks`"
                )
                .into());
            }
            Ok(serde_json::from_slice(response.0.read()).map_or(Dynamic::UNIT, dynamic))
        })
        .register_fn(
            "header",
            |response: &mut Response, name: ImmutableString| -> String {
                let name: Option<HeaderName> = name.parse().ok();
                name.and_then(|name| field_value(&response.0.headers, &name))
                    .map_or_else(String::new, Cow::into_owned)
            },
        );
    register_replace(&mut engine);
    engine
}

/// Replaces the interpreter's `replace`, which builds the whole string before it checks the length: up
/// to 64 KiB for each byte of a 64 KiB string.
fn register_replace(engine: &mut Engine) {
    engine
        .register_fn(
            "replace",
            |text: &mut ImmutableString, find: ImmutableString, put: ImmutableString| {
                replace(text, &find, &put)
            },
        )
        .register_fn(
            "replace",
            |text: &mut ImmutableString, find: char, put: ImmutableString| {
                replace(text, find.encode_utf8(&mut [0; 4]), &put)
            },
        );
}

fn replace(text: &mut ImmutableString, find: &str, put: &str) -> Fallible<()> {
    let count = text.matches(find).count();
    let length = text.len() - count * find.len() + count.saturating_mul(put.len());
    if length > STRING_BYTES_MAX {
        return Err(format!(
            "`replace` would make a string of {length} bytes, but the maximum is {STRING_BYTES_MAX}"
        )
        .into());
    }
    *text = text.replace(find, put).into();
    Ok(())
}

impl ScriptResponse {
    /// The part of the body available to the script.
    fn read(&self) -> &[u8] {
        &self.body[..self.body.len().min(READ_BODY_BYTES)]
    }

    fn is_cut(&self) -> bool {
        self.is_cut || self.body.len() > READ_BODY_BYTES
    }
}

impl Vars {
    fn get(&self, name: &str) -> Fallible<String> {
        let state = lock(&self.0);
        let index = index_of(&state.names, name)?;
        Ok(state.variables.get(index).unwrap_or_default().to_owned())
    }

    fn set(&self, name: &str, value: &Dynamic) -> Fallible<()> {
        let mut state = lock(&self.0);
        let index = index_of(&state.names, name)?;
        state.variables.set(index, value.to_string());
        Ok(())
    }

    fn check(&self, name: &str, passed: bool) -> Fallible<()> {
        let checks = &mut lock(&self.0).outcome.checks;
        if checks.len() >= CHECKS_MAX {
            return Err(format!("a call makes at max {CHECKS_MAX} checks").into());
        }
        checks.push((clipped(name, 100), passed));
        Ok(())
    }

    fn next(&self, request: &str) -> Fallible<()> {
        let mut state = lock(&self.0);
        let found = state.requests.iter().position(|name| name == request);
        let Some(index) = found else {
            let known = state.requests.iter().map(String::as_str);
            let hint = suggestion(request, known).map(|hint| format!("; {hint}"));
            return Err(format!(
                "the scenario has no request `{}`{}",
                clip(request),
                hint.unwrap_or_default()
            )
            .into());
        };
        state.outcome.next = Some(NextStep::Request(state.first_request + index));
        Ok(())
    }
}

fn index_of(names: &[String], name: &str) -> Fallible<usize> {
    names.iter().position(|known| known == name).ok_or_else(|| {
        format!(
            "the scenario has no variable `{}`; capture it, or name it under [variables]",
            clip(name)
        )
        .into()
    })
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Error thrown by `fail`, which scripts can't catch.
fn failure() -> EvalAltResult {
    EvalAltResult::ErrorTerminated(Dynamic::UNIT, Position::NONE)
}

fn is_failure(error: &EvalAltResult) -> bool {
    token_of(error).is_some_and(Dynamic::is_unit)
}

fn is_timeout(error: &EvalAltResult) -> bool {
    token_of(error).is_some_and(|token| !token.is_unit())
}

/// Returns the token with which the script was terminated.
fn token_of(error: &EvalAltResult) -> Option<&Dynamic> {
    match error {
        EvalAltResult::ErrorTerminated(token, _) => Some(token),
        EvalAltResult::ErrorInFunctionCall(_, _, inner, _) => token_of(inner),
        _ => None,
    }
}

/// Truncates a text to at most `max` bytes.
fn clipped(text: &str, max: usize) -> String {
    let end = text.floor_char_boundary(max);
    text[..end].to_owned()
}

/// Converts JSON to the interpreter's values.
fn dynamic(value: serde_json::Value) -> Dynamic {
    match value {
        serde_json::Value::Null => Dynamic::UNIT,
        serde_json::Value::Bool(flag) => flag.into(),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(whole) => whole.into(),
            None => number.as_f64().unwrap_or(f64::NAN).into(),
        },
        serde_json::Value::String(text) => text.into(),
        serde_json::Value::Array(items) => {
            Dynamic::from_array(items.into_iter().map(dynamic).collect())
        }
        serde_json::Value::Object(entries) => {
            let entries = entries
                .into_iter()
                .map(|(name, value)| (name.into(), dynamic(value)));
            Dynamic::from_map(entries.collect::<Map>())
        }
    }
}
