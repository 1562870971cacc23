//! How many requests a service serves at a time, seen from outside.

use std::collections::BTreeSet;

use tenfold_run_dir::{Metric, Run, latency_histogram};

use crate::findings::load_second::LoadSecond;
use crate::findings::waits_by_request::WaitsByRequest;
use crate::format;
use tenfold_stats::mean_interval;

/// Shares of the rate at saturation up to which the load is low, the best first.
const LOW_LOADS: [f64; 3] = [0.3, 0.5, 0.7];

/// Minimum number of seconds at low load, and of busy seconds.
const SECONDS_MIN: usize = 3;

/// Minimum number of answers at low load.
const ANSWERS_MIN: u64 = 20;

/// Maximum relative half-width of the interval of the rate at saturation: above it, the rate is not flat.
const FLAT_MAX: f64 = 0.15;

/// Share of the service time that may pass outside the service.
const OUTSIDE: f64 = 0.05;

/// Relative distance from a whole number that still counts as it.
const ROUNDING: f64 = 0.02;

/// Number of requests that a service serves at a time: its rate at saturation times its service time at low
/// load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Parallelism {
    /// Ends of the interval of the number.
    pub(super) interval: [f64; 2],
    /// Rate while the service was busy, per second.
    pub(super) rate: f64,
    /// Mean service time at low load, in seconds.
    pub(super) service_s: f64,
}

/// Figures from which the number of requests at a time follows.
#[derive(Debug, Clone, PartialEq)]
struct Figures {
    /// Rates of the busy seconds.
    rates: Vec<f64>,
    /// Mean service times of the seconds at low load, in seconds.
    service_s: Vec<f64>,
    /// Rate at low load, as a share of the rate at saturation.
    load: f64,
    /// Squared coefficient of variation of the service times at low load.
    variation: f64,
    /// Time of a connection, which a request may contain, in seconds.
    connect_s: f64,
}

/// Estimates how many requests the service serves at a time from the busy seconds of a run. `None` if the
/// rate was not flat while it was busy, or without seconds at low load.
pub(super) fn parallelism(
    run: &Run,
    seconds: &[LoadSecond],
    busy: &[usize],
) -> Option<Parallelism> {
    let rates: Vec<f64> = busy.iter().map(|at| seconds[*at].achieved()).collect();
    let (rate, _) = mean_interval(&rates)?;
    let low = low_load(seconds, busy, rate)?;
    let service_s = low.iter().filter_map(|at| seconds[*at].service_s);
    Figures {
        service_s: service_s.collect(),
        load: mean(low.iter().map(|at| seconds[*at].achieved())) / rate,
        variation: variation(run, seconds, &low),
        connect_s: connect_s(run),
        rates,
    }
    .parallelism()
}

/// Estimates how many requests of the names that waited are served at a time, as [`parallelism`] does.
pub(super) fn parallelism_of(
    run: &Run,
    seconds: &[LoadSecond],
    busy: &[usize],
    waits: &WaitsByRequest,
) -> Option<Parallelism> {
    let columns = run.latencies.counted_columns();
    if seconds
        .iter()
        .any(|second| columns.column_ns() > second.end_ns.saturating_sub(second.start_ns) * 3 / 2)
    {
        // A column of several seconds mixes low and high load.
        return None;
    }
    let column = |at: usize| seconds[at].start_ns / columns.column_ns();
    let figures = |at: usize| {
        let (mut count, mut sum) = (0, 0.0);
        for wait in &waits.waited {
            let own = columns
                .of_request(wait.request)
                .filter(|(own, _)| *own == column(at));
            for (_, histogram) in own {
                count += histogram.len();
                sum += histogram
                    .iter()
                    .map(|(value, count)| value as f64 * count as f64)
                    .sum::<f64>();
            }
        }
        (
            count as f64 / seconds[at].seconds(),
            sum / 1e9 / (count.max(1)) as f64,
        )
    };
    let achieved = mean(busy.iter().map(|at| seconds[*at].achieved()));
    let low = low_load(seconds, busy, achieved)?;
    let rates: Vec<f64> = busy.iter().map(|at| figures(*at).0).collect();
    let quiet: Vec<(f64, f64)> = low
        .iter()
        .map(|at| figures(*at))
        .filter(|own| own.0 > 0.0)
        .collect();
    Figures {
        load: mean(quiet.iter().map(|own| own.0)) / mean(rates.iter().copied()),
        service_s: quiet.iter().map(|own| own.1).collect(),
        variation: variation(run, seconds, &low),
        connect_s: connect_s(run),
        rates,
    }
    .parallelism()
}

/// Returns the seconds at low load: the lightest that there are enough of. `None` if there are none.
fn low_load(seconds: &[LoadSecond], busy: &[usize], rate: f64) -> Option<Vec<usize>> {
    // The two seconds after a backlog still answer requests that have waited.
    let near_busy: BTreeSet<usize> = busy.iter().flat_map(|at| *at..=at + 2).collect();
    let light = |most: f64, counted: bool| -> Option<Vec<usize>> {
        let found: Vec<usize> = (0..seconds.len())
            .filter(|at| {
                let second = &seconds[*at];
                second.counted == counted
                    && second.planned > 0
                    && second.is_balanced()
                    && !near_busy.contains(at)
                    && second.offered() <= most * rate
            })
            .collect();
        let answers: u64 = found.iter().map(|at| seconds[*at].answered).sum();
        (found.len() >= SECONDS_MIN && answers >= ANSWERS_MIN).then_some(found)
    };
    let mut choices = [true, false]
        .into_iter()
        .flat_map(|counted| LOW_LOADS.map(|most| (most, counted)));
    choices.find_map(|(most, counted)| light(most, counted))
}

