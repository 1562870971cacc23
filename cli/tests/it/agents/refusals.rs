//! Runs that agents refuse, and agents that runs can't use.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use super::*;

#[test]
fn operator_of_an_agent_limits_its_runs() {
    let place = Workplace::new();
    let Some(nats) = NatsServer::start(&place.path(""), "") else {
        return;
    };
    let service = place.serve(&["--empty"]);
    let text = light_scenario("100/s", "1s").replace("[load]", "[load]\nusers = 300");
    place.write("light.toml", &text);
    let (url, target) = (nats.url(), service.url());
    let limits = [
        "--allow-host",
        "127.0.0.1",
        "--max-rate",
        "60/s",
        "--max-users",
        "300",
        "--label",
        "of=one",
    ];
    let _one = Agent::start(&place, &url, "one", &limits);
    let _two = Agent::start(&place, &url, "two", &["--allow-host", "app.example"]);
    let port = service.address.port();
    let by_name = format!("http://localhost:{port}");
    let public = ["--i-may-test-this-host", "198.51.100.7"];
    for (target, more, expected) in [
        (
            target.as_str(),
            &["--agent-label", "of=one"][..],
            "allows at most 60/s (--max-rate)",
        ),
        (
            &target,
            &[
                "--agent-label",
                "of=one",
                "--rate",
                "50/s",
                "--users",
                "400",
            ],
            "allows at most 300 users",
        ),
        (
            &by_name,
            &["--agent-label", "of=one", "--rate", "50/s"],
            "allows only 127.0.0.1 (--allow-host), not localhost",
        ),
        (
            "unix:/run/app.sock",
            &["--agent-label", "of=one", "--rate", "50/s"],
            "no load to Unix domain sockets",
        ),
        (
            &target,
            &["--agents", "2"],
            "agent two (generator 2 of 2) could not do its share: its operator allows only app.example",
        ),
        (
            "http://198.51.100.7",
            &[
                "--agent-label",
                "of=one",
                "--rate",
                "50/s",
                public[0],
                public[1],
            ],
            "not 198.51.100.7",
        ),
    ] {
        let mut run = run_command(&place, &url, target, more);
        let ended = Ended::of(run.output().unwrap()).expect(104);
        assert!(
            ended.stderr.contains(expected),
            "{more:?}: {}",
            ended.stderr
        );
        assert!(!place.path("run").exists(), "{more:?}");
    }
    let mut run = run_command(
        &place,
        &url,
        &target,
        &["--agent-label", "of=one", "--rate", "50/s"],
    );
    complete(Ended::of(run.output().unwrap()));
}

/// A client of NATS that speaks just enough of its protocol to answer searches as a foreign agent.
fn foreign_agent(port: u16, offer: &'static str) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    stream
        .write_all(b"CONNECT {\"verbose\":false}\r\nSUB tenfold.find 1\r\nPING\r\n")
        .unwrap();
    std::thread::spawn(move || {
        let mut line = String::new();
        while reader.read_line(&mut line).is_ok_and(|read| read > 0) {
            if line.starts_with("PING") {
                stream.write_all(b"PONG\r\n").unwrap();
            }
            if let Some(message) = line.strip_prefix("MSG ") {
                let reply = message.split_whitespace().nth(2).unwrap();
                let text = format!("PUB {reply} {}\r\n{offer}\n\r\n", offer.len() + 1);
                stream.write_all(text.as_bytes()).unwrap();
            }
            line.clear();
        }
    });
}

/// The users of a server as in docs/agents.md, with these public keys.
fn users_of_the_page(agents: &str, runs: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/agents.md");
    let page = std::fs::read_to_string(page).unwrap();
    let from = page.find("    authorization {").unwrap();
    let block = page[from..].split("\n\n").next().unwrap();
    assert!(
        block.contains("U…AGENTS") && block.contains("U…RUNS"),
        "{block}"
    );
    block.replace("U…AGENTS", agents).replace("U…RUNS", runs)
}

