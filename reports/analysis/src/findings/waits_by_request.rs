//! Which request names waited in a part of a run, and which did not.

use std::collections::BTreeSet;

use tenfold_run_dir::{HistogramSum, Run, latency_histogram};

use crate::findings::load_second::LoadSecond;
use crate::format;
use tenfold_stats::OrderStatistics;

/// Minimum number of answers of a request name to judge it.
const ANSWERS_MIN: u64 = 20;

/// Share of the longest added wait from which a request name waited.
const WAITED_MIN: f64 = 1.0 / 3.0;

/// Share of the longest added wait up to which a request name did not wait.
const SPARED_MAX: f64 = 0.1;

/// Minimum added wait that counts at all, in nanoseconds.
const ADDED_NS_MIN: f64 = 50e6;

/// Maximum number of request names of a kind in the evidence.
const EVIDENCE_MAX: usize = 4;

/// Maximum number of request names in a list within a sentence.
const NAMES_MAX: usize = 3;

/// Response times of one request name at two loads.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RequestWait {
    /// Index of the request in the scenario.
    pub(super) request: usize,
    /// Its name.
    pub(super) name: String,
    /// Its share of the answers.
    pub(super) share: f64,
    /// Response times at high load.
    pub(super) high: Times,
    /// Response times in quiet seconds.
    pub(super) low: Times,
}

/// Response times in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Times {
    /// Number of answers.
    pub(super) count: u64,
    /// Mean.
    pub(super) mean_ns: f64,
    /// Median, for any sample size.
    pub(super) p50_ns: u64,
    /// 90th percentile, for any sample size.
    pub(super) p90_ns: u64,
    /// 99th percentile. `None` if fewer than ten samples lie beyond it.
    pub(super) p99_ns: Option<u64>,
}

impl Times {
    fn of<'a>(sums: impl Iterator<Item = &'a HistogramSum>) -> Self {
        let mut histogram = latency_histogram();
        sums.for_each(|sum| sum.add_to(&mut histogram));
        let ordered = OrderStatistics::of(&histogram);
        Self {
            count: ordered.count(),
            mean_ns: histogram.mean(),
            p50_ns: ordered.raw_quantile(0.5).unwrap_or(0),
            p90_ns: ordered.raw_quantile(0.9).unwrap_or(0),
            p99_ns: ordered.quantile(0.99).map(|estimate| estimate.value),
        }
    }

    /// Returns the percentiles as text: `p50 1.20 s, p99 2.04 s`.
    fn text(&self) -> String {
        let (name, high) = match self.p99_ns {
            Some(p99) => ("p99", p99),
            None => ("p90", self.p90_ns),
        };
        format!(
            "p50 {}, {name} {}",
            format::duration(self.p50_ns),
            format::duration(high)
        )
    }
}

impl RequestWait {
    /// Returns by how much the 90th percentile is higher than in the quiet seconds.
    pub(super) fn added_ns(&self) -> f64 {
        (self.high.p90_ns as f64 - self.low.p90_ns as f64).max(0.0)
    }

    fn text(&self) -> String {
        format!(
            "`{}` ({} of the answers): {}; {} in quiet seconds",
            self.name,
            format::percent(self.share),
            self.high.text(),
            self.low.text()
        )
    }
}

/// Request names by whether they waited.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct WaitsByRequest {
    /// Names that waited, the longest wait first.
    pub(super) waited: Vec<RequestWait>,
    /// Names that waited less than a tenth of the longest.
    pub(super) spared: Vec<RequestWait>,
    /// Names in between.
    pub(super) between: Vec<RequestWait>,
}

