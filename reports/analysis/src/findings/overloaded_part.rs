//! An overload in a part of a run.

use std::ops::Range;

use tenfold_run_dir::{HistogramSum, Metric, Run, latency_histogram};

use crate::findings::hot_spot::HotSpots;
use crate::findings::limit::{CpuUse, Limit, hot_functions};
use crate::findings::load::Load;
use crate::findings::overload::Overload;
use crate::findings::parallelism::{Parallelism, parallelism, parallelism_of};
use crate::findings::waits_by_request::{WaitsByRequest, waits_by_request};
use crate::format;
use crate::summary::finding::{Confidence, Finding};
use crate::summary::generator::lag_bound_ns;
use crate::summary::period::Period;
use tenfold_stats::OrderStatistics;

/// Maximum number of further overloads in the evidence.
const OTHERS_MAX: usize = 3;

/// Ratio of the service time to that of the quiet seconds up to which the service answered as quickly as ever.
const AS_QUICK: f64 = 2.0;

/// Reports the worst of the overloads of a part of the run, `parts`. `None` if there is none.
pub(super) fn overloaded_part(run: &Run, load: &Load, parts: &[&Overload]) -> Option<Finding> {
    let (worst, others) = parts.split_first()?;
    let part = Part::of(run, load, worst);
    if part.has_too_few_users() {
        return Some(part.too_few_users());
    }
    Some(Finding {
        title: part.title(),
        evidence: part.evidence(others),
        confidence: part.confidence(),
        advice: part.advice(),
    })
}

/// An overload with all that the run knows about it.
struct Part<'a> {
    run: &'a Run,
    load: &'a Load,
    overload: &'a Overload,
    /// CPU in use while the service was busy.
    cpu: CpuUse,
    limit: Limit,
    waits: WaitsByRequest,
    parallelism: Option<Parallelism>,
    lag: Lag,
}

/// Lag of the generator while the service was busy.
#[derive(Debug, Clone, Copy)]
struct Lag {
    p99_ns: u64,
    bound_ns: u64,
}

impl<'a> Part<'a> {
    fn of(run: &'a Run, load: &'a Load, overload: &'a Overload) -> Self {
        let seconds = &load.seconds;
        let (start_ns, end_ns) = span(load, &overload.busy);
        let cpu = CpuUse::of_period(run, &Period::of(run, start_ns, end_ns));
        let busy: Vec<usize> = overload.busy.clone().collect();
        // A request that waits is answered late: in the second after the backlog, too.
        let end = seconds.len().min(overload.seconds.end + 1);
        let high: Vec<usize> = (overload.seconds.start..end).collect();
        let waits = waits_by_request(run, seconds, &high, &load.low_seconds());
        let limit = cpu.limit();
        let parallelism = match waits.is_split() {
            true => parallelism_of(run, seconds, &busy, &waits),
            false => parallelism(run, seconds, &busy),
        };
        Self {
            run,
            load,
            overload,
            parallelism: parallelism.filter(|_| limit.allows_waiting()),
            cpu,
            limit,
            waits,
            lag: Lag::of(run, start_ns, end_ns),
        }
    }

    fn title(&self) -> String {
        let overload = self.overload;
        let when = self.when(overload);
        let waited = match self.waits.is_split() {
            true => format!("; {}", self.waits.sentence()),
            false => String::new(),
        };
        let limit = match self.parallelism {
            Some(parallelism) => {
                format!(": it serves about {}{waited}", self.at_a_time(parallelism))
            }
            None => format!("{}{waited}", self.limit.clause()),
        };
        match overload.is_slowdown() {
            true => format!(
                "The service slowed down {when}, at a rate that it sustained at other times{limit}"
            ),
            false => format!("The service was overloaded {when}{limit}"),
        }
    }

    /// Returns how many requests are served at a time: "2 requests at a time".
    fn at_a_time(&self, parallelism: Parallelism) -> String {
        match self.waits.is_split() {
            true => format!("{} of them at a time", parallelism.text()),
            false => format!("{} requests at a time", parallelism.text()),
        }
    }

    /// Returns when a backlog grew: "from 21 s to 26 s, in phase `day`".
    fn when(&self, overload: &Overload) -> String {
        let (start_ns, end_ns) = span(self.load, &overload.growth);
        let phases = self.run.manifest.phases.iter();
        let names: Vec<String> = phases
            .filter(|phase| phase.start_ns < end_ns && start_ns < phase.end_ns())
            .map(|phase| format!("`{}`", phase.name.replace('`', "'")))
            .collect();
        let phases = match &names[..] {
            [] => String::new(),
            [one] => format!(", in phase {one}"),
            [first, .., last] => format!(", in phases {first} to {last}"),
        };
        format!("from {} to {}{phases}", clock(start_ns), clock(end_ns))
    }

