//! Kills of a process that writes to SQLite, at random times. All acknowledged writes survive.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::RngExt;
use tenfold_server::data_set::{Content, DataSet};
use tenfold_server::model::{PostId, Timestamp, UserId};
use tenfold_server::store::{Store, StoreError, reconcile, resolve, resolve_photos};

const KILLS: u32 = 40;

/// Creates the command of the process to kill; see `support/crash_child.rs`.
fn child(action: &str, path: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tenfold-crash-child"));
    command
        .arg(action)
        .arg(path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

async fn open(path: &Path) -> Arc<dyn Store> {
    let url = format!("sqlite:{}", path.display());
    resolve(&url).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_writes_survive_kills() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    let mut rng = rand_pcg::Pcg64Mcg::new(7);
    let mut acknowledged = 0;
    for kill in 0..KILLS {
        let mut child = child("write", &path).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let reader =
            std::thread::spawn(move || -> Vec<String> { lines.map_while(Result::ok).collect() });
        // From before the schema exists to well into writing.
        std::thread::sleep(Duration::from_micros(rng.random_range(1_000..250_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        let lines = reader.join().unwrap();
        acknowledged += check(&path, &lines, kill).await;
    }
    println!("{acknowledged} acknowledged writes survived {KILLS} kills");
    assert!(
        acknowledged > 300,
        "{acknowledged}: too few to prove anything"
    );
}

/// Kills between the two halves of a change: the record of a photo, and its post.
#[tokio::test(flavor = "multi_thread")]
async fn photos_in_their_own_database_agree_with_posts_after_kills() {
    const KILLS: u64 = 15;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    let mut rng = rand_pcg::Pcg64Mcg::new(11);
    let (mut acknowledged, mut half_done) = (0, 0);
    for kill in 0..KILLS {
        let mut child = child("photos", &path).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let reader =
            std::thread::spawn(move || -> Vec<String> { lines.map_while(Result::ok).collect() });
        std::thread::sleep(Duration::from_micros(rng.random_range(1_000..250_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        let lines = reader.join().unwrap();
        acknowledged += lines.len();
        half_done += check_photos(&path, &lines, kill).await;
    }
    println!("{acknowledged} acknowledged calls, {half_done} half-done changes, {KILLS} kills");
    assert!(
        acknowledged > 100,
        "{acknowledged}: too few to prove anything"
    );
    assert!(half_done > 0, "no kill was between two halves");
}

/// Finishes what the kill left half done, as a worker does, and returns its amount. Then photos and posts agree.
async fn check_photos(path: &Path, lines: &[String], kill: u64) -> usize {
    let store = open(path).await;
    let photos = resolve_photos(&format!("sqlite:{}-photos", path.display())).await;
    let photos = photos.unwrap();
    let all = Timestamp(i64::MAX);
    let notes = photos.noted_photos(all, 1_000).await.unwrap();
    for note in &notes {
        reconcile(&*store, &*photos, *note).await.unwrap();
    }
    assert_eq!(photos.noted_photos(all, 1).await, Ok(Vec::new()));
    let mut last: BTreeMap<i64, &str> = BTreeMap::new();
    for line in lines {
        let (what, post) = line.split_once(' ').unwrap();
        last.insert(post.parse().unwrap(), what);
    }
    for (id, what) in last {
        let (record, _) = photos.record(PostId(id)).await.unwrap();
        let post = store.post(PostId(id)).await;
        let agrees = match (what, &post) {
            ("photo", Ok(post)) => post.has_photo && record.is_some(),
            // The call after the last acknowledged one may have been done too.
            (_, Err(error)) => *error == StoreError::NotFound && record.is_none(),
            _ => false,
        };
        assert!(agrees, "kill {kill}: {what} of {id}, {post:?}, {record:?}");
    }
    store.close().await;
    photos.close_photos().await;
    notes.len()
}

#[derive(Debug, PartialEq)]
enum Write {
    Created,
    Changed,
    Deleted,
}

/// Compares the acknowledged writes with the reopened store, and returns their number.
async fn check(path: &Path, lines: &[String], kill: u32) -> usize {
    let mut last = BTreeMap::new();
    for line in lines {
        let [write, id, number] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("kill {kill}: unexpected line `{line}`");
        };
        let (id, number) = (id.parse::<i64>().unwrap(), number.parse::<u64>().unwrap());
        let write = match write {
            "created" => Write::Created,
            "changed" => Write::Changed,
            "deleted" => Write::Deleted,
            _ => panic!("kill {kill}: unexpected line `{line}`"),
        };
        last.insert(id, (write, number));
    }
    let store = open(path).await;
    for (id, (write, number)) in &last {
        let found = store.post(PostId(*id)).await;
        let (created, changed) = (format!("{number} "), format!("changed {number}"));
        let kept = match (write, &found) {
            // The write after the last acknowledged one may be stored too.
            (Write::Created, Ok(post)) => {
                post.content.starts_with(&created) || post.content == changed
            }
            (Write::Changed, Ok(post)) => post.content == changed,
            (Write::Created | Write::Changed, Err(error)) => {
                *error == StoreError::NotFound && number % 7 == 0
            }
            (Write::Deleted, found) => *found == Err(StoreError::NotFound),
        };
        assert!(
            kept,
            "kill {kill}: post {id} was {write:?} by write {number}, found {found:?}"
        );
    }
    store.close().await;
    drop(store);
    // The counters of posts agree with the posts.
    let (agree, integrity) = rusqlite::Connection::open(path)
        .unwrap()
        .query_row(
            "SELECT (SELECT count(*) FROM posts) = (SELECT coalesce(sum(posts), 0) FROM users), \
             (SELECT integrity_check FROM pragma_integrity_check)",
            (),
            |row| Ok((row.get::<_, bool>(0)?, row.get::<_, String>(1)?)),
        )
        .unwrap();
    assert!(agree, "kill {kill}");
    assert_eq!(integrity, "ok", "kill {kill}");
    lines.len()
}

/// The data set that the child loads.
fn load_content() -> Arc<Content> {
    let data_set = DataSet {
        posts: 5_000,
        users: 1_000,
        ..DataSet::default()
    };
    let content = data_set.content("$argon2id$".to_owned(), str::to_owned);
    Arc::new(content.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupted_load_restarts() {
    let mut rng = rand_pcg::Pcg64Mcg::new(11);
    let dir = tempfile::tempdir().unwrap();
    // The kills are spread over the duration of a whole load.
    let begun = Instant::now();
    let whole = child("load", &dir.path().join("whole.sqlite"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&whole.stdout), "loaded\n");
    let took = begun.elapsed();
    for kill in 0..12 {
        let path = dir.path().join(format!("{kill}.sqlite"));
        let mut child = child("load", &path).spawn().unwrap();
        std::thread::sleep(took.mul_f64(rng.random_range(0.1..1.0)));
        child.kill().unwrap();
        child.wait().unwrap();
        let store = open(&path).await;
        let empty = store.user(UserId(1)).await == Err(StoreError::NotFound);
        let loaded = store.load(load_content()).await.unwrap();
        // The killed load left nothing or everything, and only a complete data set is reused.
        assert_eq!(loaded.reused, !empty, "kill {kill}");
        assert_eq!(store.user(UserId(1_000)).await.unwrap().handle, "user1000");
        assert_eq!(store.post(PostId(5_000)).await.unwrap().id, PostId(5_000));
        store.close().await;
    }
}
