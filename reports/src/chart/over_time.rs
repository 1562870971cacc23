//! Charts over the time of the run.

use tenfold_analysis::{Charts, MetricOverTime, format};

use crate::chart::axis::{Axis, round_number};
use crate::chart::line::{between, line, shade_warm_up};
use crate::chart::plot::{Description, DrawError, Ink, Plane, Size, plot};

/// Draws offered and achieved rate.
pub(crate) fn rates(charts: &Charts) -> Option<String> {
    let rates = &charts.rates;
    let max = max(rates.offered.iter().chain(&rates.achieved))?;
    let description = Description {
        id: "rates".to_owned(),
        title: "Offered and achieved rate over time".to_owned(),
        text: format!("The offered rate reached {}.", format::rate(max)),
        at: rates.at_s.clone(),
    };
    let at = |values: &[f64]| pairs(&rates.at_s, values);
    Some(plot(
        &description,
        counted(charts, "requests per second", max),
        |plane, _| {
            shade(plane, charts, (0.0, max * 1.06))?;
            between(
                plane,
                Ink::Achieved,
                0.12,
                &at(&rates.achieved),
                &grounded(&rates.at_s),
            )?;
            line(
                plane,
                Ink::Achieved,
                2,
                at(&rates.achieved).into_iter().map(Some),
            )?;
            line(
                plane,
                Ink::Offered,
                2,
                at(&rates.offered).into_iter().map(Some),
            )?;
            if rates.lost.iter().any(|lost| *lost > 0.0) {
                line(plane, Ink::Lost, 2, at(&rates.lost).into_iter().map(Some))?;
            }
            Ok(())
        },
    ))
}

/// Draws percentiles of response time beside the generator's lag.
pub(crate) fn latency(charts: &Charts) -> Option<String> {
    let latency = &charts.latency;
    let shown = [&latency.p50, &latency.p99, &latency.lag_p99];
    let values = || {
        shown
            .into_iter()
            .flatten()
            .flatten()
            .map(|ns| (*ns).max(1) as f64)
    };
    let (low, high) = (
        values().min_by(f64::total_cmp)?,
        values().max_by(f64::total_cmp)?,
    );
    let description = Description {
        id: "latency".to_owned(),
        title: "Response time and lag over time".to_owned(),
        text: "Median and 99th percentile of the response time, and the 99th percentile of the \
               generator's own lag. A line breaks if an interval has too few requests."
            .to_owned(),
        at: latency.at_s.clone(),
    };
    let end = end_s(charts);
    Some(plot(
        &description,
        |size| (time(charts, size), Axis::latency(low, high)),
        |plane, _| {
            let (bottom, top) = (
                low.log10() - 0.05,
                high.log10().max(low.log10() + 0.5) + 0.05,
            );
            shade_warm_up(plane, &charts.phases, (bottom, top), end)?;
            for (series, ink, width) in [
                (&latency.lag_p99, Ink::Lag, 2),
                (&latency.p50, Ink::Service, 2),
                (&latency.p99, Ink::Response, 2),
            ] {
                let points = latency
                    .at_s
                    .iter()
                    .zip(series)
                    .map(|(at, ns)| ns.map(|ns| (*at, (ns.max(1) as f64).log10())));
                line(plane, ink, width, points)?;
            }
            Ok(())
        },
    ))
}

/// Draws requests in flight, and arrivals that wait for a user.
pub(crate) fn in_flight(charts: &Charts) -> Option<String> {
    let requests = &charts.in_flight;
    let max = requests
        .in_flight
        .iter()
        .chain(&requests.waiting)
        .copied()
        .max()? as f64;
    let description = Description {
        id: "in-flight".to_owned(),
        title: "Requests in flight over time".to_owned(),
        text: format!(
            "At most {} requests were in flight or waiting.",
            format::count(max as u64)
        ),
        at: requests.at_s.clone(),
    };
    let at = |values: &[u64]| -> Vec<(f64, f64)> {
        requests
            .at_s
            .iter()
            .zip(values)
            .map(|(at, value)| (*at, *value as f64))
            .collect()
    };
    Some(plot(
        &description,
        counted(charts, "requests", max),
        |plane, _| {
            shade(plane, charts, (0.0, max.max(0.5) * 1.06))?;
            between(
                plane,
                Ink::Service,
                0.12,
                &at(&requests.in_flight),
                &grounded(&requests.at_s),
            )?;
            line(
                plane,
                Ink::Achieved,
                2,
                at(&requests.in_flight).into_iter().map(Some),
            )?;
            if requests.waiting.iter().any(|waiting| *waiting > 0) {
                line(
                    plane,
                    Ink::Lost,
                    2,
                    at(&requests.waiting).into_iter().map(Some),
                )?;
            }
            Ok(())
        },
    ))
}

