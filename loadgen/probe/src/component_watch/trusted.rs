//! Certificates that the URL of a component names.

use percent_encoding::percent_decode_str;

/// Splits the file of trusted certificates, parameter `name`, off a URL.
///
/// # Errors
/// If the parameter names no file.
pub(super) fn split_authority(url: &str, name: &str) -> Result<(String, Option<String>), String> {
    let Some((base, query)) = url.split_once('?') else {
        return Ok((url.to_owned(), None));
    };
    let mut authority = None;
    let mut rest = Vec::new();
    for pair in query.split('&') {
        match pair
            .strip_prefix(name)
            .and_then(|own| own.strip_prefix('='))
        {
            Some(file) => {
                let file = percent_decode_str(file).decode_utf8();
                let file = file.ok().filter(|file| !file.is_empty());
                let file = file.ok_or_else(|| format!("`{name}` names no file"))?;
                authority = Some(file.into_owned());
            }
            None => rest.push(pair),
        }
    }
    let url = match rest.is_empty() {
        true => base.to_owned(),
        false => format!("{base}?{}", rest.join("&")),
    };
    Ok((url, authority))
}

/// Reads trusted certificates.
///
/// # Errors
/// If the file can't be read.
pub(super) fn read(file: &str) -> Result<Vec<u8>, String> {
    std::fs::read(file)
        .map_err(|error| format!("could not read the certificates in {file}: {error}"))
}

/// Makes `ring` the cryptography of this process, unless it has another one.
pub(super) fn use_ring() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_authority() {
        let split = |url: &str| split_authority(url, "ca").unwrap();
        let of = |url: &str, file: Option<&str>| (url.to_owned(), file.map(str::to_owned));
        assert_eq!(split("rediss://h/1"), of("rediss://h/1", None));
        assert_eq!(
            split("rediss://h?ca=%2Fa%20b"),
            of("rediss://h", Some("/a b"))
        );
        assert_eq!(
            split("rediss://h?x=1&ca=/c&y"),
            of("rediss://h?x=1&y", Some("/c"))
        );
        assert!(split_authority("rediss://h?ca=", "ca").is_err());
    }
}
