//! Names of hosts in logs.

/// Maximum length of a name in bytes, with a port (RFC 1035, 2.3.4).
const NAME_BYTES_MAX: usize = 255 + 6;

/// Normalises the name of a host: lower case, without user, default port and final dot.
///
/// Returns `None` for `-` and for bytes that are not a name.
pub(crate) fn normalized(text: &[u8]) -> Option<String> {
    let text = text.trim_ascii();
    let start = text.iter().rposition(|byte| *byte == b'@');
    let text = &text[start.map_or(0, |at| at + 1)..];
    let is_valid = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:[]*%".contains(byte);
    if matches!(text, b"" | b"-") || text.len() > NAME_BYTES_MAX || !text.iter().all(is_valid) {
        return None;
    }
    let name = std::str::from_utf8(text).ok()?.to_ascii_lowercase();
    // An IPv6 address without brackets has no port.
    let has_port = name.starts_with('[') || name.matches(':').count() == 1;
    let name = [":80", ":443"]
        .into_iter()
        .find_map(|port| name.strip_suffix(port).filter(|_| has_port))
        .unwrap_or(&name);
    let name = name.strip_suffix('.').unwrap_or(name);
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalizes_names() {
        let name = |text: &str| normalized(text.as_bytes());
        for (text, expected) in [
            ("A.example", "a.example"),
            ("a.example:443", "a.example"),
            ("a.example.:80", "a.example"),
            ("a.example:8080", "a.example:8080"),
            ("u:p@a.example", "a.example"),
            ("[2001:db8::1]:443", "[2001:db8::1]"),
            ("2001:db8::80", "2001:db8::80"),
            ("_", "_"),
        ] {
            assert_eq!(name(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "-", ":80", ".", "a b", "a\u{1b}[2J", "\u{e9}.example"] {
            assert_eq!(name(text), None, "{text}");
        }
    }
}
