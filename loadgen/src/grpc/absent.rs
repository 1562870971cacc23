//! Calls of a build without the feature `grpc`. A scenario that has any is refused before.

use tenfold_scenarios::{Rendered, Request, Scenario};

use crate::LoadError;
use crate::failure::Failure;
use crate::http::{Answer, Endpoint, EventSink, Keep};

/// The methods of a scenario, of which there are none.
#[derive(Debug, Default)]
pub(crate) struct Methods;

/// A call, of which there is none.
#[derive(Debug)]
pub(crate) enum Call {}

/// Checks that a scenario has no calls.
///
/// # Errors
/// If it has one.
pub fn check_calls(scenario: &Scenario) -> Result<(), LoadError> {
    let mut requests = scenario.requests.iter();
    match requests.find(|request| request.grpc.is_some()) {
        None => Ok(()),
        Some(request) => Err(LoadError::Configuration {
            what: format!("request `{}`", request.name),
            reason: "this tenfold was compiled without gRPC; build it with `--features grpc`"
                .to_owned(),
        }),
    }
}

impl Methods {
    /// Checks that a scenario has no calls.
    ///
    /// # Errors
    /// If it has one.
    pub(crate) async fn load(scenario: &Scenario, _: &[Endpoint]) -> Result<Self, LoadError> {
        check_calls(scenario).map(|()| Self)
    }

    /// Returns no call.
    ///
    /// # Errors
    /// Never.
    pub(crate) fn call(
        &self,
        _: &Request,
        _: usize,
        _: &Rendered,
        _: &Endpoint,
    ) -> Result<Option<Call>, Failure> {
        Ok(None)
    }

    /// Returns false.
    pub(crate) fn streams(&self, _: usize) -> bool {
        false
    }
}

impl Call {
    pub(crate) fn rendered(&self) -> &Rendered {
        match *self {}
    }

    pub(crate) fn keep(&self, _: u16, _: impl Fn(u16) -> Keep) -> Keep {
        match *self {}
    }

    pub(crate) fn conclude(
        &self,
        _: Answer,
        _: impl Fn(u16) -> Keep,
        _: Option<&dyn EventSink>,
    ) -> Result<Answer, Failure> {
        match *self {}
    }

    pub(crate) async fn within_deadline(
        &self,
        _: impl Future<Output = Result<Answer, Failure>>,
        _: impl Fn() -> u64,
        _: impl Fn(u16) -> Keep,
    ) -> Result<Answer, Failure> {
        match *self {}
    }
}
