//! `.hgrm`: a distribution by percentile, as HdrHistogram's own tools and wrk2 print it.

use std::fmt::Write as _;

use tenfold_analysis::Distribution;

/// Nanoseconds in the format's unit of a value, the millisecond.
const UNIT_NS: f64 = 1e6;

/// Renders one distribution; values are milliseconds.
///
/// The format asks for every step to the longest sample, also for those with fewer than ten samples
/// beyond them: the column of counts tells which.
pub fn render(distribution: &Distribution) -> String {
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
