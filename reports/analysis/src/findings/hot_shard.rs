//! One shard with much more than its share of the calls.

use std::collections::BTreeMap;

use tenfold_run_dir::Run;
use tenfold_run_dir::component_use::ComponentFigures;
use tenfold_run_dir::target_metrics::MetricSeries;

use crate::format;
use crate::summary::finding::{Confidence, Finding};

/// Calls of a shard, by shard, as the reference service reports them.
const CALLS: &str = "tenfold_shard_call_seconds_count";
/// Share of the busiest author in the calls of a shard.
const AUTHOR_SHARE: &str = "tenfold_shard_hottest_author_share";
/// Identifier of that author.
const AUTHOR: &str = "tenfold_shard_hottest_author";
/// Calls of all shards below which their shares say little.
const CALLS_MIN: f64 = 1_000.0;
/// Multiple of the mean of the other shards from which a shard is hot. Of two shards, one has 1.5 times the calls of the
/// other if a fifth of all calls are for one of its authors, and the rest is even.
const RATIO_MIN: f64 = 1.4;
/// Share of the calls of a shard from which one author is the cause.
const AUTHOR_SHARE_MIN: f64 = 0.15;
/// Share of throttled CPU periods from which a box is short of CPU.
const THROTTLED_MIN: f64 = 0.5;

/// Reports a shard with many more calls than the others.
pub(super) fn hot_shard(run: &Run) -> Option<Finding> {
    let calls = calls_by_shard(run);
    let total: f64 = calls.values().sum();
    let (shard, own) = calls.iter().max_by(|one, other| one.1.total_cmp(other.1))?;
    let others = calls.len().checked_sub(1).filter(|others| *others > 0)?;
    let mean_of_others = (total - own) / others as f64;
    if total < CALLS_MIN || *own < RATIO_MIN * mean_of_others {
        return None;
    }
    let share = own / total;
    let mut evidence = vec![format!(
        "{} of {} calls were for {shard}, one of {} shards",
        format::percent(share),
        format::count(total as u64),
        calls.len()
    )];
    let author = author(run, shard);
    if let Some((author, share)) = author {
        evidence.push(format!(
            "{} of the calls of {shard} that name an author were for author {author}",
            format::percent(share)
        ));
    }
    evidence.extend(cpu(run, &calls));
    evidence.extend(statements(run, &calls));
    let is_throttled = run
        .boxes
        .iter()
        .any(|own| own.name == *shard && own.held_back.is_some_and(|share| share >= THROTTLED_MIN));
    let cause = author.filter(|(_, share)| *share >= AUTHOR_SHARE_MIN);
    let (title, advice) = match cause {
        Some((author, _)) => (
            format!(
                "Shard {shard} is hot: {} of all calls are for it, many of them for author {author}",
                format::percent(share)
            ),
            format!(
                "More shards do not help, since one author has one shard. Cache the posts of author {author}, keep them \
                 out of written feeds (--feeds hybrid), limit that author's rate, or move the other buckets of {shard} \
                 to other shards (tenfold lab reshard --away-from {shard}).",
            ),
        ),
        None => (
            format!(
                "Shard {shard} is hot: {} of all calls are for it",
                format::percent(share)
            ),
            format!(
                "Move buckets from {shard} to other shards: tenfold lab reshard --away-from {shard}.",
            ),
        ),
    };
    Some(Finding {
        title,
        evidence,
        confidence: match (cause, is_throttled) {
            (Some(_), true) => Confidence::High,
            (Some(_), false) | (None, true) => Confidence::Medium,
            (None, false) => Confidence::Low,
        },
        advice,
    })
}

/// Returns the number of calls of each shard during the run.
fn calls_by_shard(run: &Run) -> BTreeMap<String, f64> {
    let series = run.metrics.series.iter();
    series
        .filter_map(|series| {
            let shard = shard_of(series, CALLS)?;
            let mut values = series.values.iter().flatten();
            let first = *values.next()?;
            let last = values.next_back().copied().unwrap_or(first);
            // A counter that decreases belongs to a restarted process.
            Some((shard.to_owned(), (last - first).max(0.0)))
        })
        .collect()
}

/// Returns the shard of a series `NAME{shard="…"}`.
fn shard_of<'a>(series: &'a MetricSeries, name: &str) -> Option<&'a str> {
    let labels = series.name.strip_prefix(name)?;
    labels.strip_prefix("{shard=\"")?.strip_suffix("\"}")
}

/// Returns the author that a shard had most calls for, and the mean of that author's share.
fn author(run: &Run, shard: &str) -> Option<(i64, f64)> {
    let of_shard = |name: &str| {
        let mut series = run.metrics.series.iter();
        series.find(|series| shard_of(series, name) == Some(shard))
    };
    let (authors, shares) = (of_shard(AUTHOR), of_shard(AUTHOR_SHARE)?);
    // A series that never changed is not recorded.
    let mut seen: BTreeMap<i64, (f64, u32)> = BTreeMap::new();
    let authors = authors?.values.iter();
    for (author, share) in authors.zip(&shares.values) {
        if let (Some(author), Some(share)) = (author, share) {
            let own = seen.entry(*author as i64).or_default();
            *own = (own.0 + share, own.1 + 1);
        }
    }
    let looks: u32 = seen.values().map(|(_, looks)| looks).sum();
    let (author, (shares, _)) = seen
        .into_iter()
        .max_by(|one, other| one.1.0.total_cmp(&other.1.0))?;
    Some((author, shares / f64::from(looks)))
}

