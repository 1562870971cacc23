//! Judges the objectives of a run.

use std::path::Path;

use tenfold_run_dir::Run;
use tenfold_run_dir::counts::Aborted;
use tenfold_scenarios::{Comparison, Kind, Latency, Metric, Rule, Scenario, Scope};

use crate::format;
use crate::latency::counted_latencies::CountedLatencies;
use crate::summary::Summary;
use crate::summary::rates::Rates;
use crate::summary::rule_result::RuleResult;
use crate::verdict::outcomes::Outcomes;
use crate::verdict::possible::{Censored, Possible};
use tenfold_stats::wilson_interval;
use tenfold_stats::{OrderStatistics, SAMPLES_BEYOND};

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
/// enough samples for any percentile. Its requests are streams, so that objectives on events apply.
pub(super) fn parse(run: &Run, text: &str) -> Result<Rule, String> {
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
            "\n[[requests]]\nname = {}\nkind = \"{kind}\"\nweight = 1\nmethod = \"GET\"\npath = \"/\"\n\
             websocket = {{ send = [\"x\"] }}\n",
            quoted(&request.name)
        ));
    }
    let scenario = Scenario::parse(&scenario, Path::new("rule")).map_err(|error| error.message)?;
    let mut rules = scenario.rules.into_iter();
    rules.next().ok_or_else(|| "it is empty".to_owned())
}

/// Returns the recorded metric of a latency.
pub(super) fn recorded(latency: Latency) -> tenfold_run_dir::Metric {
    match latency {
        Latency::Response => tenfold_run_dir::Metric::Response,
        Latency::Service => tenfold_run_dir::Metric::Service,
        Latency::FirstEvent => tenfold_run_dir::Metric::FirstEvent,
        Latency::EventGap => tenfold_run_dir::Metric::EventGap,
        Latency::RoundTrip => tenfold_run_dir::Metric::RoundTrip,
    }
}

/// The measured value of an objective.
struct Measured {
    /// The bounds of the value. `None` if nothing was measured.
    possible: Option<Possible>,
    interval: Option<[f64; 2]>,
    /// Samples or arrivals behind the value, without those of unknown outcome.
    count: u64,
    /// Arrivals without a known outcome, or without a latency.
    missing: u64,
    unit: &'static str,
    /// Reason for a missing value.
    missing_because: String,
    /// True if the greatest value includes waits for an idle user.
    waits_for_users: bool,
}

impl Measured {
    /// The value to show for an outcome: the bound that it rests on. `None` if there is no outcome.
    fn value(&self, rule: &Rule, met: Option<bool>) -> Option<f64> {
        let Possible { low, high } = self.possible?;
        let rises = matches!(rule.comparison, Comparison::Less | Comparison::LessOrEqual);
        match met? == rises {
            true => Some(high),
            false => Some(low),
        }
    }

    /// Lowers the least value to that without the waits for an idle user, which are not the service's: to that of the service
    /// times.
    fn without_wait_for_users(
        &mut self,
        latency: Latency,
        of_service: impl FnOnce() -> Option<Possible>,
    ) {
        let Some(possible) = &mut self.possible else {
            return;
        };
        let low = match latency {
            Latency::Response => of_service().map_or(0.0, |service| service.low),
            // The first event has no time from when the request was sent.
            Latency::FirstEvent => 0.0,
            Latency::Service | Latency::EventGap | Latency::RoundTrip => return,
        };
        self.waits_for_users = low < possible.low;
        possible.low = low.min(possible.low);
        if self.waits_for_users {
            self.interval = None;
        }
    }
}

fn judge(run: &Run, counted: &CountedLatencies, summary: &Summary, rule: &Rule) -> RuleResult {
    let mut outcomes = outcomes(run, rule);
    let measured = match rule.metric {
        Metric::Errors => {
            if summary.too_few_users.is_some() {
                outcomes = outcomes.without_dropped();
            }
            errors(&outcomes)
        }
        Metric::Rate => {
            if summary.too_few_users.is_some() {
                outcomes = outcomes.without_dropped();
            }
            let phase = rule.phase.and_then(|phase| summary.phases.get(phase));
            let rates = phase.map_or(&summary.rate_per_s, |phase| &phase.rate_per_s);
            rate(rates, &outcomes)
        }
        Metric::Quantile(latency, _) | Metric::Mean(latency) | Metric::Max(latency) => {
            let metric = recorded(latency);
            let keep = |request| in_scope(run, rule.scope, request);
            let histogram = match rule.phase {
                Some(phase) => counted.histogram_in(phase, metric, keep),
                None => counted.histogram(metric, keep),
            };
            let censored = Censored {
                outcomes: match latency {
                    Latency::Response | Latency::Service => outcomes,
                    Latency::FirstEvent => outcomes.of_streams(histogram.len()),
                    // How many events or replies a request would have had is not known.
                    Latency::EventGap | Latency::RoundTrip => Outcomes::default(),
                },
                latencies: &histogram,
                // The wait for a user is no part of the service time.
                dropped_after_ns: match latency {
                    Latency::Response | Latency::FirstEvent => {
                        run.counts.dropped_after_ns_min.unwrap_or(0)
                    }
                    Latency::Service | Latency::EventGap | Latency::RoundTrip => 0,
                },
            };
            let mut measured = measure_latency(rule.metric, &censored);
            if summary.too_few_users.is_some() {
                measured.without_wait_for_users(latency, || {
                    let service = match rule.phase {
                        Some(phase) => {
                            counted.histogram_in(phase, recorded(Latency::Service), keep)
                        }
                        None => counted.histogram(recorded(Latency::Service), keep),
                    };
                    let at_best = Censored {
                        outcomes,
                        latencies: &service,
                        dropped_after_ns: 0,
                    };
                    measure_latency(rule.metric, &at_best).possible
                });
            }
            measured
        }
    };
    let met = measured
        .possible
        .and_then(|possible| possible.meets(rule.comparison, rule.limit));
    RuleResult {
        text: rule.text.clone(),
        met,
        measured: measured.value(rule, met),
        interval_95: measured.interval,
        limit: Some(rule.limit),
        unit: measured.unit.to_owned(),
        count: measured.count,
        why: why(rule, &measured, met),
    }
}

