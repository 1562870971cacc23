//! TLS, HTTP/2 and Unix domain sockets.

#![allow(clippy::unwrap_used, reason = "test helpers may panic")]

use crate::support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use support::FinishedRun;
use support::burst::{ARRIVALS, with_timeout};
use support::certificates::Issuer;
use support::secure::{Action, RunningServer, SecureServer};
use tenfold_loadgen::{
    AuthScheme, Credentials, DialOptions, HttpVersion, LoadError, Target, TlsOptions,
};
use tenfold_run_dir::Connections;
use tenfold_scenarios::Scenario;

/// The burst, with a timeout that allows for handshakes.
fn scenario() -> String {
    with_timeout("2s")
}

fn try_run(target: &str, options: DialOptions) -> Result<FinishedRun, LoadError> {
    try_run_text(&scenario(), target, options)
}

fn try_run_text(
    scenario: &str,
    target: &str,
    options: DialOptions,
) -> Result<FinishedRun, LoadError> {
    let scenario = Scenario::parse(scenario, Path::new("test.toml")).unwrap();
    let target: Target = target.parse::<Target>()?.with(options)?;
    support::try_run(scenario, target, |_| ())
}

fn completes(target: &str, options: DialOptions) -> Connections {
    let ran = try_run(target, options).unwrap();
    let total = ran.total();
    assert_eq!(total.completed, ARRIVALS, "{total:?}");
    assert_eq!(total.body_bytes, ARRIVALS * 5);
    // Each request has a head of about 40 bytes, or less if compressed; each answer has a body of 5.
    let traffic = ran.recording.counts.traffic.unwrap();
    assert!(traffic.sent_bytes > ARRIVALS * 10, "{traffic:?}");
    assert!(traffic.received_bytes > ARRIVALS * 10, "{traffic:?}");
    let durations = ran.recording.counts.durations.unwrap();
    assert_eq!(durations.receiving.count(), ARRIVALS);
    let connections = ran.recording.counts.connections.unwrap();
    assert_eq!(durations.opening.count(), connections.opened);
    assert_eq!(
        connections.opened,
        ran.recording.counts.generator.connections
    );
    connections
}

fn error_of(target: &str, options: DialOptions) -> String {
    try_run(target, options).unwrap_err().to_string()
}

fn https(server: &RunningServer) -> String {
    format!("https://{}", server.address)
}

fn trusting(issuer: &Issuer, directory: &Path) -> DialOptions {
    DialOptions {
        tls: TlsOptions {
            ca: Some(issuer.write(directory)),
            ..TlsOptions::default()
        },
        ..DialOptions::default()
    }
}

fn insecure() -> DialOptions {
    DialOptions {
        tls: TlsOptions {
            insecure: true,
            ..TlsOptions::default()
        },
        ..DialOptions::default()
    }
}

fn prior_knowledge() -> DialOptions {
    DialOptions {
        http: HttpVersion::Http2,
        ..DialOptions::default()
    }
}

/// A TLS server for 127.0.0.1.
fn secure(issuer: &Issuer) -> SecureServer {
    SecureServer {
        certificates: vec![issuer.issue("127.0.0.1").certified()],
        ..SecureServer::default()
    }
}

fn plain_http2(act: fn(u64) -> Action) -> RunningServer {
    SecureServer {
        http2: true,
        act,
        ..SecureServer::default()
    }
    .start()
}

#[test]
fn records_tls_negotiation_over_http_1_1() {
    let directory = tempfile::tempdir().unwrap();
    let issuer = Issuer::new();
    let server = SecureServer {
        alpn: vec!["http/1.1"],
        ..secure(&issuer)
    }
    .start();
    let connections = completes(&https(&server), trusting(&issuer, directory.path()));
    assert_eq!(connections.protocol, "HTTP/1.1");
    assert_eq!(connections.addresses, [server.address.to_string()]);
    let tls = connections.tls.unwrap();
    assert_eq!(tls.version, "TLSv1.3");
    assert!(tls.cipher.starts_with("TLS_"), "{}", tls.cipher);
    assert!(tls.verified && !tls.client_certificate);
    assert_eq!(
        tls.full_handshakes + tls.resumed_handshakes,
        connections.opened
    );
    assert_eq!(tls.handshake_ns.count, connections.opened);
    assert_eq!(connections.connecting_ns.count, connections.opened);
    assert!(tls.handshake_ns.p50 > 1_000 && connections.opening_ns.max >= tls.handshake_ns.p50);
    assert_eq!(server.seen.requests(), ARRIVALS);
}

