//! `Server-Timing`: where the service spent its time on a request (W3C Server Timing).

use http::HeaderMap;
use http::header::HeaderName;
use tenfold_run_dir::LATENCY_NS_MAX;

use crate::http::list_element::list_elements;

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// The most metrics that are read of one answer.
pub(super) const METRICS_MAX: usize = 64;

/// The longest name that is kept, in bytes.
pub(super) const NAME_BYTES_MAX: usize = 64;

/// Reads the names and durations, in nanoseconds. Durations of the same name are added up; a metric without a
/// valid duration is skipped. `None` if no metric remains.
pub(super) fn server_timing(headers: &HeaderMap) -> Option<Vec<(String, u64)>> {
    let mut metrics: Vec<(String, u64)> = Vec::new();
    let values = headers.get_all(SERVER_TIMING).iter();
    let elements = values.flat_map(|value| list_elements(value.as_bytes()));
    for (name, ns) in elements.filter_map(metric).take(METRICS_MAX) {
        match metrics.iter_mut().find(|(known, _)| known == name) {
            Some((_, sum)) => *sum = (*sum + ns).min(LATENCY_NS_MAX),
            None => metrics.push((name.to_owned(), ns)),
        }
    }
    (!metrics.is_empty()).then_some(metrics)
}

/// Reads `name;dur=12.3;desc="text"`.
fn metric(element: &[u8]) -> Option<(&str, u64)> {
    let mut fields = fields(element);
    let name = fields.next().filter(|name| is_token(name))?;
    let mut parameters = fields.filter_map(|field| {
        let equals = field.iter().position(|byte| *byte == b'=')?;
        let (key, value) = field.split_at(equals);
        Some((key.trim_ascii(), value[1..].trim_ascii()))
    });
    // The first one counts.
    let (_, value) = parameters.find(|(key, _)| key.eq_ignore_ascii_case(b"dur"))?;
    let is_quoted = value.len() >= 2 && value.starts_with(b"\"") && value.ends_with(b"\"");
    let value = if is_quoted {
        &value[1..value.len() - 1]
    } else {
        value
    };
    let ms: f64 = std::str::from_utf8(value).ok()?.trim().parse().ok()?;
    let is_valid = ms.is_finite() && ms >= 0.0;
    let ns = is_valid.then(|| (ms * 1e6).round().min(LATENCY_NS_MAX as f64) as u64)?;
    Some((std::str::from_utf8(name).ok()?, ns))
}

/// Splits at semicolons outside of quoted strings, and removes the blanks around each field.
fn fields(element: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let parts = element.split(move |byte| {
        if is_quoted {
            is_quoted = is_escaped || *byte != b'"';
            is_escaped = !is_escaped && *byte == b'\\';
            return false;
        }
        is_quoted = *byte == b'"';
        *byte == b';'
    });
    parts.map(<[u8]>::trim_ascii)
}

/// Returns true for a token (RFC 9110, section 5.6.2) that is not too long.
fn is_token(name: &[u8]) -> bool {
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.iter().all(is_token)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn read(values: &[&str]) -> Option<Vec<(String, u64)>> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(SERVER_TIMING, HeaderValue::from_str(value).unwrap());
        }
        server_timing(&headers)
    }

    fn metrics(metrics: &[(&str, u64)]) -> Option<Vec<(String, u64)>> {
        let owned = metrics.iter().map(|(name, ns)| ((*name).to_owned(), *ns));
        Some(owned.collect())
    }

    #[test]
    fn reads_durations_of_any_service() {
        // Examples of the specification, and what Rails, Express and CDNs send.
        assert_eq!(
            read(&["miss, db;dur=53, app;dur=47.2"]),
            metrics(&[("db", 53_000_000), ("app", 47_200_000)])
        );
        assert_eq!(
            read(&["cache;desc=\"Cache; Read, \\\" all\";dur=23.2"]),
            metrics(&[("cache", 23_200_000)])
        );
        assert_eq!(
            read(&[
                "sql.active_record;dur=0.01 , Total ; Dur = \"1.5\"",
                "cdn-cache; desc=HIT"
            ]),
            metrics(&[("sql.active_record", 10_000), ("Total", 1_500_000)])
        );
        assert_eq!(
            read(&["db;dur=1, db;dur=2;dur=9"]),
            metrics(&[("db", 3_000_000)])
        );
        assert_eq!(read(&["a;dur=1e-3"]), metrics(&[("a", 1_000)]));
        assert_eq!(read(&["a;dur=1e30"]), metrics(&[("a", LATENCY_NS_MAX)]));
    }

    #[test]
    fn skips_metrics_without_valid_duration() {
        for value in [
            "",
            "miss",
            "a;dur",
            "a;dur=",
            "a;dur=x",
            "a;dur=-1",
            "a;dur=nan",
            "a;dur=inf",
            ";dur=1",
            "a b;dur=1",
            "a;desc=\"dur=1",
            "a;desc=\";dur=1\"",
        ] {
            assert_eq!(read(&[value]), None, "{value}");
        }
        assert_eq!(read(&[]), None);
        let long = format!("{};dur=1, b;dur=1", "a".repeat(NAME_BYTES_MAX + 1));
        assert_eq!(read(&[&long]), metrics(&[("b", 1_000_000)]));
    }

    fn name() -> impl Strategy<Value = String> {
        "[a-zA-Z0-9!#$%&'*+.^_`|~-]{1,16}"
    }

    proptest! {
        #[test]
        fn any_bytes_give_bounded_metrics(value in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.append(SERVER_TIMING, value);
            }
            for (name, ns) in server_timing(&headers).unwrap_or_default() {
                prop_assert!(is_token(name.as_bytes()));
                prop_assert!(ns <= LATENCY_NS_MAX);
            }
        }

        #[test]
        fn number_of_metrics_is_bounded(count in 0..500_usize) {
            let value: Vec<String> = (0..count).map(|n| format!("m{n};dur=1")).collect();
            let read = read(&[&value.join(",")]).unwrap_or_default();
            prop_assert_eq!(read.len(), count.min(METRICS_MAX));
        }

        #[test]
        fn written_metrics_are_read(
            metrics in proptest::collection::btree_map(name(), 0..LATENCY_NS_MAX, 1..20),
            description in "[a-z,;= ]{0,12}",
            comes_first in any::<bool>(),
        ) {
            let value: Vec<String> = metrics
                .iter()
                .map(|(name, ns)| {
                    let (ms, rest) = (ns / 1_000_000, ns % 1_000_000);
                    let (duration, text) =
                        (format!("dur={ms}.{rest:06}"), format!("desc=\"{description}\""));
                    match comes_first {
                        true => format!("{name};{duration};{text}"),
                        false => format!("{name} ; {text} ; {duration}"),
                    }
                })
                .collect();
            let expected: Vec<(String, u64)> = metrics.into_iter().collect();
            prop_assert_eq!(read(&[&value.join(", ")]), Some(expected));
        }
    }
}
