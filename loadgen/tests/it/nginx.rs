//! HTTP/2 over TLS against nginx, an independent server with an independent TLS library.

#![allow(clippy::unwrap_used, reason = "test helpers may panic")]

use crate::support;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::certificates::Issuer;
use tenfold_loadgen::{DialOptions, HttpVersion, Target, TlsOptions};
use tenfold_scenarios::Scenario;

/// 400 arrivals in a second.
const SCENARIO: &str = r#"
version = 1
name = "nginx"
seed = 3
[load]
arrivals = "poisson"
users = 100
timeout = "5s"
[[phases]]
name = "steady"
kind = "constant"
rate = "400/s"
duration = "1s"
[[requests]]
name = "get"
kind = "read"
weight = 1
path = "/page"
"#;

/// An nginx process, killed on drop.
struct Nginx(Child);

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts nginx on a free port. `None` if it is not installed.
fn nginx(directory: &Path, issuer: &Issuer) -> Option<(Nginx, u16)> {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let (certificate, key) = issuer.issue("127.0.0.1").write(directory);
    std::fs::write(directory.join("page"), "x".repeat(1024)).unwrap();
    let (root, certificate, key) = (directory.display(), certificate.display(), key.display());
    // A connection ends after 25 requests; the default is 1,000.
    let text = format!(
        "daemon off; master_process off; pid {root}/nginx.pid; error_log stderr;\n\
         events {{ worker_connections 256; }}\n\
         http {{\n\
           access_log off; client_body_temp_path {root}/body; proxy_temp_path {root}/proxy;\n\
           fastcgi_temp_path {root}/fastcgi; uwsgi_temp_path {root}/uwsgi;\n\
           scgi_temp_path {root}/scgi;\n\
           server {{\n\
             listen 127.0.0.1:{port} ssl http2; keepalive_requests 25;\n\
             ssl_certificate {certificate}; ssl_certificate_key {key}; root {root};\n\
           }}\n\
         }}\n"
    );
    let path = directory.join("nginx.conf");
    std::fs::write(&path, text).unwrap();
    let program = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx"]
        .into_iter()
        .find(|program| Path::new(program).exists())?;
    let child = Command::new(program)
        .arg("-p")
        .arg(directory)
        .arg("-c")
        .arg(&path)
        .args(["-e", "stderr"])
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let nginx = Nginx(child);
    let until = Instant::now() + Duration::from_secs(20);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < until, "nginx accepts no connection");
        std::thread::sleep(Duration::from_millis(20));
    }
    Some((nginx, port))
}

#[test]
fn both_http_versions_work_with_nginx() {
    let directory = tempfile::tempdir().unwrap();
    let issuer = Issuer::new();
    let Some((_nginx, port)) = nginx(directory.path(), &issuer) else {
        support::skip("nginx");
        return;
    };
    for (http, protocol) in [
        (HttpVersion::Negotiated, "HTTP/2"),
        (HttpVersion::Http1, "HTTP/1.1"),
    ] {
        let options = DialOptions {
            http,
            tls: TlsOptions {
                ca: Some(issuer.write(directory.path())),
                ..TlsOptions::default()
            },
            ..DialOptions::default()
        };
        let target: Target = format!("https://127.0.0.1:{port}").parse().unwrap();
        let scenario = Scenario::parse(SCENARIO, Path::new("nginx.toml")).unwrap();
        let ran = support::try_run(scenario, target.with(options).unwrap(), |_| ()).unwrap();
        let total = ran.total();
        let connections = ran.recording.counts.connections.clone().unwrap();
        assert_eq!(connections.protocol, protocol);
        // A connection that ends loses no request.
        assert_eq!(total.failed, 0, "{protocol}: {total:?} {connections:?}");
        assert!(total.completed > 300, "{total:?}");
        assert_eq!(total.body_bytes, 1024 * total.completed);
        assert!(
            connections.opened >= total.completed / 25,
            "{connections:?}"
        );
        assert!(connections.tls.unwrap().verified);
    }
}
