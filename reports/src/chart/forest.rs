//! Effects with their intervals and limits: a drawing for each row of a table.

use std::fmt::Write as _;

use tenfold_analysis::format;

use crate::chart::plot::escape;

/// Width and height of a drawing, in pixels.
const SIZE: (f64, f64) = (180.0, 30.0);

/// Smallest distance of two labels of the axis, in pixels.
const LABEL_DISTANCE: f64 = 36.0;

/// Space on either side.
const MARGIN: f64 = 12.0;

/// Multiple of the limit at which the scale ends. A longer interval ends in an arrow.
const LIMITS_MAX: f64 = 4.0;

/// An effect to draw. Effects and limits are ratios minus 1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bar {
    pub(crate) value: f64,
    pub(crate) interval: Option<(f64, f64)>,
    /// The upper end passes below this limit. `None` for an effect that is not gated.
    pub(crate) tolerance: Option<f64>,
    /// The value fails above this limit. `None` for an effect that is not gated.
    pub(crate) fail_above: Option<f64>,
}

/// The scale of all drawings of a table: the logarithms of the ratios at both ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    /// Returns a scale for all bars and their limits. `None` without finite effects.
    pub(crate) fn of(bars: &[Bar]) -> Option<Self> {
        let limits = bars.iter().flat_map(|bar| [bar.tolerance, bar.fail_above]);
        let limit = limits.flatten().map(f64::ln_1p).max_by(f64::total_cmp);
        let ends = bars.iter().flat_map(|bar| {
            let (low, high) = bar.interval.unwrap_or((bar.value, bar.value));
            [low, bar.value, high]
        });
        let ends: Vec<f64> = ends.map(f64::ln_1p).filter(|end| end.is_finite()).collect();
        let low = ends.iter().copied().min_by(f64::total_cmp)?;
        let high = ends.iter().copied().max_by(f64::total_cmp)?;
        let limit = limit.unwrap_or_else(|| high.abs().max(low.abs()));
        let limit = limit.max(0.001);
        Some(Self {
            low: low.min(-limit * 0.5).max(-limit * LIMITS_MAX),
            high: high.max(limit * 1.25).min(limit * LIMITS_MAX),
        })
    }

    /// Returns the position of a ratio minus 1 in pixels, clamped to the ends.
    fn place(self, ratio: f64) -> f64 {
        let at = ratio.max(-0.999_999).ln_1p().clamp(self.low, self.high);
        MARGIN + (at - self.low) / (self.high - self.low) * (SIZE.0 - 2.0 * MARGIN)
    }

    fn holds(self, ratio: f64) -> bool {
        (self.low..=self.high).contains(&ratio.ln_1p())
    }
}

/// Draws an effect: its interval as a whisker, its estimate as a dot, and lines for no effect, the tolerance
/// (dashed) and the limit of failure (solid).
///
/// `class` is the page's class for the colour: `good`, `caution` or `bad`.
pub(crate) fn bar(bar: &Bar, class: &str, scale: Scale, id: &str, name: &str) -> String {
    let (width, height) = SIZE;
    let middle = height / 2.0;
    let interval = bar.interval.map_or_else(String::new, |(low, high)| {
        format!(
            ", interval {} to {}",
            format::change(low),
            format::change(high)
        )
    });
    let mut svg = format!(
        "<svg class=\"forest {class}\" width=\"{width}\" height=\"{height}\" role=\"img\" \
         aria-labelledby=\"{id}-t\"><title id=\"{id}-t\">{} {}{interval}</title>",
        escape(name),
        format::change(bar.value)
    );
    let mut upright = |class: &str, ratio: f64| {
        let x = scale.place(ratio);
        let _ = write!(
            svg,
            "<line class=\"{class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"0\" y2=\"{height}\"/>"
        );
    };
    upright("zero", 0.0);
    match (bar.tolerance, bar.fail_above) {
        (Some(tolerance), Some(fail)) if tolerance == fail => upright("fails", fail),
        (tolerance, fail) => {
            if let Some(tolerance) = tolerance {
                upright("tolerated", tolerance);
            }
            if let Some(fail) = fail {
                upright("fails", fail);
            }
        }
    }
    if let Some((low, high)) = bar.interval {
        let (left, right) = (scale.place(low), scale.place(high));
        let _ = write!(
            svg,
            "<line class=\"whisker\" x1=\"{left:.1}\" x2=\"{right:.1}\" y1=\"{middle}\" y2=\"{middle}\"/>"
        );
        for (end, x, point) in [(low, left, -6.0), (high, right, 6.0)] {
            let _ = if scale.holds(end) {
                write!(
                    svg,
                    "<line class=\"whisker\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{}\" y2=\"{}\"/>",
                    middle - 4.0,
                    middle + 4.0
                )
            } else {
                write!(
                    svg,
                    "<path class=\"beyond\" d=\"M{x:.1} {}l{point} 5l{} 5z\"/>",
                    middle - 5.0,
                    -point
                )
            };
        }
    }
    if scale.holds(bar.value) {
        let _ = write!(
            svg,
            "<circle cx=\"{:.1}\" cy=\"{middle}\" r=\"4.5\"/>",
            scale.place(bar.value)
        );
    }
    svg.push_str("</svg>");
    svg
}

