//! The charts of a report, as SVG in the colours of the page.

mod axis;
mod curves;
pub(crate) mod forest;
mod heat_map;
mod hot_keys;
mod line;
mod memory;
mod over_time;
mod percentiles;
mod plot;
mod rounds;
mod scaling;
mod sparkline;
mod stacked_bars;
mod steps;
mod trend;

pub(crate) use axis::percentile_position;
pub(crate) use curves::curves;
pub(crate) use heat_map::heat_map;
pub(crate) use hot_keys::hot_keys;
pub(crate) use memory::memory;
pub(crate) use over_time::{Line, cores, failures, in_flight, latencies, latency, metric, rates};
pub(crate) use percentiles::percentiles;
pub(crate) use plot::{Description, Ink, escape};
pub(crate) use rounds::rounds;
pub(crate) use scaling::{GROUP_INKS, scaling};
pub(crate) use sparkline::sparkline;
pub(crate) use stacked_bars::{StackedBar, StackedPart, stacked_bars};
pub(crate) use steps::{StepBar, steps};
pub(crate) use trend::trend;
