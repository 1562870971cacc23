//! Sampling decision of a W3C trace context.

use http::HeaderMap;
use http::header::HeaderName;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Returns true if the request's `traceparent` has the flag `sampled`. False if it is absent or invalid.
pub(crate) fn is_sampled(headers: &HeaderMap) -> bool {
    headers
        .get(TRACEPARENT)
        .is_some_and(|value| flags(value.as_bytes()).is_some_and(|flags| flags & 1 == 1))
}

/// Returns the flags of a trace context: `version-trace-parent-flags`, in lower-case hexadecimal digits. A
/// later version may add fields.
fn flags(text: &[u8]) -> Option<u8> {
    let mut fields = text.split(|byte| *byte == b'-');
    let mut field = |digits| {
        let field = fields.next()?;
        let hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (field.len() == digits && field.iter().all(hex)).then_some(field)
    };
    let version = field(2)?;
    let (trace, parent, flags) = (field(32)?, field(16)?, field(2)?);
    let zero = |field: &[u8]| field.iter().all(|digit| *digit == b'0');
    if version == b"ff"
        || zero(trace)
        || zero(parent)
        || (version == b"00" && fields.next().is_some())
    {
        return None;
    }
    u8::from_str_radix(std::str::from_utf8(flags).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_flags_of_valid_trace_context() {
        let of = |text: &str| flags(text.as_bytes());
        let ids = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";
        assert_eq!(of(&format!("00-{ids}-01")), Some(1));
        assert_eq!(of(&format!("00-{ids}-00")), Some(0));
        assert_eq!(of(&format!("cc-{ids}-03-more")), Some(3));
        let (zeros, upper) = ("0".repeat(32), ids.to_uppercase());
        for bad in [
            String::new(),
            "own".to_owned(),
            format!("00-{ids}-1"),
            format!("00-{ids}-01-more"),
            format!("ff-{ids}-01"),
            format!("00-{upper}-01"),
            format!("00-{zeros}-00f067aa0ba902b7-01"),
        ] {
            assert_eq!(of(&bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn accepts_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            flags(&bytes);
        }
    }
}
