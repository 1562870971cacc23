//! This machine's own times of elementary operations, of `tenfold plan --latency`.

use std::path::Path;
use std::time::{Duration, Instant};

use tenfold_analysis::plan::{Latency, Operation};
use tenfold_probe::latency;
use tenfold_server::model::{NewPost, NewUser};
use tenfold_server::store;

/// Posts of the database.
const POSTS: usize = 1000;

/// Reads of a post.
const READS: usize = 3000;

/// Measures one operation after the other.
pub(super) fn latencies() -> Vec<Latency> {
    let mut all = vec![Latency::of(Operation::Memory, latency::memory())];
    match latency::disk(Path::new(".")) {
        Ok(disk) => {
            let sequential = match disk.kind {
                latency::DiskKind::SolidState => Operation::SolidState,
                latency::DiskKind::Rotating => Operation::Rotating,
                latency::DiskKind::Unknown => Operation::Disk,
            };
            all.push(Latency::of(sequential, Ok(disk.sequential)));
            all.push(Latency::of(Operation::DiskPage, Ok(disk.random)));
        }
        Err(reason) => all.push(Latency::of(Operation::Disk, Err(reason))),
    }
    let loopback = latency::loopback().map_err(|error| error.to_string());
    all.push(Latency::of(Operation::Loopback, loopback));
    all.push(Latency::of(Operation::Redis, latency::redis()));
    let sql = sql().map_err(|error| format!("{error:#}"));
    all.push(Latency::of(Operation::Sql, sql));
    all
}

/// Times reads of a post from a new database.
fn sql() -> anyhow::Result<Vec<Duration>> {
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite:{}", folder.path().join("posts.db").display());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let store = store::resolve(&url).await?;
        let created_at = std::time::SystemTime::now().into();
        let user = NewUser {
            handle: "reader".to_owned(),
            password_hash: "none".to_owned(),
            created_at,
        };
        let author = store.create_user(user).await?.id;
        let mut posts = Vec::with_capacity(POSTS);
        for _ in 0..POSTS {
            let new = NewPost {
                author,
                content: "p".repeat(1000),
                html: String::new(),
                created_at,
            };
            posts.push(store.create_post(new).await?.id);
        }
        let mut times = Vec::with_capacity(READS);
        for read in 0..READS {
            // A prime step visits all posts in no order.
            let post = posts[read * 617 % POSTS];
            let began = Instant::now();
            store.post(post).await?;
            times.push(began.elapsed());
        }
        Ok(times)
    })
}
