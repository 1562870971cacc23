//! Benchmark `nosql`: asks the same questions of SQL and of the stores that are made for them, with the same data and as much CPU.
//!
//! The drivers of the stores are behind the feature `nosql`, since no other benchmark needs them.

pub(crate) mod arguments;
#[cfg(feature = "nosql")]
mod measurement;
mod page;
pub(crate) mod question;

use std::path::Path;

use serde::{Deserialize, Serialize};

#[cfg(not(feature = "nosql"))]
use self::arguments::NosqlArguments;
use crate::nosql::question::Question;
use crate::output;
use crate::output::spread::Spread;

#[cfg(feature = "nosql")]
pub(crate) use self::measurement::run;

/// Reports that the drivers are missing.
#[cfg(not(feature = "nosql"))]
pub(crate) fn run(_: &NosqlArguments) -> anyhow::Result<()> {
    anyhow::bail!("this binary was compiled without the `nosql` feature; use `scripts/bench nosql`")
}

/// Calls at once, each of which is followed by the next.
const CALLERS: usize = 16;

/// Results of the benchmark.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct NosqlFigures {
    /// Start, RFC 3339 in UTC.
    pub(crate) started_at: String,
    /// The machine.
    pub(crate) host: tenfold_run_dir::manifest::Host,
    /// CPUs of a box.
    pub(crate) box_cpu: f64,
    /// Reason why the boxes had no limits. `None` if they had.
    pub(crate) unconfined_because: Option<String>,
    /// Rounds of each measurement.
    pub(crate) rounds: u32,
    /// Length of a round, in seconds.
    pub(crate) seconds: u64,
    /// True if it was a quick check.
    pub(crate) quick: bool,
    /// The questions.
    pub(crate) questions: Vec<QuestionFigures>,
    /// Failed questions, with the reason.
    pub(crate) mishaps: Vec<String>,
    /// Duration, in seconds.
    pub(crate) took_s: f64,
}

/// A question, asked of both stores.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct QuestionFigures {
    /// The question.
    pub(crate) question: Question,
    /// The data in words.
    pub(crate) data: String,
    /// Operations.
    pub(crate) operations: Vec<OperationFigures>,
    /// Bytes of the data on disk in SQL, once the store was stopped.
    pub(crate) sql_bytes: u64,
    /// The same in the other store.
    pub(crate) other_bytes: u64,
}

/// An operation on both stores.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct OperationFigures {
    /// Operation in words.
    pub(crate) name: String,
    /// In SQL.
    pub(crate) sql: SideFigures,
    /// In the other store.
    pub(crate) other: SideFigures,
    /// Rate at which both were offered the same load, per second.
    pub(crate) paced_per_s: f64,
}

/// An operation on one store.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SideFigures {
    /// Rate with as many calls at once as [`CALLERS`], per second.
    pub(crate) rate_per_s: Spread,
    /// CPU time of the store for one call, in microseconds.
    pub(crate) cpu_us: Option<Spread>,
    /// Calls that failed, of all.
    pub(crate) failed: u64,
    /// Reason of a failed call, here or at the same rate. `None` if none failed.
    pub(crate) reason: Option<String>,
    /// Calls.
    pub(crate) calls: u64,
    /// Response time at the same offered rate, in milliseconds. `None` with fewer than ten calls beyond it.
    pub(crate) p50_ms: Option<f64>,
    /// 99th percentile of it.
    pub(crate) p99_ms: Option<f64>,
    /// Calls that were offered at that rate.
    pub(crate) paced_calls: u64,
    /// Those that failed, or were not sent since too many were waiting.
    pub(crate) paced_failed: u64,
}

/// Writes the page of measured figures anew.
pub(crate) fn write_page(folder: &Path) -> anyhow::Result<()> {
    let figures: NosqlFigures = output::read("nosql", folder)?;
    output::write_pages("nosql", &page::page(&figures), folder)
}
