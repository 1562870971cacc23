//! Encodings of values for the place in which they stand.

use percent_encoding::percent_encode_byte;
use serde::de::IgnoredAny;

/// Encoding of a value for the place in which it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Component of a URL: all but the unreserved characters are percent-encoded (RFC 3986, section 2.3).
    Url,
    /// Name or value of a form (`application/x-www-form-urlencoded`).
    Form,
    /// Inside a JSON string (RFC 8259, section 7).
    JsonString,
    /// JSON value: unchanged if it is valid JSON, otherwise a JSON string.
    JsonValue,
    /// JSON string, with its quotes.
    JsonText,
    /// Text of XML or HTML.
    XmlText,
    /// Inside a tag of XML or HTML, such as the value of an attribute.
    XmlTag,
    /// Inside a CDATA section of XML.
    XmlCdata,
    /// Inside the double quotes of a header (RFC 9110, section 5.6.4).
    Quoted,
    /// Name or file name of a part of a multipart form (HTML, "multipart form data").
    PartName,
}

impl Encoding {
    /// Appends a value to `out` in this encoding.
    pub(crate) fn write(self, value: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Url => value.iter().for_each(|byte| match byte {
                byte if is_unreserved(*byte) => out.push(*byte),
                byte => percent(*byte, out),
            }),
            Self::Form => value.iter().for_each(|byte| match byte {
                b' ' => out.push(b'+'),
                b'*' | b'-' | b'.' | b'_' => out.push(*byte),
                byte if byte.is_ascii_alphanumeric() => out.push(*byte),
                byte => percent(*byte, out),
            }),
            Self::JsonString => json_string(value, out),
            Self::JsonValue if serde_json::from_slice::<IgnoredAny>(value).is_ok() => {
                out.extend_from_slice(value);
            }
            Self::JsonValue | Self::JsonText => {
                out.push(b'"');
                json_string(value, out);
                out.push(b'"');
            }
            Self::XmlText | Self::XmlTag => value
                .iter()
                .for_each(|byte| xml(*byte, self == Self::XmlTag, out)),
            Self::XmlCdata => cdata(value, out),
            Self::Quoted => value.iter().for_each(|byte| {
                if matches!(byte, b'"' | b'\\') {
                    out.push(b'\\');
                }
                out.push(*byte);
            }),
            Self::PartName => value.iter().for_each(|byte| match byte {
                b'"' | b'\r' | b'\n' => percent(*byte, out),
                byte => out.push(*byte),
            }),
        }
    }
}

/// Appends a value to `out` in several encodings, the first one innermost.
pub(crate) fn encode(value: &[u8], encodings: &[Encoding], out: &mut Vec<u8>) {
    match encodings {
        [] => out.extend_from_slice(value),
        [one] => one.write(value, out),
        [first, rest @ ..] => {
            let mut inner = Vec::new();
            first.write(value, &mut inner);
            encode(&inner, rest, out);
        }
    }
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn percent(byte: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(percent_encode_byte(byte).as_bytes());
}

fn json_string(value: &[u8], out: &mut Vec<u8>) {
    for byte in value {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..=0x1f => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            byte => out.push(*byte),
        }
    }
}

fn xml(byte: u8, is_in_tag: bool, out: &mut Vec<u8>) {
    let reference: &[u8] = match byte {
        b'&' => b"&amp;",
        b'<' => b"&lt;",
        b'>' => b"&gt;",
        b'"' => b"&quot;",
        b'\'' => b"&#39;",
        // A parser would normalise these to a line feed or, in an attribute, to a blank.
        b'\r' => b"&#13;",
        b'\n' if is_in_tag => b"&#10;",
        b'\t' if is_in_tag => b"&#9;",
        byte => {
            out.push(byte);
            return;
        }
    };
    out.extend_from_slice(reference);
}

