//! The load generator: sends the schedule of a scenario and records the answers.
//!
//! Call [`run`], or [`run_with`] for journeys written in Rust ([`Visitor`]). A run uses one thread with
//! its own runtime. The pacer takes up every arrival at its intended time. The dispatcher hands it to
//! an idle virtual user with one keep-alive connection. The user sends the request and
//! records five stamps. Answers are checked here; latencies are judged by the analysis, which reads
//! only the run directory.
//!
//! A paired run ([`Options::candidate`]) alternates one scenario between two builds of a service, with
//! the same users, so that other changes on the machine affect both equally.
//!
//! Each room imports only rooms below it:
//!
//! | room | content |
//! |---|---|
//! | `trial` | each request of a scenario once, shown in full |
//! | `run` | one run, from the first connection to the last record |
//! | `user` | virtual users and their journeys |
//! | `shared` | state that pacer, ticker and users share |
//! | `pace` | when arrivals are sent, and by which user |
//! | `record` | counts, histograms and time line |
//! | `answer` | captures, checks, samples, agreement of two builds |
//! | `grpc` | gRPC calls |
//! | `websocket` | WebSocket conversations |
//! | `http` | exchanges over HTTP/1.1 and HTTP/2 |
//! | `connect` | resolution, dialing, TLS, byte streams |
//! | `clock`, `usage`, `failure`, `error` | values that all rooms use |

mod answer;
mod clock;
mod connect;
mod error;
mod failure;
mod grpc;
mod http;
mod pace;
mod record;
mod run;
mod shared;
mod trial;
mod usage;
mod user;
mod websocket;

#[cfg(all(fuzzing, feature = "grpc"))]
#[doc(hidden)]
pub use crate::grpc::fuzzing as grpc_fuzzing;
#[cfg(fuzzing)]
#[doc(hidden)]
pub use crate::http::fuzzing;
pub use answer::Reply;
pub use connect::{
    AuthScheme, Credentials, CredentialsError, CredentialsSource, DialOptions, HostGuard,
    HttpVersion, NameServer, Resolve, Target, TargetDescription, TlsOptions,
};
pub use error::LoadError;
pub use failure::Failure;
pub use grpc::check_calls;
pub use http::ExchangeSpan;
pub use record::{
    Feed, FeedReader, FeedRelay, LatencyTotal, Percentiles, Progress, ProgressDetail, RequestSpan,
    RequestTotal, feed, missed_by_all,
};
pub use run::{Interrupt, Options, Recording, Start, run, run_with};
pub use trial::{
    Exchange, Finding, LeftOut, Origin, Received, Redirected, Trial, TrialOptions, fetch, trial,
};
pub use usage::OtherThread;
pub use user::{Call, JourneyFunction, JourneyResult, Journeys, KnownSessions, Stop, Visitor};
