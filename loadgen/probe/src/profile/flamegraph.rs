//! A flamegraph, as an SVG that needs no script.

use std::collections::BTreeMap;

use inferno::flamegraph::{self, Options};
use quick_xml::events::{BytesStart, BytesText, Event};
use quick_xml::{Reader, Writer};

use super::{Profile, Stack};

/// The width that text is fitted to, in units of the drawing.
const WIDTH: usize = 1200;

/// Share of the width, in per cent, below which a frame is not drawn: a tenth of a unit.
const SMALLEST_PERCENT: f64 = 0.01;

/// The same in words.
const NARROW: &str = "frames narrower than 0.01% are not drawn";

/// What stands in place of a drawing of nothing.
const NO_SAMPLES: &str =
    "no samples were captured: the process was idle, or its profiler saw nothing";

/// Draws a flamegraph of a profile: a bare `<svg>` element, as wide as what it stands in.
///
/// It holds no script, no style sheet, no outside address and no identifier, so it can stand alone
/// or inside a page. Pointing at a frame shows its name and share. What is too narrow to be seen is
/// not drawn, and the drawing says so; nothing else is left out.
pub fn flamegraph_svg(profile: &Profile) -> String {
    let samples = profile.samples();
    if samples == 0 {
        return message(NO_SAMPLES);
    }
    let lines: Vec<String> = profile
        .stacks
        .iter()
        .map(|stack| format!("{} {}", folded(profile, stack), stack.samples))
        .collect();
    let subtitle = format!(
        "{samples} samples{}; {NARROW}",
        profile
            .hz
            .map_or_else(String::new, |hz| format!(" at {hz:.0} Hz"))
    );
    draw(&lines, "CPU time by stack", subtitle, false)
}

/// Draws what a later profile has more and less of than an earlier one: frames as wide as in the later,
/// red where it has more samples, blue where it has fewer. `reversed` draws them as wide as in the
/// earlier, so that what has vanished is there too; the colours keep their meaning.
///
/// Samples are compared as they are: for profiles of the same length, rate and traffic.
pub fn difference_svg(earlier: &Profile, later: &Profile, reversed: bool) -> String {
    let mut stacks: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for stack in &earlier.stacks {
        stacks.entry(folded(earlier, stack)).or_default().0 += stack.samples;
    }
    for stack in &later.stacks {
        stacks.entry(folded(later, stack)).or_default().1 += stack.samples;
    }
    let (before, after) = (earlier.samples(), later.samples());
    // Frames are as wide as the second count.
    let width = if reversed { before } else { after };
    if width == 0 {
        return message(NO_SAMPLES);
    }
    let lines: Vec<String> = stacks
        .into_iter()
        .map(|(names, (before, after))| match reversed {
            true => format!("{names} {after} {before}"),
            false => format!("{names} {before} {after}"),
        })
        .collect();
    let title = match reversed {
        true => "What changed, as wide as before",
        false => "What changed, as wide as after",
    };
    let subtitle = format!(
        "red: more than before, blue: less; {before} samples before, {after} after; {NARROW}"
    );
    draw(&lines, title, subtitle, reversed)
}

/// A stack as a folded line has it, without its count.
fn folded(profile: &Profile, stack: &Stack) -> String {
    let names: Vec<String> = profile.names(stack).map(frame_name).collect();
    names.join(";")
}

fn draw(lines: &[String], title: &str, subtitle: String, negated: bool) -> String {
    let mut options = Options::default();
    options.title = title.into();
    options.subtitle = Some(subtitle);
    options.image_width = Some(WIDTH);
    // Of the size; the default is a little less than common fonts take, so labels would spill.
    options.font_width = 0.62;
    options.min_width = SMALLEST_PERCENT;
    options.deterministic = true;
    options.no_javascript = true;
    options.negate_differentials = negated;
    let mut drawn = Vec::new();
    let outcome =
        flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), &mut drawn);
    outcome
        .map_err(|error| error.to_string())
        .and_then(|()| plain(&drawn))
        .unwrap_or_else(|reason| message(&format!("the flamegraph could not be drawn: {reason}")))
}

/// Makes a name fit for a folded line, where `;` parts frames and a line parts stacks.
fn frame_name(name: &str) -> String {
    let name: String = name
        .chars()
        .map(|c| match c {
            ';' => ',',
            c if c.is_control() => ' ',
            c => c,
        })
        .collect();
    let name = name.trim();
    // What would read as a comment of the format, or as nothing.
    match name {
        "" => "[unknown]".into(),
        _ if name.starts_with('#') => format!("_{name}"),
        _ => name.to_owned(),
    }
}

