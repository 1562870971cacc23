//! URLs of databases that speak HTTP: `scheme://user:password@host:port/database`.

use reqwest::Url;

/// Longest name of a database.
const NAME_BYTES_MAX: usize = 64;

/// Parsed URL of a database that speaks HTTP.
pub(crate) struct DatabaseUrl {
    pub(crate) user: String,
    pub(crate) password: String,
    /// Host and port.
    pub(crate) address: String,
    /// Name of letters, digits, `_` and `-`.
    pub(crate) database: String,
}

impl DatabaseUrl {
    /// Parses a URL. `None` if it has another scheme, or a part is missing or invalid. The password may be empty.
    pub(crate) fn parse(url: &str, scheme: &str) -> Option<Self> {
        let url = Url::parse(url).ok()?;
        let database = url.path().strip_prefix('/')?;
        let allowed = |c: u8| c.is_ascii_alphanumeric() || c == b'_' || c == b'-';
        let is_named =
            (1..=NAME_BYTES_MAX).contains(&database.len()) && database.bytes().all(allowed);
        let decode = |text: &str| {
            let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
            decoded.ok().map(String::from)
        };
        if url.scheme() != scheme || !is_named || url.username().is_empty() {
            return None;
        }
        Some(Self {
            user: decode(url.username())?,
            password: decode(url.password().unwrap_or_default())?,
            address: format!("{}:{}", url.host_str()?, url.port()?),
            database: database.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn url_has_its_parts() {
        let url = DatabaseUrl::parse("arcadedb://root:p%40w@h:2480/posts-1", "arcadedb").unwrap();
        assert_eq!((&*url.user, &*url.password), ("root", "p@w"));
        assert_eq!((&*url.address, &*url.database), ("h:2480", "posts-1"));
        let url = DatabaseUrl::parse("x://u:@[::1]:1/d", "x").unwrap();
        assert_eq!((&*url.password, &*url.address), ("", "[::1]:1"));
        for other in [
            "y://u:p@h:1/d",
            "x://h:1/d",
            "x://:p@h:1/d",
            "x://u:p@h/d",
            "x://u:p@h:1/a/b",
        ] {
            assert!(DatabaseUrl::parse(other, "x").is_none(), "{other}");
        }
    }

    proptest! {
        #[test]
        fn database_of_any_url_is_safe_in_a_statement(rest in ".*") {
            if let Some(url) = DatabaseUrl::parse(&format!("x://u:p@h:1/{rest}"), "x") {
                let safe = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
                prop_assert!(url.database.chars().all(safe));
            }
        }
    }
}