    fn evidence(&self, others: &[&Overload]) -> Vec<String> {
        let overload = self.overload;
        let mut evidence = vec![
            format!(
                "{} offered there, {} answered{}",
                format::rate(overload.offered),
                format::rate(overload.achieved),
                overload
                    .sustained
                    .map_or(String::new(), |sustained| format!(
                        "; the highest rate without a backlog was {}",
                        format::rate(sustained)
                    ))
            ),
            self.backlog(),
        ];
        evidence.extend(self.cpu());
        evidence.extend(HotSpots::of(self.run).evidence(self.limit));
        evidence.extend(self.parallelism.map(|own| {
            let what = match self.waits.is_split() {
                true => format!("of {}", self.waits.waited_names()),
                false => "requests".to_owned(),
            };
            own.evidence(&what)
        }));
        evidence.extend(self.waits.evidence());
        let dropped: u64 = self.load.seconds[overload.seconds.clone()]
            .iter()
            .map(|second| second.dropped)
            .sum();
        if dropped > 0 {
            evidence.push(format!(
                "{} arrivals were dropped there",
                format::count(dropped)
            ));
        }
        if self.lag.is_late() {
            evidence.push(format!(
                "the generator's lag was {} at p99 there, above {}: part of the wait is its own",
                format::duration(self.lag.p99_ns),
                format::duration(self.lag.bound_ns)
            ));
        }
        let named = others.iter().take(OTHERS_MAX);
        evidence.extend(named.map(|other| format!("also {}", self.when(other))));
        if others.len() > OTHERS_MAX {
            evidence.push(format!("and in {} more periods", others.len() - OTHERS_MAX));
        }
        evidence
    }

    fn backlog(&self) -> String {
        let overload = self.overload;
        let until = match self.load.seconds.get(overload.seconds.end) {
            Some(after) if overload.drained => {
                format!("the backlog was gone by {}", clock(after.end_ns))
            }
            _ => "the backlog was not gone when the run ended".to_owned(),
        };
        format!(
            "requests in flight or waiting reached {}; at low load, {} needs {} (Little's law); {until}",
            format::count(overload.pending_max),
            format::rate(overload.offered),
            format::significant(overload.needed)
        )
    }

    /// Returns the use of CPU while the service was busy, and the rate at which the cores are full.
    fn cpu(&self) -> Vec<String> {
        let cpu = &self.cpu;
        let (Some(host), Some(cores)) = (cpu.host, cpu.cores) else {
            return vec!["the use of CPU there is not known".to_owned()];
        };
        let mut used = vec![format!(
            "{} of {} cores of this machine",
            format::significant(host),
            format::significant(cores)
        )];
        if let Some(service) = cpu.service {
            used.push(format!("{} by the service", format::significant(service)));
        }
        used.push(format!(
            "{} by the generator",
            format::significant(cpu.generator)
        ));
        let mut evidence = vec![format!("in use there: {}", used.join(", "))];
        if let Some(full) = self.full() {
            evidence.push(full);
        }
        evidence
    }

    /// Returns the rate at which the cores are full, by the utilisation law. `None` if the use of the service
    /// is not known.
    fn full(&self) -> Option<String> {
        let (cpu, achieved) = (&self.cpu, self.overload.achieved);
        let service = cpu.service.filter(|_| achieved > 0.0)?;
        let own = service / achieved;
        let is_shared = cpu.shared_host == Some(true);
        let (cores, demand, of) = match (cpu.allowed, is_shared) {
            (Some(allowed), _) => (allowed, own, "the service"),
            (None, true) => (
                cpu.cores?,
                own + cpu.generator / achieved,
                "service and generator",
            ),
            // The cores of another machine are not known.
            (None, false) => return None,
        };
        Some(format!(
            "{of} used {:.0} us of CPU a request: {} cores are full at {}, and {} needs {}",
            demand * 1e6,
            format::significant(cores),
            format::rate(cores / demand),
            format::rate(self.overload.offered),
            format::significant(self.overload.offered * demand)
        ))
    }

    /// Counts the symptoms that agree and do not follow from each other.
    fn confidence(&self) -> Confidence {
        let overload = self.overload;
        let seconds = &self.load.seconds;
        let drained_under_load = seconds
            .get(overload.seconds.end)
            .is_some_and(|after| after.planned > 0);
        let longer = self
            .waits
            .waited
            .first()
            .is_some_and(|wait| wait.added_ns() >= 4.0 * wait.low.p90_ns as f64);
        let symptoms = [
            overload.pending_max as f64 > 5.0 * overload.needed,
            longer,
            overload.is_beyond_sustained(),
            drained_under_load,
            self.parallelism.is_some() || !self.limit.allows_waiting(),
        ];
        let agreeing = symptoms.into_iter().filter(|symptom| *symptom).count();
        match agreeing {
            _ if self.lag.is_late() => Confidence::Low,
            4.. => Confidence::High,
            2.. => Confidence::Medium,
            _ => Confidence::Low,
        }
    }

