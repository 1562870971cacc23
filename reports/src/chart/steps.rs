//! Capacity by step: a bar for each, up to the highest rate that it sustained, and a line on to the lowest that it did not.

use std::fmt::Write as _;

use tenfold_analysis::format;

use crate::chart::plot::escape;

/// Height of a bar with its heading, and of the bar alone, in pixels.
const HEIGHTS: (f64, f64) = (52.0, 22.0);

/// Space at the right for the end of the longest line, in pixels.
const MARGIN: f64 = 8.0;

/// A bar.
#[derive(Debug, Clone)]
pub(crate) struct StepBar {
    pub(crate) name: String,
    /// Highest rate that it sustained, per second. 0 for none.
    pub(crate) sustained: f64,
    /// Lowest rate that it did not sustain, per second.
    pub(crate) failed: Option<f64>,
}

/// Draws the bars, one below the other, in a wide and a narrow variant. `None` if nothing was sustained.
pub(crate) fn steps(id: &str, title: &str, bars: &[StepBar]) -> Option<String> {
    let ends = bars
        .iter()
        .map(|bar| bar.failed.unwrap_or(0.0).max(bar.sustained));
    let end = ends
        .max_by(f64::total_cmp)
        .filter(|end| end.is_finite() && *end > 0.0)?;
    let variants = [("wide", 920.0), ("narrow", 340.0)];
    Some(
        variants
            .map(|(kind, width)| draw((id, kind), width, title, (bars, end)))
            .concat(),
    )
}

fn draw(
    (id, kind): (&str, &str),
    width: f64,
    title: &str,
    (bars, end): (&[StepBar], f64),
) -> String {
    let (step, thickness) = HEIGHTS;
    let height = step * bars.len() as f64;
    let described: Vec<String> = bars
        .iter()
        .map(|bar| format!("{}: {}", bar.name, value(bar)))
        .collect();
    let mut svg = format!(
        "<svg class=\"chart {kind}\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         aria-labelledby=\"{id}-{kind}-t {id}-{kind}-d\"><title id=\"{id}-{kind}-t\">{}</title>\
         <desc id=\"{id}-{kind}-d\">{}</desc>",
        escape(title),
        escape(&described.join("; "))
    );
    let place = |rate: f64| rate / end * (width - MARGIN);
    for (row, bar) in bars.iter().enumerate() {
        let top = step * row as f64;
        let length = place(bar.sustained);
        let _ = write!(
            svg,
            "<text x=\"0\" y=\"{:.0}\" font-size=\"15\" fill=\"var(--ink)\">{} \
             <tspan fill=\"var(--muted)\">{}</tspan></text>\
             <rect x=\"0\" y=\"{:.0}\" width=\"{length:.1}\" height=\"{thickness}\" fill=\"var(--service)\"/>",
            top + 16.0,
            escape(&bar.name),
            escape(&value(bar)),
            top + 22.0
        );
        if let Some(failed) = bar.failed.filter(|failed| *failed > bar.sustained) {
            let (right, middle) = (place(failed), top + 22.0 + thickness / 2.0);
            let _ = write!(
                svg,
                "<line x1=\"{length:.1}\" x2=\"{right:.1}\" y1=\"{middle:.0}\" y2=\"{middle:.0}\" \
                 stroke=\"var(--muted)\" stroke-width=\"2\"/>\
                 <line x1=\"{right:.1}\" x2=\"{right:.1}\" y1=\"{:.0}\" y2=\"{:.0}\" \
                 stroke=\"var(--muted)\" stroke-width=\"2\"/>",
                middle - 6.0,
                middle + 6.0
            );
        }
    }
    svg.push_str("</svg>");
    svg
}

fn value(bar: &StepBar) -> String {
    match bar.sustained > 0.0 {
        true => format::rate(bar.sustained),
        false => "no rate sustained".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(sustained: f64, failed: Option<f64>) -> StepBar {
        StepBar {
            name: "one <box>".to_owned(),
            sustained,
            failed,
        }
    }

    #[test]
    fn bars_are_as_long_as_their_rates() {
        let svg = steps("s", "Steps", &[bar(100.0, Some(200.0)), bar(50.0, None)]).unwrap();
        // The longest line ends 8 pixels before the edge.
        assert!(svg.contains("width=\"456.0\""), "{svg}");
        assert!(svg.contains("x2=\"912.0\""), "{svg}");
        assert!(svg.contains("width=\"228.0\""), "{svg}");
        assert!(svg.contains("one &lt;box&gt;"), "{svg}");
    }

    #[test]
    fn draws_nothing_without_a_rate() {
        assert_eq!(steps("s", "Steps", &[bar(0.0, None)]), None);
        assert_eq!(steps("s", "Steps", &[]), None);
        assert_eq!(steps("s", "Steps", &[bar(f64::NAN, None)]), None);
    }
}