/// Draws processors in use: generator, service, and the whole machine.
pub(crate) fn cores(charts: &Charts) -> Option<String> {
    let cores = &charts.cores;
    if cores.at_s.is_empty() && cores.generator_at_s.is_empty() {
        return None;
    }
    let max = cores.available.max(1) as f64;
    let description = Description {
        id: "cores".to_owned(),
        title: "Processors in use over time".to_owned(),
        text: format!("The machine has {} processors.", cores.available),
        at: cores.at_s.clone(),
    };
    let points = |values: &[Option<f64>]| -> Vec<Option<(f64, f64)>> {
        cores
            .at_s
            .iter()
            .zip(values)
            .map(|(at, value)| value.map(|value| (*at, value)))
            .collect()
    };
    Some(plot(
        &description,
        counted(charts, "processors", max),
        |plane, _| {
            shade(plane, charts, (0.0, max * 1.06))?;
            line(plane, Ink::Offered, 2, points(&cores.host))?;
            line(
                plane,
                Ink::Lag,
                2,
                pairs(&cores.generator_at_s, &cores.generator)
                    .into_iter()
                    .map(Some),
            )?;
            line(plane, Ink::Achieved, 2, points(&cores.target))
        },
    ))
}

/// Draws failures by kind.
pub(crate) fn failures(charts: &Charts, inks: &[Ink]) -> Option<String> {
    let failures = &charts.failures;
    let max = max(failures.kinds.iter().flat_map(|kind| &kind.per_s))?;
    let description = Description {
        id: "failures".to_owned(),
        title: "Failures over time, by class and status".to_owned(),
        text: format!("Up to {} of one kind.", format::rate(max)),
        at: failures.at_s.clone(),
    };
    Some(plot(
        &description,
        counted(charts, "failures per second", max),
        |plane, _| {
            shade(plane, charts, (0.0, max * 1.06))?;
            for (kind, ink) in failures.kinds.iter().zip(inks) {
                let points = pairs(&failures.at_s, &kind.per_s);
                line(plane, *ink, 2, points.into_iter().map(Some))?;
            }
            Ok(())
        },
    ))
}

/// A line over time: its times in seconds, its values in nanoseconds, and its ink.
pub(crate) type Line<'a> = (&'a [f64], &'a [Option<u64>], Ink);

/// Draws percentiles of the response time of single requests.
pub(crate) fn latencies(
    charts: &Charts,
    description: &Description,
    series: &[Line<'_>],
) -> Option<String> {
    let values = || {
        series
            .iter()
            .flat_map(|(_, values, _)| values.iter().flatten())
    };
    let (low, high) = (*values().min()? as f64, *values().max()? as f64);
    Some(plot(
        description,
        |size| (time(charts, size), Axis::latency(low, high)),
        |plane, _| {
            let range = (plane.y_range().start, plane.y_range().end);
            shade(plane, charts, range)?;
            for (at_s, values, ink) in series.iter().rev() {
                let points = at_s.iter().zip(*values);
                let points = points.map(|(at, ns)| ns.map(|ns| (*at, (ns.max(1) as f64).log10())));
                line(plane, *ink, 2, points)?;
            }
            Ok(())
        },
    ))
}

/// Draws a metric of the target. `None` without values.
pub(crate) fn metric(
    charts: &Charts,
    description: &Description,
    metric: &MetricOverTime,
) -> Option<String> {
    let values = || metric.values.iter().flatten().copied();
    let (low, high) = (
        values().min_by(f64::total_cmp)?,
        values().max_by(f64::total_cmp)?,
    );
    Some(plot(
        description,
        |size| {
            let y = match low >= 0.0 {
                true => Axis::count("", high, 4, round_number),
                false => Axis::between("", low, high, 4, round_number),
            };
            (time(charts, size), y)
        },
        |plane, _| {
            let range = (plane.y_range().start, plane.y_range().end);
            shade(plane, charts, range)?;
            let points = metric.at_s.iter().zip(&metric.values);
            let points = points.map(|(at, value)| value.map(|value| (*at, value)));
            line(plane, Ink::Achieved, 2, points)
        },
    ))
}

fn counted<'a>(charts: &'a Charts, name: &'a str, max: f64) -> impl Fn(Size) -> (Axis, Axis) + 'a {
    move |size| (time(charts, size), Axis::count(name, max, 5, round_number))
}

fn time(charts: &Charts, size: Size) -> Axis {
    Axis::time(0.0, end_s(charts), if size.narrow { 4 } else { 12 })
}

/// Returns the end of the last row of the time line.
pub(super) fn end_s(charts: &Charts) -> f64 {
    match charts.rates.at_s.as_slice() {
        [.., before, last] => last + (last - before) / 2.0,
        [only] => only * 2.0,
        [] => charts.phases.last().map_or(1.0, |phase| phase.end_s),
    }
}

pub(super) fn shade(
    plane: &mut Plane<'_, '_>,
    charts: &Charts,
    range: (f64, f64),
) -> Result<(), DrawError> {
    shade_warm_up(plane, &charts.phases, range, end_s(charts))
}

fn pairs(at_s: &[f64], values: &[f64]) -> Vec<(f64, f64)> {
    at_s.iter().copied().zip(values.iter().copied()).collect()
}

fn grounded(at_s: &[f64]) -> Vec<(f64, f64)> {
    at_s.iter().map(|at| (*at, 0.0)).collect()
}

fn max<'a>(values: impl Iterator<Item = &'a f64>) -> Option<f64> {
    values.copied().max_by(f64::total_cmp)
}