#[test]
fn resumes_tls_sessions() {
    let directory = tempfile::tempdir().unwrap();
    let issuer = Issuer::new();
    // Every connection ends after one answer.
    let server = SecureServer {
        alpn: vec!["http/1.1"],
        act: |_| Action::AnswerAndEnd,
        ..secure(&issuer)
    }
    .start();
    let connections = completes(&https(&server), trusting(&issuer, directory.path()));
    let tls = connections.tls.unwrap();
    assert_eq!(connections.opened, ARRIVALS);
    assert!(tls.resumed_handshakes > 0, "{tls:?}");
}

#[test]
fn rejects_unknown_issuer_before_sending() {
    let directory = tempfile::tempdir().unwrap();
    let server = secure(&Issuer::new()).start();
    let message = error_of(&https(&server), trusting(&Issuer::new(), directory.path()));
    let address = server.address;
    assert_eq!(
        message,
        format!(
            "could not agree on TLS with https://{address}: certificate not trusted: its issuer is \
             unknown; give the issuer's certificate with --ca FILE, or skip verification with \
             --insecure"
        )
    );
    assert_eq!(server.seen.requests(), 0);
}

#[test]
fn rejects_expired_certificate_or_other_name() {
    let directory = tempfile::tempdir().unwrap();
    let issuer = Issuer::new();
    let expired = SecureServer {
        certificates: vec![issuer.issue_expired("127.0.0.1").certified()],
        ..SecureServer::default()
    }
    .start();
    let message = error_of(&https(&expired), trusting(&issuer, directory.path()));
    assert!(
        message.contains("certificate not trusted: it has expired"),
        "{message}"
    );
    let other = SecureServer {
        certificates: vec![issuer.issue("other.test").certified()],
        ..SecureServer::default()
    }
    .start();
    let message = error_of(&https(&other), trusting(&issuer, directory.path()));
    assert!(
        message.contains("it is not for 127.0.0.1, but for other.test; set"),
        "{message}"
    );
}

#[test]
fn records_unverified_tls() {
    let server = secure(&Issuer::new()).start();
    let connections = completes(&https(&server), insecure());
    assert!(!connections.tls.unwrap().verified);
}

#[test]
fn untrusted_certificate_during_run_fails_requests() {
    let directory = tempfile::tempdir().unwrap();
    let issuer = Issuer::new();
    // The certificate changes after the first connections, and each ends after one answer.
    let trusted = issuer.issue("127.0.0.1").certified();
    let unknown = Issuer::new().issue("127.0.0.1").certified();
    let mut certificates = vec![trusted; 11];
    certificates.push(unknown);
    let server = SecureServer {
        certificates,
        alpn: vec!["http/1.1"],
        act: |_| Action::AnswerAndEnd,
        ..SecureServer::default()
    }
    .start();
    let ran = try_run(&https(&server), trusting(&issuer, directory.path())).unwrap();
    let total = ran.total();
    // The first of the eleven connections only tests whether the target is reachable.
    assert_eq!(total.completed, 10, "{total:?}");
    assert_eq!(
        total.failures,
        BTreeMap::from([("tls".to_owned(), ARRIVALS - 10)])
    );
    let connections = ran.recording.counts.connections.unwrap();
    assert_eq!(connections.failed, ARRIVALS - 10);
    assert_eq!(total.not_written, ARRIVALS - 10);
    let reason = &connections.first_errors["tls"];
    assert!(reason.contains("certificate not trusted: "), "{reason}");
}

#[test]
fn sends_and_verifies_server_name() {
    let directory = tempfile::tempdir().unwrap();
    let issuer = Issuer::new();
    let server = SecureServer {
        certificates: vec![issuer.issue("service.test").certified()],
        ..SecureServer::default()
    }
    .start();
    let port = server.address.port();
    // The host of the target, with its address given.
    let options = DialOptions {
        resolve: vec![format!("service.test:{port}:127.0.0.1").parse().unwrap()],
        ..trusting(&issuer, directory.path())
    };
    let connections = completes(&format!("https://service.test:{port}"), options);
    assert_eq!(connections.tls.unwrap().server_name, "service.test");
    // A server name given as an option.
    let mut options = trusting(&issuer, directory.path());
    options.tls.server_name = Some("service.test".to_owned());
    options.host = Some("front.test".to_owned());
    completes(&https(&server), options);
    let names = server.seen.names.lock().unwrap();
    assert!(names.iter().all(|name| name == "service.test"), "{names:?}");
    let authorities = server.seen.authorities.lock().unwrap();
    assert_eq!(authorities[0], format!("service.test:{port}"));
    assert_eq!(authorities.last().unwrap(), "front.test");
}

