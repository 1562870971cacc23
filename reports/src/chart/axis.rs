//! Axes with round ticks.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use tenfold_analysis::format;

/// An axis.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    /// Name, with the unit.
    pub(crate) name: String,
    /// Lower end of the range.
    pub(crate) low: f64,
    /// Upper end of the range.
    pub(crate) high: f64,
    /// Ticks: position and label.
    pub(crate) ticks: Vec<(f64, String)>,
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (start, end): (i32, i32)) -> i32 {
        let share = (value.clamp(self.low, self.high) - self.low) / (self.high - self.low);
        start + (f64::from(end - start) * share).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() {
            return Vec::new();
        }
        self.ticks.iter().map(|(at, _)| *at).collect()
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, at: &f64) -> String {
        let close = (self.high - self.low).abs() * 1e-9;
        let found = self
            .ticks
            .iter()
            .find(|(tick, _)| (tick - at).abs() <= close);
        found.map_or_else(String::new, |(_, label)| label.clone())
    }
}

impl Axis {
    /// Returns an axis of seconds since the start of the run.
    pub(crate) fn time(low: f64, high: f64, ticks_max: usize) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        let steps = [
            0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0,
        ];
        let more = [1_800.0, 3_600.0, 7_200.0, 21_600.0, 43_200.0, 86_400.0];
        let step = steps
            .into_iter()
            .chain(more)
            .find(|step| (high - low) / step <= ticks_max as f64)
            .unwrap_or(604_800.0);
        Self {
            name: "time since the start".to_owned(),
            low,
            high,
            ticks: multiples(low, high, step)
                .map(|at| (at, format_time(at, step)))
                .collect(),
        }
    }

    /// Returns an axis from 0 to a number, with round ticks.
    pub(crate) fn count(name: &str, max: f64, ticks_max: usize, format: fn(f64) -> String) -> Self {
        let max = if max > 0.0 { max * 1.06 } else { 1.0 };
        let magnitude = 10_f64.powf((max / ticks_max as f64).log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .into_iter()
            .map(|factor| factor * magnitude)
            .find(|step| max / step <= ticks_max as f64)
            .unwrap_or(max);
        Self {
            name: name.to_owned(),
            low: 0.0,
            high: max,
            ticks: multiples(0.0, max, step)
                .map(|at| (at, format(at)))
                .collect(),
        }
    }

    /// Returns an axis around two numbers, with round ticks. It need not include 0.
    pub(crate) fn between(
        name: &str,
        low: f64,
        high: f64,
        ticks_max: usize,
        format: impl Fn(f64) -> String,
    ) -> Self {
        // Equal values lie in the middle.
        let span = (high - low).max(high.abs() * 1e-3).max(1e-9);
        let middle = (low + high) / 2.0;
        let (low, high) = (middle - 0.58 * span, middle + 0.58 * span);
        let step = round_step((high - low) / ticks_max as f64);
        Self {
            name: name.to_owned(),
            low,
            high,
            ticks: multiples(low, high, step)
                .map(|at| (at, format(at)))
                .collect(),
        }
    }

    /// Returns an axis of ordinals from 1.
    pub(crate) fn numbered(name: &str, count: usize, ticks_max: usize) -> Self {
        let high = count.max(1) as f64 + 0.5;
        let step = round_step(high / ticks_max as f64).max(1.0);
        Self {
            name: name.to_owned(),
            low: 0.5,
            high,
            ticks: multiples(0.5, high, step)
                .map(|at| (at, format::count(at as u64)))
                .collect(),
        }
    }

    /// Returns a logarithmic axis of latency. Positions are common logarithms of nanoseconds.
    pub(crate) fn latency(low_ns: f64, high_ns: f64) -> Self {
        let (low, high) = (low_ns.max(1.0).log10(), high_ns.max(1.0).log10());
        let (low, high) = (low - 0.05, high.max(low + 0.5) + 0.05);
        Self {
            name: "latency".to_owned(),
            low,
            high,
            ticks: log_ticks(low, high)
                .map(|at| (at, round_duration(10_f64.powf(at))))
                .collect(),
        }
    }

    /// Returns a logarithmic axis of positive figures. Positions are common logarithms.
    pub(crate) fn logarithmic(name: &str, (low, high): (f64, f64)) -> Self {
        let (low, high) = (low - 0.05, high.max(low + 0.5) + 0.05);
        let ticks = log_ticks(low, high).map(|at| (at, round_number(10_f64.powf(at))));
        Self {
            name: name.to_owned(),
            low,
            high,
            ticks: ticks.collect(),
        }
    }

    /// Returns an axis of percentiles. Each tenfold step towards 100% has the same width. Positions are common
    /// logarithms of `1 / (1 - quantile)`.
    pub(crate) fn percentiles(farthest: f64, narrow: bool) -> Self {
        let named = [
            (0.0, "0"),
            (0.5, "50"),
            (0.9, "90"),
            (0.99, "99"),
            (0.999, "99.9"),
            (0.9999, "99.99"),
            (0.99999, "99.999"),
            (0.999999, "99.9999"),
        ];
        let high = percentile_position(farthest).max(1.0) + 0.02;
        let ticks = named
            .into_iter()
            .filter(|(quantile, _)| !(narrow && *quantile == 0.5));
        Self {
            name: "percentile".to_owned(),
            low: 0.0,
            high,
            ticks: ticks
                .map(|(quantile, name)| (percentile_position(quantile), name.to_owned()))
                .filter(|(at, _)| *at <= high)
                .collect(),
        }
    }
}

