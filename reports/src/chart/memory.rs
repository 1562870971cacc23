//! Resident memory of both builds.

use tenfold_analysis::gate::{MemorySample, MemoryUse, Pair};

use crate::chart::axis::Axis;
use crate::chart::line::line;
use crate::chart::plot::{Description, Ink, Size, plot};

/// Draws the resident memory of both builds over time. Lines break at each restart. `None` without readings.
pub(crate) fn memory(description: &Description, memory: &Pair<MemoryUse>) -> Option<String> {
    let all = || {
        memory
            .baseline
            .samples
            .iter()
            .chain(&memory.candidate.samples)
    };
    let low = all().map(|sample| sample.mib).min_by(f64::total_cmp)?;
    let high = all().map(|sample| sample.mib).max_by(f64::total_cmp)?;
    let end = all().map(|sample| sample.at_s).max_by(f64::total_cmp)?;
    let axes = |size: Size| {
        (
            Axis::time(0.0, end, if size.narrow { 4 } else { 12 }),
            Axis::between("", low, high, 5, |mib| format!("{mib:.1} MiB")),
        )
    };
    Some(plot(description, axes, |plane, _| {
        let sides = [
            (&memory.baseline, Ink::Reads),
            (&memory.candidate, Ink::Response),
        ];
        for (of, ink) in sides {
            for life in of.samples.chunk_by(|one, other| one.start == other.start) {
                let point = |sample: &MemorySample| Some((sample.at_s, sample.mib));
                line(plane, ink, 2, life.iter().map(point))?;
            }
        }
        Ok(())
    }))
}