/// Takes from a drawing of inferno's what needs its script, and what would not keep to itself
/// within a page.
fn plain(drawn: &[u8]) -> Result<String, String> {
    let mut reader = Reader::from_reader(drawn);
    reader.config_mut().expand_empty_elements = false;
    let mut writer = Writer::new(Vec::with_capacity(drawn.len()));
    let failed = |error: &dyn std::fmt::Display| error.to_string();
    let mut at_root = true;
    // A label that has been opened but holds nothing yet; and whether it is the root frame's, which
    // the script would fill in.
    let mut label: Option<BytesStart<'static>> = None;
    let mut in_title = false;
    let mut is_all = false;
    loop {
        let event = reader.read_event().map_err(|error| failed(&error))?;
        if std::mem::take(&mut in_title) {
            // Other frames' shares have decimals.
            is_all = matches!(&event, Event::Text(title)
                if title.starts_with(b"all (") && title.ends_with(b", 100%)"));
        }
        if !matches!(event, Event::End(_))
            && let Some(label) = label.take()
        {
            writer
                .write_event(Event::Start(label))
                .map_err(|error| failed(&error))?;
        }
        let kept = match event {
            Event::Eof => break,
            Event::Decl(_) | Event::DocType(_) | Event::Comment(_) | Event::PI(_) => None,
            Event::Start(element) if is_dropped(&element) => {
                let end = element.to_end().into_owned();
                reader
                    .read_to_end(end.name())
                    .map_err(|error| failed(&error))?;
                None
            }
            Event::Start(element) if at_root => {
                at_root = false;
                Some(Event::Start(root(&element)?))
            }
            Event::Start(element) if element.name().as_ref() == b"text" => {
                label = Some(bare(&element)?);
                None
            }
            Event::Start(element) => {
                in_title = element.name().as_ref() == b"title";
                Some(Event::Start(bare(&element)?))
            }
            Event::End(_) if label.is_some() => {
                // Otherwise it is too narrow for a letter.
                if let Some(label) = label.take().filter(|_| is_all) {
                    writer
                        .create_element("text")
                        .with_attributes(label.attributes().flatten())
                        .write_text_content(BytesText::new("all"))
                        .map_err(|error| failed(&error))?;
                }
                None
            }
            Event::Empty(element) if is_dropped(&element) => None,
            Event::Empty(element) => Some(Event::Empty(bare(&element)?)),
            other => Some(other.into_owned()),
        };
        if let Some(kept) = kept {
            writer.write_event(kept).map_err(|error| failed(&error))?;
        }
    }
    String::from_utf8(writer.into_inner()).map_err(|error| failed(&error))
}

/// Tells what only the script, or a page of its own, has use for.
fn is_dropped(element: &BytesStart<'_>) -> bool {
    let name = element.name();
    let is = |id: &[u8]| {
        element
            .attributes()
            .flatten()
            .any(|attribute| attribute.key.as_ref() == b"id" && *attribute.value == *id)
    };
    matches!(name.as_ref(), b"script" | b"style" | b"defs")
        || (name.as_ref() == b"text"
            && [&b"unzoom"[..], b"search", b"details", b"matched"]
                .into_iter()
                .any(is))
}

/// Makes the root element: as wide as there is room, in its proportions, readable on any page.
fn root(element: &BytesStart<'_>) -> Result<BytesStart<'static>, String> {
    let view_box = element
        .try_get_attribute("viewBox")
        .map_err(|error| error.to_string())?
        .ok_or("it has no viewBox")?;
    let view_box = String::from_utf8_lossy(&view_box.value).into_owned();
    let mut root = BytesStart::new("svg");
    root.push_attribute(("xmlns", "http://www.w3.org/2000/svg"));
    root.push_attribute(("width", "100%"));
    root.push_attribute(("viewBox", view_box.as_str()));
    root.push_attribute(("role", "img"));
    root.push_attribute(("aria-label", "CPU flamegraph"));
    root.push_attribute(("font-family", "monospace"));
    root.push_attribute(("font-size", "12"));
    Ok(root)
}

/// Copies an element with the attributes that draw.
fn bare(element: &BytesStart<'_>) -> Result<BytesStart<'static>, String> {
    let name = String::from_utf8_lossy(element.name().as_ref()).into_owned();
    let mut copy = BytesStart::new(name);
    for attribute in element.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        match (attribute.key.as_ref(), &*attribute.value) {
            // The style sheet centred these two.
            (b"id", b"title" | b"subtitle") => {
                copy.push_attribute(("text-anchor", "middle"));
            }
            (b"fill", b"url(#background)") => copy.push_attribute(("fill", "#f8f8f8")),
            (b"id" | b"class" | b"onload" | b"total_samples", _) => {}
            (key, _) if key.contains(&b':') => {}
            _ => copy.push_attribute(attribute),
        }
    }
    Ok(copy)
}

fn message(text: &str) -> String {
    let text = quick_xml::escape::escape(text);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"100%\" viewBox=\"0 0 {WIDTH} 60\" \
         role=\"img\" font-family=\"monospace\" font-size=\"14\">\
         <rect width=\"100%\" height=\"100%\" fill=\"#f8f8f8\"/>\
         <text x=\"50%\" y=\"35\" text-anchor=\"middle\">{text}</text></svg>"
    )
}

#[cfg(test)]
mod tests {
    use super::super::fold::tests::{by_hand, encode};
    use super::super::{Profile, Stack};
    use super::*;

