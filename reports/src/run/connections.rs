//! The connections of a run, in sentences.

use tenfold_analysis::format;
use tenfold_run_dir::Connections;
use tenfold_run_dir::DurationSummary;

/// Describes the protocol, and whether the certificate was verified.
pub(super) fn protocol(connections: &Connections) -> String {
    let protocol = &connections.protocol;
    let mut text = match &connections.tls {
        None => format!("{protocol}, not encrypted"),
        Some(tls) => format!(
            "{protocol} over {} ({}), certificate {}{}",
            tls.version,
            tls.cipher,
            if tls.verified {
                format!("verified for {}", tls.server_name)
            } else {
                "NOT verified".to_owned()
            },
            if tls.client_certificate {
                ", client certificate sent"
            } else {
                ""
            }
        ),
    };
    if let Some(scheme) = &connections.credentials {
        text.push_str(&format!(", {scheme} credentials"));
    }
    text
}

/// Describes the number of connections, and the time to open them.
pub(super) fn opened(connections: &Connections) -> String {
    let spread = &connections.opening_ns;
    let mut text = format!("{} opened", format::count(connections.opened));
    if connections.users_each > 1 {
        text.push_str(&format!(
            ", shared by up to {} users each",
            format::count(connections.users_each)
        ));
    }
    if spread.count > 0 {
        // Merged runs have no median.
        let median = match spread.p50 {
            0 => String::new(),
            p50 => format!("{} at the median and ", format::duration(p50)),
        };
        text.push_str(&format!(
            ", in {median}{} at most. The requests that wait for a connection have \
             this in their service time",
            format::duration(spread.max)
        ));
    }
    if connections.connecting_ns.count > 0 {
        text.push_str(&format!(
            "; the TCP handshake took {}",
            typical(&connections.connecting_ns)
        ));
    }
    if let Some(tls) = &connections.tls {
        text.push_str(&format!(
            "; {} full TLS handshakes and {} resumed, {}",
            format::count(tls.full_handshakes),
            format::count(tls.resumed_handshakes),
            typical(&tls.handshake_ns)
        ));
    }
    if connections.fell_back > 0 {
        text.push_str(&format!(
            "; {} used another address of the target, because the one whose turn it was failed or did not \
             answer within 250 ms",
            format::count(connections.fell_back)
        ));
    }
    if connections.failed > 0 {
        text.push_str(&format!(
            "; {} could not be opened",
            format::count(connections.failed)
        ));
    }
    text
}

/// Formats the median, or the maximum for merged runs, which have no median.
fn typical(spread: &DurationSummary) -> String {
    match spread.p50 {
        0 => format!("{} at most", format::duration(spread.max)),
        p50 => format!("{} at the median", format::duration(p50)),
    }
}

/// Returns whether the run used plain HTTP/1.1 without credentials, as most do.
pub(super) fn is_plain(connections: &Connections) -> bool {
    connections.protocol == "HTTP/1.1"
        && connections.tls.is_none()
        && connections.credentials.is_none()
}

#[cfg(test)]
mod tests {
    use tenfold_run_dir::connections::Tls;

    use super::*;

    #[test]
    fn reports_unverified_certificates() {
        let spread = DurationSummary {
            count: 3,
            p50: 1_200_000,
            p99: 4_000_000,
            max: 4_000_000,
        };
        let mut connections = Connections {
            protocol: "HTTP/2".to_owned(),
            opened: 3,
            failed: 1,
            users_each: 100,
            opening_ns: spread,
            connecting_ns: DurationSummary {
                p50: 90_000,
                ..spread
            },
            credentials: Some("bearer".to_owned()),
            tls: Some(Tls {
                version: "TLSv1.3".to_owned(),
                cipher: "TLS_AES_128_GCM_SHA256".to_owned(),
                server_name: "a.test".to_owned(),
                full_handshakes: 1,
                resumed_handshakes: 2,
                handshake_ns: spread,
                ..Tls::default()
            }),
            ..Connections::default()
        };
        assert_eq!(
            protocol(&connections),
            "HTTP/2 over TLSv1.3 (TLS_AES_128_GCM_SHA256), certificate NOT verified, bearer \
             credentials"
        );
        assert_eq!(
            opened(&connections),
            "3 opened, shared by up to 100 users each, in 1.20 ms at the median and 4.00 ms at most. \
             The requests that wait for a connection have this in their service time; the TCP handshake \
             took 90.0 µs at the median; 1 full TLS handshakes and 2 resumed, 1.20 ms at the median; 1 \
             could not be opened"
        );
        assert!(!is_plain(&connections));
        connections.tls = connections.tls.map(|tls| Tls {
            verified: true,
            client_certificate: true,
            ..tls
        });
        connections.credentials = None;
        assert_eq!(
            protocol(&connections),
            "HTTP/2 over TLSv1.3 (TLS_AES_128_GCM_SHA256), certificate verified for a.test, client \
             certificate sent"
        );
        connections.tls = None;
        assert_eq!(protocol(&connections), "HTTP/2, not encrypted");
    }
}
