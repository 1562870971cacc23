//! What the service tells about itself: metrics and profiles, on a listener of their own.

pub(crate) mod admin;
mod cpu_profile;
mod exposition;
mod histogram;
mod process;
mod requests;
mod store_waits;

pub(crate) use cpu_profile::prime as prime_profiler;
pub(crate) use requests::Requests;
pub(crate) use store_waits::StoreWaits;