/// The end of a section within a value is divided between two sections.
fn cdata(value: &[u8], out: &mut Vec<u8>) {
    for (index, byte) in value.iter().enumerate() {
        if *byte == b'>' && value[..index].ends_with(b"]]") {
            out.extend_from_slice(b"]]><![CDATA[");
        }
        out.push(*byte);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(encoding: Encoding, value: &str) -> String {
        let mut out = Vec::new();
        encoding.write(value.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn encodes_for_each_place() {
        let value = "C++ 100% \"a\\b\"\r\n<é&'>";
        let all = [
            (
                Encoding::Url,
                "C%2B%2B%20100%25%20%22a%5Cb%22%0D%0A%3C%C3%A9%26%27%3E",
            ),
            (
                Encoding::Form,
                "C%2B%2B+100%25+%22a%5Cb%22%0D%0A%3C%C3%A9%26%27%3E",
            ),
            (Encoding::JsonString, "C++ 100% \\\"a\\\\b\\\"\\r\\n<é&'>"),
            (
                Encoding::XmlText,
                "C++ 100% &quot;a\\b&quot;&#13;\n&lt;é&amp;&#39;&gt;",
            ),
            (
                Encoding::XmlTag,
                "C++ 100% &quot;a\\b&quot;&#13;&#10;&lt;é&amp;&#39;&gt;",
            ),
            (Encoding::PartName, "C++ 100% %22a\\b%22%0D%0A<é&'>"),
        ];
        for (encoding, expected) in all {
            assert_eq!(written(encoding, value), expected, "{encoding:?}");
        }
        assert_eq!(written(Encoding::Quoted, "a\"b\\"), "a\\\"b\\\\");
        assert_eq!(written(Encoding::XmlCdata, "a]]>b"), "a]]]]><![CDATA[>b");
    }

    #[test]
    fn json_values_stay_if_valid() {
        for valid in [
            "7",
            "-0.50",
            "1e400",
            "true",
            "null",
            "\"a\"",
            "{\"a\":[1]}",
        ] {
            assert_eq!(written(Encoding::JsonValue, valid), valid);
        }
        for (text, expected) in [("007", "\"007\""), ("", "\"\""), ("a\"", "\"a\\\"\"")] {
            assert_eq!(written(Encoding::JsonValue, text), expected);
        }
        assert_eq!(written(Encoding::JsonText, "7"), "\"7\"");
    }

    #[test]
    fn joins_encodings_from_the_inside() {
        let mut out = Vec::new();
        encode(b"a\"", &[Encoding::JsonText, Encoding::Url], &mut out);
        assert_eq!(out, b"%22a%5C%22%22");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

        #[test]
        fn json_reads_back(value in any::<String>()) {
            let text = format!("\"{}\"", written(Encoding::JsonString, &value));
            prop_assert_eq!(serde_json::from_str::<String>(&text).unwrap(), value.clone());
            let text = written(Encoding::JsonValue, &value);
            prop_assert!(serde_json::from_str::<IgnoredAny>(&text).is_ok());
        }

        #[test]
        fn url_reads_back(value in any::<String>()) {
            let text = written(Encoding::Url, &value);
            prop_assert!(text.bytes().all(|byte| is_unreserved(byte) || byte == b'%'));
            let decoded = percent_encoding::percent_decode_str(&text).decode_utf8().unwrap();
            prop_assert_eq!(decoded, value.clone());
            let text = written(Encoding::Form, &value).replace('+', " ");
            let decoded = percent_encoding::percent_decode_str(&text).decode_utf8().unwrap();
            prop_assert_eq!(decoded, value);
        }

        #[test]
        fn markup_never_ends_its_place(value in any::<String>()) {
            for encoding in [Encoding::XmlText, Encoding::XmlTag] {
                let text = written(encoding, &value);
                prop_assert!(!text.contains(['<', '>', '"', '\'']));
            }
            let sections = format!("<![CDATA[{}]]>", written(Encoding::XmlCdata, &value));
            let inner = sections.strip_prefix("<![CDATA[").unwrap().strip_suffix("]]>").unwrap();
            let read: String = inner.split("]]><![CDATA[").collect();
            prop_assert_eq!(read, value);
        }
    }
}
