//! Flamegraphs that earlier versions stored as drawings.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::{FRAMES_MAX, Frame};

/// Reads the frames of a flamegraph as inferno draws it: groups of a title and a rectangle.
///
/// Reads only names, positions and widths, so no other content of the file gets into the page. Skips invalid frames.
/// `None` without frames.
pub(super) fn frames(svg: &str) -> Option<Vec<Frame>> {
    let mut reader = Reader::from_str(svg);
    let (mut full_width, mut title, mut in_title) = (None, String::new(), false);
    let mut placed = Vec::new();
    // A truncated file yields the frames before its end.
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
                b"rect" if !title.is_empty() && placed.len() < FRAMES_MAX => {
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
                        placed.push((std::mem::take(&mut title), left, width, top));
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
    // The root is at the bottom.
    let mut tops: Vec<f64> = placed.iter().map(|(.., top)| *top).collect();
    tops.sort_by(f64::total_cmp);
    tops.dedup();
    let frame = |(title, left, width, top): (String, f64, f64, f64)| {
        let (name, figures) = match title.rsplit_once(" (") {
            Some((name, figures)) => (name, figures.strip_suffix(')').unwrap_or(figures)),
            None => (title.as_str(), ""),
        };
        Frame {
            name: name.to_owned(),
            figures: figures.to_owned(),
            own: None,
            change: change(figures),
            left,
            width,
            depth: tops.len() - 1 - tops.partition_point(|other| *other < top),
        }
    };
    let frames: Vec<Frame> = placed.into_iter().map(frame).collect();
    (!frames.is_empty()).then_some(frames)
}

/// Parses the change of a frame in percent of all samples: `+3.20` of `4 samples, 40.00%; +3.20%`.
fn change(figures: &str) -> Option<f64> {
    let (_, change) = figures.rsplit_once("; ")?;
    let change = change.strip_suffix('%')?.parse::<f64>().ok()?;
    change.is_finite().then_some(change)
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = element.try_get_attribute(name).ok()??;
    Some(String::from_utf8_lossy(&attribute.value).into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Measure, draw};
    use super::*;

    const DRAWN: &str = r#"<svg viewBox="0 0 1200 90" onload="alert(1)"><script>alert(2)</script>
        <g><title>all (10 samples, 100%)</title><rect x="10" y="60" width="1180" height="15"/></g>
        <g><title>&lt;a as B&gt;::c&#x3b; (4 samples, 40.00%)</title>
        <rect x="0.8333%" y="40" width="39.3%" height="15" onclick="alert(3)"/><text>x</text></g>
        <image href="http://elsewhere.example/x.png"/></svg>"#;

    #[test]
    fn reads_only_names_and_positions() {
        let frames = frames(DRAWN).unwrap();
        assert_eq!(frames.len(), 2);
        assert_eq!(frames[1].name, "<a as B>::c;");
        assert_eq!(frames[1].figures, "4 samples, 40.00%");
        assert_eq!((frames[0].depth, frames[1].depth), (0, 1));
        assert!((frames[0].width - 1180.0 / 1200.0).abs() < 1e-9);
        let drawn = draw(&frames, Measure::Samples, "flame", "CPU flamegraph");
        for absent in ["alert", "script", "http", "image", "onclick"] {
            assert!(!drawn.contains(absent), "{absent} in {drawn}");
        }
        assert!(drawn.contains("&lt;a as B&gt;::c;"));
    }

    #[test]
    fn reads_changes_of_a_difference() {
        let svg = r#"<svg viewBox="0 0 100 90"><title>grown (4 samples, 40.00%; +30.00%)</title>
            <rect x="0" y="0" width="40"/><title>shrunk (2 samples, 20.00%; -9.00%)</title>
            <rect x="40" y="0" width="20"/><title>as it was (4 samples, 40.00%; 0.00%)</title>
            <rect x="60" y="0" width="40"/></svg>"#;
        let frames = frames(svg).unwrap();
        let changes: Vec<_> = frames.iter().map(|frame| frame.change).collect();
        assert_eq!(changes, [Some(30.0), Some(-9.0), Some(0.0)]);
    }

    #[test]
    fn other_text_has_no_frames() {
        for text in [
            "",
            "hello",
            "<svg/>",
            "<svg viewBox='0 0 0 0'><title>a</title><rect/></svg>",
        ] {
            assert_eq!(frames(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn damaged_drawings_give_finite_frames_that_can_be_drawn(
            at in 0..DRAWN.len(),
            removed in 0_usize..20,
            put in "[<>&;'\"0-9a-z%=.-]{0,8}|NaN|1e999|&#x110000;",
        ) {
            let end = (at + removed).min(DRAWN.len());
            let damaged = format!("{}{put}{}", &DRAWN[..at], &DRAWN[end..]);
            for frame in frames(&damaged).unwrap_or_default() {
                prop_assert!(frame.left.is_finite() && frame.width.is_finite());
                let drawn = draw(&[frame], Measure::Samples, "flame", "CPU flamegraph");
                prop_assert!(!drawn.contains("<script") && !drawn.contains("\"NaN"), "{drawn}");
            }
        }
    }
}
