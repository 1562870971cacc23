//! Objects of logs in JSON Lines.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::log_time::{civil_time, common_time, iso_time};
use super::time_unit::TimeUnit;

/// A line of a log in JSON.
pub(super) type Object = Map<String, Value>;

/// Parses a line that is a JSON object, or ends with one after a prefix such as that of syslog. `None` if there is no
/// `{`.
///
/// Tolerates two things that JSON forbids, but that servers write: nginx's default escapes (`\x22`) and bytes that
/// are not UTF-8. Bytes beyond ASCII become percent-encoded.
pub(super) fn parse(line: &[u8]) -> Option<Result<Object, serde_json::Error>> {
    let start = line.iter().position(|byte| *byte == b'{')?;
    let text = &line[start..];
    let parsed = serde_json::from_slice(text);
    if parsed.is_ok() {
        return Some(parsed);
    }
    let repaired = repaired(text);
    Some(match repaired.as_bytes() == text {
        true => parsed,
        false => serde_json::from_str(&repaired),
    })
}

fn repaired(text: &[u8]) -> String {
    let mut whole = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        let mut rest = chunk.valid();
        while let Some(at) = rest.find("\\x") {
            let (before, escape) = rest.split_at(at);
            whole.push_str(before);
            // nginx escapes bytes, and JSON characters.
            let byte = escape
                .get(2..4)
                .and_then(|digits| u8::from_str_radix(digits, 16).ok());
            match byte {
                Some(byte) if byte >= 0x80 => whole.push_str(&format!("%{byte:02X}")),
                Some(byte) => whole.push_str(&format!("\\u{byte:04x}")),
                None => whole.push_str("\\x"),
            }
            let taken = if byte.is_some() { 4 } else { 2 };
            rest = &escape[taken..];
        }
        whole.push_str(rest);
        for byte in chunk.invalid() {
            whole.push_str(&format!("%{byte:02X}"));
        }
    }
    whole
}

/// Returns a value by its name. Dots lead into nested objects and lists, unless a name contains the dots itself.
///
/// `None` also for `null`, `""` and `"-"`, with which servers fill what is not there.
pub(super) fn value<'a>(object: &'a Object, name: &str) -> Option<&'a Value> {
    let found = lookup(object, name)?;
    (!found.is_null() && !is_blank(found)).then_some(found)
}

/// Returns whether a field is there, but blank.
pub(super) fn has_blank(object: &Object, name: &str) -> bool {
    lookup(object, name).is_some_and(is_blank)
}

fn lookup<'a>(object: &'a Object, name: &str) -> Option<&'a Value> {
    if let Some(found) = object.get(name) {
        return Some(found);
    }
    name.match_indices('.').find_map(|(dot, _)| {
        let (first, rest) = (&name[..dot], &name[dot + 1..]);
        match object.get(first)? {
            Value::Object(inner) => lookup(inner, rest),
            Value::Array(list) => list.get(rest.parse::<usize>().ok()?),
            _ => None,
        }
    })
}

fn is_blank(value: &Value) -> bool {
    matches!(value.as_str(), Some("" | "-"))
}

/// Returns the text of a string or number; of a list, that of its first element.
pub(super) fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Array(list) => match list.first()? {
            Value::Array(_) => None,
            first => text(first),
        },
        _ => None,
    }
}

/// Parses a time as microseconds since 1970: a number, ISO 8601 (without a zone in UTC), or the time of the Common
/// Log Format. Without a unit, a number has that which makes it a year between 1973 and 5138.
pub(super) fn time_us(value: &Value, unit: Option<TimeUnit>) -> Option<i64> {
    let text = text(value)?;
    let text = text.trim();
    let is_numeric = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    let number: Option<f64> = text
        .bytes()
        .all(is_numeric)
        .then(|| text.parse().ok())
        .flatten();
    if let Some(number) = number {
        let unit = unit.unwrap_or_else(|| unit_of(number));
        return match text.contains(['e', 'E']) {
            true => unit.epoch_us(&format!("{number:.6}")),
            false => unit.epoch_us(text),
        };
    }
    let text = text.as_bytes();
    iso_time(text)
        .or_else(|| civil_time(text))
        .or_else(|| common_time(text))
        .or_else(|| {
            // Go's time format with slashes.
            let is_slashed = text.get(4) == Some(&b'/') && text.get(7) == Some(&b'/');
            let mut dashed = text.to_vec();
            if is_slashed {
                (dashed[4], dashed[7]) = (b'-', b'-');
            }
            is_slashed.then(|| civil_time(&dashed))?
        })
}

