//! `.hgrm`: a distribution by percentile, as the tools of HdrHistogram and wrk2 print it.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use tenfold_analysis::{Distribution, Scope, distributions};
use tenfold_run_dir::{Metric, Run};

use crate::export::{Format, Rendered};
use crate::run::formats::{RunResults, RunSubject};

pub(super) const FORMAT: Format<RunSubject> = Format {
    name: "hgrm",
    default_file: "response.hgrm",
    render,
};

/// Nanoseconds in a millisecond, the format's unit.
const UNIT_NS: f64 = 1e6;

/// Renders the response time of all requests at `path`, and each metric of each kind of request beside it:
/// `response-reads.hgrm`, or `NAME-response-reads.hgrm` beside a file with another name.
fn render<'a>(results: &'a RunResults<'a>, path: &Path) -> io::Result<Rendered<'a>> {
    Ok(Rendered::Files(files(results.run, path)))
}

fn files(run: &Run, path: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let prefix = match stem.as_ref() {
        "response" => String::new(),
        stem => format!("{stem}-"),
    };
    let extension = path.extension().map_or_else(
        || "hgrm".to_owned(),
        |extension| extension.to_string_lossy().into_owned(),
    );
    let mut files: Vec<_> = distributions(run, &Scope::KINDS)
        .iter()
        .map(|distribution| {
            let file = match (distribution.metric, distribution.scope) {
                (Metric::Response, Scope::All) => path.to_owned(),
                (metric, scope) => {
                    path.with_file_name(format!("{prefix}{metric}-{}.{extension}", scope.name()))
                }
            };
            (file, text(distribution).into_bytes())
        })
        .collect();
    // The named file comes first, and is written even without responses: it replaces that of an earlier run.
    files.sort_by_key(|(file, _)| file != path);
    if files.first().is_none_or(|(file, _)| file != path) {
        let empty = Distribution::empty(Metric::Response, Scope::All);
        files.insert(0, (path.to_owned(), text(&empty).into_bytes()));
    }
    files
}

/// Renders one distribution in milliseconds.
///
/// The format holds every step up to the longest sample, including those with fewer than ten samples beyond
/// them; see the column of counts.
fn text(distribution: &Distribution) -> String {
    let mut out = String::from("       Value     Percentile TotalCount 1/(1-Percentile)\n\n");
    for step in distribution.steps() {
        let value = step.value_ns as f64 / UNIT_NS;
        let _ = write!(out, "{value:12.3} {:2.12} {:10}", step.quantile, step.count);
        if step.quantile < 1.0 {
            let _ = write!(out, " {:14.2}", 1.0 / (1.0 - step.quantile));
        }
        out.push('\n');
    }
    let _ = write!(
        out,
        "#[Mean    = {:12.3}, StdDeviation   = {:12.3}]\n\
         #[Max     = {:12.3}, Total count    = {:12}]\n\
         #[Buckets = {:12}, SubBuckets     = {:12}]\n",
        distribution.mean_ns() / UNIT_NS,
        distribution.standard_deviation_ns() / UNIT_NS,
        distribution.max_ns() as f64 / UNIT_NS,
        distribution.count(),
        distribution.buckets(),
        distribution.sub_buckets()
    );
    out
}
