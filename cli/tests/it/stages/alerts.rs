//! Alerts of stage `autoscaled` that fire and end because a part of it breaks. The two others, of a lost zone and a certificate, are
//! in `watched.rs`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::load::Load;
use super::stage::{Stage, User, lacks};
use super::watched;
use crate::support::{Workplace, skip};

/// The test chooses how many application servers the rules wish.
const POLICY: &str = r#"
version = 1
interval = "1s"
[groups.app]
min_replicas = 2
max_replicas = 3
[[groups.app.metrics]]
type = "custom"
name = "chosen"
target = 1
query = 'max(test_boxes)'
[groups.app.scale_down]
stabilization_window = "1s"
"#;

/// Size of the disk, in mount's notation. The stage needs about half of it.
const DISK: &str = "size=3g";

/// Writers whose rows are held, each with a connection of its own.
const HELD_WRITERS: usize = 4;

/// Posts of a held writer that wait at once. Of all, these are more than 50 for each of two web servers and three application servers.
const WAITING_POSTS: usize = 50;

/// Time of the load before all application servers fail.
const BEFORE_OUTAGE: Duration = Duration::from_secs(5);

/// A small disk in memory, on which the lab's directory is. Unmounted at its end.
struct Disk {
    directory: tempfile::TempDir,
}

impl Disk {
    /// Mounts a disk, and puts the lab of a workplace on it. `None` if this account must not mount.
    fn mount(place: &Workplace) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", DISK, "tenfold-test"]);
        let mounted = mount.arg(directory.path()).output().ok()?;
        if !mounted.status.success() {
            let why = String::from_utf8_lossy(&mounted.stderr).into_owned();
            skip(&format!("no disk to fill: {why}"));
            return None;
        }
        let own = Self { directory };
        std::os::unix::fs::symlink(own.directory.path(), place.path(".tenfold")).unwrap();
        Some(own)
    }

    /// Writes a file that leaves a twentieth of the disk free.
    fn fill(&self) {
        let free = self.figure("avail");
        let bytes = free - self.figure("size") / 20;
        let file = self.fill_path();
        let filled = Command::new("fallocate")
            .args(["-l", &bytes.to_string()])
            .arg(&file)
            .status();
        assert!(filled.unwrap().success(), "{bytes} of {free} bytes");
    }

    fn empty(&self) {
        std::fs::remove_file(self.fill_path()).unwrap();
    }

    fn fill_path(&self) -> std::path::PathBuf {
        self.directory.path().join("fill")
    }

    fn figure(&self, name: &str) -> u64 {
        let ended = Command::new("df")
            .args(["-B1", &format!("--output={name}")])
            .arg(self.directory.path())
            .output()
            .unwrap();
        let text = String::from_utf8(ended.stdout).unwrap();
        text.lines().last().unwrap().trim().parse().unwrap()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let path: &Path = self.directory.path();
        let _ = Command::new("umount").arg("--lazy").arg(path).status();
    }
}

/// Locks on the rows of the held writers in both databases, so that their posts wait. They end when this is dropped.
struct HeldRows(Vec<Child>);

impl HeldRows {
    fn hold(stage: &Stage) -> Self {
        let held = ["sql-1", "sql-2"].map(|name| {
            let socket = stage.file(name).join("sql.sock");
            let mut client = Command::new("mariadb")
                .args(["--no-defaults", "--unbuffered", "tenfold"])
                .arg(format!("--socket={}", socket.display()))
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let lock = b"BEGIN; SELECT handle FROM users WHERE handle LIKE 'held%' FOR UPDATE;\n";
            client.stdin.as_mut().unwrap().write_all(lock).unwrap();
            let rows = BufReader::new(client.stdout.take().unwrap());
            // After the heading.
            let held = rows.lines().skip(1).take(HELD_WRITERS).count();
            assert_eq!(held, HELD_WRITERS, "{name}");
            client
        });
        Self(held.into())
    }
}

impl Drop for HeldRows {
    fn drop(&mut self) {
        for client in &mut self.0 {
            // The server rolls back what is open.
            let _ = client.kill();
            let _ = client.wait();
        }
    }
}

/// Writes posts of users whose rows are held, again and again until aborted.
fn write_posts(users: &[Arc<User>]) -> Vec<JoinHandle<()>> {
    let posts = users.iter().flat_map(|user| {
        (0..WAITING_POSTS).map(|_| {
            let user = Arc::clone(user);
            tokio::spawn(async move {
                loop {
                    // In time, some fail.
                    let _ = user.post("waits").await;
                }
            })
        })
    });
    posts.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alerts_fire_and_end_as_parts_break_and_recover() {
    if lacks(watched::PROGRAMS) {
        return;
    }
    let place = Workplace::new();
    let disk = Disk::mount(&place);
    let policy = place.write("autoscale.toml", POLICY);
    let stage = Stage::up_in(place, "autoscaled", &["--policy", policy.to_str().unwrap()]);
    let choose = |boxes: u32| {
        let path = stage.file("node-exporter").join("test.prom");
        std::fs::write(path, format!("test_boxes {boxes}\n")).unwrap();
    };

    // Those that take a while run at the same time.
    choose(3);
    stage.lab(&["kill", "sql-replica-1"]);
    if let Some(disk) = &disk {
        disk.fill();
    }
    let mut all = vec!["ReplicationLag", "ScalingAtMaximum"];
    all.extend(disk.as_ref().map(|_| "DiskAlmostFull"));
    let began = Instant::now();
    for name in &all {
        stage.incident(name, "firing").await;
        println!("{name} fired after {:.0} s", began.elapsed().as_secs_f64());
    }
    if let Some(disk) = &disk {
        disk.empty();
    }
    stage.lab(&["revive", "sql-replica-1"]);
    choose(2);
    for name in &all {
        stage.incident(name, "resolved").await;
    }

    let mut users = Vec::new();
    for number in 0..HELD_WRITERS {
        users.push(Arc::new(User::new(&stage, &format!("held{number}")).await));
    }
    let held = HeldRows::hold(&stage);
    let posts = write_posts(&users);
    stage.incident("QueueTooLong", "firing").await;
    for post in &posts {
        post.abort();
    }
    drop(held);
    stage.incident("QueueTooLong", "resolved").await;

    stage.lab(&["kill", "balancer"]);
    stage.incident("EntranceDown", "firing").await;
    stage.lab(&["revive", "balancer"]);
    stage.incident("EntranceDown", "resolved").await;

    // Its end takes as long as its short window, five minutes: `promtool test rules` shows that.
    let load = Load::begin(&stage).await;
    tokio::time::sleep(BEFORE_OUTAGE).await;
    for name in ["app-1", "app-2"] {
        stage.lab(&["kill", name]);
    }
    let fired = stage
        .incident_with("SloBurnRate", "firing", "objective", "availability")
        .await;
    assert_eq!(fired["runbook"], "docs/runbooks/slo-burn-rate.md");
    load.end().await;
    drop(stage);
    drop(disk);
}
