//! Entry points for the fuzz targets.

use crate::{perf_map, record};

/// Looks up addresses in a perf map. Returns the names found.
pub fn perf_map_names(map: &[u8], addresses: &[u64]) -> Vec<(u64, String)> {
    let names = perf_map::read(map, addresses).into_iter();
    names
        .map(|(address, name)| (address, name.to_string()))
        .collect()
}

/// Parses a record of a ring buffer. Returns whether it is one.
pub fn is_record(kind: u32, misc: u16, bytes: &[u8], registers: u32) -> bool {
    record::parse(kind, misc, bytes, registers).is_some()
}