/// Draws the axis beneath the drawings of a table.
pub(crate) fn ruler(scale: Scale) -> String {
    let (width, height) = (SIZE.0, 22.0);
    let mut svg = format!(
        "<svg class=\"forest\" width=\"{width}\" height=\"{height}\" aria-hidden=\"true\">"
    );
    for (at, label) in labelled(ticks(scale), scale) {
        let x = scale.place(at);
        let _ = write!(
            svg,
            "<line class=\"tick\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"0\" y2=\"4\"/>\
             <text x=\"{x:.1}\" y=\"17\" text-anchor=\"middle\">{label}</text>"
        );
    }
    svg.push_str("</svg>");
    svg
}

/// Removes labels that lie too near to another, which a logarithmic scale moves together. Those near 0 stay.
fn labelled(mut ticks: Vec<(f64, String)>, scale: Scale) -> Vec<(f64, String)> {
    ticks.sort_by(|(one, _), (other, _)| one.abs().total_cmp(&other.abs()));
    let mut places: Vec<f64> = Vec::new();
    for (at, label) in &mut ticks {
        let place = scale.place(*at);
        match places
            .iter()
            .any(|other| (other - place).abs() < LABEL_DISTANCE)
        {
            true => label.clear(),
            false => places.push(place),
        }
    }
    ticks
}

/// Returns round ratios minus 1 within the scale, at most six.
fn ticks(scale: Scale) -> Vec<(f64, String)> {
    let (low, high) = (scale.low.exp_m1(), scale.high.exp_m1());
    let steps = [
        0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0,
    ];
    let step = steps
        .into_iter()
        .find(|step| (high - low) / step <= 5.0)
        .unwrap_or(high - low);
    let first = (low / step).ceil() as i64;
    let last = (high / step).floor() as i64;
    (first..=last)
        .map(|k| {
            let at = k as f64 * step;
            let percent = at * 100.0;
            let decimals = usize::from(step < 0.01);
            let label = match k {
                0 => "0".to_owned(),
                k if k < 0 => format!("−{:.decimals$}%", -percent),
                _ => format!("+{percent:.decimals$}%"),
            };
            (at, label)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar_of(value: f64, low: f64, high: f64) -> Bar {
        Bar {
            value,
            interval: Some((low, high)),
            tolerance: Some(0.05),
            fail_above: Some(0.05),
        }
    }

    #[test]
    fn long_intervals_end_in_arrows() {
        let (near, far) = (bar_of(0.01, -0.01, 0.03), bar_of(0.3, -0.2, 2.0));
        let scale = Scale::of(&[near, far]).unwrap();
        assert!(!bar(&near, "good", scale, "a", "cpu").contains("beyond"));
        let drawn = bar(&far, "good", scale, "b", "<cpu>");
        assert_eq!(drawn.matches("beyond").count(), 2, "{drawn}");
        assert!(
            !drawn.contains("<circle") && drawn.contains("&lt;cpu&gt; +30.0%"),
            "{drawn}"
        );
        assert!(!drawn.contains("NaN") && !drawn.contains("inf"));
    }

    #[test]
    fn ticks_are_round_and_few() {
        let scale = Scale::of(&[bar_of(0.0, -0.02, 0.02)]).unwrap();
        let labels: Vec<String> = ticks(scale).into_iter().map(|(_, label)| label).collect();
        assert_eq!(labels, ["−2%", "0", "+2%", "+4%", "+6%"]);
        assert!(Scale::of(&[]).is_none());
    }
}
