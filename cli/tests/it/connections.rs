//! Connections of `tenfold run`: credentials, sockets, and flags that contradict each other.

#![allow(clippy::unwrap_used, reason = "a helper of tests fails as they do")]

use crate::support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::{Arc, Mutex};

use support::{Workplace, light_scenario, read_json};

/// Responds to every request, and records the lines of its head.
fn serve(stream: impl Read + Write, lines: &Mutex<Vec<String>>) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = String::new();
        match stream.read_line(&mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) if line == "\r\n" => {
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                if stream.get_mut().write_all(answer).is_err() {
                    return;
                }
            }
            Ok(_) => lines.lock().unwrap().push(line.trim_end().to_owned()),
        }
    }
}

fn service() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let lines = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&lines);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let seen = Arc::clone(&seen);
            std::thread::spawn(move || serve(stream.unwrap(), &seen));
        }
    });
    (url, lines)
}

/// Returns every file below a directory, with its contents.
fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    found
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

#[test]
fn credentials_reach_only_the_service() {
    const TOKEN: &str = "tok3n-that-must-stay-secret";
    const PASSWORD: &str = "alice:pa55-that-must-stay-secret";
    const ENCODED: &str = "YWxpY2U6cGE1NS10aGF0LW11c3Qtc3RheS1zZWNyZXQ=";
    let place = Workplace::new();
    place.write("light.toml", &light_scenario("50/s", "1s"));
    let secret = place.write("password", &format!("{PASSWORD}\n"));
    let (url, lines) = service();
    let run = |out: &str, more: &[&str]| {
        let mut arguments = vec!["run", "light.toml", "--target", &url, "--out", out];
        arguments.extend(more);
        place.tenfold(&arguments)
    };
    let outputs = [
        run("bearer", &[])
            .env("TENFOLD_AUTH_BEARER", TOKEN)
            .output()
            .unwrap(),
        run("basic", &["--auth-basic-file", "password", "--json"])
            .output()
            .unwrap(),
    ];
    std::fs::remove_file(&secret).unwrap();
    for output in &outputs {
        assert!(output.status.success(), "{output:?}");
    }
    let bearer = read_json(&place.path("bearer/counts.json"));
    assert_eq!(bearer["connections"]["credentials"], "bearer");
    let again = read_json(&place.path("basic/manifest.json"))["command"].to_string();
    assert!(
        again.contains(r#""--auth-basic-file","password""#),
        "{again}"
    );
    let lines = lines.lock().unwrap();
    for expected in [
        format!("authorization: Bearer {TOKEN}"),
        format!("authorization: Basic {ENCODED}"),
    ] {
        let sent = lines.iter().filter(|line| **line == expected).count();
        assert_eq!(sent, 50, "{lines:?}");
    }
    let written = files(&place.path("."));
    assert!(written.len() > 8, "{written:?}");
    let printed = outputs
        .iter()
        .flat_map(|output| [output.stdout.clone(), output.stderr.clone()])
        .map(|bytes| ("an output".to_owned(), bytes));
    for (name, bytes) in written.into_iter().chain(printed) {
        for secret in [TOKEN, PASSWORD, ENCODED, "pa55"] {
            assert!(!holds(&bytes, secret), "{name} holds {secret}");
        }
    }
}

#[test]
fn runs_against_unix_socket() {
    let place = Workplace::new();
    place.write("light.toml", &light_scenario("50/s", "1s"));
    let listener = UnixListener::bind(place.path("app.sock")).unwrap();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&lines);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let seen = Arc::clone(&seen);
            std::thread::spawn(move || serve(stream.unwrap(), &seen));
        }
    });
    let arguments = [
        "--target",
        "unix:app.sock",
        "--host",
        "app.test",
        "--out",
        "run",
    ];
    let mut all = vec!["run", "light.toml"];
    all.extend(arguments);
    place.run(&all).expect(0);
    let counts = read_json(&place.path("run/counts.json"));
    assert_eq!(counts["connections"]["addresses"][0], "app.sock");
    let manifest = read_json(&place.path("run/manifest.json"));
    assert_eq!(manifest["shared_host"], true);
    assert!(lines.lock().unwrap().contains(&"host: app.test".to_owned()));
}

#[test]
fn rejects_inapplicable_connection_flags() {
    let place = Workplace::new();
    place.write("empty", "");
    for (arguments, expected) in [
        (vec!["--ca", "ca.pem"], "--ca: it configures TLS"),
        (vec!["--insecure"], "--insecure: it configures TLS"),
        (vec!["--streams", "5"], "give --http 2"),
        (vec!["--http", "3"], "1.1"),
        (vec!["--http", "2", "--streams", "0"], "0"),
        (vec!["--resolve", "a:80"], "HOST:PORT:ADDRESS"),
        (vec!["--host", "a b"], "`a b` as a host"),
        (
            vec!["--auth-bearer-file", "none"],
            "could not take bearer credentials from none: No such file",
        ),
        (vec!["--auth-basic-file", "empty"], "it is empty"),
        (
            vec!["--auth-basic-file", "empty", "--auth-bearer-file", "empty"],
            "remove one of them",
        ),
    ] {
        let mut all = vec![
            "run",
            "steady",
            "--target",
            "http://127.0.0.1:1",
            "--out",
            "run",
        ];
        all.extend(&arguments);
        let ended = place.run(&all).expect(104);
        assert!(
            ended.stderr.contains(expected),
            "{arguments:?}:\n{}",
            ended.stderr
        );
        assert!(!place.path("run").exists());
    }
}

#[test]
fn rejects_unusable_tls_files() {
    let place = Workplace::new();
    for (arguments, expected) in [
        (vec!["--ca", "none.pem"], "none.pem: No such file"),
        (vec!["--insecure", "--cert", "a.pem"], "give --key FILE too"),
    ] {
        let mut all = vec![
            "run",
            "steady",
            "--target",
            "https://127.0.0.1:1",
            "--out",
            "run",
        ];
        all.extend(&arguments);
        let ended = place.run(&all).expect(104);
        assert!(
            ended.stderr.contains(expected),
            "{arguments:?}:\n{}",
            ended.stderr
        );
        assert!(!place.path("run").exists());
    }
}

#[test]
fn silent_name_server_is_named() {
    let place = Workplace::new();
    place.write("light.toml", &light_scenario("20/s", "1s"));
    let run = ["run", "light.toml", "--target", "http://name.invalid"];
    // Nothing listens at the port.
    let ended = place
        .run(&[&run[..], &["--dns", "127.0.0.1:9"]].concat())
        .expect(107);
    let question = "does the name server 127.0.0.1:9 answer?";
    assert!(ended.stderr.contains(question), "{}", ended.stderr);
}
