//! Flamegraphs, drawn from the stacks of a profile.
//!
//! Text keeps its size on a phone. Of the profile, only names and counts get into the page.

mod drawing;
mod stacks;

use std::fmt::Write as _;

use tenfold_run_dir::{Flamegraph, FoldedStacks};

use crate::chart::escape;
use crate::document::{Block, Chart, Table};

/// Height of a row of frames, in pixels.
const ROW: usize = 19;

/// Minimum width of a frame, as a share of the whole. Narrower frames are dropped.
const WIDTH_MIN: f64 = 0.0001;

/// Minimum width of a frame in the drawing. Zoom makes such frames visible.
const DRAWN_WIDTH_MIN: f64 = 0.0005;

/// Minimum width of a frame with a name.
const NAMED_WIDTH_MIN: f64 = 0.012;

/// Maximum number of frames, to keep the report small.
const FRAMES_MAX: usize = 20_000;

/// Rows of the table of frames.
const ROWS_MAX: usize = 40;

/// Quantity that the widths of a flamegraph show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    /// Samples on the CPU.
    Samples,
    /// Time off the CPU, in nanoseconds.
    Waits,
    /// Memory, in bytes.
    Bytes,
}

/// A function on a stack. Its position and width are shares of the whole.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Frame {
    /// The function's name.
    name: String,
    /// Samples or time, and share, with the function's callees: `4 samples, 40.00%`.
    figures: String,
    /// Share of the function's own samples or time. `None` if it is not known.
    own: Option<f64>,
    /// Change in percent of all samples. `None` outside a difference.
    change: Option<f64>,
    left: f64,
    width: f64,
    /// Callers below it. 0 for the root.
    depth: usize,
}

/// Returns the frames of a flamegraph. `None` if it has none.
pub(crate) fn frames(flamegraph: &Flamegraph) -> Option<Vec<Frame>> {
    match flamegraph {
        Flamegraph::Stacks(stacks) => stacks::frames(stacks, Measure::Samples),
        Flamegraph::Drawing(svg) => drawing::frames(svg),
    }
}

/// Returns the frames of stacks. `None` if they have none.
pub(crate) fn frames_of(stacks: &FoldedStacks, measure: Measure) -> Option<Vec<Frame>> {
    stacks::frames(stacks, measure)
}

/// Returns the frames of a flamegraph of waits, in nanoseconds. `None` if it has none.
pub(crate) fn frames_of_waits(stacks: &FoldedStacks) -> Option<Vec<Frame>> {
    stacks::frames(stacks, Measure::Waits)
}

/// The difference between two profiles, drawn in two ways.
#[derive(Debug, Default)]
pub(crate) struct Difference {
    /// Frames as wide as in the later profile, which shows what appeared.
    pub(crate) appeared: Option<Vec<Frame>>,
    /// Frames as wide as in the earlier profile, which shows what vanished.
    pub(crate) vanished: Option<Vec<Frame>>,
}

impl Difference {
    /// Compares two profiles. Empty unless the stacks of both are known.
    ///
    /// Samples are compared as they are, so both profiles must have the same length, rate and traffic.
    pub(crate) fn between(before: Option<&Flamegraph>, after: Option<&Flamegraph>) -> Self {
        match (before, after) {
            (Some(Flamegraph::Stacks(before)), Some(Flamegraph::Stacks(after))) => Self {
                appeared: stacks::difference(before, after),
                vanished: stacks::difference_reversed(before, after),
            },
            _ => Self::default(),
        }
    }
}

/// Returns a block with a drawing of frames, and a table of the widest. `id` must be unique on the page.
pub(crate) fn flamegraph(frames: &[Frame], measure: Measure, id: &str, title: &str) -> Block {
    let mut widest: Vec<&Frame> = frames.iter().collect();
    widest.sort_by(|a, b| b.width.total_cmp(&a.width));
    let rows = widest.iter().take(ROWS_MAX);
    let rows = rows.map(|frame| vec![frame.name.clone(), frame.figures.clone()]);
    let figures = match measure {
        Measure::Samples => "samples and share, with its callees",
        Measure::Waits => "time and share, with its callees",
        Measure::Bytes => "bytes and share, with its callees",
    };
    let table = Table::new(&["function on its stack", figures], rows);
    Chart::block(Some(draw(frames, measure, id, title)), &[], table)
}