/// Returns which requests waited in the seconds `high`, compared with the seconds `low`.
///
/// Response times over time are stored in columns, which are longer than a second in a run of more than two
/// minutes. A column counts as `low` only if all of its seconds do.
pub(super) fn waits_by_request(
    run: &Run,
    seconds: &[LoadSecond],
    high: &[usize],
    low: &[usize],
) -> WaitsByRequest {
    let columns = run.latencies.counted_columns();
    let column = |at: usize| seconds[at].start_ns / columns.column_ns();
    let of =
        |indices: &[usize]| -> BTreeSet<u64> { indices.iter().map(|at| column(*at)).collect() };
    let high = of(high);
    let chosen: BTreeSet<usize> = low.iter().copied().collect();
    let others: Vec<usize> = (0..seconds.len())
        .filter(|at| seconds[*at].counted && !chosen.contains(at))
        .collect();
    let low: BTreeSet<u64> = of(low).difference(&of(&others)).copied().collect();
    let times = |request: usize, within: &BTreeSet<u64>| {
        let own = columns
            .of_request(request)
            .filter(|(column, _)| within.contains(column));
        Times::of(own.map(|(_, sum)| sum))
    };
    let mut waits: Vec<RequestWait> = (run.manifest.requests.iter().enumerate())
        .map(|(request, info)| RequestWait {
            request,
            name: info.name.replace('`', "'"),
            share: 0.0,
            high: times(request, &high),
            low: times(request, &low),
        })
        .collect();
    let answers: u64 = waits.iter().map(|wait| wait.high.count).sum();
    for wait in &mut waits {
        wait.share = wait.high.count as f64 / answers.max(1) as f64;
    }
    waits.retain(|wait| wait.high.count >= ANSWERS_MIN && wait.low.count >= ANSWERS_MIN);
    waits.sort_by(|a, b| b.added_ns().total_cmp(&a.added_ns()));
    let longest = waits.first().map_or(0.0, RequestWait::added_ns);
    let mut sorted = WaitsByRequest::default();
    if longest < ADDED_NS_MIN {
        return sorted;
    }
    for wait in waits {
        match wait.added_ns() / longest {
            share if share >= WAITED_MIN => sorted.waited.push(wait),
            share if share <= SPARED_MAX => sorted.spared.push(wait),
            _ => sorted.between.push(wait),
        }
    }
    sorted
}

impl WaitsByRequest {
    /// Returns whether some requests waited and others did not.
    pub(super) fn is_split(&self) -> bool {
        !self.waited.is_empty() && !self.spared.is_empty()
    }

    /// Returns the names that waited, for a sentence: "`a`, `b` and 2 others".
    pub(super) fn waited_names(&self) -> String {
        names(&self.waited)
    }

    /// Returns who waited and who did not, as a part of a sentence.
    pub(super) fn sentence(&self) -> String {
        match self.between.is_empty() {
            true => format!("{} waited, the other requests hardly", self.waited_names()),
            false => format!(
                "{} waited, {} hardly",
                self.waited_names(),
                names(&self.spared)
            ),
        }
    }

    /// Returns what to do if some requests waited and others did not, without a full stop.
    pub(super) fn advice(&self) -> String {
        format!(
            "Find what keeps {} waiting, and not the other requests: a pool, a lock, a table or a disk",
            self.waited_names()
        )
    }

    /// Returns the figures of the requests, one sentence each.
    pub(super) fn evidence(&self) -> Vec<String> {
        let waited = self.waited.iter().chain(&self.between).take(EVIDENCE_MAX);
        let mut evidence: Vec<String> = waited.map(RequestWait::text).collect();
        if self.is_split() {
            let share: f64 = self.spared.iter().map(|wait| wait.share).sum();
            evidence.push(format!(
                "{} ({} of the answers) hardly waited: at most {}",
                names(&self.spared),
                format::percent(share),
                self.spared[0].high.text()
            ));
        }
        evidence
    }
}

/// Lists names of requests in a sentence.
fn names(waits: &[RequestWait]) -> String {
    let quoted = |wait: &RequestWait| format!("`{}`", wait.name);
    let shown = match waits.len() {
        count if count <= NAMES_MAX => count,
        _ => NAMES_MAX - 1,
    };
    let mut parts: Vec<String> = waits.iter().take(shown).map(quoted).collect();
    match waits.len() - shown {
        0 => {}
        left => parts.push(format!("{left} others")),
    }
    match parts.pop() {
        Some(last) if !parts.is_empty() => format!("{} and {last}", parts.join(", ")),
        last => last.unwrap_or_default(),
    }
}
