//! A child process writes and prints what was acknowledged, and is killed at random moments: all
//! that it printed is there afterwards.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rand::RngExt;

use super::*;

const CHILD: &str = "TENFOLD_TEST_CRASH_STORE";
const LOAD: &str = "TENFOLD_TEST_CRASH_LOAD";
const KILLS: u32 = 40;
const WRITERS: u32 = 8;

fn child(test: &str, variable: &str, path: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", test, "--nocapture", "--include-ignored"])
        .env(variable, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// The child: writes with several tasks at once, one line for each acknowledged write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the child of `acknowledged_writes_survive_kills`"]
async fn writing_child() {
    let Some(path) = std::env::var_os(CHILD) else {
        return;
    };
    let store = open(Path::new(&path)).await;
    let author = match store.credentials("writer").await {
        Ok(credentials) => credentials.user,
        Err(_) => store.create_user(new_user("writer")).await.unwrap().id,
    };
    let tasks = (0..WRITERS).map(|_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for number in 0_u64.. {
                let text = format!("{number} {}", "x".repeat(1_000));
                let post = store.create_post(new_post(author, &text)).await.unwrap();
                acknowledge(&format!("created {} {number}", post.id));
                if number % 3 == 0 {
                    let changed = PostEdit {
                        content: format!("changed {number}"),
                        html: String::new(),
                        updated_at: Timestamp(number as i64),
                    };
                    store.update_post(author, post.id, changed).await.unwrap();
                    acknowledge(&format!("changed {} {number}", post.id));
                }
                if number % 7 == 0 {
                    store.delete_post(author, post.id).await.unwrap();
                    acknowledge(&format!("deleted {} {number}", post.id));
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

fn acknowledge(line: &str) {
    // One write call each, so that a line is there whole or not at all (pipes keep up to 4 KB whole).
    std::io::stdout()
        .lock()
        .write_all(format!("\n{line}\n").as_bytes())
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_writes_survive_kills() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    let mut rng = rand_pcg::Pcg64Mcg::new(7);
    let mut acknowledged = 0;
    for kill in 0..KILLS {
        let mut child = child("store::sqlite::tests::crash::writing_child", CHILD, &path)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let reader = std::thread::spawn(move || -> Vec<String> {
            lines
                .map_while(Result::ok)
                .filter(|line| line.split(' ').count() == 3)
                .collect()
        });
        // From before the schema is there to well into writing.
        std::thread::sleep(Duration::from_micros(rng.random_range(1_000..250_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        let lines = reader.join().unwrap();
        acknowledged += check(&path, &lines, kill).await;
    }
    println!("{acknowledged} acknowledged writes outlived {KILLS} kills");
    assert!(
        acknowledged > 1_000,
        "{acknowledged}: too few to say anything"
    );
}

/// Compares what was acknowledged with what is there after reopening.
async fn check(path: &Path, lines: &[String], kill: u32) -> usize {
    #[derive(Debug, PartialEq)]
    enum Last {
        Created,
        Changed,
        Deleted,
    }
    let mut last = std::collections::BTreeMap::new();
    for line in lines {
        let [what, id, number] = line.split(' ').collect::<Vec<_>>()[..] else {
            continue;
        };
        let (Ok(id), Ok(number)) = (id.parse::<i64>(), number.parse::<u64>()) else {
            continue;
        };
        let what = match what {
            "created" => Last::Created,
            "changed" => Last::Changed,
            "deleted" => Last::Deleted,
            _ => continue,
        };
        last.insert(id, (what, number));
    }
    let store = open(path).await;
    for (id, (what, number)) in &last {
        let found = store.post(PostId(*id)).await;
        let (created, changed) = (format!("{number} "), format!("changed {number}"));
        let kept = match (what, &found) {
            // What was done last may have been done without being acknowledged.
            (Last::Created, Ok(post)) => {
                post.content.starts_with(&created) || post.content == changed
            }
            (Last::Changed, Ok(post)) => post.content == changed,
            (Last::Created | Last::Changed, Err(error)) => {
                *error == StoreError::NotFound && number % 7 == 0
            }
            (Last::Deleted, found) => *found == Err(StoreError::NotFound),
        };
        assert!(
            kept,
            "kill {kill}: {id} was {what:?} as {number}, found {found:?}"
        );
    }
    // The count of posts, kept beside them, agrees with them.
    let whole = store.writer.alone(|connection| {
        let agree = connection.query_row(
            "SELECT (SELECT count(*) FROM posts) = (SELECT coalesce(sum(posts), 0) FROM users), \
             (SELECT integrity_check FROM pragma_integrity_check)",
            (),
            |row| Ok((row.get::<_, bool>(0)?, row.get::<_, String>(1)?)),
        );
        agree.map_err(|error| failure::failed(&error))
    });
    assert_eq!(whole.await.unwrap(), (true, "ok".to_owned()), "kill {kill}");
    store.close().await;
    lines.len()
}

/// The child: loads a data set.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the child of `a_load_cut_short_is_begun_again`"]
async fn loading_child() {
    let Some(path) = std::env::var_os(LOAD) else {
        return;
    };
    let store = open(Path::new(&path)).await;
    store.load(load_content()).await.unwrap();
    acknowledge("loaded all here");
}

fn load_content() -> Arc<Content> {
    let data_set = crate::data_set::DataSet {
        posts: 5_000,
        users: 1_000,
        ..Default::default()
    };
    Arc::new(
        data_set
            .content("$argon2id$".to_owned(), contract::in_paragraph)
            .unwrap(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_cut_short_is_begun_again() {
    let mut rng = rand_pcg::Pcg64Mcg::new(11);
    // How long a load takes here, to spread the kills over it.
    let dir = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    let whole = child(
        "store::sqlite::tests::crash::loading_child",
        LOAD,
        &dir.path().join("whole.sqlite"),
    )
    .output()
    .unwrap();
    assert!(String::from_utf8_lossy(&whole.stdout).contains("loaded all here"));
    let took = begun.elapsed();
    for kill in 0..12 {
        let path = dir.path().join(format!("{kill}.sqlite"));
        let mut child = child("store::sqlite::tests::crash::loading_child", LOAD, &path)
            .spawn()
            .unwrap();
        std::thread::sleep(took.mul_f64(rng.random_range(0.1..1.0)));
        child.kill().unwrap();
        child.wait().unwrap();
        let store = open(&path).await;
        let nobody = store.user(UserId(1)).await == Err(StoreError::NotFound);
        let loaded = store.load(load_content()).await.unwrap();
        // Nothing or everything: found whole only where it is.
        assert_eq!(loaded.reused, !nobody, "kill {kill}");
        assert_eq!(store.user(UserId(1_000)).await.unwrap().handle, "user1000");
        assert_eq!(store.post(PostId(5_000)).await.unwrap().id, PostId(5_000));
        store.close().await;
    }
}