#[test]
fn presents_client_certificate_on_request() {
    let directory = tempfile::tempdir().unwrap();
    let (issuer, of_clients) = (Issuer::new(), Issuer::new());
    let (certificate, key) = of_clients.issue("client.test").write(directory.path());
    for alpn in ["h2", "http/1.1"] {
        let server = SecureServer {
            client_roots: Some(of_clients.roots()),
            alpn: vec![alpn],
            ..secure(&issuer)
        }
        .start();
        let without = trusting(&issuer, directory.path());
        let message = error_of(&https(&server), without.clone());
        assert!(
            message.ends_with(
                "the service requires a client certificate; give one with --cert FILE --key FILE"
            ),
            "{alpn}: {message}"
        );
        assert_eq!(server.seen.requests(), 0);
        let mut with = without;
        with.tls.certificate = Some(certificate.clone());
        with.tls.key = Some(key.clone());
        let connections = completes(&https(&server), with);
        assert!(connections.tls.unwrap().client_certificate);
        assert!(server.seen.client_certificates.load(Ordering::SeqCst) > 0);
    }
}

#[test]
fn reports_rejected_client_certificate() {
    let directory = tempfile::tempdir().unwrap();
    let issuer = Issuer::new();
    let (certificate, key) = Issuer::new().issue("client.test").write(directory.path());
    for alpn in ["h2", "http/1.1"] {
        let server = SecureServer {
            client_roots: Some(Issuer::new().roots()),
            alpn: vec![alpn],
            ..secure(&issuer)
        }
        .start();
        let mut options = trusting(&issuer, directory.path());
        options.tls.certificate = Some(certificate.clone());
        options.tls.key = Some(key.clone());
        let message = error_of(&https(&server), options);
        assert!(
            message.contains("the service rejected the client certificate"),
            "{alpn}: {message}"
        );
    }
}

#[test]
fn unusable_tls_files_name_a_remedy() {
    let directory = tempfile::tempdir().unwrap();
    let server = secure(&Issuer::new()).start();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        Some(path)
    };
    let error_with = |tls: TlsOptions| {
        let options = DialOptions {
            tls,
            ..DialOptions::default()
        };
        let message = error_of(&https(&server), options);
        message.replace(&format!("{}/", directory.path().display()), "")
    };
    let empty = TlsOptions {
        ca: file("empty.pem", "nothing"),
        ..TlsOptions::default()
    };
    assert_eq!(
        error_with(empty),
        "could not use the trusted certificates empty.pem: it contains no certificate in PEM \
         (-----BEGIN CERTIFICATE-----)"
    );
    let missing = TlsOptions {
        ca: Some(directory.path().join("none.pem")),
        ..TlsOptions::default()
    };
    assert!(error_with(missing).contains("none.pem: No such file"));
    let (certificate, _) = Issuer::new().issue("a.test").write(directory.path());
    let alone = TlsOptions {
        certificate: Some(certificate.clone()),
        ..TlsOptions::default()
    };
    assert_eq!(
        error_with(alone),
        "could not use --cert: a certificate needs its key, and a key its certificate; give --key \
         FILE too"
    );
    let no_key = TlsOptions {
        certificate: Some(certificate.clone()),
        key: Some(certificate.clone()),
        ..TlsOptions::default()
    };
    let message = error_with(no_key);
    assert!(
        message.contains("it contains no unencrypted private key in PEM"),
        "{message}"
    );
    let elsewhere = tempfile::tempdir().unwrap();
    let (_, key) = Issuer::new().issue("b.test").write(elsewhere.path());
    let message = error_with(TlsOptions {
        certificate: Some(certificate),
        key: Some(key),
        ..TlsOptions::default()
    });
    assert!(
        message.ends_with("it does not belong to cert.pem"),
        "{message}"
    );
}

