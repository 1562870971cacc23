//! Bars of parts that add up to a whole.

use std::fmt::Write as _;

use tenfold_analysis::format;

use crate::chart::plot::escape;

/// Fills of neighbouring parts. They only separate them: each part is named in the bar or in the table.
const FILLS: [&str; 5] = ["f0", "f1", "f2", "f3", "f4"];

/// Fill of parts that are set off.
const QUIET: &str = "shade";

/// Height of a bar with its heading, and of the bar alone, in pixels.
const HEIGHTS: (f64, f64) = (58.0, 30.0);

/// Width of a character, in pixels: parts that are too narrow for their name are not labelled.
const CHARACTER: f64 = 7.5;

/// A whole and its parts.
#[derive(Debug, Clone)]
pub(crate) struct StackedBar {
    /// Heading.
    pub(crate) name: String,
    /// Parts, from left to right.
    pub(crate) parts: Vec<StackedPart>,
}

/// A part of a whole.
#[derive(Debug, Clone)]
pub(crate) struct StackedPart {
    pub(crate) name: String,
    pub(crate) value: f64,
    /// Drawn in the colour of the background.
    pub(crate) is_quiet: bool,
}

/// Draws bars of equal length, one below the other, in a wide and a narrow variant. `None` without parts.
pub(crate) fn stacked_bars(id: &str, title: &str, bars: &[StackedBar]) -> Option<String> {
    let has_parts = |bar: &StackedBar| bar.parts.iter().any(|part| part.value > 0.0);
    if !bars.iter().any(has_parts) {
        return None;
    }
    let variants = [("wide", 920.0), ("narrow", 340.0)];
    Some(
        variants
            .map(|(kind, width)| draw(id, kind, width, title, bars))
            .concat(),
    )
}

fn draw(id: &str, kind: &str, width: f64, title: &str, bars: &[StackedBar]) -> String {
    let (step, thickness) = HEIGHTS;
    let height = step * bars.len() as f64;
    let mut svg = format!(
        "<svg class=\"chart {kind}\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         aria-labelledby=\"{id}-{kind}-t {id}-{kind}-d\"><title id=\"{id}-{kind}-t\">{}</title>\
         <desc id=\"{id}-{kind}-d\">{}</desc>",
        escape(title),
        escape(&described(bars))
    );
    for (row, bar) in bars.iter().enumerate() {
        let top = step * row as f64;
        let _ = write!(
            svg,
            "<text x=\"0\" y=\"{:.0}\" font-size=\"15\" fill=\"var(--muted)\">{}</text>",
            top + 16.0,
            escape(&bar.name)
        );
        let sum: f64 = bar.parts.iter().map(|part| part.value).sum();
        let (mut left, mut colour) = (0.0, 0);
        for part in bar.parts.iter().filter(|part| part.value > 0.0) {
            let length = part.value / sum * width;
            let (fill, ink) = if part.is_quiet {
                (QUIET, "ink")
            } else {
                colour += 1;
                (FILLS[colour % FILLS.len()], "flame-ink")
            };
            let share = format::percent(part.value / sum);
            let name = escape(&part.name);
            let _ = write!(
                svg,
                "<rect x=\"{left:.1}\" y=\"{:.0}\" width=\"{length:.1}\" height=\"{thickness}\" \
                 fill=\"var(--{fill})\" stroke=\"var(--card)\"><title>{name}: {share}</title></rect>",
                top + 22.0
            );
            let label = [format!("{} {share}", part.name), part.name.clone()]
                .into_iter()
                .find(|label| label.chars().count() as f64 * CHARACTER + 8.0 <= length);
            if let Some(label) = label {
                let _ = write!(
                    svg,
                    "<text x=\"{:.1}\" y=\"{:.0}\" font-size=\"14\" fill=\"var(--{ink})\" \
                     pointer-events=\"none\">{}</text>",
                    left + 4.0,
                    top + 42.0,
                    escape(&label)
                );
            }
            left += length;
        }
    }
    svg.push_str("</svg>");
    svg
}

/// Returns the bars in words.
fn described(bars: &[StackedBar]) -> String {
    let bars = bars.iter().map(|bar| {
        let sum: f64 = bar.parts.iter().map(|part| part.value).sum();
        let parts = bar.parts.iter().filter(|part| part.value > 0.0);
        let parts =
            parts.map(|part| format!("{} {}", part.name, format::percent(part.value / sum)));
        format!("{}: {}.", bar.name, parts.collect::<Vec<_>>().join(", "))
    });
    bars.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(parts: &[(&str, f64)]) -> StackedBar {
        let parts = parts.iter().map(|(name, value)| StackedPart {
            name: (*name).to_owned(),
            value: *value,
            is_quiet: *name == "rest",
        });
        StackedBar {
            name: "median <1 ms>".to_owned(),
            parts: parts.collect(),
        }
    }

    #[test]
    fn parts_fill_the_width_and_are_escaped() {
        let svg = stacked_bars(
            "t",
            "Time",
            &[bar(&[("a&b", 3.0), ("zero", 0.0), ("rest", 1.0)])],
        );
        let svg = svg.unwrap();
        for width in [
            "width=\"690.0\"",
            "width=\"230.0\"",
            "width=\"255.0\"",
            "width=\"85.0\"",
        ] {
            assert!(svg.contains(width), "{width} in {svg}");
        }
        assert!(
            svg.contains("a&amp;b: 75") && svg.contains("&lt;1 ms&gt;"),
            "{svg}"
        );
        assert!(!svg.contains("zero") && !svg.contains("NaN"), "{svg}");
    }

    #[test]
    fn nothing_is_drawn_without_parts() {
        assert_eq!(stacked_bars("t", "Time", &[]), None);
        assert_eq!(stacked_bars("t", "Time", &[bar(&[("a", 0.0)])]), None);
        // An empty bar beside another has only its heading.
        let svg = stacked_bars("t", "Time", &[bar(&[]), bar(&[("a", 1.0)])]).unwrap();
        assert!(!svg.contains("NaN") && svg.contains("a 100"), "{svg}");
    }
}