/// Draws frames, as wide as the page and in its colours: warm for samples, cool for waits. Each is clipped to its own width.
///
/// Frames of a difference are red if they grew and blue if they shrank. Larger changes have stronger colours.
fn draw(frames: &[Frame], measure: Measure, id: &str, title: &str) -> String {
    let (whole, palette) = match measure {
        Measure::Samples => ("all samples", 'f'),
        Measure::Waits => ("the time waited", 'w'),
        Measure::Bytes => ("all bytes", 'f'),
    };
    let depth_max = frames.iter().map(|frame| frame.depth).max().unwrap_or(0);
    let mut svg = format!(
        "<svg class=\"flame\" data-whole=\"{whole}\" width=\"100%\" height=\"{}\" role=\"img\" \
         aria-labelledby=\"{id}-t {id}-d\"><title id=\"{id}-t\">{}</title>\
         <desc id=\"{id}-d\">Each box is a function; its width is its share of {whole}, and it \
         lies on its caller. The table below names the widest.</desc>",
        (depth_max + 1) * ROW,
        escape(title)
    );
    let change_max = frames.iter().filter_map(|frame| frame.change.map(f64::abs));
    let change_max = change_max.max_by(f64::total_cmp).unwrap_or(0.0);
    for frame in frames.iter().filter(|frame| frame.width >= DRAWN_WIDTH_MIN) {
        let tone = match frame.change {
            Some(change) => changed(change, change_max),
            None => format!("{palette}{}", tone(&frame.name)),
        };
        let _ = write!(
            svg,
            "<svg x=\"{:.3}%\" y=\"{}\" width=\"{:.3}%\" height=\"{}\"><title>{}</title>\
             <rect class=\"{tone}\" width=\"100%\" height=\"100%\"/>",
            frame.left * 100.0,
            (depth_max - frame.depth) * ROW,
            frame.width * 100.0,
            ROW - 1,
            escape(&frame.title())
        );
        if frame.width >= NAMED_WIDTH_MIN {
            let _ = write!(svg, "<text x=\"4\" y=\"13\">{}</text>", escape(&frame.name));
        }
        svg.push_str("</svg>");
    }
    svg.push_str("</svg>");
    svg
}

/// Returns one of five tones, always the same for a name.
fn tone(name: &str) -> u32 {
    let sum = name
        .bytes()
        .fold(7_u32, |sum, b| sum.wrapping_mul(31) + u32::from(b));
    sum % 5
}

/// Returns the tone of a change among changes of at most `change_max`, in three steps either way.
fn changed(change: f64, change_max: f64) -> String {
    let step = (3.0 * change.abs() / change_max).ceil().clamp(1.0, 3.0);
    match change {
        change if change > 0.0 => format!("grew{step}"),
        change if change < 0.0 => format!("shrank{step}"),
        _ => "same".to_owned(),
    }
}

impl Frame {
    /// Returns the tooltip: `name (4 samples, 40.00%; self 10.00%)`.
    fn title(&self) -> String {
        let own = self
            .own
            .map_or_else(String::new, |share| format!("; self {:.2}%", share * 100.0));
        match self.figures.as_str() {
            "" => self.name.clone(),
            figures => format!("{} ({figures}{own})", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stacks(text: &str) -> Flamegraph {
        Flamegraph::Stacks(text.parse().unwrap())
    }

    #[test]
    fn escapes_names() {
        let hostile = "</title><script>alert(1)</script>";
        let frames = frames(&stacks(&format!("main;{hostile} 1\n"))).unwrap();
        let drawn = draw(&frames, Measure::Samples, "flame", "a < b");
        assert!(!drawn.contains("<script"), "{drawn}");
        assert!(
            drawn.contains("&lt;script&gt;") && drawn.contains("a &lt; b"),
            "{drawn}"
        );
        assert!(
            drawn.contains("<title>main (1 sample, 100.00%; self 0.00%)</title>"),
            "{drawn}"
        );
    }

    #[test]
    fn root_is_at_the_bottom() {
        let frames = frames(&stacks("main;work 1\n")).unwrap();
        let drawn = draw(&frames, Measure::Samples, "flame", "CPU flamegraph");
        assert!(drawn.contains("height=\"57\""), "{drawn}");
        let position = |name: &str| drawn.find(&format!("<title>{name} (")).unwrap();
        for (name, y) in [("all", 38), ("main", 19), ("work", 0)] {
            let frame = drawn[..position(name)].rfind("<svg ").unwrap();
            let expected = format!("<svg x=\"0.000%\" y=\"{y}\"");
            assert!(drawn[frame..].starts_with(&expected), "{name} in {drawn}");
        }
    }

    #[test]
    fn draws_waits_in_time_and_colours_of_their_own() {
        let waits = "pool;read;[blocked: disk] 3000000\npool;[waits: condition] 1000000\n";
        let frames = frames_of_waits(&waits.parse().unwrap()).unwrap();
        let drawn = draw(&frames, Measure::Waits, "waits", "Waits");
        for part in [
            "data-whole=\"the time waited\"",
            "<title>all (4.00 ms, 100%)</title>",
            "<title>[blocked: disk] (3.00 ms, 75.00%; self 75.00%)</title>",
            "<rect class=\"w",
        ] {
            assert!(drawn.contains(part), "{part} in {drawn}");
        }
        assert!(!drawn.contains("<rect class=\"f"), "{drawn}");
    }

    #[test]
    fn colours_a_difference_by_its_changes() {
        let before = stacks("grown 10\nsame 40\nshrunk 34\nshrunk-less 21\n");
        let after = stacks("grown 40\nsame 40\nshrunk 19\nshrunk-less 20\n");
        let difference = Difference::between(Some(&before), Some(&after));
        let appeared = difference.appeared.unwrap();
        let drawn = draw(&appeared, Measure::Samples, "difference", "Difference");
        for tone in ["grew3", "same", "shrank2", "shrank1", "difference-t"] {
            assert!(drawn.contains(&format!("\"{tone}")), "{tone} in {drawn}");
        }
        let drawing = Flamegraph::Drawing("<svg/>".to_owned());
        let none = Difference::between(Some(&before), Some(&drawing));
        assert!(none.appeared.is_none() && none.vanished.is_none());
    }
}