#[test]
fn tls_nkeys_and_the_permissions_of_the_page_suffice() {
    let place = Workplace::new();
    let certificate = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let ca = place.write("nats.pem", &certificate.cert.pem());
    let key = place.write("nats.key", &certificate.signing_key.serialize_pem());
    let [agents, runs, stranger] = ["agents", "runs", "stranger"].map(|name| {
        let pair = nkeys::KeyPair::new_user();
        let file = place.write(
            &format!("{name}.nk"),
            &format!("{}\n", pair.seed().unwrap()),
        );
        (pair.public_key(), file.display().to_string())
    });
    let settings = format!(
        "tls {{ cert_file: \"{}\", key_file: \"{}\" }}\n{}",
        ca.display(),
        key.display(),
        users_of_the_page(&agents.0, &runs.0)
    );
    let Some(nats) = NatsServer::start(&place.path(""), &settings) else {
        return;
    };
    let service = place.serve(&["--empty"]);
    place.write("light.toml", &light_scenario("100/s", "1s"));
    let url = format!("tls://127.0.0.1:{}", nats.port);
    let ca = ca.display().to_string();
    let _agent = Agent::start(&place, &url, "one", &["--nkey", &agents.1, "--ca", &ca]);
    let target = service.url();
    let with = |seed: &str, ca: &[&str]| {
        let arguments = ["--agents", "1", "--nats-nkey", seed];
        let mut run = run_command(&place, &url, &target, &[&arguments[..], ca].concat());
        Ended::of(run.output().unwrap())
    };
    complete(with(&runs.1, &["--nats-ca", &ca]));
    let summary = read_json(&place.path("run/summary.json"));
    assert_eq!(count(&summary, "/arrivals/sent"), 100);
    for (seed, ca, expected) in [
        (
            &stranger.1,
            &["--nats-ca", ca.as_str()][..],
            "it refuses the nkey in",
        ),
        (&runs.1, &[], "could not connect to NATS"),
    ] {
        let ended = with(seed, ca).expect(107);
        assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    }
    let ended = with(&ca, &["--nats-ca", &ca]).expect(104);
    assert!(
        ended.stderr.contains("could not use the nkey file"),
        "{}",
        ended.stderr
    );
}

#[test]
fn agents_that_can_not_be_used_are_named() {
    let place = Workplace::new();
    let Some(nats) = NatsServer::start(&place.path(""), "") else {
        return;
    };
    place.write("light.toml", &light_scenario("100/s", "1s"));
    foreign_agent(
        nats.port,
        r#"{"id":"x","name":"old","tool":"0.0.7","labels":{"zone":"east"}}"#,
    );
    let target = "http://127.0.0.1:1";
    let mut run = run_command(
        &place,
        &nats.url(),
        target,
        &["--agent-label", "zone=east", "--agent-wait", "1s"],
    );
    let ended = Ended::of(run.output().unwrap()).expect(107);
    assert!(
        ended.stderr.contains("found 0 of 1 agents")
            && ended
                .stderr
                .contains("agent old has version 0.0.7 of tenfold"),
        "{}",
        ended.stderr
    );
    assert!(!place.path("run").exists());
    for (arguments, code, expected) in [
        (
            &["--agents", "2", "--generators", "2"][..],
            104,
            "--generators is for this machine alone",
        ),
        (&["--agents", "2", "--once"], 104, "--once"),
    ] {
        let mut run = run_command(&place, &nats.url(), target, arguments);
        let ended = Ended::of(run.output().unwrap()).expect(code);
        assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    }
    let ended = place
        .run(&["run", "light.toml", "--agents", "2", "--target", target])
        .expect(104);
    assert!(ended.stderr.contains("--nats"), "{}", ended.stderr);
    let ended = place
        .run(&[
            "run",
            "light.toml",
            "--agents",
            "2",
            "--nats",
            "nats://127.0.0.1:1",
        ])
        .expect(104);
    assert!(ended.stderr.contains("--target"), "{}", ended.stderr);
    let ended = place
        .run(&["agent", "--nats", "nats://127.0.0.1:1"])
        .expect(107);
    assert!(
        ended
            .stderr
            .contains("could not connect to NATS at nats://127.0.0.1:1"),
        "{}",
        ended.stderr
    );
}
