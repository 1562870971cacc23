//! When arrivals are sent, and by which user.

mod alarm;
mod dispatcher;
mod fine_timer;
mod pacer;
mod quantum;

pub(crate) use alarm::Alarm;
pub(crate) use dispatcher::{Dispatcher, Job};
pub(crate) use pacer::Pacer;
pub(crate) use quantum::QuantumRange;