impl Figures {
    /// Returns the number of requests at a time, with an interval of 95% or more.
    ///
    /// The upper end takes all of the service time as time in the service. The lower end leaves out what may have passed
    /// outside, and the wait in its queue by the approximation of Sakasegawa (1977) for Poisson arrivals.
    fn parallelism(&self) -> Option<Parallelism> {
        if self.rates.len() < SECONDS_MIN {
            return None;
        }
        let (rate, rate_half) = mean_interval(&self.rates)?;
        let (service_s, service_half) = mean_interval(&self.service_s)?;
        if rate <= 0.0 || service_s <= 0.0 || rate_half / rate > FLAT_MAX {
            return None;
        }
        let number = rate * service_s;
        let error = (rate_half / rate).hypot(service_half / service_s).min(0.9);
        let inside = (1.0 - OUTSIDE) * (1.0 - (self.connect_s / service_s).min(0.5));
        let mut low = number * inside;
        for _ in 0..5 {
            low = number * inside / (1.0 + queueing(low, self.load, self.variation));
        }
        Some(Parallelism {
            interval: [low * (1.0 - error), number * (1.0 + error)],
            rate,
            service_s,
        })
    }
}

/// Mean wait in the queue of `servers` servers as a multiple of the service time.
///
/// Sakasegawa, An approximation formula Lq = αρ^β/(1-ρ), Annals of the Institute of Statistical Mathematics
/// 29 (1977), with Poisson arrivals.
fn queueing(servers: f64, load: f64, variation: f64) -> f64 {
    let (servers, load) = (servers.max(1.0), load.clamp(0.0, 0.95));
    load.powf((2.0 * (servers + 1.0)).sqrt() - 1.0) / (servers * (1.0 - load)) * (1.0 + variation)
        / 2.0
}

impl Parallelism {
    /// Returns the number as text: `2`, `15 to 17`, `3.4`.
    pub(super) fn text(&self) -> String {
        let [low, high] = self.interval;
        let least = (low * (1.0 - ROUNDING)).ceil().max(1.0) as u64;
        let most = (high * (1.0 + ROUNDING)).floor() as u64;
        match most.checked_sub(least) {
            Some(0) => format::count(least),
            Some(_) => format!("{} to {}", format::count(least), format::count(most)),
            None => format!("{:.1}", (low + high) / 2.0),
        }
    }

    /// Returns the number and its derivation, in a sentence. `what` is served.
    pub(super) fn evidence(&self, what: &str) -> String {
        format!(
            "{} {what} are served at a time: {} while it was busy, times {} at low load (Little's law), {} to {} with 95% \
             confidence",
            self.text(),
            format::rate(self.rate),
            format::duration_of(self.service_s * 1e9),
            format::significant(self.interval[0]),
            format::significant(self.interval[1])
        )
    }
}

/// Says why the number of requests at a time is unknown without seconds at low load, and how to find it. `None` without
/// busy seconds.
///
/// The shortest service time would not do: requests may have queued from the first second on.
pub(super) fn unknown_parallelism(seconds: &[LoadSecond], busy: &[usize]) -> Option<String> {
    let offered = mean(busy.iter().map(|at| seconds[*at].offered()));
    (!busy.is_empty()).then(|| {
        format!(
            "how many requests are served at a time is unknown, because the run has no seconds at low load: repeat it \
             at a tenth of the rate (--rate {}/s)",
            format::significant(offered / 10.0).replace(',', "")
        )
    })
}

/// Returns the squared coefficient of variation of the service times in some seconds.
fn variation(run: &Run, seconds: &[LoadSecond], within: &[usize]) -> f64 {
    let columns = run.latencies.columns();
    let chosen: BTreeSet<u64> = within
        .iter()
        .map(|at| seconds[*at].start_ns / columns.column_ns())
        .collect();
    let mut histogram = latency_histogram();
    for (column, sum) in columns.of(Metric::Service) {
        if chosen.contains(&column) {
            sum.add_to(&mut histogram);
        }
    }
    match histogram.mean() > 0.0 {
        true => (histogram.stdev() / histogram.mean()).powi(2),
        false => 1.0,
    }
}

/// Returns a short time of a connection, in seconds: about a round trip of the network. 0 if it is not known.
///
/// The 10th percentile, because connections to an overloaded service may wait.
fn connect_s(run: &Run) -> f64 {
    let mut histogram = latency_histogram();
    if let Some(durations) = &run.counts.durations {
        durations.connecting.add_to(&mut histogram);
    }
    histogram.value_at_quantile(0.1) as f64 / 1e9
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0_u64), |(sum, count), value| (sum + value, count + 1));
    sum / count.max(1) as f64
}
