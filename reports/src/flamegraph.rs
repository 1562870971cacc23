//! A flamegraph, drawn anew from the frames of the one in the run directory.
//!
//! Only names, places and widths are taken over, so that nothing else that the file may hold comes
//! into the page; and text keeps its size on a phone, where the original's would shrink with it.

use std::fmt::Write as _;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::chart::escape;

/// Height of a row of frames, in pixels.
const ROW: usize = 19;

/// Frames that take a smaller share of the width are not drawn.
const LEAST_SHARE: f64 = 0.001;

/// Frames that take a smaller share have no room for a name.
const LEAST_NAMED: f64 = 0.012;

/// No flamegraph has more frames, so that a report stays readable and small.
const MOST_FRAMES: usize = 20_000;

/// One frame: shares of the width, and what it says when pointed at.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Frame {
    pub(crate) title: String,
    left: f64,
    pub(crate) width: f64,
    top: f64,
}

/// Reads the frames of a flamegraph as inferno draws it: groups of a title and a rectangle.
/// What can't be read is left out; none where there is nothing.
pub(crate) fn frames(svg: &str) -> Option<Vec<Frame>> {
    let mut reader = Reader::from_str(svg);
    let (mut full_width, mut title, mut in_title) = (None, String::new(), false);
    let mut frames = Vec::new();
    // A file cut short ends where it ends.
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Eof => break,
            Event::Start(element) | Event::Empty(element) => match element.name().as_ref() {
                b"svg" if full_width.is_none() => {
                    let view_box = attribute(&element, "viewBox");
                    let width = view_box
                        .as_deref()
                        .and_then(|b| b.split_whitespace().nth(2));
                    full_width = Some(width?.parse::<f64>().ok().filter(|width| *width > 0.0)?);
                }
                b"title" => {
                    title.clear();
                    in_title = true;
                }
                b"rect" if !title.is_empty() && frames.len() < MOST_FRAMES => {
                    let share = |name| {
                        let text = attribute(&element, name)?;
                        match text.strip_suffix('%') {
                            Some(percent) => percent.parse::<f64>().ok().map(|p| p / 100.0),
                            None => Some(text.parse::<f64>().ok()? / full_width?),
                        }
                    };
                    let top = attribute(&element, "y").and_then(|y| y.parse::<f64>().ok());
                    if let (Some(left), Some(width), Some(top)) = (share("x"), share("width"), top)
                        && [left, width, top].into_iter().all(f64::is_finite)
                    {
                        frames.push(Frame {
                            title: std::mem::take(&mut title),
                            left,
                            width,
                            top,
                        });
                    }
                }
                _ => {}
            },
            Event::End(element) if element.name().as_ref() == b"title" => in_title = false,
            Event::Text(text) if in_title => title.push_str(&text.decode().ok()?),
            Event::GeneralRef(reference) if in_title => {
                let name = reference.decode().ok()?;
                let resolved = reference.resolve_char_ref().ok().flatten();
                match resolved.map(String::from).or_else(|| {
                    quick_xml::escape::resolve_predefined_entity(&name).map(str::to_owned)
                }) {
                    Some(text) => title.push_str(&text),
                    None => title.push('?'),
                }
            }
            _ => {}
        }
    }
    (!frames.is_empty()).then_some(frames)
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = element.try_get_attribute(name).ok()??;
    Some(String::from_utf8_lossy(&attribute.value).into_owned())
}

/// Draws frames, as wide as the page and in its colours. Each is clipped to its own width. The id is
/// unique on its page.
///
/// Frames of a difference are red where they grew and blue where they shrank, the deeper the more.
pub(crate) fn draw(frames: &[Frame], id: &str, title: &str) -> String {
    let mut tops: Vec<f64> = frames.iter().map(|frame| frame.top).collect();
    tops.sort_by(f64::total_cmp);
    tops.dedup();
    let mut svg = format!(
        "<svg class=\"flame\" width=\"100%\" height=\"{}\" role=\"img\" \
         aria-labelledby=\"{id}-t {id}-d\"><title id=\"{id}-t\">{}</title>\
         <desc id=\"{id}-d\">Each box is a function; its width is its share of the samples, and it \
         stands on its caller. The table below names the widest.</desc>",
        tops.len() * ROW,
        escape(title)
    );
    let most = frames
        .iter()
        .filter_map(|frame| frame.change().map(f64::abs));
    let most = most.max_by(f64::total_cmp).unwrap_or(0.0);
    for frame in frames.iter().filter(|frame| frame.width >= LEAST_SHARE) {
        let row = tops.partition_point(|top| *top < frame.top);
        let tone = match frame.change() {
            Some(change) => changed(change, most),
            None => plain(frame.name()),
        };
        let _ = write!(
            svg,
            "<svg x=\"{:.3}%\" y=\"{}\" width=\"{:.3}%\" height=\"{}\"><title>{}</title>\
             <rect class=\"{tone}\" width=\"100%\" height=\"100%\"/>",
            frame.left * 100.0,
            row * ROW,
            frame.width * 100.0,
            ROW - 1,
            escape(&frame.title)
        );
        if frame.width >= LEAST_NAMED {
            let _ = write!(
                svg,
                "<text x=\"4\" y=\"13\">{}</text>",
                escape(frame.name())
            );
        }
        svg.push_str("</svg>");
    }
    svg.push_str("</svg>");
    svg
}

