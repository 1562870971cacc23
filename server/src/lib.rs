//! The reference service, from one box to tens of millions of users.

mod api;
pub mod cache;
pub mod config;
pub mod data_set;
#[cfg(any(feature = "arcadedb", feature = "clickhouse"))]
mod database_url;
mod delays;
mod edges;
pub mod error_reports;
mod feeds;
pub mod files;
mod ledger;
mod limits;
pub mod markdown;
pub mod model;
pub mod password;
pub mod photo;
mod photo_keys;
pub mod polyglot;
mod problem;
pub mod queue;
mod secret;
pub mod serve;
mod services;
#[cfg(test)]
mod skip;
pub mod store;
mod telemetry;
#[cfg(all(test, any(feature = "arcadedb", feature = "scylla")))]
mod test_process;
#[cfg(any(
    feature = "arcadedb",
    feature = "cdn",
    feature = "clickhouse",
    feature = "mysql",
    feature = "nats",
    feature = "redis",
    feature = "s3",
    feature = "services"
))]
mod tls_provider;
mod token;
pub mod warehouse;
mod worker;

pub use api::paths;
pub use config::{Config, Role, ServiceOptions, TlsFiles};
pub use delays::{Delays, Hold};
pub use edges::EdgeOptions;
pub use feeds::{FeedMode, FeedOptions};
pub use serve::{ServeError, Server, TlsError, start, start_with};
pub use worker::WorkerOptions;
