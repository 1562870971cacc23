//! Stage `balanced` on real components: effects of the loss of a box.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::load::{Load, Outcome, lost};
use super::stage::{Stage, User, lacks};

/// Programs of the stage.
const PROGRAMS: &[&str] = &[
    "mariadbd",
    "mariabackup",
    "garbd",
    "haproxy",
    "nginx",
    "s3s-fs",
    "socat",
];

/// Longest time without acknowledged writes after a loss.
const WRITES_WITHIN: Duration = Duration::from_secs(15);

/// Longest time without reads after a loss: until the balancers notice it.
const READS_WITHIN: Duration = Duration::from_secs(3);

fn failures(outcomes: &[Outcome]) -> Vec<&Outcome> {
    let failed = |outcome: &&Outcome| outcome.failure.is_some();
    outcomes.iter().filter(failed).collect()
}

/// Drains, kills and revives a web server without losing a request.
async fn a_web_server_is_drained(stage: &Stage, load: &Load) {
    for (part, why) in [
        ("sql-1", "no running balancer sends it requests"),
        ("app-1", "no running balancer sends it requests"),
        ("web-9", "web-1"),
    ] {
        let refused = stage.place.run(&["lab", "drain", part]);
        assert_ne!(refused.code, Some(0), "{part}");
        assert!(refused.stderr.contains(why), "{}", refused.stderr);
    }
    let began = Instant::now();
    stage.lab(&["drain", "web-1"]);
    let last = stage.place.run(&["lab", "drain", "web-2"]);
    assert!(last.stderr.contains("is the last"), "{}", last.stderr);
    let drained = sent_to(stage, "web-1");
    assert_eq!(drained.state, "DRAIN");
    sleep(Duration::from_secs(1)).await;
    assert_eq!(sent_to(stage, "web-1").sent, drained.sent);
    stage.lab(&["kill", "web-1"]);
    sleep(Duration::from_secs(1)).await;
    let revived = stage.place.run(&["lab", "revive", "web-1"]);
    assert!(revived.expect(0).stderr.contains("web-1: up again"));
    let deadline = Instant::now() + Duration::from_secs(10);
    while sent_to(stage, "web-1").sent <= drained.sent {
        assert!(Instant::now() < deadline, "it is sent nothing again");
        sleep(Duration::from_millis(100)).await;
    }
    let outcomes = load.outcomes(began, Instant::now());
    let failed = failures(&outcomes);
    println!(
        "drained: {} of {} requests failed",
        failed.len(),
        outcomes.len()
    );
    assert!(outcomes.len() > 100 && failed.is_empty(), "{failed:#?}");
}

struct Sent {
    state: String,
    sent: u64,
}

/// Returns what the entry balancer counted for a server.
fn sent_to(stage: &Stage, name: &str) -> Sent {
    let status = stage.place.run(&["lab", "status", "--json"]).json();
    let balancers = status["balancers"].as_array().unwrap();
    let servers = balancers.iter().flat_map(|own| own["servers"].as_array());
    let server = servers.flatten().find(|server| server["name"] == name);
    let server = server.unwrap_or_else(|| panic!("no balancer sends to {name}: {status:#}"));
    Sent {
        state: server["state"].as_str().unwrap().to_owned(),
        sent: server["sent"].as_u64().unwrap(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loses_no_acknowledged_write_with_a_box() {
    if lacks(PROGRAMS) {
        return;
    }
    let stage = Stage::up("balanced", &[]);
    let reader = User::new(&stage, "checker").await;
    let load = Load::begin(&stage).await;
    sleep(Duration::from_secs(2)).await;

    a_web_server_is_drained(&stage, &load).await;

    // A web server is lost; the other one takes over.
    let killed = Instant::now();
    stage.lab(&["kill", "web-1"]);
    sleep(Duration::from_secs(3)).await;
    let outcomes = load.outcomes(killed, killed + Duration::from_secs(2));
    let failed = failures(&outcomes);
    println!(
        "a web server: {} of {} requests within 2 s failed",
        failed.len(),
        outcomes.len()
    );
    // Less than 0.5% of a second's requests fail: no reads, and only writes in flight.
    assert!(
        failed.iter().filter(|outcome| !outcome.is_write).count() == 0,
        "{failed:#?}"
    );
    assert!(failed.len() <= 1, "{failed:#?}");
    stage.lab(&["revive", "web-1"]);

    for part in ["sql-1", "zone-b"] {
        let killed = Instant::now();
        stage.lab(&["kill", part]);
        let reads = load.reads_again(killed, READS_WITHIN).await;
        let writes = load.writes_again(killed, WRITES_WITHIN).await;
        println!("{part}: reads after {reads:?}, writes after {writes:?}");
        assert!(
            reads.is_some(),
            "no reads within {READS_WITHIN:?} without {part}"
        );
        assert!(
            writes.is_some(),
            "no writes within {WRITES_WITHIN:?} without {part}"
        );
        sleep(Duration::from_secs(2)).await;
        // The service works again without the lost box.
        let now = Instant::now();
        let outcomes = load.outcomes(now - Duration::from_secs(1), now);
        let failed = failures(&outcomes);
        println!(
            "{part}: {} of {} requests of a second failed while it was away",
            failed.len(),
            outcomes.len()
        );
        assert!(failed.is_empty(), "{failed:#?}");
        let between = load.outcomes(killed, now);
        let reads: Vec<_> = between.iter().filter(|outcome| !outcome.is_write).collect();
        let failed = reads.iter().filter(|read| read.failure.is_some()).count();
        let slowest = reads.iter().map(|read| read.ended - read.began).max();
        println!(
            "{part}: {failed} of {} reads failed, the slowest took {slowest:?}",
            reads.len()
        );
        stage.lab(&["revive", part]);
        sleep(Duration::from_secs(2)).await;
    }

    let acknowledged = load.end().await;
    println!("{} writes were acknowledged", acknowledged.len());
    assert!(acknowledged.len() > 100);
    assert_eq!(lost(&reader, &acknowledged).await, []);
}
