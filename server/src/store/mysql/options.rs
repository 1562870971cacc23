//! Options of the driver: from the URL, and common to all servers.

use std::borrow::Cow;
use std::time::Duration;

use mysql_async::{Opts, OptsBuilder, PoolConstraints, PoolOpts, SslOpts};
use percent_encoding::percent_decode_str;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::CONNECTIONS_MAX;
use crate::store::StoreError;
use crate::tls_provider;

/// Time after which an idle connection is closed. Closing at once would cost the next call five round trips
/// and a TLS handshake.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Idle time after which the kernel sends a keepalive probe.
const KEEPALIVE: Duration = Duration::from_secs(10);
/// URL parameter with the trusted certificates. It is ours, not the driver's.
const SSL_CA: &str = "ssl_ca";
/// URL parameter of the driver: most connections of the pool. Its default is not that of the service.
const POOL_MAX: &str = "pool_max";
/// TLS parameters of the driver. Each would weaken or contradict `ssl_ca`.
const DRIVER_TLS: [&str; 4] = [
    "require_ssl",
    "verify_ca",
    "verify_identity",
    "built_in_roots",
];

/// Parses a URL. With `ssl_ca=FILE` (percent-encoded), the server must use TLS and present a certificate for
/// the URL's host, issued by one of the file's certificates. No others are trusted.
///
/// # Errors
/// `Invalid` if the URL is invalid or the file contains no certificate.
pub(crate) fn options(url: &str) -> Result<Opts, StoreError> {
    let (url, ca) = split_ca(url)?;
    let opts = Opts::from_url(&url).map_err(|error| {
        // After a `?` in a password, the rest of the password looks like parameters.
        let hides_password = url
            .split_once('?')
            .is_some_and(|(_, query)| query.contains('@'));
        let why = if hides_password {
            "percent-encode all characters of the password except letters and digits".to_owned()
        } else {
            error.to_string()
        };
        StoreError::Invalid(format!(
            "invalid MySQL URL ({why}); use mysql://user:password@host:port/database"
        ))
    })?;
    let ssl = ca
        .map(|path| verified_by(&path, opts.ip_or_hostname()))
        .transpose()?;
    let constraints = PoolConstraints::new(1, connections_max(&opts, &url))
        .ok_or_else(|| StoreError::Other("invalid limits of the connection pool".to_owned()))?;
    let pool_opts = PoolOpts::default()
        .with_constraints(constraints)
        .with_inactive_connection_ttl(IDLE_TIMEOUT)
        // No session state changes, so a reset would only cost a round trip and the prepared
        // statements.
        .with_reset_connection(false);
    let mut builder = OptsBuilder::from_opts(opts)
        .pool_opts(pool_opts)
        .stmt_cache_size(64)
        .prefer_socket(false)
        .tcp_keepalive(Some(KEEPALIVE))
        .setup(vec![
            // Each statement sees all earlier commits. No query needs a consistent view across
            // statements, and gap locks would only delay writers.
            "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED".to_owned(),
            "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', \
             SESSION innodb_lock_wait_timeout = 10"
                .to_owned(),
        ]);
    if ssl.is_some() {
        builder = builder.ssl_opts(ssl);
    }
    Ok(builder.into())
}

/// Returns the most connections: those of the driver's parameter `pool_max`, if it is given.
fn connections_max(opts: &Opts, url: &str) -> usize {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    match query.split('&').any(|pair| name(pair) == POOL_MAX) {
        true => opts.pool_opts().constraints().max().min(CONNECTIONS_MAX),
        false => CONNECTIONS_MAX,
    }
}

/// Extracts `ssl_ca` from the parameters of a URL.
fn split_ca(url: &str) -> Result<(Cow<'_, str>, Option<String>), StoreError> {
    let Some((base, query)) = url.split_once('?') else {
        return Ok((url.into(), None));
    };
    let (ours, theirs): (Vec<&str>, Vec<&str>) =
        query.split('&').partition(|pair| name(pair) == SSL_CA);
    let path = match ours[..] {
        [] => return Ok((url.into(), None)),
        [pair] => pair.split_once('=').map_or("", |(_, path)| path),
        _ => {
            let twice = format!("`{SSL_CA}` appears twice in the URL of the store");
            return Err(StoreError::Invalid(twice));
        }
    };
    if let Some(other) = theirs
        .iter()
        .map(|pair| name(pair))
        .find(|name| DRIVER_TLS.contains(name))
    {
        return Err(StoreError::Invalid(format!(
            "`{SSL_CA}` already requires TLS and verifies the server; remove `{other}`"
        )));
    }
    let path = percent_decode_str(path)
        .decode_utf8()
        .ok()
        .filter(|path| !path.is_empty())
        .ok_or_else(|| {
            StoreError::Invalid(format!(
                "`{SSL_CA}` names no file; use {SSL_CA}=FILE, percent-encoded"
            ))
        })?;
    let url = if theirs.is_empty() {
        base.into()
    } else {
        format!("{base}?{}", theirs.join("&")).into()
    };
    Ok((url, Some(path.into_owned())))
}

