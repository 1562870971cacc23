//! Judges the objectives of a run.

use std::path::Path;

use tenfold_run_dir::Run;
use tenfold_run_dir::counts::{Aborted, ArrivalCounts, RequestCounts};
use tenfold_scenarios::{Kind, Latency, Metric, Rule, Scenario, Scope};

use crate::format;
use crate::latency::counted_latencies::CountedLatencies;
use crate::stats::order_statistic::{OrderStatistics, SAMPLES_BEYOND, samples_beyond};
use crate::stats::proportion::wilson_interval;
use crate::summary::Summary;
use crate::summary::rule_result::RuleResult;

/// Judges every objective of a run.
pub(crate) fn judge_rules(
    run: &Run,
    counted: &CountedLatencies,
    summary: &Summary,
) -> Vec<RuleResult> {
    let judge_one = |(index, text): (usize, &String)| match parse(run, text) {
        Ok(rule) => {
            let mut result = judge(run, counted, summary, &rule);
            if let Some(aborted) = run.counts.aborted.as_ref().filter(|by| by.rule == index) {
                mark_aborted(&mut result, aborted);
            }
            result
        }
        Err(reason) => RuleResult {
            text: text.clone(),
            met: None,
            measured: None,
            interval_95: None,
            limit: None,
            unit: String::new(),
            count: 0,
            why: format!("not judged: {reason}"),
        },
    };
    run.manifest
        .rules
        .iter()
        .enumerate()
        .map(judge_one)
        .collect()
}

/// Marks the objective that aborted the run as missed, even if later samples met it.
fn mark_aborted(result: &mut RuleResult, aborted: &Aborted) {
    let measured = match result.unit.as_str() {
        "ns" => format::duration_of(aborted.measured),
        _ => format::percent(aborted.measured),
    };
    result.met = Some(false);
    result.why = format!(
        "aborted the run at {} s, with {measured} over {} {}; at the end {}",
        format::count(aborted.at_ns.saturating_add(500_000_000) / 1_000_000_000),
        format::count(aborted.samples),
        counted_noun(&result.unit),
        result.why
    );
}

/// Parses one objective.
///
/// The scenario of a run may no longer be readable, for example because the trace that it replays is gone.
/// The objective is therefore parsed as part of a minimal scenario that has the same request names and
/// enough samples for any percentile.
fn parse(run: &Run, text: &str) -> Result<Rule, String> {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let mut scenario = format!("version = 1\nname = \"rule\"\nrules = [{}]\n", quoted(text));
    let phases = run.manifest.phases.iter();
    let mut phases: Vec<(&str, bool)> = phases
        .map(|phase| (phase.name.as_str(), phase.warm_up))
        .collect();
    if phases.iter().all(|(_, warm_up)| *warm_up) {
        phases.push(("all phases", false));
    }
    for (name, warm_up) in phases {
        scenario.push_str(&format!(
            "\n[[phases]]\nname = {}\nkind = \"constant\"\nrate = \"1000000/s\"\nduration = \"10h\"\n\
             warm_up = {warm_up}\n",
            quoted(name)
        ));
    }
    for request in &run.manifest.requests {
        let kind = if request.kind == "write" {
            "write"
        } else {
            "read"
        };
        scenario.push_str(&format!(
            "\n[[requests]]\nname = {}\nkind = \"{kind}\"\nweight = 1\nmethod = \"GET\"\npath = \"/\"\n",
            quoted(&request.name)
        ));
    }
    let mut scenario =
        Scenario::parse(&scenario, Path::new("rule")).map_err(|error| error.message)?;
    scenario.rules.pop().ok_or_else(|| "it is empty".to_owned())
}

/// The measured value of an objective.
struct Measured {
    value: Option<f64>,
    interval: Option<[f64; 2]>,
    count: u64,
    unit: &'static str,
    /// Reason for a missing value.
    missing_because: String,
}

