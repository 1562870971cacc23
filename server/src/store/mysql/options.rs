//! What the driver is told: the URL, and what is the same for every server.

use std::borrow::Cow;
use std::time::Duration;

use mysql_async::{Opts, OptsBuilder, PoolConstraints, PoolOpts, SslOpts};
use percent_encoding::percent_decode_str;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::CONNECTIONS_MAX;
use crate::store::StoreError;

/// How long a connection that nobody uses is kept. One that is closed as soon as it is idle costs the
/// next call five round trips, and a TLS handshake.
const IDLE_TIME: Duration = Duration::from_secs(60);
/// After how long without a byte the kernel asks whether the other side is still there.
const KEEPALIVE: Duration = Duration::from_secs(10);
/// The parameter that names the certificates to trust; the driver does not know it.
const SSL_CA: &str = "ssl_ca";
/// The driver's own parameters about TLS, each of which would weaken or contradict `ssl_ca`.
const DRIVER_TLS: [&str; 4] = [
    "require_ssl",
    "verify_ca",
    "verify_identity",
    "built_in_roots",
];

/// Reads a URL. With `ssl_ca=FILE` (percent-encoded) among its parameters the server has to speak TLS
/// and to show a certificate for the URL's host that one of the file's certificates vouches for; no
/// others are trusted.
///
/// # Errors
/// `Invalid` where the URL is not understood or the file holds no certificate.
pub(super) fn options(url: &str) -> Result<Opts, StoreError> {
    let (url, ca) = take_ca(url)?;
    let opts = Opts::from_url(&url).map_err(|error| {
        // A `?` in a password makes the rest of it look like parameters.
        let hides_password = url
            .split_once('?')
            .is_some_and(|(_, query)| query.contains('@'));
        let why = if hides_password {
            "percent-encode what is no letter or digit in the password".to_owned()
        } else {
            error.to_string()
        };
        StoreError::Invalid(format!(
            "not a MySQL URL ({why}); use mysql://user:password@host:port/database"
        ))
    })?;
    let ssl = ca
        .map(|path| verified_by(&path, opts.ip_or_hostname()))
        .transpose()?;
    let constraints = PoolConstraints::new(1, CONNECTIONS_MAX)
        .ok_or_else(|| StoreError::Other("the pool's limits contradict".to_owned()))?;
    let pool_opts = PoolOpts::default()
        .with_constraints(constraints)
        .with_inactive_connection_ttl(IDLE_TIME)
        // Nothing here changes a session, so resetting it would only cost a round trip and all
        // prepared statements.
        .with_reset_connection(false);
    let mut builder = OptsBuilder::from_opts(opts)
        .pool_opts(pool_opts)
        .stmt_cache_size(64)
        .prefer_socket(false)
        .tcp_keepalive(Some(KEEPALIVE))
        .setup(vec![
            // Each statement sees what is committed by then: no query here relies on two statements seeing
            // the same, and locks that cover gaps would only make writers wait.
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

/// Takes `ssl_ca` out of a URL's parameters.
fn take_ca(url: &str) -> Result<(Cow<'_, str>, Option<String>), StoreError> {
    let Some((base, query)) = url.split_once('?') else {
        return Ok((url.into(), None));
    };
    let (ours, theirs): (Vec<&str>, Vec<&str>) =
        query.split('&').partition(|pair| name(pair) == SSL_CA);
    let path = match ours[..] {
        [] => return Ok((url.into(), None)),
        [pair] => pair.split_once('=').map_or("", |(_, path)| path),
        _ => {
            let twice = format!("`{SSL_CA}` stands twice in the URL of the store");
            return Err(StoreError::Invalid(twice));
        }
    };
    if let Some(other) = theirs
        .iter()
        .map(|pair| name(pair))
        .find(|name| DRIVER_TLS.contains(name))
    {
        return Err(StoreError::Invalid(format!(
            "`{SSL_CA}` requires TLS and verifies the server already; leave `{other}` out"
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

/// The name of a parameter.
fn name(pair: &str) -> &str {
    pair.split('=').next().unwrap_or_default()
}

/// TLS that trusts the certificates of one file alone.
fn verified_by(path: &str, host: &str) -> Result<SslOpts, StoreError> {
    let wrong = |why: String| {
        StoreError::Invalid(format!(
            "could not read the certificates to trust from {path} (`{SSL_CA}`): {why}"
        ))
    };
    let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let certificates = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| wrong("it is no valid PEM".to_owned()))?;
    if certificates.is_empty() {
        return Err(wrong(
            "it holds no certificate in PEM (-----BEGIN CERTIFICATE-----)".to_owned(),
        ));
    }
    // The driver takes the process's provider. Where there is one already, it stays.
    let _ = aws_lc_rs::default_provider().install_default();
    let mut ssl = SslOpts::default()
        .with_root_certs(vec![pem.into()])
        .with_disable_built_in_roots(true);
    // The driver would look for the brackets of an IPv6 address in the certificate.
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
    fn the_driver_does_not_see_ssl_ca() {
        let taken = |url: &str| {
            let (url, ca) = take_ca(url).unwrap();
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
            assert_eq!(taken(url), (left.to_owned(), ca.map(str::to_owned)));
        }
    }

    #[test]
    fn a_password_that_is_not_encoded_is_not_told() {
        for url in ["mysql://u:1?hunter2@h/d", "mysql://u:1?a=b&hunter2@h/d"] {
            let error = options(url).unwrap_err().to_string();
            assert!(error.contains("percent-encode"), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn what_can_not_be_verified_is_refused_without_the_password() {
        let empty = tempfile::NamedTempFile::new().unwrap();
        let empty = format!("ssl_ca={}", empty.path().display());
        for (query, told) in [
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
            assert!(error.contains(told), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
