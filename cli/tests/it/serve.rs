//! `tenfold serve`: acknowledged writes survive `kill -9`, and SIGTERM stops it.

#![allow(clippy::unwrap_used, reason = "a helper of tests fails as they do")]

use crate::support;

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use support::Workplace;

/// Number of kills in the crash test.
const CRASHES: u32 = 20;

/// Sends one request over a new connection. `None` if the service dies before it responds.
fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Option<&Value>,
) -> Option<(u16, Value)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .ok()?;
    let body = body.map(Value::to_string).unwrap_or_default();
    let authorization = token
        .map(|token| format!("authorization: Bearer {token}\r\n"))
        .unwrap_or_default();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{authorization}\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8(answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let length: usize = head
        .lines()
        .find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("content-length:")
                .map(str::to_owned)
        })
        .map_or(Some(0), |length| length.trim().parse().ok())?;
    // An incomplete response acknowledges nothing.
    if body.len() != length {
        return None;
    }
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, serde_json::from_str(body).unwrap_or(Value::Null)))
}

fn log_in(address: SocketAddr) -> String {
    let account = json!({ "handle": "writer", "password": "correct horse battery" });
    let _ = send(address, "POST", "/v1/users", None, Some(&account));
    let (status, session) = send(address, "POST", "/v1/sessions", None, Some(&account)).unwrap();
    assert_eq!(status, 201, "{session}");
    session["token"].as_str().unwrap().to_owned()
}

#[test]
fn acknowledged_writes_survive_sigkill() {
    let place = Workplace::new();
    let acknowledged: Arc<Mutex<HashMap<i64, String>>> = Arc::default();
    for crash in 0..CRASHES {
        let mut service = place.serve(&["--empty"]);
        let address = service.address;
        let token = log_in(address);
        let stop = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let (acknowledged, token) = (Arc::clone(&acknowledged), token.clone());
                let stop = Arc::clone(&stop);
                std::thread::spawn(move || {
                    for n in 0.. {
                        if stop.load(Ordering::Relaxed) {
                            return;
                        }
                        let content = format!("crash {crash} writer {writer} post {n}");
                        let post = json!({ "content": content });
                        let answer = send(address, "POST", "/v1/posts", Some(&token), Some(&post));
                        let Some((201, post)) = answer else { return };
                        let id = post["id"].as_i64().unwrap();
                        acknowledged.lock().unwrap().insert(id, content);
                    }
                })
            })
            .collect();
        // A different time in each round, from the first write on.
        std::thread::sleep(Duration::from_millis(u64::from(20 + 37 * crash % 200)));
        service.child.kill().unwrap();
        service.child.wait().unwrap();
        stop.store(true, Ordering::Relaxed);
        writers
            .into_iter()
            .for_each(|writer| writer.join().unwrap());
    }
    let service = place.serve(&["--empty"]);
    let acknowledged = acknowledged.lock().unwrap();
    assert!(
        acknowledged.len() > CRASHES as usize,
        "only {} writes",
        acknowledged.len()
    );
    for (id, content) in acknowledged.iter() {
        let (status, post) = send(
            service.address,
            "GET",
            &format!("/v1/posts/{id}"),
            None,
            None,
        )
        .unwrap();
        assert_eq!(
            (status, post["content"].as_str()),
            (200, Some(content.as_str())),
            "post {id}"
        );
    }
    println!(
        "{} acknowledged writes survived {CRASHES} kills",
        acknowledged.len()
    );
}

#[test]
fn exits_0_on_sigterm() {
    let place = Workplace::new();
    let mut service = place.serve(&["--empty"]);
    kill_process(Pid::from_child(&service.child), Signal::TERM).unwrap();
    assert_eq!(service.child.wait().unwrap().code(), Some(0));
}

#[cfg(all(feature = "sqlite", feature = "redis"))]
#[test]
fn logs_failures_at_requested_level() {
    for (level, is_logged) in [("warn", true), ("error", false)] {
        let place = Workplace::new();
        // It accepts connections, but never responds.
        let dumb = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let cache = format!("redis://user:SECQ1@{}", dumb.local_addr().unwrap());
        let service = place.serve(&["--empty", "--cache", &cache, "--log", level]);
        // The service works without its cache.
        log_in(service.address);
        for _ in 0..3 {
            let answer = send(service.address, "GET", "/v1/posts/1", None, None);
            assert_eq!(answer.unwrap().0, 404);
        }
        drop(service);
        let log = std::fs::read_to_string(place.path("serve.log")).unwrap();
        let warnings = log.lines().filter(|line| line.contains("WARN"));
        let warnings: Vec<_> = warnings.filter(|line| line.contains("the cache")).collect();
        assert_eq!(warnings.len(), usize::from(is_logged), "{log}");
        assert!(!log.contains("SECQ1"), "{log}");
    }
}

#[test]
fn rejects_port_in_use() {
    let place = Workplace::new();
    let service = place.serve(&["--empty"]);
    let listen = service.address.to_string();
    let ended = place.run(&["serve", "--listen", &listen, "--data", "other", "--empty"]);
    assert_ne!(ended.code, Some(0));
    assert!(ended.stderr.contains(&listen), "{}", ended.stderr);
}

#[test]
fn tls_needs_both_files_and_the_feature() {
    let place = Workplace::new();
    let alone = place.run(&["serve", "--empty", "--tls-cert", "cert.pem"]);
    assert_eq!(alone.code, Some(104), "{}", alone.stderr);
    assert!(alone.stderr.contains("--tls-key"), "{}", alone.stderr);
    let nowhere = place.run(&["serve", "--empty", "--redirect-listen", "127.0.0.1:0"]);
    assert_eq!(nowhere.code, Some(104), "{}", nowhere.stderr);
    let files = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];
    let refused =
        place.run(&[&["serve", "--empty", "--listen", "127.0.0.1:0"][..], &files].concat());
    assert_eq!(refused.code, Some(104), "{}", refused.stderr);
    let expected = if cfg!(feature = "tls") {
        "could not use the certificate cert.pem"
    } else {
        "tenfold was compiled without the `tls` feature"
    };
    assert!(refused.stderr.contains(expected), "{}", refused.stderr);
}
