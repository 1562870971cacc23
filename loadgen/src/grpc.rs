//! gRPC calls over HTTP/2: unary, and with a stream of answers.
//!
//! A call is a POST whose body is a framed message, and whose outcome is in the trailers
//! (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>). A scenario writes its message as JSON. The descriptor of the
//! method, from `.proto` files or from the service itself (reflection), translates it.
//!
//! Built with the feature `grpc`; without it, a scenario with calls is refused.

#[cfg(not(feature = "grpc"))]
mod absent;
#[cfg(feature = "grpc")]
mod answer_status;
#[cfg(feature = "grpc")]
mod call;
#[cfg(feature = "grpc")]
mod descriptors;
#[cfg(all(fuzzing, feature = "grpc"))]
pub mod fuzzing;
#[cfg(feature = "grpc")]
mod gzip;
#[cfg(feature = "grpc")]
mod message_check;
#[cfg(feature = "grpc")]
mod method;
#[cfg(feature = "grpc")]
mod methods;
#[cfg(feature = "grpc")]
mod reflection;

use std::borrow::Cow;

use tenfold_scenarios::Scenario;

use crate::connect::Target;

#[cfg(not(feature = "grpc"))]
pub(crate) use absent::Methods;
#[cfg(not(feature = "grpc"))]
pub use absent::check_calls;
#[cfg(feature = "grpc")]
pub(crate) use methods::Methods;
#[cfg(feature = "grpc")]
pub use methods::check_calls;

/// The target of a scenario: over HTTP/2 if it has only calls and no version is set.
pub(crate) fn target_of<'a>(scenario: &Scenario, target: &'a Target) -> Cow<'a, Target> {
    match scenario.requests.iter().all(|one| one.grpc.is_some()) {
        true => Cow::Owned(target.clone().preferring_http2()),
        false => Cow::Borrowed(target),
    }
}