#[test]
fn alpn_selects_http_2_and_options_force_either() {
    let server = secure(&Issuer::new()).start();
    assert_eq!(completes(&https(&server), insecure()).protocol, "HTTP/2");
    let forced = DialOptions {
        http: HttpVersion::Http1,
        ..insecure()
    };
    assert_eq!(completes(&https(&server), forced).protocol, "HTTP/1.1");
    let old = SecureServer {
        alpn: vec!["http/1.1"],
        ..secure(&Issuer::new())
    }
    .start();
    let forced = DialOptions {
        http: HttpVersion::Http2,
        ..insecure()
    };
    let message = error_of(&https(&old), forced);
    assert!(
        message.contains("does not speak the requested HTTP version"),
        "{message}"
    );
    let shared = DialOptions {
        streams: Some(10),
        ..insecure()
    };
    let message = error_of(&https(&old), shared);
    assert!(
        message.starts_with("could not use --streams: "),
        "{message}"
    );
}

#[test]
fn http_2_users_share_a_connection() {
    let server = plain_http2(|_| Action::AnswerLate(Duration::from_millis(50)));
    let connections = completes(&format!("http://{}", server.address), prior_knowledge());
    assert_eq!(connections.protocol, "HTTP/2");
    assert_eq!(connections.opened, 1);
    assert!(connections.users_each > 2, "{connections:?}");
    // One more connection tested whether the target is reachable.
    assert_eq!(server.seen.connections(), 2);
    assert_eq!(server.seen.requests(), ARRIVALS);
    assert!(server.seen.streams_max.load(Ordering::SeqCst) > 2);
}

#[test]
fn streams_option_limits_sharing() {
    let server = plain_http2(|_| Action::AnswerLate(Duration::from_millis(100)));
    let options = DialOptions {
        streams: Some(3),
        ..prior_knowledge()
    };
    let connections = completes(&format!("http://{}", server.address), options);
    // About 20 users are busy at a time.
    assert!(connections.opened >= 4, "{connections:?}");
    assert!(connections.users_each <= 3, "{connections:?}");
    assert!(server.seen.streams_max.load(Ordering::SeqCst) <= 3);
}

#[test]
fn connections_option_sets_their_number() {
    let server = plain_http2(|_| Action::AnswerLate(Duration::from_millis(100)));
    let options = DialOptions {
        connections: Some(4),
        ..prior_knowledge()
    };
    let connections = completes(&format!("http://{}", server.address), options);
    assert_eq!(connections.opened, 4);
}

#[test]
fn respects_stream_limit_of_service() {
    let server = SecureServer {
        http2: true,
        streams_max: 4,
        act: |_| Action::AnswerLate(Duration::from_millis(100)),
        ..SecureServer::default()
    }
    .start();
    let connections = completes(&format!("http://{}", server.address), prior_knowledge());
    assert!(connections.opened >= 3, "{connections:?}");
    let most = server.seen.streams_max.load(Ordering::SeqCst);
    assert!(most <= 4, "{most} concurrent streams");
    assert_eq!(server.seen.requests(), ARRIVALS);
}

#[test]
fn graceful_close_loses_no_request() {
    // Every fifth answer is the last on its connection (GOAWAY).
    let server = plain_http2(|number| match number % 5 {
        4 => Action::AnswerAndEnd,
        _ => Action::AnswerLate(Duration::from_millis(10)),
    });
    let connections = completes(&format!("http://{}", server.address), prior_knowledge());
    assert!(connections.opened > 3, "{connections:?}");
    assert_eq!(server.seen.requests(), ARRIVALS, "no request is sent twice");
}

#[test]
fn reset_stream_fails_only_its_request() {
    let server = plain_http2(|number| match number % 4 {
        1 => Action::Reset,
        3 => Action::ResetBody,
        _ => Action::Answer,
    });
    let ran = try_run(&format!("http://{}", server.address), prior_knowledge()).unwrap();
    let total = ran.total();
    assert_eq!(total.completed, ARRIVALS / 2, "{total:?}");
    let expected = [("connection", ARRIVALS / 4), ("short_body", ARRIVALS / 4)]
        .map(|(class, count)| (class.to_owned(), count));
    assert_eq!(total.failures, BTreeMap::from(expected));
    let connections = ran.recording.counts.connections.unwrap();
    assert_eq!(connections.opened, 1, "{connections:?}");
    assert_eq!(server.seen.requests(), ARRIVALS, "no request is sent twice");
}