/// Returns the name of a parameter.
fn name(pair: &str) -> &str {
    pair.split('=').next().unwrap_or_default()
}

/// Returns TLS options that trust only the certificates of a file.
fn verified_by(path: &str, host: &str) -> Result<SslOpts, StoreError> {
    let wrong = |why: String| {
        StoreError::Invalid(format!(
            "could not read the trusted certificates from {path} (`{SSL_CA}`): {why}"
        ))
    };
    let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let certificates = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| wrong("it is not valid PEM".to_owned()))?;
    if certificates.is_empty() {
        return Err(wrong(
            "it contains no certificate in PEM (-----BEGIN CERTIFICATE-----)".to_owned(),
        ));
    }
    tls_provider::install();
    let mut ssl = SslOpts::default()
        .with_root_certs(vec![pem.into()])
        .with_disable_built_in_roots(true);
    // The driver would compare the certificate with the bracketed form of an IPv6 address.
    if let Some(bare) = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        ssl = ssl.with_danger_tls_hostname_override(Some(bare.to_owned()));
    }
    Ok(ssl)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn driver_does_not_see_ssl_ca() {
        let split = |url: &str| {
            let (url, ca) = split_ca(url).unwrap();
            (url.into_owned(), ca)
        };
        for (url, left, ca) in [
            ("mysql://u:p@h/d", "mysql://u:p@h/d", None),
            (
                "mysql://u:p@h/d?tcp_nodelay=true",
                "mysql://u:p@h/d?tcp_nodelay=true",
                None,
            ),
            (
                "mysql://u:p@h/d?ssl_ca=/a%20b/%C3%A4.pem",
                "mysql://u:p@h/d",
                Some("/a b/ä.pem"),
            ),
            (
                "mysql://u:p@h/d?a=1&ssl_ca=x&b=2",
                "mysql://u:p@h/d?a=1&b=2",
                Some("x"),
            ),
        ] {
            assert_eq!(split(url), (left.to_owned(), ca.map(str::to_owned)));
        }
    }

    #[test]
    fn pool_has_as_many_connections_as_the_url_allows() {
        let connections = |url: &str| options(url).unwrap().pool_opts().constraints().max();
        assert_eq!(connections("mysql://u@h/d"), CONNECTIONS_MAX);
        assert_eq!(connections("mysql://u@h/d?pool_min=1&pool_max=2"), 2);
        let most = format!("mysql://u@h/d?pool_min=1&pool_max={}", 10 * CONNECTIONS_MAX);
        assert_eq!(connections(&most), CONNECTIONS_MAX);
    }

    #[test]
    fn error_omits_unencoded_password() {
        for url in ["mysql://u:1?hunter2@h/d", "mysql://u:1?a=b&hunter2@h/d"] {
            let error = options(url).unwrap_err().to_string();
            assert!(error.contains("percent-encode"), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn rejects_unverifiable_tls_without_printing_password() {
        let empty = tempfile::NamedTempFile::new().unwrap();
        let empty = format!("ssl_ca={}", empty.path().display());
        for (query, expected) in [
            ("ssl_ca", "names no file"),
            ("ssl_ca=", "names no file"),
            ("ssl_ca=%FF", "names no file"),
            ("ssl_ca=a&ssl_ca=b", "twice"),
            ("ssl_ca=a&verify_ca=false", "`verify_ca`"),
            ("ssl_ca=/nowhere/ca.pem", "/nowhere/ca.pem"),
            (&empty, "no certificate"),
        ] {
            let error = options(&format!("mysql://u:hunter2@h/d?{query}")).unwrap_err();
            assert!(matches!(error, StoreError::Invalid(_)), "{error:?}");
            let error = error.to_string();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
