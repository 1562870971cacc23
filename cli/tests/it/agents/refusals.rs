//! Runs that agents refuse, and agents that runs can't use.

use super::*;

#[test]
fn operator_of_an_agent_limits_its_runs() {
    let place = Workplace::new();
    let Some(nats) = NatsServer::start(&place.path(""), "") else {
        return;
    };
    let service = place.serve(&["--empty"]);
    place.write("light.toml", &light_scenario("100/s", "1s"));
    let (url, target) = (nats.url(), service.url());
    let limits = [
        "--allow-host",
        "127.0.0.1",
        "--max-rate",
        "60/s",
        "--max-users",
        "300",
    ];
    let _one = Agent::start(&place, &url, "one", &limits);
    let _two = Agent::start(&place, &url, "two", &["--allow-host", "app.example"]);
    let port = service.address.port();
    let by_name = format!("http://localhost:{port}");
    let public = ["--i-may-test-this-host", "198.51.100.7"];
    for (target, more, expected) in [
        (
            target.as_str(),
            &["--agents", "1"][..],
            "allows at most 60/s (--max-rate)",
        ),
        (
            &target,
            &["--agents", "1", "--rate", "50/s", "--users", "400"],
            "allows at most 300 users",
        ),
        (
            &by_name,
            &["--agents", "1", "--rate", "50/s"],
            "allows only 127.0.0.1 (--allow-host), not localhost",
        ),
        (
            &target,
            &["--agents", "2"],
            "agent two: its operator allows only app.example",
        ),
        (
            "http://198.51.100.7",
            &["--agents", "1", "--rate", "50/s", public[0], public[1]],
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
        &["--agents", "1", "--rate", "50/s", "--users", "300"],
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
    let mut run = run_command(&place, &nats.url(), target, &["--agent-label", "zone=east"]);
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
