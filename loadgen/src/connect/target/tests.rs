//! Tests for parsing and reaching targets.

use proptest::prelude::*;

use super::*;
use crate::connect::tls::TlsOptions;

fn reach(target: &Target) -> Result<ResolvedTarget, LoadError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(target.reach())
}

fn read(url: &str) -> Target {
    url.parse().unwrap()
}

#[test]
fn parses_http_urls() {
    let target = read("http://127.0.0.1:8080/");
    assert_eq!(target.to_string(), "http://127.0.0.1:8080");
    let target = read("http://localhost/api/");
    assert_eq!((target.port, target.prefix.as_str()), (80, "/api"));
    let target = read("https://[::1]/");
    assert_eq!((target.port, target.host()), (443, "::1"));
}

#[test]
fn parses_unix_sockets() {
    for (url, path, prefix) in [
        ("unix:/run/a.sock", "/run/a.sock", ""),
        ("unix:///run/a.sock", "/run/a.sock", ""),
        ("unix:a.sock", "a.sock", ""),
        ("http+unix://%2Frun%2fa.sock", "/run/a.sock", ""),
        ("http+unix://%2Frun%2Fa.sock/v1/", "/run/a.sock", "/v1"),
    ] {
        let target = read(url);
        assert_eq!(target.socket(), Some(Path::new(path)), "{url}");
        assert_eq!(
            (target.prefix.as_str(), target.host()),
            (prefix, "localhost"),
            "{url}"
        );
    }
}

#[test]
fn host_omits_port_and_brackets() {
    for (url, host) in [
        ("http://a.example", "a.example"),
        ("http://a.example:81/x", "a.example"),
        ("http://[::1]", "::1"),
        ("http://[::1]:81", "::1"),
    ] {
        assert_eq!(read(url).host(), host);
    }
}

#[test]
fn reach_fails_without_addresses() {
    assert!(reach(&read("http://127.0.0.1").at(Vec::new())).is_err());
}

#[test]
fn rejects_other_urls() {
    for url in [
        "",
        "localhost:80",
        "ftp://a",
        "http://",
        "http://u:p@a",
        "https://u@a",
        "http://a/?q=1",
        "http://a:123456",
        "unix:",
        "http+unix://",
        "http+unix://%2",
        "http+unix://%zz",
        "http+unix://%00",
        "http+unix://%2Fa/b?c",
    ] {
        assert!(url.parse::<Target>().is_err(), "{url}");
    }
}

proptest! {
    #[test]
    fn accepted_text_displays_as_a_target(text in "(unix:|http\\+unix://|https?://)?\\PC{0,60}") {
        if let Ok(target) = text.parse::<Target>() {
            prop_assert!(target.to_string().parse::<Target>().is_ok());
        }
    }
}

#[test]
fn unreachable_error_names_address() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let target = read(&format!("http://{address}"));
    let message = reach(&target).unwrap_err().to_string();
    assert!(message.contains(&address.to_string()), "{message}");
}

#[test]
fn missing_socket_error_names_path() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("none.sock");
    let target = read(&format!("unix:{}", path.display()));
    let message = reach(&target).unwrap_err().to_string();
    assert!(message.contains("none.sock: No such file"), "{message}");
}

#[test]
fn reaches_ipv6_literal() {
    let Ok(listener) = std::net::TcpListener::bind("[::1]:0") else {
        assert!(
            std::env::var_os("CI").is_none_or(|set| set.is_empty()),
            "tests must not be skipped in CI: IPv6 is missing"
        );
        return;
    };
    let target = read(&format!("http://{}", listener.local_addr().unwrap()));
    assert!(reach(&target).is_ok());
}

#[test]
fn resolve_option_replaces_lookup() {
    let options = DialOptions {
        resolve: vec!["made-up.invalid:8080:127.0.0.2,127.0.0.3".parse().unwrap()],
        ..DialOptions::default()
    };
    let target = read("http://made-up.invalid:8080").with(options).unwrap();
    let addresses = ["127.0.0.2:8080", "127.0.0.3:8080"].map(|text| text.parse().unwrap());
    assert_eq!(target.resolve().unwrap(), addresses);
    // The addresses of the first lookup are used.
    let only = vec![addresses[1]];
    assert_eq!(target.at(only.clone()).resolve().unwrap(), only);
}

#[test]
fn keeps_only_addresses_that_accept() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let addresses = ["127.0.0.1", "127.0.0.9"].map(|ip| SocketAddr::new(ip.parse().unwrap(), port));
    let target = read(&format!("http://made-up.invalid:{port}")).at(addresses.to_vec());
    let resolved = reach(&target).unwrap();
    assert_eq!(resolved.addresses, [PeerAddress::Tcp(addresses[0])]);
}

#[test]
fn rejects_options_that_do_not_apply() {
    let insecure = DialOptions {
        tls: TlsOptions {
            insecure: true,
            ..TlsOptions::default()
        },
        ..DialOptions::default()
    };
    let message =
        |target: &str, options: DialOptions| read(target).with(options).unwrap_err().to_string();
    assert_eq!(
        message("http://127.0.0.1", insecure),
        "could not use --insecure: it configures TLS, which the target does not use; use an \
         https:// target"
    );
    let streams = DialOptions {
        streams: Some(10),
        ..DialOptions::default()
    };
    let streams_error = message("http://127.0.0.1", streams.clone());
    assert!(
        streams_error.starts_with("could not use --streams: "),
        "{streams_error}"
    );
    assert!(read("https://127.0.0.1").with(streams).is_ok());
    let host = DialOptions {
        host: Some("a b".to_owned()),
        ..DialOptions::default()
    };
    let host_error = message("http://127.0.0.1", host);
    assert!(host_error.contains("`a b` as a host"), "{host_error}");
}