/// Returns the smallest of 1, 2 and 5 times a power of ten that is at least `min`.
fn round_step(min: f64) -> f64 {
    let magnitude = 10_f64.powf(min.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * magnitude);
    steps
        .into_iter()
        .find(|step| *step >= min)
        .unwrap_or(10.0 * magnitude)
}

/// Returns the position of a quantile on an axis of percentiles.
pub(crate) fn percentile_position(quantile: f64) -> f64 {
    -(1.0 - quantile).max(1e-12).log10()
}

/// Yields the common logarithms of round figures within a range of logarithms.
fn log_ticks(low: f64, high: f64) -> impl Iterator<Item = f64> {
    // A range of one or two decades also has ticks between them.
    let factors: &[f64] = match high - low {
        span if span < 1.3 => &[1.0, 2.0, 3.0, 5.0],
        span if span < 2.4 => &[1.0, 3.0],
        _ => &[1.0],
    };
    let decades = low.floor() as i32..=high.ceil() as i32;
    let ticks = decades.flat_map(move |decade| {
        factors
            .iter()
            .map(move |factor| f64::from(decade) + factor.log10())
    });
    ticks.filter(move |at| (low..=high).contains(at))
}

fn multiples(low: f64, high: f64, step: f64) -> impl Iterator<Item = f64> {
    let first = (low / step).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    (first..=last).map(move |k| k as f64 * step)
}

fn format_time(at_s: f64, step: f64) -> String {
    match step {
        step if step >= 3_600.0 => format!("{:.0} h", at_s / 3_600.0),
        step if step >= 60.0 => format!("{:.0} min", at_s / 60.0),
        step if step < 1.0 => format!("{at_s:.1} s"),
        _ => format!("{at_s:.0} s"),
    }
}

/// Formats a round duration without trailing zeros.
fn round_duration(ns: f64) -> String {
    let text = format::duration_of(ns);
    text.split_once(' ').map_or(text.clone(), |(number, unit)| {
        format!("{} {unit}", trimmed(number))
    })
}

/// Formats a round number without trailing zeros.
pub(crate) fn round_number(number: f64) -> String {
    trimmed(&format::significant(number)).to_owned()
}

fn trimmed(number: &str) -> &str {
    if number.contains('.') {
        number.trim_end_matches('0').trim_end_matches('.')
    } else {
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axis_between_numbers_has_round_ticks() {
        let axis = Axis::between("", 81_000.0, 86_000.0, 5, |at| format!("{at}"));
        let ticks: Vec<&str> = axis.ticks.iter().map(|(_, label)| label.as_str()).collect();
        assert_eq!(ticks, ["82000", "84000", "86000"]);
        assert!(axis.low < 81_000.0 && axis.high > 86_000.0);
        // A single value has a range, too.
        let axis = Axis::between("", 0.0, 0.0, 5, |at| format!("{at}"));
        assert!(axis.low < axis.high && !axis.ticks.is_empty());
    }

    #[test]
    fn ordinals_have_whole_ticks() {
        let labels = |count, ticks_max| -> Vec<String> {
            let axis = Axis::numbered("round", count, ticks_max);
            axis.ticks.into_iter().map(|(_, label)| label).collect()
        };
        assert_eq!(labels(3, 12), ["1", "2", "3"]);
        assert_eq!(labels(40, 4), ["20", "40"]);
    }
}
