//! The `accept-encoding` header of a request.

/// Returns whether the header accepts a coding other than `identity` (RFC 9110, section 12.5.3).
pub(crate) fn asks_for_coding(header: &str) -> bool {
    header.split(',').any(|element| {
        let (coding, parameters) = element.split_once(';').unwrap_or((element, ""));
        let coding = coding.trim();
        let weight = parameters.trim().strip_prefix(['q', 'Q']);
        let weight = weight.and_then(|weight| weight.trim_start().strip_prefix('='));
        let is_refused = weight.is_some_and(|weight| weight.trim().parse() == Ok(0.0_f32));
        !coding.is_empty() && !coding.eq_ignore_ascii_case("identity") && !is_refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_and_refused_codings_ask_for_none() {
        for header in ["gzip", "identity, br;q=0.5", "*", "gzip;q=1.0, *;q=0"] {
            assert!(asks_for_coding(header), "{header}");
        }
        for header in ["", "identity", "Identity;q=1, *;q=0", "gzip;q=0.000, ,"] {
            assert!(!asks_for_coding(header), "{header}");
        }
    }
}
