//! Integration tests of the reference service: one binary, a module a subject.

mod hostile;
mod life_cycle;
mod logs;
mod openapi;
mod photos;
#[cfg(feature = "sqlite")]
mod restart;
mod routes;
mod support;
mod telemetry;
#[cfg(feature = "tls")]
mod tls;
