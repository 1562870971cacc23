//! The charts of a report, as SVG that follows the page's colours.

mod axis;
mod curves;
mod heat_map;
mod hot_keys;
mod line;
mod over_time;
mod percentiles;
mod plot;

pub(crate) use curves::curves;
pub(crate) use heat_map::heat_map;
pub(crate) use hot_keys::hot_keys;
pub(crate) use over_time::{cores, in_flight, latency, rates};
pub(crate) use percentiles::percentiles;
pub(crate) use plot::{Description, Ink, escape};
