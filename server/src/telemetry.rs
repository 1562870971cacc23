//! Metrics and profiles of the service, on a separate listener.

pub(crate) mod admin;
mod cpu_profile;
mod delay_switch;
mod exposition;
mod feed_desk;
#[cfg(feature = "heap-profile")]
mod heap_dump;
#[cfg(feature = "heap-profile")]
mod heap_profile;
#[cfg(not(feature = "heap-profile"))]
#[path = "telemetry/no_heap_profile.rs"]
mod heap_profile;
mod histogram;
mod job_desk;
mod process;
mod prometheus_text;
mod requests;
mod shard_admin;
mod store_waits;
mod warehouse_desk;

pub(crate) use cpu_profile::prime as prime_profiler;
pub(crate) use feed_desk::FeedDesk;
pub(crate) use requests::{InFlight, Requests};
pub(crate) use store_waits::StoreWaits;