fn judge(run: &Run, counted: &CountedLatencies, summary: &Summary, rule: &Rule) -> RuleResult {
    let measured = match rule.metric {
        Metric::Errors => errors(&arrivals(run, summary, rule)),
        Metric::Rate => {
            let (rates, arrivals) = match rule.phase.and_then(|phase| summary.phases.get(phase)) {
                Some(phase) => (&phase.rate_per_s, &phase.arrivals),
                None => (&summary.rate_per_s, &summary.arrivals),
            };
            Measured {
                value: rates.share,
                interval: None,
                count: arrivals.planned,
                unit: "fraction",
                missing_because: "nothing was offered".to_owned(),
            }
        }
        Metric::Quantile(latency, _) | Metric::Mean(latency) | Metric::Max(latency) => {
            let metric = match latency {
                Latency::Response => tenfold_run_dir::Metric::Response,
                Latency::Service => tenfold_run_dir::Metric::Service,
            };
            let keep = |request| in_scope(run, rule.scope, request);
            let histogram = match rule.phase {
                Some(phase) => counted.histogram_in(phase, metric, keep),
                None => counted.histogram(metric, keep),
            };
            measure_latency(rule.metric, &histogram)
        }
    };
    let met = measured
        .value
        .map(|value| rule.comparison.holds(value, rule.limit));
    RuleResult {
        text: rule.text.clone(),
        met,
        measured: measured.value,
        interval_95: measured.interval,
        limit: Some(rule.limit),
        unit: measured.unit.to_owned(),
        count: measured.count,
        why: why(rule, &measured),
    }
}

fn in_scope(run: &Run, scope: Scope, request: usize) -> bool {
    match scope {
        Scope::All => true,
        Scope::Kind(kind) => {
            let name = if kind == Kind::Read { "read" } else { "write" };
            run.manifest
                .requests
                .get(request)
                .is_some_and(|request| request.kind == name)
        }
        Scope::Request(index) => index == request,
    }
}

fn arrivals(run: &Run, summary: &Summary, rule: &Rule) -> ArrivalCounts {
    if let Some(phase) = rule.phase {
        let requests = run.counts.phases.get(phase).into_iter().flatten();
        let mut sum = RequestCounts::default();
        for (_, counts) in requests
            .enumerate()
            .filter(|(request, _)| in_scope(run, rule.scope, *request))
        {
            sum.add(counts);
        }
        return ArrivalCounts::from(&sum);
    }
    match rule.scope {
        Scope::All => summary.arrivals.clone(),
        Scope::Kind(Kind::Read) => summary.reads.arrivals.clone(),
        Scope::Kind(Kind::Write) => summary.writes.arrivals.clone(),
        Scope::Request(index) => summary
            .requests
            .get(index)
            .map(|request| request.arrivals.clone())
            .unwrap_or_default(),
    }
}

fn errors(arrivals: &ArrivalCounts) -> Measured {
    let lost = arrivals.failed + arrivals.dropped;
    let count = lost + arrivals.completed;
    Measured {
        value: arrivals.error_rate(),
        interval: (count > 0).then(|| wilson_interval(lost, count)),
        count,
        unit: "fraction",
        missing_because: "no request ended".to_owned(),
    }
}

fn measure_latency(metric: Metric, histogram: &hdrhistogram::Histogram<u64>) -> Measured {
    let ordered = OrderStatistics::of(histogram);
    let count = ordered.count();
    let mut measured = Measured {
        value: None,
        interval: None,
        count,
        unit: "ns",
        missing_because: "nothing was measured".to_owned(),
    };
    match metric {
        Metric::Quantile(_, quantile) => match ordered.quantile(quantile) {
            Some(estimate) => {
                measured.value = Some(estimate.value as f64);
                measured.interval = estimate.interval.map(|ends| ends.map(|end| end as f64));
            }
            None if count > 0 => {
                measured.missing_because = format!(
                    "only {} of {} samples lie beyond the percentile, and {SAMPLES_BEYOND} are needed",
                    samples_beyond(count, quantile),
                    format::count(count)
                );
            }
            None => {}
        },
        Metric::Mean(_) if count > 0 => measured.value = Some(histogram.mean()),
        Metric::Max(_) if count > 0 => measured.value = Some(histogram.max() as f64),
        _ => {}
    }
    measured
}

/// Returns the noun for the count of a value with this unit.
fn counted_noun(unit: &str) -> &'static str {
    match unit {
        "ns" => "samples",
        _ => "arrivals",
    }
}

fn why(rule: &Rule, measured: &Measured) -> String {
    let Some(value) = measured.value else {
        return format!("not judged: {}", measured.missing_because);
    };
    let text = |value: f64| match measured.unit {
        "ns" => format::duration_of(value),
        _ => format::percent(value),
    };
    let mut why = format!(
        "{} over {} {}",
        text(value),
        format::count(measured.count),
        counted_noun(measured.unit)
    );
    if let Some([low, high]) = measured.interval {
        why.push_str(&format!("; 95% interval {} to {}", text(low), text(high)));
        let is_certain =
            rule.comparison.holds(low, rule.limit) == rule.comparison.holds(high, rule.limit);
        if !is_certain {
            why.push_str(": too close to the limit to be certain");
        }
    }
    why
}