#[test]
fn timeout_resets_only_its_stream() {
    let server = plain_http2(|number| {
        if number % 4 == 1 {
            Action::Hang
        } else {
            Action::Answer
        }
    });
    let scenario = with_timeout("60ms");
    let target = format!("http://{}", server.address);
    let ran = try_run_text(&scenario, &target, prior_knowledge()).unwrap();
    let total = ran.total();
    assert_eq!(
        total.failures.get("timeout"),
        Some(&(ARRIVALS / 4)),
        "{total:?}"
    );
    let cancelled = server.seen.cancelled.load(Ordering::SeqCst);
    assert!(
        cancelled >= ARRIVALS / 4 - 1,
        "{cancelled} streams were reset"
    );
    // The other requests continue on the same connection. The last timeouts occur after all requests are
    // sent.
    let connections = ran.recording.counts.connections.unwrap();
    assert_eq!(connections.opened, 1, "{connections:?}");
}

#[test]
fn reports_service_without_http_2() {
    let server = SecureServer::default().start();
    let message = error_of(&format!("http://{}", server.address), prior_knowledge());
    assert!(
        message.starts_with("could not agree on HTTP/2 with http://127.0.0.1:")
            && message.ends_with("use HTTP/1.1 with `--http 1.1`"),
        "{message}"
    );
}

#[test]
fn reports_service_without_tls() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        use std::io::Write;
        for stream in listener.incoming() {
            let _ = stream
                .unwrap()
                .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let message = error_of(&format!("https://{address}"), insecure());
    assert!(
        message.contains("the response is not TLS; is it an http:// service"),
        "{message}"
    );
}

#[test]
fn unix_socket_works_like_a_port() {
    let directory = tempfile::tempdir().unwrap();
    for (http2, protocol) in [(false, "HTTP/1.1"), (true, "HTTP/2")] {
        let path = directory.path().join(format!("{http2}.sock"));
        let server = SecureServer {
            socket: Some(path.clone()),
            http2,
            ..SecureServer::default()
        }
        .start();
        let options = DialOptions {
            http: if http2 {
                HttpVersion::Http2
            } else {
                HttpVersion::Negotiated
            },
            ..DialOptions::default()
        };
        let connections = completes(&format!("unix:{}", path.display()), options.clone());
        assert_eq!(connections.protocol, protocol);
        assert_eq!(connections.addresses, [path.display().to_string()]);
        let encoded = path.display().to_string().replace('/', "%2F");
        completes(&format!("http+unix://{encoded}"), options);
        let authorities = server.seen.authorities.lock().unwrap();
        assert!(authorities.iter().all(|host| host == "localhost"));
        assert_eq!(server.seen.requests(), 2 * ARRIVALS);
    }
}

#[test]
fn sends_credentials_with_every_request() {
    let (http1, http2) = (
        SecureServer::default().start(),
        plain_http2(|_| Action::Answer),
    );
    let basic = Credentials::new(AuthScheme::Basic, "Aladdin:open sesame", "a test").unwrap();
    for (server, http) in [(http1, HttpVersion::Http1), (http2, HttpVersion::Http2)] {
        let options = DialOptions {
            http,
            credentials: Some(basic.clone()),
            ..DialOptions::default()
        };
        let connections = completes(&format!("http://{}", server.address), options);
        assert_eq!(connections.credentials.as_deref(), Some("basic"));
        let seen = server.seen.authorizations.lock().unwrap();
        assert_eq!(seen.len() as u64, ARRIVALS);
        assert!(
            seen.iter()
                .all(|value| value == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
            "{seen:?}"
        );
    }
}

#[test]
fn uses_addresses_round_robin() {
    // Two loopback addresses with the same port.
    let first = SecureServer {
        act: |_| Action::AnswerAndEnd,
        ..SecureServer::default()
    }
    .start();
    let port = first.address.port();
    let Ok(second) = std::net::TcpListener::bind(("127.0.0.2", port)) else {
        support::skip("the same port on 127.0.0.2");
        return;
    };
    let accepted = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let mut answered = 0;
        while answered < ARRIVALS / 2 {
            let (mut stream, _) = second.accept().unwrap();
            let mut head = [0; 1024];
            // The connection that tests whether the target is reachable sends nothing.
            if stream.read(&mut head).unwrap_or(0) > 0 {
                let answer =
                    b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";
                stream.write_all(answer).unwrap();
                answered += 1;
            }
        }
        answered
    });
    let options = DialOptions {
        resolve: vec![
            format!("two.test:{port}:127.0.0.1,127.0.0.2")
                .parse()
                .unwrap(),
        ],
        ..DialOptions::default()
    };
    let connections = completes(&format!("http://two.test:{port}"), options);
    assert_eq!(connections.addresses.len(), 2);
    assert_eq!(first.seen.requests(), ARRIVALS / 2);
    assert_eq!(accepted.join().unwrap(), ARRIVALS / 2);
}