/// One of five tones, always the same of a name.
fn plain(name: &str) -> String {
    let sum = name
        .bytes()
        .fold(7_u32, |sum, b| sum.wrapping_mul(31) + u32::from(b));
    format!("f{}", sum % 5)
}

/// The tone of a change among changes of at most `most`, in three steps either way.
fn changed(change: f64, most: f64) -> String {
    let step = (3.0 * change.abs() / most).ceil().clamp(1.0, 3.0);
    match change {
        change if change > 0.0 => format!("grew{step}"),
        change if change < 0.0 => format!("shrank{step}"),
        _ => "same".to_owned(),
    }
}

impl Frame {
    /// The function's name: the title without its figures.
    pub(crate) fn name(&self) -> &str {
        self.title
            .rsplit_once(" (")
            .map_or(self.title.as_str(), |(name, _)| name)
    }

    /// By how many per cent of all samples it changed, where the title says so, as that of a difference
    /// does: `name (4 samples, 40.00%; +3.20%)`.
    pub(crate) fn change(&self) -> Option<f64> {
        let (_, change) = self.figures().rsplit_once("; ")?;
        let change = change.strip_suffix('%')?.parse::<f64>().ok()?;
        change.is_finite().then_some(change)
    }

    /// The figures behind the name: samples and share.
    pub(crate) fn figures(&self) -> &str {
        self.title.rsplit_once(" (").map_or("", |(_, figures)| {
            figures.strip_suffix(')').unwrap_or(figures)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWN: &str = r#"<svg viewBox="0 0 1200 90" onload="alert(1)"><script>alert(2)</script>
        <g><title>all (10 samples, 100%)</title><rect x="10" y="60" width="1180" height="15"/></g>
        <g><title>&lt;a as B&gt;::c&#x3b; (4 samples, 40.00%)</title>
        <rect x="0.8333%" y="40" width="39.3%" height="15" onclick="alert(3)"/><text>x</text></g>
        <image href="http://elsewhere.example/x.png"/></svg>"#;

    #[test]
    fn only_names_and_places_are_taken_over() {
        let frames = frames(DRAWN).unwrap();
        assert_eq!(frames.len(), 2);
        assert_eq!(
            (frames[1].name(), frames[1].figures()),
            ("<a as B>::c;", "4 samples, 40.00%")
        );
        assert!((frames[0].width - 1180.0 / 1200.0).abs() < 1e-9);
        let drawn = draw(&frames, "flame", "CPU flamegraph");
        for absent in ["alert", "script", "http", "image", "onclick"] {
            assert!(!drawn.contains(absent), "{absent} in {drawn}");
        }
        assert!(drawn.contains("&lt;a as B&gt;::c;"));
    }

    #[test]
    fn a_difference_is_coloured_by_its_changes() {
        let svg = r#"<svg viewBox="0 0 100 90"><title>grown (4 samples, 40.00%; +30.00%)</title>
            <rect x="0" y="0" width="40"/><title>shrunk (2 samples, 20.00%; -9.00%)</title>
            <rect x="40" y="0" width="20"/><title>as it was (4 samples, 40.00%; 0.00%)</title>
            <rect x="60" y="0" width="40"/></svg>"#;
        let frames = frames(svg).unwrap();
        let changes: Vec<_> = frames.iter().map(Frame::change).collect();
        assert_eq!(changes, [Some(30.0), Some(-9.0), Some(0.0)]);
        let drawn = draw(&frames, "difference", "a < b");
        for tone in [
            "\"grew3\"",
            "\"shrank1\"",
            "\"same\"",
            "difference-t",
            "a &lt; b",
        ] {
            assert!(drawn.contains(tone), "{tone} in {drawn}");
        }
    }

    #[test]
    fn what_is_no_flamegraph_is_none() {
        for text in [
            "",
            "hello",
            "<svg/>",
            "<svg viewBox='0 0 0 0'><title>a</title><rect/></svg>",
        ] {
            assert_eq!(frames(text), None, "{text}");
        }
    }
}
