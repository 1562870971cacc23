//! Secrets in the parts of multipart forms (RFC 7578).

use std::borrow::Cow;
use std::ops::Range;

use super::MASK;
use super::name::{decoded, is_secret, is_secret_pair};
use super::text::Reading;

/// Header that names a part.
const DISPOSITION: &str = "content-disposition";

/// Maximum length of the headers of a part in bytes, before the one that names it and from there on.
const HEAD_BYTES_MAX: usize = 2000;

/// A value of any secret's name: some names need a long one.
const LONG_VALUE: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// Masks the contents and file names of parts whose name indicates a secret, and the contents of files whose name does.
///
/// The form may be text in a JSON string. A part without a known end is masked up to the end of the text.
pub(super) fn masked_multipart(text: &str, reading: Reading) -> Cow<'_, str> {
    let mut masked = String::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = find_disposition(&text[at..]) {
        let start = at + found;
        at = start + DISPOSITION.len();
        let Some(part) = Part::read(text, start) else {
            continue;
        };
        let name = decoded(&text[part.name.clone()]);
        let file_name = part
            .file_name
            .clone()
            .map(|range| (range.clone(), &text[range]));
        let is_secret_file = file_name
            .as_ref()
            .is_some_and(|(_, name)| is_secret(&decoded(name), ""));
        // Most parts need no search for their end, which takes quadratic time in a text of many parts without one.
        if !is_secret_file && !is_secret_pair(&name, LONG_VALUE) {
            continue;
        }
        let range = part.content(text);
        let content = &text[range.clone()];
        let is_secret_name = is_secret_pair(&name, content);
        let mut ranges: Vec<Range<usize>> = Vec::new();
        if let Some((range, name)) = file_name
            && is_secret_name
            && reading.is_value(name)
        {
            ranges.push(range);
        }
        if (is_secret_name || is_secret_file) && reading.is_value(content) {
            ranges.push(range);
        }
        for range in ranges {
            masked.push_str(&text[copied..range.start]);
            masked.push_str(MASK);
            (copied, at) = (range.end, range.end);
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    masked.push_str(&text[copied..]);
    masked.into()
}

/// Finds the next name of the header, in any case.
fn find_disposition(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        at += text[at..].find(['c', 'C'])?;
        let name = bytes.get(at..at + DISPOSITION.len())?;
        if name.eq_ignore_ascii_case(DISPOSITION.as_bytes()) {
            return Some(at);
        }
        at += 1;
    }
}

/// A part of a form: positions in the text.
struct Part {
    /// Start of the header that names it.
    start: usize,
    name: Range<usize>,
    file_name: Option<Range<usize>>,
    line_end: Range<usize>,
    content_start: usize,
}

impl Part {
    /// Reads the part whose `Content-Disposition` begins at `start`. `None` if it is no part of a form.
    fn read(text: &str, start: usize) -> Option<Self> {
        let line_start = start + DISPOSITION.len();
        let head = &text[line_start..text.floor_char_boundary(line_start + HEAD_BYTES_MAX)];
        let (line_length, end_length) = head
            .match_indices(['\r', '\n', '\\'])
            .find_map(|(at, _)| Some((at, line_end(&head.as_bytes()[at..])?)))?;
        let line = &head[..line_length];
        let value = line.trim_start().strip_prefix(':')?.trim_start();
        let is_form = value.get(..9)?.eq_ignore_ascii_case("form-data");
        let name = parameter(line, "name").filter(|_| is_form)?;
        let line_end = line_length..line_length + end_length;
        let blank = head[line_length..].find(&head[line_end.clone()].repeat(2))?;
        let shifted = |range: Range<usize>| line_start + range.start..line_start + range.end;
        Some(Self {
            start,
            name: shifted(name),
            file_name: parameter(line, "filename").map(shifted),
            line_end: shifted(line_end),
            content_start: line_start + line_length + blank + 2 * end_length,
        })
    }

    /// Returns the content, up to the next boundary or the end of the text.
    fn content(&self, text: &str) -> Range<usize> {
        let line_end = &text[self.line_end.clone()];
        let content = &text[self.content_start..];
        let length = boundary(text, self.start, line_end)
            .and_then(|boundary| content.find(&format!("{line_end}{boundary}")));
        self.content_start..self.content_start + length.unwrap_or(content.len())
    }
}

/// Returns the length of a line end that begins a text, as it is or escaped in a string. `None` if there is none.
fn line_end(text: &[u8]) -> Option<usize> {
    let escaped = |text: &[u8], letter: u8| {
        let slashes = text.iter().take_while(|byte| **byte == b'\\').count();
        (slashes > 0 && text.get(slashes) == Some(&letter)).then_some(slashes + 1)
    };
    match text {
        [b'\r', b'\n', ..] => Some(2),
        [b'\n', ..] => Some(1),
        [b'\\', ..] => {
            let length = escaped(text, b'r').unwrap_or(0);
            Some(length + escaped(&text[length..], b'n')?)
        }
        _ => None,
    }
}

