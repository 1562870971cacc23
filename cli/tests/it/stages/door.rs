//! Two balancers behind a name, and with a network of its own behind an address that moves.

use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::network::{is_refused_to, lacks_namespaces};
use super::stage::{Stage, lacks};
use crate::support::light_scenario;

/// Programs of the stage and its door.
const PROGRAMS: &[&str] = &[
    "mariadbd",
    "mariabackup",
    "garbd",
    "haproxy",
    "nginx",
    "pdns_server",
    "s3s-fs",
    "socat",
];

impl Stage {
    /// Fails over, and returns what the clients saw.
    fn failover(&self, arguments: &[&str]) -> Value {
        let all = [&["lab", "failover", "--json", "--for", "8s"], arguments].concat();
        // The name server asks the balancers once a second, from the first question on.
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let ended = self.place.run(&all);
            if ended.code != Some(104) || Instant::now() > deadline {
                let seen = ended.expect(0).json();
                println!("{seen:#}");
                assert!(
                    seen["killed"].as_str().unwrap().starts_with("balancer"),
                    "{seen}"
                );
                assert_eq!(seen["clients_left"], 0, "{seen}");
                assert!(seen["requests"].as_u64().unwrap() > 100, "{seen}");
                return seen;
            }
            std::thread::sleep(Duration::from_millis(500));
        }
    }
}

#[test]
fn clients_follow_the_name_to_the_second_balancer() {
    if lacks(PROGRAMS) {
        return;
    }
    let stage = Stage::up("balanced", &["--door", "1s"]);
    let door = &stage.status["entrance"]["door"];
    assert_eq!(door["ttl_s"], 1, "{door}");
    let open = stage.place.run(&["lab", "open"]).expect(0).stdout;
    assert!(open.contains("https://www.lab.test:"), "{open}");
    let seen = stage.failover(&[]);
    assert!(seen["name_moved_s"].as_f64().unwrap() < 8.0, "{seen}");
    // On a busy machine the name may have moved before: a health check was late.
    if let Some(moved) = seen["last_client_moved_s"].as_f64() {
        assert!(moved < 8.0 && seen["lost"].as_u64().unwrap() > 0, "{seen}");
    }

    // A run follows the name as well.
    let server = door["name_server"].as_str().unwrap();
    let ca = stage.file("tls/ca.pem");
    let url = door["url"].as_str().unwrap();
    stage
        .place
        .write("light.toml", &light_scenario("20/s", "2s"));
    let ca = ca.to_str().unwrap();
    let run = [
        "run",
        "light.toml",
        "--target",
        url,
        "--dns",
        server,
        "--ca",
        ca,
        "--out",
        "run",
    ];
    let ended = stage.place.run(&run);
    assert!(
        matches!(ended.code, Some(0 | 99 | 120 | 121)),
        "{}",
        ended.stderr
    );
    let counts = crate::support::read_json(&stage.place.path("run/counts.json"));
    assert!(
        counts["connections"]["opened"].as_u64().unwrap() > 0,
        "{counts:#}"
    );
}

#[test]
fn door_needs_a_balancer() {
    let place = crate::support::Workplace::new();
    let ended = place.run(&["lab", "up", "--door", "5s"]).expect(104);
    assert!(
        ended.stderr.contains("--door from stage balanced on"),
        "{}",
        ended.stderr
    );
    let ended = place
        .run(&["lab", "up", "--ssh-from", "10.1.2.3"])
        .expect(104);
    assert!(ended.stderr.contains("--network"), "{}", ended.stderr);
}

#[test]
fn address_moves_and_ssh_is_admitted_from_named_addresses() {
    if lacks(PROGRAMS) || lacks(&["ip", "nft", "keepalived"]) || lacks_namespaces() {
        return;
    }
    // The lab takes the first network that is free.
    let own: Vec<String> = (77..127)
        .map(|number| format!("10.{number}.255.1"))
        .collect();
    let stage = Stage::up(
        "balanced",
        &["--network", "--door", "5s", "--ssh-from", &own.join(",")],
    );
    let seen = stage.failover(&["--address"]);
    assert!(
        seen["last_client_moved_s"]
            .as_f64()
            .is_none_or(|moved| moved < 8.0),
        "{seen}"
    );

    // An SSH server in a box: reached from outside, but from no other box.
    let pid = |name: &str| stage.own(name)["pid"].as_u64().unwrap();
    let listen = "import socket; s = socket.create_server(('', 22)); print('ready', flush=True); s.accept(); s.accept()";
    let mut server = Command::new("nsenter")
        .arg(format!("--net=/proc/{}/ns/net", pid("web-1")))
        .args(["python3", "-c", listen])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let stdout = server.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).unwrap();
    assert_eq!(line, "ready\n");
    let web = stage.own("web-1")["address"].as_str().unwrap();
    let web: SocketAddr = web.parse().unwrap();
    let ssh = SocketAddr::new(web.ip(), 22);
    TcpStream::connect_timeout(&ssh, Duration::from_secs(5)).unwrap();
    for from in ["app-1", "web-2"] {
        assert!(
            is_refused_to(pid(from), &ssh.to_string()),
            "{from} reaches {ssh}"
        );
    }
    // Nothing goes out from a web server, not even to where SSH comes from.
    let text = web.ip().to_string();
    let network = text.split('.').nth(1).unwrap();
    let outside = format!("10.{network}.255.1");
    let listener = std::net::TcpListener::bind((outside.as_str(), 0)).unwrap();
    let listening = listener.local_addr().unwrap().to_string();
    assert!(is_refused_to(pid("web-1"), &listening), "web-1 reaches out");
    server.kill().unwrap();
    server.wait().unwrap();
}
