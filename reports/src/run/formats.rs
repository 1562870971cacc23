//! The formats in which a run is exported.

mod csv;
mod hgrm;
mod hlog;
mod json;
mod junit;
mod k6;
mod markdown;
mod openmetrics;

use std::io;
use std::path::Path;

use tenfold_analysis::Summary;
use tenfold_run_dir::{IntervalHistogram, Run, RunDir};

use crate::export::{Export, Format, Subject};

/// A run as the subject of exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunSubject;

/// An export of a run.
pub type RunExport = Export<RunSubject>;

/// A run with its summary.
#[derive(Debug, Clone, Copy)]
pub struct RunResults<'a> {
    /// The run.
    pub run: &'a Run,
    /// Its summary.
    pub summary: &'a Summary,
}

impl Subject for RunSubject {
    type Results<'a> = RunResults<'a>;

    const FORMATS: &'static [Format<Self>] = &[
        json::FORMAT,
        csv::TIMELINE,
        csv::REQUESTS,
        junit::FORMAT,
        markdown::FORMAT,
        hgrm::FORMAT,
        hlog::FORMAT,
        openmetrics::FORMAT,
        k6::FORMAT,
    ];

    const USES_STANDARD_OUTPUT: bool = true;

    fn directory<'a>(results: &'a RunResults<'a>) -> &'a Path {
        &results.run.path
    }
}

/// Reads the interval log of a run from its directory, row by row.
fn intervals(run: &Run) -> io::Result<impl Iterator<Item = io::Result<IntervalHistogram>>> {
    let intervals = RunDir::open(&run.path).intervals(&run.counts);
    let intervals = intervals.map_err(io::Error::other)?;
    Ok(intervals.map(|interval| interval.map_err(io::Error::other)))
}
