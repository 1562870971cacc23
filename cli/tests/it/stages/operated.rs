//! Automated operation of stages on real components: the playbooks lose no request, and their second run changes nothing.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::Value;

use super::load::{Load, lost};
use super::stage::{Stage, User, lacks};
use crate::support::{Workplace, skip};

/// Programs of the stages, and Ansible.
const PROGRAMS: &[&str] = &[
    "ansible-playbook",
    "mariadbd",
    "mariadb",
    "mariabackup",
    "garbd",
    "haproxy",
    "nginx",
    "prometheus",
    "prometheus-node-exporter",
    "redis-server",
    "redis-cli",
    "s3s-fs",
    "socat",
];

/// A build that spends 4 ms of CPU more in each request.
const SLOW: &str = r#"#!/bin/bash
for argument in "$@"; do
    if [ "$last" = --admin ]; then admin=$argument; fi
    last=$argument
done
while sleep 0.3; do
    exec 3<>"/dev/tcp/${admin%:*}/${admin##*:}" || continue
    body='{"component": "cpu", "delay_us": 4000.0, "for_s": 60}'
    printf 'PUT /debug/delay HTTP/1.1\r\nhost: box\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%s' ${#body} "$body" >&3
    cat <&3 >/dev/null
    exec 3>&-
done </dev/null >/dev/null 2>&1 &
exec TENFOLD "$@" --allow-delays
"#;

/// Result of a playbook.
struct Played {
    is_done: bool,
    output: String,
}

impl Played {
    /// Number of changes on all hosts.
    fn changes(&self) -> u32 {
        let counts = self.output.split("changed=").skip(1);
        counts
            .map(|rest| {
                let digits = rest.split(' ').next().unwrap();
                digits.trim().parse::<u32>().unwrap()
            })
            .sum()
    }

    fn expect(self, changes: std::ops::RangeInclusive<u32>) -> Self {
        assert!(self.is_done, "{}", self.output);
        assert!(changes.contains(&self.changes()), "{}", self.output);
        self
    }
}

impl Stage {
    /// Runs a playbook.
    fn play(&self, name: &str, variables: &[&str]) -> Played {
        let playbooks = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/lab/ansible");
        let mut command = Command::new("ansible-playbook");
        command.args(["-i", "localhost,"]).arg(playbooks.join(name));
        command.args(["-e", &format!("tenfold={}", env!("CARGO_BIN_EXE_tenfold"))]);
        command.args(["-e", &format!("lab={}", self.file("").display())]);
        command.args(["-e", "ansible_python_interpreter=/usr/bin/python3"]);
        for variable in variables {
            command.args(["-e", variable]);
        }
        self.place.settle(&mut command);
        command.env("ANSIBLE_NOCOLOR", "1");
        command.env("ANSIBLE_HOME", self.place.path("ansible"));
        let began = Instant::now();
        let ended = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let output = format!("{}{}", text(&ended.stdout), text(&ended.stderr));
        println!("{name} took {:.1} s", began.elapsed().as_secs_f64());
        Played {
            is_done: ended.status.success(),
            output,
        }
    }

    /// Program of each box of the service, by its name.
    fn programs(&self) -> Vec<(String, String)> {
        let status = self.place.run(&["lab", "status", "--json"]).expect(0);
        let status = status.json();
        let builds = status["builds"].as_array().unwrap();
        let text = |own: &Value, field: &str| own[field].as_str().unwrap().to_owned();
        builds
            .iter()
            .map(|own| (text(own, "name"), text(own, "program")))
            .collect()
    }
}

fn no_failures(load: &Load, from: Instant) {
    let outcomes = load.outcomes(from, Instant::now());
    assert!(outcomes.len() > 100, "{}", outcomes.len());
    let failed: Vec<_> = outcomes
        .iter()
        .filter(|outcome| outcome.failure.is_some())
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn good_build_is_rolled_out_and_slow_one_is_rolled_back() {
    if lacks(PROGRAMS) {
        return;
    }
    let fixed = ["--count", "app=2", "--count", "web=2"];
    let stage = Stage::up("autoscaled", &fixed);
    let good = stage.place.path("tenfold-2");
    std::fs::hard_link(env!("CARGO_BIN_EXE_tenfold"), &good)
        .or_else(|_| std::fs::copy(env!("CARGO_BIN_EXE_tenfold"), &good).map(drop))
        .unwrap();
    let slow = stage.place.write(
        "tenfold-3",
        &SLOW.replace("TENFOLD", env!("CARGO_BIN_EXE_tenfold")),
    );
    std::fs::set_permissions(&slow, std::fs::Permissions::from_mode(0o755)).unwrap();
    let user = User::new(&stage, "user").await;
    let load = Load::begin(&stage).await;
    let from = Instant::now();
    // A short look, with a limit that fits a busy machine.
    let quick = ["min_effect=100%", "alpha=40%", "budget=6s", "warm_up=1s"];

    let program = format!("program={}", good.display());
    let arguments = [&[program.as_str()], &quick[..]].concat();
    stage.play("rollout.yml", &arguments).expect(2..=2);
    let is_good = |own: &(String, String)| own.1 == good.display().to_string();
    assert!(
        stage.programs().iter().all(is_good),
        "{:?}",
        stage.programs()
    );
    stage.play("rollout.yml", &arguments).expect(0..=0);
    no_failures(&load, from);

    let program = format!("program={}", slow.display());
    let arguments = [&[program.as_str()], &quick[..]].concat();
    let played = stage.play("rollout.yml", &arguments);
    assert!(!played.is_done, "{}", played.output);
    println!("{}", played.output);
    let message = "The candidate is worse after";
    assert!(
        played.output.contains("Rolled back app-1"),
        "{}",
        played.output
    );
    assert!(played.output.contains(message), "{}", played.output);
    assert!(
        stage.programs().iter().all(is_good),
        "{:?}",
        stage.programs()
    );
    no_failures(&load, from);

    // A program that does not start: the box keeps its build.
    let ended = stage
        .place
        .run(&["lab", "replace", "app-2", "--program", "/bin/false"]);
    let ended = ended.expect(107);
    assert!(
        ended.stderr.contains("app-2 runs its earlier build again"),
        "{}",
        ended.stderr
    );
    let ended = stage
        .place
        .run(&["lab", "replace", "balancer", "--program", "/bin/true"]);
    let ended = ended.expect(107);
    assert!(
        ended.stderr.contains("does not run the service"),
        "{}",
        ended.stderr
    );
    no_failures(&load, from);
    let acknowledged = load.end().await;
    assert_eq!(lost(&user, &acknowledged).await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_and_passwords_are_rotated_without_failed_request() {
    if lacks(PROGRAMS) {
        return;
    }
    let fixed = ["--count", "app=2", "--count", "web=2"];
    let mut stage = Stage::up("autoscaled", &fixed);
    let user = User::new(&stage, "user").await;
    let load = Load::begin(&stage).await;
    let from = Instant::now();
    let read = |stage: &Stage, name: &str| std::fs::read_to_string(stage.file(name)).unwrap();
    let secrets = ["sql-password", "cache-password", "sql-replica"];
    let secret = |stage: &Stage| secrets.map(|name| read(stage, &format!("secrets/{name}")));
    let earlier = secret(&stage);
    let certificate = served_certificate(&stage);

    // Certificates, passwords, two boxes, and the last step.
    let played = stage.play("rotate.yml", &["older_than_s=0"]).expect(4..=4);
    println!("{}", played.output);
    assert_ne!(served_certificate(&stage), certificate);
    for (earlier, now) in earlier.iter().zip(secret(&stage)) {
        assert_ne!(*earlier, now);
    }
    stage.play("rotate.yml", &[]).expect(0..=0);
    no_failures(&load, from);

    // The databases refuse the earlier password, and accept the new one.
    let accepts = |stage: &Stage, password: &str| {
        let address = stage.own("sql-1")["address"].as_str().unwrap();
        let (host, port) = address.rsplit_once(':').unwrap();
        let ca = format!("--ssl-ca={}", stage.file("tls/ca.pem").display());
        let ended = Command::new("mariadb")
            .args([
                "--no-defaults",
                "--user=tenfold",
                "--host",
                host,
                "--port",
                port,
            ])
            .args([&ca, "--ssl-verify-server-cert", "--execute=SELECT 1"])
            .env("MYSQL_PWD", password)
            .output()
            .unwrap();
        ended.status.success()
    };
    assert!(!accepts(&stage, &earlier[0]));
    assert!(accepts(&stage, &secret(&stage)[0]));
    let acknowledged = load.end().await;
    assert_eq!(lost(&user, &acknowledged).await, []);

    // The next start of the lab uses the new ones.
    stage.down();
    stage.again("autoscaled", &fixed);
    let user = User::new(&stage, "user_2").await;
    assert_eq!(lost(&user, &acknowledged).await, []);
}

/// Returns the certificate at the entrance.
fn served_certificate(stage: &Stage) -> String {
    let address = stage.url("").trim_start_matches("https://").to_owned();
    let ended = Command::new("openssl")
        .args(["s_client", "-connect", &address, "-CAfile"])
        .arg(stage.file("tls/ca.pem"))
        .arg("-verify_return_error")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&ended.stdout).into_owned();
    let from = text.find("-----BEGIN CERTIFICATE").expect(&text);
    let until = text.find("-----END CERTIFICATE").unwrap();
    text[from..until].to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backup_is_restored_into_fresh_replica() {
    if lacks(PROGRAMS) {
        return;
    }
    let stage = Stage::up("cached", &[]);
    let load = Load::begin(&stage).await;
    let from = Instant::now();
    let newest = || stage.play("backup.yml", &[]);
    newest().expect(3..=4);
    newest().expect(0..=0);
    // It has data: nothing to restore.
    stage.play("restore.yml", &[]).expect(0..=0);
    no_failures(&load, from);

    stage.lab(&["kill", "sql-replica-1"]);
    std::fs::remove_dir_all(stage.file("sql-replica-1/data")).unwrap();
    let played = stage.play("restore.yml", &[]).expect(2..=2);
    assert!(
        played
            .output
            .contains("tables of sql-replica-1 are as those of sql-replica-2"),
        "{}",
        played.output
    );
    stage.play("restore.yml", &[]).expect(0..=0);
    // Reads of a killed replica go to others.
    no_failures(&load, from);
    load.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_request_is_reported_with_its_identifier() {
    if lacks(PROGRAMS) {
        return;
    }
    let bugsink = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tenfold/tools/bugsink/bin");
    if !bugsink.join("bugsink-manage").exists() {
        skip("no bugsink");
        return;
    }
    let place = Workplace::with_programs(bugsink);
    let fixed = ["--count", "app=2", "--count", "web=2"];
    let stage = Stage::up_in(place, "autoscaled", &fixed);
    let open = stage.place.run(&["lab", "open"]).expect(0).stdout;
    assert!(open.contains("bugsink: error reports"), "{open}");
    let user = User::new(&stage, "alice_wonderland").await;
    let post = user.post("a post that nobody else reads").await.unwrap();
    let sql = |statement: &str| {
        let socket = format!("--socket={}", stage.file("sql-1/sql.sock").display());
        let ended = Command::new("mariadb")
            .args(["--no-defaults", &socket, "--execute", statement])
            .output()
            .unwrap();
        assert!(
            ended.status.success(),
            "{}",
            String::from_utf8_lossy(&ended.stderr)
        );
    };
    sql("RENAME TABLE tenfold.posts TO tenfold.away");
    // A post that no cache has yet.
    let mut failed = None;
    for id in (1..=200).rev() {
        let answer = stage
            .client()
            .get(stage.url(&format!("/v1/posts/{id}")))
            .send()
            .await
            .unwrap();
        if answer.status() == 500 {
            failed = Some(
                answer.headers()["x-request-id"]
                    .to_str()
                    .unwrap()
                    .to_owned(),
            );
            break;
        }
    }
    sql("RENAME TABLE tenfold.away TO tenfold.posts");
    let id = failed.expect("a request failed");
    assert!(user.content(post).await.unwrap().is_some());

    let read = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('select data from events_event').fetchall())";
    let deadline = Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let ended = Command::new("python3")
            .args(["-c", read])
            .arg(stage.file("bugsink/db.sqlite3"))
            .output()
            .unwrap();
        let events = String::from_utf8_lossy(&ended.stdout).into_owned();
        if events.contains(&id) {
            assert!(events.contains("/v1/posts/{id}"), "{events}");
            assert!(!events.contains("alice"), "{events}");
            break;
        }
        let stderr = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(Instant::now() < deadline, "{id}: {events}{stderr}");
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    }
}
