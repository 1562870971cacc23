//! Scripts in Rhai, for logic that goes beyond TOML.
//!
//! A script belongs to a request. Its function `before(vars)` is called before the request is made,
//! `after(response, vars)` once its answer is whole. It can reach nothing but what it is given: no
//! file, no network, no clock, and every call is bounded.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::HeaderMap;
use rand::{RngExt, SeedableRng};
use rhai::{
    AST, CallFnOptions, Dynamic, Engine, EvalAltResult, FuncArgs, ImmutableString, Map, Position,
    Scope,
};

use crate::error::ScenarioError;
use crate::fields::{Value, clip};
use crate::nearest::suggestion;
use crate::regular_file;
use crate::stream::{Stream, stir};
use crate::variables::Variables;

/// A script of a request, compiled.
#[derive(Clone)]
pub struct Script {
    engine: Arc<Engine>,
    ast: Arc<AST>,
    names: Arc<[String]>,
    requests: Arc<[String]>,
    /// The index of the first of these requests in the scenario.
    first_request: usize,
    /// Whether it has a function `before`.
    pub has_before: bool,
    /// Whether it has a function `after`.
    pub has_after: bool,
}

/// An answer, as a script sees it.
#[derive(Debug, Clone)]
pub struct ScriptResponse {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, or the beginning of it.
    pub body: Vec<u8>,
    /// The length of the whole body.
    pub body_bytes: u64,
    /// How long it took, from the request's sending to the answer's last byte, in milliseconds.
    pub service_ms: f64,
}

/// What a call of a script came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScriptOutcome {
    /// The checks that it made by name, and whether each passed; `fail` makes one that did not.
    pub checks: Vec<(String, bool)>,
    /// Where the journey is to go on.
    pub next: Option<NextStep>,
    /// Why the script itself broke off.
    pub error: Option<String>,
    /// Whether it broke off for having taken too long.
    pub timed_out: bool,
}

/// Where a journey is to go on, by a script's choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    /// At its first step that sends this request; an index into
    /// [`Scenario::requests`](crate::Scenario::requests).
    Request(usize),
    /// Nowhere: it is over.
    End,
}

/// Steps of the interpreter that one call may take, some milliseconds of them.
const MOST_OPERATIONS: u64 = 100_000;
/// Bytes of a body that a script reads. All users share one thread, which `response.json` holds for
/// some 30 µs a KiB.
pub(crate) const READ_BODY_BYTES: usize = 64 * 1024;
/// Checks by name that one call may make.
const MOST_CHECKS: usize = 64;
/// Bytes of a script.
const LARGEST: u64 = 1024 * 1024;
/// Bytes of a text that a script makes: what a single function does with it must not take long.
const LONGEST_TEXT: usize = READ_BODY_BYTES;

/// What a call that takes too long is terminated with.
const TIMED_OUT: &str = "timed out";

/// What a script's functions work on; taken out of the generator's hands for the length of a call.
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

use script_clock::LONGEST_CALL;
pub use script_clock::ScriptClock;

type Fallible<T> = Result<T, Box<EvalAltResult>>;