fn unit_of(number: f64) -> TimeUnit {
    match number.abs() {
        n if n < 1e11 => TimeUnit::Seconds,
        n if n < 1e14 => TimeUnit::Milliseconds,
        n if n < 1e17 => TimeUnit::Microseconds,
        _ => TimeUnit::Nanoseconds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Object {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn parses_lines_as_servers_write_them() {
        let parsed = |line: &[u8]| Value::Object(parse(line).unwrap().unwrap());
        assert_eq!(parsed(b"{\"a\":1}"), json!({ "a": 1 }));
        assert_eq!(
            parsed(b"<190>May 17 10:05:03 host nginx: {\"a\":\"\\x22\\xC3\\xA9\xe9\"}"),
            json!({ "a": "\"%C3%A9%E9" })
        );
        assert!(parse(b"{\"a\":\"\\x\"}").unwrap().is_err());
        assert!(parse(b"GET /").is_none());
        assert!(parse(b"{\"a\":").unwrap().is_err());
    }

    #[test]
    fn finds_values_by_name() {
        let object = object(json!({
            "a.b": 1, "c": { "d": { "e": 2 }, "f.g": 3 }, "h": ["x", "y"], "i": "-", "j": null, "k": "",
        }));
        let text_of = |name: &str| value(&object, name).and_then(text).map(Cow::into_owned);
        for (name, expected) in [
            ("a.b", "1"),
            ("c.d.e", "2"),
            ("c.f.g", "3"),
            ("h", "x"),
            ("h.1", "y"),
        ] {
            assert_eq!(text_of(name).as_deref(), Some(expected), "{name}");
        }
        for name in [
            "", ".", "a", "c", "c.d", "c.x", "h.2", "i", "j", "k", "a.b.c",
        ] {
            assert_eq!(text_of(name), None, "{name}");
        }
    }

    #[test]
    fn reads_times() {
        let at = |value: Value| time_us(&value, None);
        for time in [
            json!(1_431_857_103),
            json!(1_431_857_103.0),
            json!(1_431_857_103_000_u64),
            json!(1_431_857_103_000_000_u64),
            json!(1_431_857_103_000_000_000_u64),
            json!("1431857103"),
            json!("1431857103.000"),
            json!(1.431_857_103e18),
            json!("2015-05-17T12:05:03+02:00"),
            json!("2015-05-17T12:05:03+0200"),
            json!("2015-05-17T10:05:03Z"),
            json!("2015-05-17T10:05:03"),
            json!("2015-05-17 10:05:03.000"),
            json!("2015/05/17 10:05:03"),
            json!("17/May/2015:10:05:03 +0000"),
        ] {
            assert_eq!(at(time.clone()), Some(1_431_857_103_000_000), "{time}");
        }
        assert_eq!(
            time_us(&json!(1_000), Some(TimeUnit::Milliseconds)),
            Some(1_000_000)
        );
        for wrong in [
            json!("soon"),
            json!(""),
            json!({}),
            json!(true),
            json!("."),
            json!("1e999"),
            json!("e"),
        ] {
            assert_eq!(at(wrong.clone()), None, "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(line in r#"[-{}\[\]":,.\\xe0-9a\u{e9}]{0,40}"#, name in "[a.0-9]{0,8}") {
            let _ = parse(line.as_bytes()).map(|parsed| parsed.map(|object| value(&object, &name).and_then(text).map(Cow::into_owned)));
            let _ = time_us(&Value::String(line), None);
        }
    }
}