    fn advice(&self) -> String {
        let place = hot_functions(self.run);
        let split = self.waits.is_split();
        let waited = self.waits.waited_names();
        let advice = match (self.limit, self.parallelism) {
            (_, Some(parallelism)) if split => format!(
                "Look for a pool, workers or a lock that lets {} of {waited} through at a time, and that the other requests \
                 do not need: enlarge it, or shorten the work in it.",
                parallelism.text()
            ),
            (_, Some(parallelism)) => format!(
                "Look for a pool, a set of workers or a lock that lets {} requests through at a time: enlarge it, or shorten \
                 the work in it.",
                parallelism.text()
            ),
            (Limit::Cpu | Limit::Box | Limit::SharedHost, None) if split => format!(
                "Find the hot functions of {waited} {place}; cache what they read, or give the service more cores."
            ),
            (Limit::Cpu, None) => format!(
                "Find the hot functions {place}; cache the hot reads, or give the service more cores."
            ),
            (Limit::Unknown, None) if self.overload.is_slowdown() => {
                "Read the log of the service at that time: a garbage collection, a checkpoint, a backup or another process \
                 can slow it down."
                    .to_owned()
            }
            (limit, None) if split && limit.allows_waiting() => format!("{}.", self.waits.advice()),
            (Limit::Unknown, None) if !self.cpu.is_known() => {
                "Give --admin, so that the run has the CPU of the service.".to_owned()
            }
            (limit, None) => limit.advice(place),
        };
        match self.overload.is_slowdown() {
            true => advice,
            false => format!(
                "{advice} Until then, it sustains about {}.",
                format::rate(self.overload.achieved)
            ),
        }
    }

    /// Returns whether arrivals waited for an idle user although the service answered as quickly as ever.
    fn has_too_few_users(&self) -> bool {
        let Some(quiet) = &self.load.quiet else {
            return false;
        };
        let busy = &self.load.seconds[self.overload.busy.clone()];
        let service = busy
            .iter()
            .filter_map(|second| second.service_s)
            .max_by(f64::total_cmp);
        busy.iter().any(|second| second.waiting > 0)
            && service.is_some_and(|service| service <= AS_QUICK * quiet.service_s)
    }

    fn too_few_users(&self) -> Finding {
        let busy = &self.load.seconds[self.overload.busy.clone()];
        let waiting = busy.iter().map(|second| second.waiting).max().unwrap_or(0);
        Finding {
            title: format!("Too few users {}", self.when(self.overload)),
            evidence: vec![
                format!(
                    "up to {} arrivals waited for an idle user there",
                    format::count(waiting)
                ),
                "the service answered as quickly as in quiet seconds: it did not queue requests"
                    .to_owned(),
            ],
            confidence: Confidence::Medium,
            advice: format!(
                "Raise --users to more than {}: {} needs {} in flight (Little's law).",
                format::count(u64::from(self.run.manifest.users)),
                format::rate(self.overload.offered),
                format::significant(self.overload.needed)
            ),
        }
    }
}

impl Lag {
    /// Returns the lag of the requests sent in a period.
    fn of(run: &Run, start_ns: u64, end_ns: u64) -> Self {
        let columns = run.latencies.columns();
        let p99 = |metric| {
            let mut histogram = latency_histogram();
            let within = |column: u64| {
                (start_ns / columns.column_ns()..end_ns.div_ceil(columns.column_ns()))
                    .contains(&column)
            };
            let sums = columns.of(metric).filter(|(column, _)| within(*column));
            sums.for_each(|(_, sum): (u64, &HistogramSum)| sum.add_to(&mut histogram));
            OrderStatistics::of(&histogram).raw_quantile(0.99)
        };
        Self {
            p99_ns: p99(Metric::Lag).unwrap_or(0),
            bound_ns: lag_bound_ns(p99(Metric::Response)),
        }
    }

    fn is_late(self) -> bool {
        self.p99_ns > self.bound_ns
    }
}

/// Returns the start and end of a range of seconds, in nanoseconds.
fn span(load: &Load, range: &Range<usize>) -> (u64, u64) {
    let within = &load.seconds[range.clone()];
    let start = within.first().map_or(0, |second| second.start_ns);
    (start, within.last().map_or(start, |second| second.end_ns))
}

/// Formats a time since the start of the run: `21 s`.
fn clock(ns: u64) -> String {
    let seconds = ns as f64 / 1e9;
    match (seconds - seconds.round()).abs() < 0.05 {
        true => format!("{seconds:.0} s"),
        false => format!("{seconds:.1} s"),
    }
}
