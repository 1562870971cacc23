//! Integration tests of the reference service: one binary, one module per subject.

mod back_pressure;
#[cfg(feature = "sqlite")]
mod crash;
mod delays;
#[cfg(feature = "sentry")]
mod error_reports;
#[cfg(all(feature = "heap-profile", feature = "sqlite"))]
mod heap;
mod hostile;
mod ledger;
mod life_cycle;
mod live_feed;
mod logs;
mod openapi;
mod photo_jobs;
mod photos;
#[cfg(feature = "sqlite")]
mod restart;
mod routes;
#[cfg(all(feature = "services", feature = "sqlite"))]
mod services;
#[path = "../../src/skip.rs"]
mod skip;
mod support;
mod telemetry;
#[cfg(all(feature = "clickhouse", feature = "mysql"))]
#[path = "../../src/test_process.rs"]
mod test_process;
#[cfg(feature = "tls")]
mod tls;
#[cfg(all(feature = "clickhouse", feature = "mysql", feature = "sqlite"))]
mod warehouse;