    /// Reads it as XML and returns how many elements of each kind there are and all text.
    fn read(svg: &str) -> (BTreeMap<String, usize>, String) {
        let mut reader = Reader::from_str(svg);
        let mut elements = BTreeMap::new();
        let mut text = String::new();
        loop {
            match reader.read_event().unwrap() {
                Event::Eof => return (elements, text),
                Event::Start(element) | Event::Empty(element) => {
                    let name = String::from_utf8(element.name().as_ref().to_vec()).unwrap();
                    *elements.entry(name).or_default() += 1;
                }
                Event::Text(piece) => text.push_str(&String::from_utf8_lossy(&piece)),
                Event::GeneralRef(piece) => {
                    text.push_str(&format!("&{};", String::from_utf8_lossy(&piece)));
                }
                _ => {}
            }
        }
    }

    #[test]
    fn it_draws_every_frame_and_needs_no_script() {
        let profile = Profile::decode("here", &encode(&by_hand())).unwrap();
        let svg = flamegraph_svg(&profile);
        assert!(svg.starts_with("<svg "), "{svg}");
        assert!(svg.contains("width=\"100%\" viewBox=\"0 0 1200 "), "{svg}");
        for absent in ["script", "<style", "onload", " id=", "url(", "class=", "<!"] {
            assert!(!svg.contains(absent), "{absent} in {svg}");
        }
        assert_eq!(svg.matches("http").count(), 1, "{svg}");
        let (elements, text) = read(&svg);
        assert_eq!(svg.matches(">all</text>").count(), 1, "{svg}");
        assert!(svg.contains(">&lt;inner as core::ops::Fn"), "{svg}");
        assert!(!svg.contains("></text>"), "{svg}");
        // all, main, work, inner, libc, and the two that are unknown.
        assert_eq!(elements["title"], 7, "{text}");
        assert!(
            text.contains(
                "&lt;inner as core::ops::Fn&lt;[u8, 4]&gt;&gt;::call (35 samples, 67.31%)"
            ),
            "{text}"
        );
        assert!(text.contains("52 samples at 100 Hz"), "{text}");
    }

    #[test]
    fn hostile_names_stay_text() {
        let profile = Profile {
            functions: [
                "</title><script>alert(1)</script>",
                "# a",
                " ",
                "b 12 13",
                "a\nb;c\0",
            ]
            .map(str::to_owned)
            .to_vec(),
            stacks: (0..5)
                .map(|frame| Stack {
                    frames: vec![frame],
                    samples: 10,
                })
                .collect(),
            ..Profile::default()
        };
        let (elements, text) = read(&flamegraph_svg(&profile));
        assert!(!elements.contains_key("script"));
        assert!(text.contains("50 samples"), "{text}");
        assert_eq!(elements["title"], 6, "{text}");
    }

    /// A profile of `main` calling each of these so often.
    fn of_main(calls: &[(&str, u64)]) -> Profile {
        let names = calls.iter().map(|(name, _)| (*name).to_owned());
        let stack = |(index, (_, samples)): (usize, &(&str, u64))| Stack {
            frames: vec![0, index as u32 + 1],
            samples: *samples,
        };
        Profile {
            functions: std::iter::once("main".to_owned()).chain(names).collect(),
            stacks: calls.iter().enumerate().map(stack).collect(),
            ..Profile::default()
        }
    }

    /// The colour of the frame of a function: red, green and blue.
    fn colour(svg: &str, function: &str) -> [u8; 3] {
        let (_, after) = svg.split_once(&format!("<title>{function} (")).unwrap();
        let (_, after) = after.split_once("rgb(").unwrap();
        let (colour, _) = after.split_once(')').unwrap();
        let parts: Vec<u8> = colour
            .split(',')
            .map(|part| part.trim().parse().unwrap())
            .collect();
        parts.try_into().unwrap()
    }

    #[test]
    fn more_is_red_and_less_is_blue_either_way() {
        let earlier = of_main(&[("hash", 10), ("copy", 50), ("gone", 20)]);
        let later = of_main(&[("hash", 60), ("copy", 10), ("new", 20)]);
        for reversed in [false, true] {
            let svg = difference_svg(&earlier, &later, reversed);
            let ([red, _, blue], less) = (colour(&svg, "hash"), colour(&svg, "copy"));
            assert!(red > blue && less[2] > less[0], "{svg}");
            let (_, text) = read(&svg);
            assert!(text.contains("80 samples before, 90 after"), "{text}");
            // What is in one of them only is seen in that one's widths.
            assert_eq!(svg.contains("<title>gone ("), reversed, "{svg}");
            assert_eq!(svg.contains("<title>new ("), !reversed, "{svg}");
        }
        let nothing = Profile::default();
        assert!(difference_svg(&earlier, &nothing, false).contains(NO_SAMPLES));
        assert!(difference_svg(&earlier, &nothing, true).contains("<title>gone ("));
    }

    #[test]
    fn an_empty_profile_says_so() {
        assert!(flamegraph_svg(&Profile::default()).contains("no samples"));
    }
}