impl Script {
    /// Reads a script: the name of a file that ends in `.rhai`, or the script itself.
    pub(crate) fn read(
        value: &Value<'_>,
        folder: &Path,
        engine: &Arc<Engine>,
        names: &Arc<[String]>,
        requests: &Arc<[String]>,
    ) -> Result<Self, ScenarioError> {
        let text = value.text()?;
        let (source, what) = if text.ends_with(".rhai") && !text.contains('\n') {
            let path = folder.join(text);
            let what = format!("the script {}", path.display());
            let unreadable =
                |error: std::io::Error| value.error(format!("could not read {what}: {error}"));
            let (mut file, length) = regular_file::open(&path).map_err(unreadable)?;
            if length > LARGEST {
                return Err(value.error(format!("{what} has more than 1 MiB")));
            }
            let mut source = String::new();
            file.read_to_string(&mut source).map_err(unreadable)?;
            (source, what)
        } else {
            (text.to_owned(), "the script".to_owned())
        };
        let ast = engine.compile(&source).map_err(|error| {
            let position = error.position();
            value.error(format!(
                "{what} has a mistake in line {}, column {}: {}",
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
            engine: Arc::clone(engine),
            ast: Arc::new(ast),
            names: Arc::clone(names),
            requests: Arc::clone(requests),
            first_request: 0,
            has_before,
            has_after,
        })
    }

    /// Returns the script for requests that begin at another index.
    pub(crate) fn beginning_at(&self, first_request: usize) -> Self {
        Self {
            first_request,
            ..self.clone()
        }
    }

    /// Calls `before(vars)`, where the script has it. `entropy` is where its random numbers come
    /// from, and `clock` what its time is bounded by.
    pub fn before(
        &self,
        variables: &mut Variables,
        entropy: u64,
        clock: ScriptClock,
    ) -> ScriptOutcome {
        if !self.has_before {
            return ScriptOutcome::default();
        }
        self.call("before", variables, stir(entropy), clock, |vars| (vars,))
    }

    /// Calls `after(response, vars)`, where the script has it.
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
        self.call("after", variables, stir(!entropy), clock, |vars| {
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
        // What stands outside of functions is not run: there is nothing it could do.
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
            && !is_ending(&error)
        {
            outcome.timed_out = is_time_out(&error);
            let reason = match outcome.timed_out {
                true => format!("it took more than {LONGEST_CALL:?} of the processor's time"),
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

/// Returns the interpreter of a scenario's scripts.
pub(crate) fn engine() -> Engine {
    let mut engine = Engine::new();
    engine
        .set_max_operations(MOST_OPERATIONS)
        .set_max_call_levels(16)
        .set_max_expr_depths(64, 32)
        .set_max_string_size(LONGEST_TEXT)
        .set_max_array_size(10_000)
        .set_max_map_size(10_000)
        .set_max_variables(256)
        .set_max_functions(256)
        .disable_symbol("eval")
        .on_progress(|operations| script_clock::is_over(operations).then(|| TIMED_OUT.into()))
        // Standard output belongs to the summary.
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
                Err(Box::new(ending()))
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
                        "random({low}, {high}): the first must be no more than the second"
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
            clipped(&String::from_utf8_lossy(response.0.read()), LONGEST_TEXT)
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
                    "the body has {} bytes, and `response.json` reads {READ_BODY_BYTES} at most; \
                     take the value out by `capture`, or check it by `checks`",
                    response.0.body_bytes
                )
                .into());
            }
            Ok(serde_json::from_slice(response.0.read()).map_or(Dynamic::UNIT, dynamic))
        })
        .register_fn(
            "header",
            |response: &mut Response, name: ImmutableString| -> String {
                let value = response.0.headers.get(name.as_str());
                value
                    .and_then(|value| value.to_str().ok())
                    .unwrap_or_default()
                    .to_owned()
            },
        );
    register_replace(&mut engine);
    engine
}

/// Puts a `replace` in place of the interpreter's own, which makes a text of any length before it is
/// told that it is too long: 64 KiB for each of 64 KiB.
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
    if length > LONGEST_TEXT {
        return Err(format!(
            "`replace` would make a text of {length} bytes, and {LONGEST_TEXT} are the most"
        )
        .into());
    }
    *text = text.replace(find, put).into();
    Ok(())
}

impl ScriptResponse {
    /// What a script reads of the body.
    fn read(&self) -> &[u8] {
        &self.body[..self.body.len().min(READ_BODY_BYTES)]
    }

    fn is_cut(&self) -> bool {
        self.body_bytes > self.read().len() as u64
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
        if checks.len() >= MOST_CHECKS {
            return Err(format!("a call makes at most {MOST_CHECKS} checks").into());
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

/// What `fail` throws: no script can catch it.
fn ending() -> EvalAltResult {
    EvalAltResult::ErrorTerminated(Dynamic::UNIT, Position::NONE)
}

fn is_ending(error: &EvalAltResult) -> bool {
    token_of(error).is_some_and(Dynamic::is_unit)
}

fn is_time_out(error: &EvalAltResult) -> bool {
    token_of(error).is_some_and(|token| !token.is_unit())
}

/// What a script was terminated with, where it was.
fn token_of(error: &EvalAltResult) -> Option<&Dynamic> {
    match error {
        EvalAltResult::ErrorTerminated(token, _) => Some(token),
        EvalAltResult::ErrorInFunctionCall(_, _, inner, _) => token_of(inner),
        _ => None,
    }
}

/// Shortens a text to so many bytes at most.
fn clipped(text: &str, most: usize) -> String {
    let end = text.floor_char_boundary(most);
    text[..end].to_owned()
}

/// Turns JSON into the interpreter's values.
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
