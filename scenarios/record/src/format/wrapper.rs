//! Lines of container runtimes, which wrap those of the server.

use std::borrow::Cow;

use serde::Deserialize;

/// Removes the wrapping of container runtimes, and joins the parts into which they split long lines.
#[derive(Debug, Default)]
pub(super) struct Wrapper {
    /// Parts of a line whose end is still to come.
    begun: Vec<u8>,
}

/// Content of a wrapped line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unwrapped<'a> {
    /// The line is not wrapped.
    Plain,
    /// A whole line of the server.
    Whole(Cow<'a, [u8]>),
    /// Part of a line, kept until the rest comes.
    Part,
    /// The joined parts exceed the limit.
    TooLong,
}

/// A line of Docker's `json-file`.
#[derive(Deserialize)]
struct DockerLine<'a> {
    #[serde(borrow)]
    log: Cow<'a, str>,
    #[serde(borrow)]
    stream: Option<Cow<'a, str>>,
}

/// Start of a line of Docker's `json-file`, which always writes this field first.
const DOCKER: &[u8] = b"{\"log\":\"";
/// Longest time in RFC 3339, with nanoseconds and offset.
const TIME_BYTES_MAX: usize = 35;
/// Maximum length of a joined line in bytes, as for any other.
const LINE_BYTES_MAX: usize = 64 * 1024;

impl Wrapper {
    /// Returns the content of a line.
    pub(super) fn unwrap<'a>(&mut self, line: &'a [u8]) -> Unwrapped<'a> {
        let (content, is_whole) = match docker(line).or_else(|| cri(line)) {
            Some(found) => found,
            None => return Unwrapped::Plain,
        };
        if is_whole && self.begun.is_empty() {
            return Unwrapped::Whole(content);
        }
        if self.begun.len() + content.len() > LINE_BYTES_MAX {
            self.begun.clear();
            return Unwrapped::TooLong;
        }
        self.begun.extend_from_slice(&content);
        match is_whole {
            true => Unwrapped::Whole(Cow::Owned(std::mem::take(&mut self.begun))),
            false => Unwrapped::Part,
        }
    }
}

/// Returns the content of a line of Docker's `json-file`, and whether it ends a line of the server.
fn docker(line: &[u8]) -> Option<(Cow<'_, [u8]>, bool)> {
    if !line.starts_with(DOCKER) {
        return None;
    }
    let parsed: DockerLine<'_> = serde_json::from_slice(line).ok()?;
    parsed.stream?;
    let is_whole = parsed.log.ends_with('\n');
    let end = |text: &str| text.trim_end_matches(['\n', '\r']).len();
    let content = match parsed.log {
        Cow::Borrowed(text) => Cow::Borrowed(&text.as_bytes()[..end(text)]),
        Cow::Owned(mut text) => {
            text.truncate(end(&text));
            Cow::Owned(text.into_bytes())
        }
    };
    Some((content, is_whole))
}