/// Compares the CPU time of the boxes of the shards.
fn cpu(run: &Run, calls: &BTreeMap<String, f64>) -> Option<String> {
    let boxes = run.boxes.iter().filter(|own| calls.contains_key(&own.name));
    let texts: Vec<String> = boxes
        .map(|own| {
            let throttled = own.held_back.map_or(String::new(), |share| {
                format!(
                    ", throttled in {} of its CPU periods",
                    format::percent(share)
                )
            });
            let cores = format::significant(own.cores_used());
            format!("{} {cores} cores{throttled}", own.name)
        })
        .collect();
    (texts.len() > 1).then(|| format!("CPU: {}", texts.join("; ")))
}

/// Compares the statements of the databases of the shards.
fn statements(run: &Run, calls: &BTreeMap<String, f64>) -> Option<String> {
    let databases = run.components.iter().filter_map(|own| {
        let Some(ComponentFigures::Database(figures)) = &own.figures else {
            return None;
        };
        let name = calls.contains_key(&own.name).then_some(&own.name)?;
        Some(format!("{name} {}", format::count(figures.questions)))
    });
    let texts: Vec<String> = databases.collect();
    (texts.len() > 1).then(|| format!("statements: {}", texts.join("; ")))
}

#[cfg(test)]
mod tests {
    use tenfold_run_dir::box_use::BoxUse;
    use tenfold_run_dir::target_metrics::MetricKind;

    use super::*;
    use crate::synthetic::MadeUp;

    fn series(name: &str, kind: MetricKind, values: [f64; 3]) -> MetricSeries {
        MetricSeries {
            name: name.to_owned(),
            kind,
            chosen: false,
            values: values.map(Some).to_vec(),
        }
    }

    fn run(calls: &[(&str, f64)]) -> Run {
        let mut run = MadeUp::default().play();
        run.metrics.at_ns = vec![0, 1_000_000_000, 2_000_000_000];
        run.metrics.series = calls
            .iter()
            .map(|(shard, count)| {
                let name = format!("{CALLS}{{shard=\"{shard}\"}}");
                series(&name, MetricKind::Counter, [50.0, 60.0, 50.0 + count])
            })
            .collect();
        run
    }

    fn with_author(mut run: Run, shard: &str, share: f64) -> Run {
        for (name, values) in [
            (AUTHOR, [7.0, 9.0, 7.0]),
            (AUTHOR_SHARE, [share, 0.01, share]),
        ] {
            let name = format!("{name}{{shard=\"{shard}\"}}");
            let own = series(&name, MetricKind::Gauge, values);
            run.metrics.series.push(own);
        }
        run
    }

    #[test]
    fn even_shards_are_not_reported() {
        assert_eq!(hot_shard(&MadeUp::default().play()), None);
        assert_eq!(hot_shard(&run(&[("sql-posts-1", 9_000.0)])), None);
        let even = run(&[("sql-posts-1", 5_400.0), ("sql-posts-2", 4_600.0)]);
        assert_eq!(hot_shard(&even), None);
        let few = run(&[("sql-posts-1", 90.0), ("sql-posts-2", 4.0)]);
        assert_eq!(hot_shard(&few), None);
    }

    #[test]
    fn author_with_a_fifth_of_the_traffic_is_named() {
        let mut run = run(&[("sql-posts-1", 60_000.0), ("sql-posts-2", 40_000.0)]);
        run = with_author(run, "sql-posts-1", 0.33);
        run.boxes = [("sql-posts-1", 0.7), ("sql-posts-2", 0.1)]
            .map(|(name, held_back)| BoxUse {
                name: name.to_owned(),
                over_s: 10.0,
                cpu_s: 1.9,
                held_back: Some(held_back),
                memory_bytes: 1 << 20,
                counted: None,
            })
            .to_vec();
        let finding = hot_shard(&run).unwrap();
        assert_eq!(
            finding.title,
            "Shard sql-posts-1 is hot: 60.0% of all calls are for it, many of them for author 7"
        );
        assert_eq!(finding.confidence, Confidence::High);
        assert!(finding.advice.contains("--feeds hybrid"), "{finding:?}");
        assert_eq!(
            finding.evidence[1],
            "22.0% of the calls of sql-posts-1 that name an author were for author 7"
        );
        assert!(
            finding.evidence[2].contains("throttled in 70.0%"),
            "{finding:?}"
        );
    }

    #[test]
    fn uneven_buckets_are_moved() {
        let mut run = run(&[("a", 6_000.0), ("b", 1_000.0), ("c", 1_000.0)]);
        run = with_author(run, "a", 0.02);
        let finding = hot_shard(&run).unwrap();
        assert_eq!(finding.confidence, Confidence::Low);
        assert!(finding.advice.contains("--away-from a"), "{finding:?}");
    }
}
