//! Resolver: opens the receiver at an address. Only this file depends on features.

use std::sync::Arc;

use super::{ErrorReports, ErrorReportsError};

/// Opens the receiver at a data source name as of Sentry, `http://KEY@host:port/PROJECT`. `server` names this process in reports. The
/// receiver need not be running yet.
///
/// # Errors
/// Returns an error if the address is invalid, or its client was not compiled in. The message does not contain the key.
pub fn resolve(address: &str, server: &str) -> Result<Arc<dyn ErrorReports>, ErrorReportsError> {
    match address.split_once("://") {
        Some(("http" | "https", _)) => sentry(address, server),
        _ => Err(ErrorReportsError::Invalid(
            "the address is not a data source name such as `http://KEY@127.0.0.1:8000/1`"
                .to_owned(),
        )),
    }
}

#[cfg(feature = "sentry")]
fn sentry(address: &str, server: &str) -> Result<Arc<dyn ErrorReports>, ErrorReportsError> {
    Ok(Arc::new(super::sentry::SentryReports::open(
        address, server,
    )?))
}

#[cfg(not(feature = "sentry"))]
fn sentry(_: &str, _: &str) -> Result<Arc<dyn ErrorReports>, ErrorReportsError> {
    Err(ErrorReportsError::Invalid(
        "tenfold was compiled without the `sentry` feature".to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_invalid_address_without_its_key() {
        for address in ["", "hunter2@host/1", "ftp://hunter2@host/1"] {
            let error = resolve(address, "test").unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    #[cfg(not(feature = "sentry"))]
    fn names_missing_feature() {
        let error = resolve("http://key@127.0.0.1/1", "test").unwrap_err();
        assert!(error.to_string().contains("without the `sentry` feature"));
    }
}