/// Returns the content of a line of a Kubernetes container runtime (CRI), such as
/// `2016-10-06T00:17:09.669794202Z stdout F content`, and whether it ends a line of the server.
fn cri(line: &[u8]) -> Option<(Cow<'_, [u8]>, bool)> {
    let mut words = line.splitn(4, |byte| *byte == b' ');
    let (time, stream, tags) = (words.next()?, words.next()?, words.next()?);
    let is_time = time.len() <= TIME_BYTES_MAX
        && time.first().is_some_and(u8::is_ascii_digit)
        && time.get(10) == Some(&b'T');
    if !is_time || !matches!(stream, b"stdout" | b"stderr") {
        return None;
    }
    let is_whole = match tags.split(|byte| *byte == b':').next()? {
        b"F" => true,
        b"P" => false,
        _ => return None,
    };
    Some((Cow::Borrowed(words.next().unwrap_or_default()), is_whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Unwrapped<'_> {
        Unwrapped::Whole(Cow::Borrowed(text.as_bytes()))
    }

    #[test]
    fn unwraps_lines_of_docker() {
        let mut wrapper = Wrapper::default();
        let mut unwrap = |line: &'static str| wrapper.unwrap(line.as_bytes());
        let end = r#"","stream":"stdout","time":"2024-05-17T10:05:03.1Z"}"#;
        let line = |log: &str| -> &'static str {
            Box::leak(format!("{{\"log\":\"{log}{end}").into_boxed_str())
        };
        assert_eq!(unwrap(line(r"\u0026 \x\n")), Unwrapped::Plain);
        assert_eq!(unwrap(line(r"a\u0026b\r\n")), whole("a&b"));
        assert_eq!(unwrap(line(r"begin ")), Unwrapped::Part);
        assert_eq!(unwrap(line(r"end\n")), whole("begin end"));
        for plain in ["", "{\"log\":{\"entries\":[]}}", "{\"log\":\"x\"}", "GET /"] {
            assert_eq!(unwrap(plain), Unwrapped::Plain, "{plain}");
        }
    }

    #[test]
    fn unwraps_lines_of_kubernetes() {
        let mut wrapper = Wrapper::default();
        let mut unwrap = |line: &'static str| wrapper.unwrap(line.as_bytes());
        assert_eq!(
            unwrap("2016-10-06T00:17:09.669794202Z stdout F a  b"),
            whole("a  b")
        );
        assert_eq!(
            unwrap("2016-10-06T00:17:09Z stderr P:x begin "),
            Unwrapped::Part
        );
        assert_eq!(
            unwrap("2016-10-06T00:17:09+02:00 stderr F end"),
            whole("begin end")
        );
        assert_eq!(unwrap("2016-10-06T00:17:09Z stdout F"), whole(""));
        for plain in [
            "2016-10-06T00:17:09Z stdin F a",
            "2016-10-06T00:17:09Z stdout G a",
            "now stdout F a",
        ] {
            assert_eq!(unwrap(plain), Unwrapped::Plain, "{plain}");
        }
    }

    #[test]
    fn bounds_joined_lines() {
        let mut wrapper = Wrapper::default();
        let part = format!(
            "2016-10-06T00:17:09Z stdout P {}",
            "x".repeat(LINE_BYTES_MAX)
        );
        assert_eq!(wrapper.unwrap(part.as_bytes()), Unwrapped::Part);
        assert_eq!(wrapper.unwrap(part.as_bytes()), Unwrapped::TooLong);
        assert_eq!(
            wrapper.unwrap(b"2016-10-06T00:17:09Z stdout F a"),
            whole("a")
        );
    }

    proptest::proptest! {
        #[test]
        fn returns_wrapped_lines_unchanged(lines in proptest::collection::vec("[ -~\u{80}-\u{4ff}\t]{0,60}", 1..6), cut in 0..60_usize) {
            let mut wrapper = Wrapper::default();
            for line in &lines {
                let docker = serde_json::json!({ "log": format!("{line}\n"), "stream": "stdout", "time": "x" }).to_string();
                proptest::prop_assert_eq!(wrapper.unwrap(docker.as_bytes()), whole(line));
                let cut = line.char_indices().nth(cut).map_or(line.len(), |(at, _)| at);
                let cri = |tag: &str, text: &str| format!("2016-10-06T00:17:09Z stdout {tag} {text}");
                let begun = cri("P", &line[..cut]);
                proptest::prop_assert_eq!(wrapper.unwrap(begun.as_bytes()), Unwrapped::Part);
                let rest = cri("F", &line[cut..]);
                let joined = wrapper.unwrap(rest.as_bytes());
                proptest::prop_assert_eq!(joined, whole(line));
            }
        }

        #[test]
        fn never_panics(line in proptest::collection::vec(proptest::num::u8::ANY, 0..80)) {
            let mut wrapper = Wrapper::default();
            let _ = wrapper.unwrap(&line);
            let _ = wrapper.unwrap(&[DOCKER, &line].concat());
        }
    }
}
