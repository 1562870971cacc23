//! What the objectives of a run leave open.

use tenfold_run_dir::Run;
use tenfold_scenarios::{Metric, Rule, Scope};

use crate::latency::counted_latencies::CountedLatencies;
use crate::summary::Summary;
use crate::summary::objective_gaps::{ObjectiveGaps, SlowerAlone};
use crate::verdict::rules::{in_scope, parse, recorded};
use tenfold_stats::OrderStatistics;

/// Returns what the objectives of a run leave open: requests whose latency none of them limits, and
/// requests that are slower than the objective that they meet together with others.
pub(crate) fn objective_gaps(
    run: &Run,
    counted: &CountedLatencies<'_>,
    summary: &Summary,
) -> ObjectiveGaps {
    let rules = run.manifest.rules.iter().zip(&summary.rules);
    let parsed = rules.filter_map(|(text, result)| Some((parse(run, text).ok()?, result.met)));
    let latency_rules: Vec<(Rule, Option<bool>)> = parsed
        .filter(|(rule, _)| {
            matches!(
                rule.metric,
                Metric::Quantile(..) | Metric::Mean(_) | Metric::Max(_)
            )
        })
        .collect();
    let sent = summary
        .requests
        .iter()
        .enumerate()
        .filter(|(_, request)| request.arrivals.planned > 0);
    let is_limited = |request: usize| {
        let mut rules = latency_rules.iter();
        rules.any(|(rule, _)| in_scope(run, rule.scope, request))
    };
    let unlimited = sent
        .clone()
        .filter(|(index, _)| !is_limited(*index))
        .map(|(_, request)| request.name.clone())
        .collect();
    let mut slower_alone = Vec::new();
    for (rule, _) in latency_rules.iter().filter(|(_, met)| *met == Some(true)) {
        for (index, request) in sent.clone() {
            if let Some(value_ns) = slower(run, counted, rule, index) {
                slower_alone.push(SlowerAlone {
                    request: request.name.clone(),
                    rule: rule.text.clone(),
                    value_ns,
                });
            }
        }
    }
    ObjectiveGaps {
        unlimited,
        slower_alone,
    }
}

/// Returns the percentile of one request if it alone misses an objective of several. `None` if there
/// are too few samples to tell.
fn slower(run: &Run, counted: &CountedLatencies<'_>, rule: &Rule, request: usize) -> Option<u64> {
    let Metric::Quantile(latency, quantile) = rule.metric else {
        return None;
    };
    if matches!(rule.scope, Scope::Request(_)) || !in_scope(run, rule.scope, request) {
        return None;
    }
    let histogram = counted.histogram(recorded(latency), |other| other == request);
    let estimate = OrderStatistics::of(&histogram).quantile(quantile)?;
    let holds = rule.comparison.holds(estimate.value as f64, rule.limit);
    (!holds).then_some(estimate.value)
}