pub(super) fn in_scope(run: &Run, scope: Scope, request: usize) -> bool {
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

/// The outcomes of the requests in the phases and the scope of a rule.
fn outcomes(run: &Run, rule: &Rule) -> Outcomes {
    let is_in = |phase: usize| match rule.phase {
        Some(only) => only == phase,
        None => run.is_counted(phase),
    };
    let phases = run.counts.phases.iter().enumerate();
    let requests = phases
        .filter(|(phase, _)| is_in(*phase))
        .flat_map(|(_, requests)| requests.iter().enumerate());
    Outcomes::of(
        requests
            .filter(|(index, _)| in_scope(run, rule.scope, *index))
            .map(|(_, counts)| counts),
    )
}

fn errors(outcomes: &Outcomes) -> Measured {
    let lost = outcomes.failed + outcomes.dropped;
    let count = lost + outcomes.completed;
    Measured {
        possible: Possible::share(lost, count, outcomes.unknown),
        interval: (count > 0 && outcomes.unknown == 0).then(|| wilson_interval(lost, count)),
        count,
        missing: outcomes.unknown,
        unit: "fraction",
        missing_because: "no request ended".to_owned(),
        waits_for_users: false,
    }
}

fn rate(rates: &Rates, outcomes: &Outcomes) -> Measured {
    let unknown = outcomes.unknown as f64 / outcomes.planned.max(1) as f64;
    Measured {
        possible: rates.share.map(|share| Possible {
            low: share,
            high: share + unknown,
        }),
        interval: None,
        count: outcomes.planned,
        missing: outcomes.unknown,
        unit: "fraction",
        missing_because: "nothing was offered".to_owned(),
        waits_for_users: false,
    }
}

fn measure_latency(metric: Metric, censored: &Censored<'_>) -> Measured {
    let count = censored.latencies.len();
    let mut measured = Measured {
        possible: None,
        interval: None,
        count,
        missing: censored.missing(),
        unit: "ns",
        missing_because: "nothing was measured".to_owned(),
        waits_for_users: false,
    };
    match metric {
        Metric::Quantile(_, quantile) => {
            let beyond = censored.beyond(quantile);
            if count > 0 && beyond < SAMPLES_BEYOND {
                measured.missing_because = format!(
                    "only {beyond} of {} samples lie beyond the percentile, and {SAMPLES_BEYOND} are needed",
                    format::count(censored.count()),
                );
            } else if count > 0 {
                measured.possible = censored.quantile(quantile);
                let exact = measured.possible.is_some_and(Possible::is_exact);
                let ordered = OrderStatistics::of(censored.latencies);
                measured.interval = ordered
                    .quantile(quantile)
                    .filter(|_| exact && measured.missing == 0)
                    .and_then(|estimate| estimate.interval)
                    .map(|ends| ends.map(|end| end as f64));
            }
        }
        Metric::Mean(_) => measured.possible = censored.mean(),
        Metric::Max(_) => measured.possible = censored.max(),
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

fn why(rule: &Rule, measured: &Measured, met: Option<bool>) -> String {
    let text = |value: f64| match measured.unit {
        _ if value.is_infinite() => "more than any that was measured".to_owned(),
        "ns" => format::duration_of(value),
        _ => format::percent(value),
    };
    let Some(possible) = measured.possible else {
        return format!("not judged: {}", measured.missing_because);
    };
    let noun = counted_noun(measured.unit);
    let Some(value) = measured.value(rule, met) else {
        // Without missing arrivals, only waits for users and timeouts leave a value open.
        let reason = match measured.missing {
            _ if measured.waits_for_users => {
                "arrivals waited for an idle user, of which there were too few".to_owned()
            }
            0 => "requests timed out, which took longer than was measured".to_owned(),
            missing => format!(
                "{} arrivals were not sent or not answered, beside {} {noun}",
                format::count(missing),
                format::count(measured.count)
            ),
        };
        return format!(
            "not judged: anything from {} to {} is possible, because {reason}",
            text(possible.low),
            text(possible.high),
        );
    };
    let mut why = match (possible.is_exact(), value == possible.low) {
        (true, _) => text(value),
        (false, true) => format!("at least {}", text(value)),
        (false, false) => format!("at most {}", text(value)),
    };
    why.push_str(&format!(" over {} {noun}", format::count(measured.count)));
    if measured.missing > 0 {
        why.push_str(&format!(
            " and {} arrivals that were not sent or not answered",
            format::count(measured.missing)
        ));
    }
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
