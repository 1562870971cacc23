//! Journeys written in Rust, for logic that exceeds TOML and scripts.

use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use tenfold_scenarios::{JourneyWalk, Step, is_framing};

use crate::answer::{Change, JourneyEnd, Reply};
use crate::clock::nanoseconds;
use crate::user::visit::Visit;

/// The result of a journey written in Rust. Pass a [`Stop`] on with `?`.
pub type JourneyResult = Result<(), Stop>;

/// A journey written in Rust. [`journey!`](crate::journey!) makes one from an `async fn`.
pub type JourneyFunction = Arc<
    dyn for<'r, 'v> Fn(
            &'r mut Visitor<'v>,
        ) -> Pin<Box<dyn Future<Output = JourneyResult> + Send + 'r>>
        + Send
        + Sync,
>;

/// Makes a [`JourneyFunction`] from an `async fn(&mut Visitor<'_>) -> JourneyResult`.
#[macro_export]
macro_rules! journey {
    ($function:path) => {{
        fn boxed<'r>(
            visitor: &'r mut $crate::Visitor<'_>,
        ) -> std::pin::Pin<
            std::boxed::Box<dyn std::future::Future<Output = $crate::JourneyResult> + Send + 'r>,
        > {
            std::boxed::Box::pin($function(visitor))
        }
        std::sync::Arc::new(boxed) as $crate::JourneyFunction
    }};
}

/// Journeys written in Rust, by name. A scenario declares one with `[[journeys]] name = "..."` and
/// `in_code = true`, and sets its weight and pace.
#[derive(Clone, Default)]
pub struct Journeys {
    by_name: Vec<(String, JourneyFunction)>,
}

/// A virtual user, controlled by a journey written in Rust.
///
/// Its requests are rendered, stamped, judged and recorded like the scenario's own.
pub struct Visitor<'a> {
    pub(crate) visit: Visit<'a>,
    pub(crate) walk: JourneyWalk<'a>,
    pub(crate) number: u64,
}

/// A request to send with `.await`.
#[must_use = "a call is sent only when awaited"]
pub struct Call<'r, 'v> {
    visitor: &'r mut Visitor<'v>,
    request: Option<String>,
    method: &'static str,
    change: Change,
    /// Why it can't be sent, if it can't.
    mistake: Option<String>,
}

/// Why a journey written in Rust ends early.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// The run is over.
    #[error("the run is over")]
    Over,
    /// A request failed, and the scenario has `on_failure = "end"`.
    #[error("a request failed")]
    Failed,
    /// The journey uses something that the scenario does not define, or that can't be sent.
    #[error("{0}")]
    Mistake(String),
}

impl Journeys {
    /// Registers a journey under its name in the scenario. Replaces an earlier one of that name.
    pub fn register(mut self, name: &str, function: JourneyFunction) -> Self {
        self.by_name.retain(|(known, _)| known != name);
        self.by_name.push((name.to_owned(), function));
        self
    }

    pub(crate) fn get(&self, name: &str) -> Option<&JourneyFunction> {
        let found = self.by_name.iter().find(|(known, _)| known == name);
        found.map(|(_, function)| function)
    }
}

impl<'v> Visitor<'v> {
    /// Begins a request of the scenario, by name, with its templates, captures and checks.
    pub fn request(&mut self, name: &str) -> Call<'_, 'v> {
        self.call("", Some(name), None)
    }

    /// Begins a GET of a path. Without [`Call::named`] it is recorded as the scenario's request named
    /// `GET`, and likewise for the other methods.
    pub fn get(&mut self, path: &str) -> Call<'_, 'v> {
        self.call("GET", None, Some(path))
    }

    /// Begins a POST to a path.
    pub fn post(&mut self, path: &str) -> Call<'_, 'v> {
        self.call("POST", None, Some(path))
    }

    /// Begins a PUT to a path.
    pub fn put(&mut self, path: &str) -> Call<'_, 'v> {
        self.call("PUT", None, Some(path))
    }

    /// Begins a DELETE of a path.
    pub fn delete(&mut self, path: &str) -> Call<'_, 'v> {
        self.call("DELETE", None, Some(path))
    }

    /// The user's number, from 0.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The value of a variable of the scenario. `None` if it is not set.
    pub fn variable(&self, name: &str) -> Option<&str> {
        let index = self.visit.user.shared().scenario.variable(name)?;
        self.visit.variables.get(index)
    }

