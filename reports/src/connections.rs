//! How the target was talked to, in sentences for the terminal and the page.

use tenfold_analysis::words;
use tenfold_run_dir::Connections;
use tenfold_run_dir::DurationSummary;

/// Says what was spoken, and whether it can be trusted that it was spoken with the right one.
pub(crate) fn spoken(connections: &Connections) -> String {
    let protocol = &connections.protocol;
    let mut said = match &connections.tls {
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
                ", client certificate shown"
            } else {
                ""
            }
        ),
    };
    if let Some(scheme) = &connections.credentials {
        said.push_str(&format!(", {scheme} credentials"));
    }
    said
}

/// Says what it took to open connections.
pub(crate) fn opened(connections: &Connections) -> String {
    let spread = &connections.opening_ns;
    let mut said = format!("{} opened", words::count(connections.opened));
    if connections.users_each > 1 {
        said.push_str(&format!(
            ", shared by up to {} users each",
            words::count(connections.users_each)
        ));
    }
    if spread.count > 0 {
        // Of several generators' runs that were merged nobody knows the median.
        let median = match spread.p50 {
            0 => String::new(),
            p50 => format!("{} at the median and ", words::duration(p50)),
        };
        said.push_str(&format!(
            ", in {median}{} at most, which is part of the service time of the \
             requests that had to wait for them",
            words::duration(spread.max)
        ));
    }
    if connections.connecting_ns.count > 0 {
        said.push_str(&format!(
            "; connecting alone took {}",
            usual(&connections.connecting_ns)
        ));
    }
    if let Some(tls) = &connections.tls {
        said.push_str(&format!(
            "; {} full handshakes and {} resumed, {}",
            words::count(tls.full_handshakes),
            words::count(tls.resumed_handshakes),
            usual(&tls.handshake_ns)
        ));
    }
    if connections.failed > 0 {
        said.push_str(&format!(
            "; {} could not be opened",
            words::count(connections.failed)
        ));
    }
    said
}

/// The median; of several generators' runs that were merged, where nobody knows that, the longest.
fn usual(spread: &DurationSummary) -> String {
    match spread.p50 {
        0 => format!("{} at most", words::duration(spread.max)),
        p50 => format!("{} at the median", words::duration(p50)),
    }
}

/// Whether it goes without saying: HTTP/1.1 in the clear, as most runs speak it.
pub(crate) fn is_plain(connections: &Connections) -> bool {
    connections.protocol == "HTTP/1.1"
        && connections.tls.is_none()
        && connections.credentials.is_none()
}

#[cfg(test)]
mod tests {
    use tenfold_run_dir::connections::Tls;

    use super::*;

    #[test]
    fn what_was_not_verified_is_said_aloud() {
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
            spoken(&connections),
            "HTTP/2 over TLSv1.3 (TLS_AES_128_GCM_SHA256), certificate NOT verified, bearer \
             credentials"
        );
        assert_eq!(
            opened(&connections),
            "3 opened, shared by up to 100 users each, in 1.20 ms at the median and 4.00 ms at \
             most, which is part of the service time of the requests that had to wait for them; \
             connecting alone took 90.0 µs at the median; 1 full handshakes and 2 resumed, 1.20 ms at the median; 1 could not be opened"
        );
        assert!(!is_plain(&connections));
        connections.tls = connections.tls.map(|tls| Tls {
            verified: true,
            client_certificate: true,
            ..tls
        });
        connections.credentials = None;
        assert_eq!(
            spoken(&connections),
            "HTTP/2 over TLSv1.3 (TLS_AES_128_GCM_SHA256), certificate verified for a.test, client \
             certificate shown"
        );
        connections.tls = None;
        assert_eq!(spoken(&connections), "HTTP/2, not encrypted");
    }
}