/// Finds the value of a parameter of a header line, without its quotes.
fn parameter(line: &str, name: &str) -> Option<Range<usize>> {
    let mut at = 0;
    loop {
        let start = at + line[at..].find(name)?;
        at = start + name.len();
        if !line[..start].ends_with([';', ' ', '\t']) {
            continue;
        }
        let Some(value) = line[at..].strip_prefix('=') else {
            continue;
        };
        let start = line.len() - value.len();
        let open = value.trim_start_matches('\\');
        let quote = value.len() - open.len() + 1;
        return match open.starts_with('"') {
            true => {
                let close = &value[..quote];
                let length = value[quote..].find(close)?;
                Some(start + quote..start + quote + length)
            }
            false => {
                let length = value.find([';', ' ']).unwrap_or(value.len());
                Some(start..start + length)
            }
        };
    }
}

/// Returns the boundary of the part with a header at `start`: the nearest line before it that begins with `--`.
fn boundary<'a>(text: &'a str, start: usize, line_end: &str) -> Option<&'a str> {
    let from = text.ceil_char_boundary(start.saturating_sub(HEAD_BYTES_MAX));
    text[from..start].rsplit(line_end).find_map(|line| {
        // A form in a JSON string begins after a quote.
        let line = match line.rfind("\"--") {
            Some(quote) => &line[quote + 1..],
            None => line,
        };
        (line.starts_with("--") && line.len() > 2).then_some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::super::masked_text;

    /// A form with one part of each kind.
    fn form(line_end: &str) -> String {
        [
            "--b1",
            "content-disposition: form-data; name=\"user\"",
            "",
            "ann",
            "--b1",
            "Content-Type: text/plain",
            "Content-Disposition: form-data; name=\"password\"",
            "",
            "SECP1",
            "--SECP2",
            "--b1",
            "content-disposition: form-data; name=\"private_key\"; filename=\"SECP3.pem\"",
            "content-type: application/x-pem-file",
            "",
            "-----BEGIN X-----",
            "SECP4",
            "-----END X-----",
            "--b1",
            "content-disposition: form-data; filename=\"token.txt\"; name=upload",
            "",
            "SECP5",
            "--b1",
            "content-disposition: form-data; name=\"user%5Bpin%5D\"",
            "",
            "1234",
            "--b1",
            "content-disposition: form-data; name=\"code\"",
            "",
            "SECP6",
            "--b1",
            "content-disposition: form-data; name=\"note\"; filename=\"a.txt\"",
            "",
            "left",
            "--b1--",
            "",
        ]
        .join(line_end)
    }

    #[test]
    fn masks_parts_with_secret_names() {
        for line_end in ["\r\n", "\n"] {
            let masked = masked_text(&form(line_end)).into_owned();
            let expected = form(line_end)
                .replace(&format!("SECP1{line_end}--SECP2"), "***")
                .replace("SECP3.pem", "***")
                .replace(
                    &format!("-----BEGIN X-----{line_end}SECP4{line_end}-----END X-----"),
                    "***",
                )
                .replace("SECP5", "***")
                .replace("1234", "***")
                .replace("SECP6", "***");
            assert_eq!(masked, expected);
            assert_eq!(masked_text(&masked), masked);
        }
    }

    #[test]
    fn masks_forms_in_json() {
        let echo = serde_json::json!({ "echo": form("\r\n"), "next": 1 }).to_string();
        let twice = serde_json::json!({ "again": echo }).to_string();
        for text in [echo, twice] {
            let masked = masked_text(&text).into_owned();
            assert!(
                !masked.contains("SECP") && !masked.contains("1234"),
                "{masked}"
            );
            assert!(
                masked.contains("left") && masked.contains("ann"),
                "{masked}"
            );
            serde_json::from_str::<serde_json::Value>(&masked).unwrap();
        }
    }

    #[test]
    fn masks_truncated_forms() {
        let form = form("\r\n");
        let secrets = ["SECP1", "SECP2", "SECP3", "SECP4", "SECP5", "SECP6"];
        for at in 0..form.len() {
            let (start, end) = form.split_at(at);
            let masked = masked_text(start);
            for secret in secrets {
                // The file name is masked once its line is complete.
                let is_file_name = secret == "SECP3";
                assert!(is_file_name || !masked.contains(secret), "{masked}");
            }
            // A start that is cut off takes no more than the name of its part.
            let _ = masked_text(end);
        }
        let without_boundary = "content-disposition: form-data; name=\"pin\"\r\n\r\n1234\r\n--b--";
        assert_eq!(
            masked_text(without_boundary),
            "content-disposition: form-data; name=\"pin\"\r\n\r\n***"
        );
    }

    #[test]
    fn leaves_other_dispositions() {
        for text in [
            "content-disposition: attachment; filename=\"token.txt\"\r\n\r\nleft",
            "content-disposition: form-data; name=\"user\"\r\n\r\nann\r\n--b--",
            "content-disposition: form-data; name=\"password\"\r\n\r\n\r\n--b--",
            "content-disposition",
            "content-disposition: form-data; name=\"password\"",
        ] {
            let text = format!("--b\r\n{text}");
            assert_eq!(masked_text(&text), text);
        }
    }

    #[test]
    fn takes_linear_time() {
        let begun = std::time::Instant::now();
        for repeated in [
            "content-disposition: form-data; name=\"pin\"\r\n",
            "content-disposition: form-data; name=\"user\"\r\n\r\n",
            "--b\r\ncontent-disposition: form-data; name=user\r\n\r\n",
            "content-disposition: ",
        ] {
            let _ = masked_text(&repeated.repeat(200_000 / repeated.len()));
        }
        assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
    }
}