    /// Sets a variable of the scenario.
    ///
    /// # Errors
    /// [`Stop::Mistake`] if the scenario has no such variable.
    pub fn set(&mut self, name: &str, value: &str) -> JourneyResult {
        let index = self.visit.user.shared().scenario.variable(name);
        let index = index.ok_or_else(|| {
            Stop::Mistake(format!(
                "the scenario has no variable `{name}`; capture it, or declare it under [variables]"
            ))
        })?;
        self.visit.variables.set(index, value.to_owned());
        Ok(())
    }

    /// Thinks: the next request is intended after this time.
    ///
    /// # Errors
    /// [`Stop::Over`] if the run ends before.
    pub async fn think(&mut self, time: Duration) -> JourneyResult {
        self.visit.ready = self.visit.ready.saturating_add(nanoseconds(time));
        match self.visit.wait(self.visit.ready).await {
            true => Ok(()),
            false => Err(Stop::Over),
        }
    }

    fn call(
        &mut self,
        method: &'static str,
        request: Option<&str>,
        path: Option<&str>,
    ) -> Call<'_, 'v> {
        Call {
            visitor: self,
            request: request.map(str::to_owned),
            method,
            change: Change {
                path: path.map(str::to_owned),
                ..Change::default()
            },
            mistake: None,
        }
    }

    async fn send(
        &mut self,
        request: Option<String>,
        method: &'static str,
        change: Change,
    ) -> Result<Reply, Stop> {
        let shared = Arc::clone(self.visit.user.shared());
        let name = request.as_deref().unwrap_or(method);
        let requests = &shared.scenario.requests;
        let index = requests.iter().position(|request| request.name == name);
        let index = index.ok_or_else(|| {
            Stop::Mistake(format!(
                "the scenario has no request `{name}` to record the call as"
            ))
        })?;
        if !method.is_empty() && requests[index].method.as_str() != method {
            return Err(Stop::Mistake(format!(
                "the scenario's request `{name}` is a {}, not a {method}",
                requests[index].method
            )));
        }
        let step = Step {
            draw: self.walk.draw(index),
            think: Duration::ZERO,
            first: false,
        };
        let ready = self.visit.ready;
        if !self.visit.wait(ready).await {
            return Err(Stop::Over);
        }
        let job = self.visit.plan(&shared, &step, ready).ok_or(Stop::Over)?;
        let sent = self.visit.exchange(job, Some(&change)).await;
        let reply = Reply::new(sent.answer.as_ref(), sent.failure);
        match self.visit.last.failed && self.visit.journey.ends_on_failure {
            true => Err(Stop::Failed),
            false => Ok(reply),
        }
    }
}

impl Call<'_, '_> {
    /// Records it as a request of the scenario, with that request's kind, expected statuses and checks.
    pub fn named(mut self, request: &str) -> Self {
        self.request = Some(request.to_owned());
        self
    }

    /// Sets a header, replacing the request's own.
    ///
    /// The value must be valid, and the header must not be one that the generator writes to frame the
    /// message (`content-length`, `transfer-encoding`, `connection`, `upgrade`). Otherwise nothing is
    /// sent and `.await` returns [`Stop::Mistake`].
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        let mistake = match HeaderValue::from_str(value) {
            _ if is_framing(&name) => Some(format!(
                "header `{name}` can't be set by a journey; omit it: the generator writes it to match \
                 the body"
            )),
            Err(_) => Some(format!(
                "the value of header `{name}` contains a control character; encode it"
            )),
            Ok(value) => {
                self.change.headers.push((name, value));
                None
            }
        };
        self.mistake = self.mistake.or(mistake);
        self
    }

    /// Sets the body, replacing the request's own.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.change.body = Some(body.into());
        self
    }

    /// Adds a check of the answer. If `test` returns false, the request fails as `failed_check` under this
    /// name.
    pub fn check(
        mut self,
        name: &str,
        test: impl Fn(&Reply) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.change.checks.push((name.to_owned(), Box::new(test)));
        self
    }
}

impl<'r, 'v: 'r> IntoFuture for Call<'r, 'v> {
    type Output = Result<Reply, Stop>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'r>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self {
            visitor,
            request,
            method,
            change,
            mistake,
        } = self;
        Box::pin(async move {
            match mistake {
                Some(mistake) => Err(Stop::Mistake(mistake)),
                None => visitor.send(request, method, change).await,
            }
        })
    }
}

impl From<Stop> for JourneyEnd {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Over => Self::Unfinished,
            Stop::Failed => Self::Failed,
            Stop::Mistake(reason) => Self::CutOff(reason),
        }
    }
}

impl fmt::Debug for Journeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.by_name.iter().map(|(name, _)| name);
        f.debug_list().entries(names).finish()
    }
}

impl fmt::Debug for Visitor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visitor")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}
