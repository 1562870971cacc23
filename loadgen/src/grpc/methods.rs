//! The methods of a scenario.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use prost_reflect::{DescriptorPool, MethodDescriptor};
use tenfold_scenarios::{Grpc, Rendered, Request, Scenario, ScenarioError};

use crate::LoadError;
use crate::connect::Protocol;
use crate::failure::Failure;
use crate::grpc::call::Call;
use crate::grpc::descriptors::{compile, find, no_service};
use crate::grpc::message_check::check;
use crate::grpc::method::Method;
use crate::grpc::reflection::{Described, reflect};
use crate::http::Endpoint;

/// The methods of a scenario, by request. `None` for a request that is not a call.
#[derive(Debug, Default)]
pub(crate) struct Methods(Vec<Option<Method>>);

/// Checks the calls of a scenario that are described by files: their methods, and the fields of their messages.
///
/// # Errors
/// If a file or a call is not valid, with its position in the scenario.
pub fn check_calls(scenario: &Scenario) -> Result<(), LoadError> {
    let calls = scenario
        .requests
        .iter()
        .filter_map(|one| one.grpc.as_deref());
    for grpc in calls.filter(|grpc| !grpc.proto.is_empty()) {
        method_of(&read_files(grpc, scenario)?, grpc, scenario)?;
    }
    Ok(())
}

impl Methods {
    /// Finds the methods of a scenario, in its files or by asking the service. `endpoints` are by side.
    ///
    /// # Errors
    /// If a file or a call is not valid, or the service does not speak HTTP/2 or does not describe itself.
    pub(crate) async fn load(
        scenario: &Scenario,
        endpoints: &[Endpoint],
    ) -> Result<Self, LoadError> {
        let mut methods = Vec::new();
        // By side and service.
        let mut reflected: BTreeMap<(usize, &str), Described> = BTreeMap::new();
        for (index, request) in scenario.requests.iter().enumerate() {
            let Some(grpc) = request.grpc.as_deref() else {
                methods.push(None);
                continue;
            };
            let side = scenario.side_of(index) as usize;
            let endpoint = &endpoints[side];
            if endpoint.target.protocol != Protocol::Http2 {
                return Err(LoadError::Configuration {
                    what: format!("request `{}`", request.name),
                    reason: "gRPC needs HTTP/2, and the target speaks HTTP/1.1; give --http 2"
                        .to_owned(),
                });
            }
            let descriptor = if grpc.proto.is_empty() {
                let known = (side, grpc.service.as_str());
                let described = match reflected.entry(known) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(place) => {
                        let described = reflect(&grpc.service, endpoint).await;
                        let described = described.map_err(|reason| LoadError::Configuration {
                            what: format!("request `{}`", request.name),
                            reason,
                        })?;
                        place.insert(described)
                    }
                };
                match described {
                    Described::By(pool) => method_of(pool, grpc, scenario)?,
                    Described::Unknown(known) => {
                        return Err(no_service(grpc, known, scenario).into());
                    }
                }
            } else {
                method_of(&read_files(grpc, scenario)?, grpc, scenario)?
            };
            methods.push(Some(Method::new(descriptor, grpc.is_gzipped)));
        }
        Ok(Self(methods))
    }

    /// Prepares the call of a request, by its index. `None` if it is not a call. The body of `rendered` is its message as JSON.
    ///
    /// # Errors
    /// [`Failure::Unsendable`] if the message is not one of the method.
    pub(crate) fn call<'a>(
        &'a self,
        request: &Request,
        index: usize,
        rendered: &Rendered,
        endpoint: &'a Endpoint,
    ) -> Result<Option<Call<'a>>, Failure> {
        let (Some(grpc), Some(Some(method))) = (&request.grpc, self.0.get(index)) else {
            return Ok(None);
        };
        Call::new(method, grpc.deadline, rendered, &endpoint.target.dials).map(Some)
    }

    /// Returns whether a request, by its index, is a call with a stream of answers.
    pub(crate) fn streams(&self, index: usize) -> bool {
        matches!(self.0.get(index), Some(Some(method)) if method.streams())
    }
}

/// Reads the files that describe a call.
fn read_files(grpc: &Grpc, scenario: &Scenario) -> Result<DescriptorPool, ScenarioError> {
    compile(&grpc.proto, &grpc.proto_path)
        .map_err(|reason| ScenarioError::at(scenario.origin(), grpc.proto_position, reason, None))
}

/// Finds the method of a call, and checks its message.
fn method_of(
    pool: &DescriptorPool,
    grpc: &Grpc,
    scenario: &Scenario,
) -> Result<MethodDescriptor, ScenarioError> {
    let method = find(pool, grpc, scenario)?;
    let input = method.input();
    for field in &grpc.fields {
        check(field, &input).map_err(|misfit| {
            let (origin, at) = (scenario.origin(), field.position);
            ScenarioError::at(origin, at, misfit.message, misfit.hint)
        })?;
    }
    Ok(method)
}
