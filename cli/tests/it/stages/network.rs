//! Lab with a network of its own, which refuses unlisted connections.

use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use super::stage::{Stage, lacks};
use crate::support::skip;

/// Returns whether a connection is refused immediately.
fn is_refused(address: &str) -> bool {
    let address: SocketAddr = address.parse().unwrap();
    TcpStream::connect_timeout(&address, Duration::from_secs(3))
        .is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
}

/// Returns whether a connection from the namespace of a process is refused.
pub(crate) fn is_refused_to(pid: u64, address: &str) -> bool {
    let (host, port) = address.rsplit_once(':').unwrap();
    let ended = Command::new("nsenter")
        .arg(format!("--net=/proc/{pid}/ns/net"))
        .args(["timeout", "3", "bash", "-c"])
        .arg(format!("exec 3<>/dev/tcp/{host}/{port}"))
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(
        ended.status.success() || stderr.contains("Connection refused"),
        "{address}: {stderr}"
    );
    !ended.status.success()
}

pub(crate) fn lacks_namespaces() -> bool {
    let made = Command::new("unshare").args(["--net", "true"]).output();
    let may = made.is_ok_and(|ended| ended.status.success());
    if !may {
        skip("no network namespaces can be created");
    }
    !may
}

fn namespaces() -> Vec<String> {
    let list = Command::new("ip").args(["netns", "list"]).output().unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    list.lines()
        .filter(|line| line.starts_with("tfl"))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn network_refuses_unlisted_connections() {
    if lacks(&["mariadbd", "s3s-fs", "ip", "nft"]) || lacks_namespaces() {
        return;
    }
    let before = namespaces();
    let stage = Stage::up("separated", &["--network"]);
    let address = |name: &str, what: &str| stage.own(name)[what].as_str().unwrap().to_owned();
    let pid = |name: &str| stage.own(name)["pid"].as_u64().unwrap();

    // Listed: 443 and 80 from outside, and the web server to its dependencies.
    assert!(
        stage.url("").starts_with("https://10."),
        "{}",
        stage.url("")
    );
    let answer = stage.client().get(stage.url("/v1/posts/1")).send().await;
    assert_eq!(answer.unwrap().status(), 200);
    let redirect = stage.status["entrance"]["redirect"].as_str().unwrap();
    assert!(redirect.ends_with(":80"), "{redirect}");
    assert!(!is_refused(redirect));
    for component in ["sql", "files"] {
        assert!(!is_refused_to(pid("web"), &address(component, "address")));
    }

    // Refused from outside: the database, the files, the web server's metrics.
    for hidden in [
        address("sql", "address"),
        address("files", "address"),
        address("web", "admin"),
    ] {
        assert!(is_refused(&hidden), "{hidden} is reached from outside");
    }
    // Refused between components.
    for (from, to) in [
        ("sql", address("files", "address")),
        ("files", address("sql", "address")),
        ("sql", address("web", "address")),
        ("files", address("web", "admin")),
    ] {
        assert!(is_refused_to(pid(from), &to), "{from} reaches {to}");
    }
    // Refused from boxes, including the web server, to this machine.
    let outside = redirect
        .rsplit_once('.')
        .unwrap()
        .0
        .rsplit_once('.')
        .unwrap()
        .0;
    let listener = std::net::TcpListener::bind(format!("{outside}.255.1:0")).unwrap();
    let listening = listener.local_addr().unwrap().to_string();
    for from in ["web", "sql", "files"] {
        assert!(is_refused_to(pid(from), &listening), "{from} reaches out");
    }

    stage.down();
    assert_eq!(namespaces(), before);
}
