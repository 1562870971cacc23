//! The cryptography of the drivers' TLS.

/// Makes `ring` the provider of this process. The drivers use the process's provider; an existing one stays.
pub(crate) fn install() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}
