//! Loss and return of the server, as in a failover: reads continue, and no write happens twice.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use super::proxy::{Command, Fate, Proxy, Weather};
use super::*;

/// Server, a proxy in front of it, and a store connected through the proxy.
struct Path {
    server: MariaDb,
    proxy: Proxy,
    store: Arc<MysqlStore>,
    author: UserId,
}

async fn path() -> Option<Path> {
    let server = MariaDb::start().await?;
    let proxy = Proxy::to(server.address()).await;
    let direct = server.database("failover").await;
    let url = proxy.url(&direct, server.address());
    let store = Arc::new(MysqlStore::open(&url).await.unwrap());
    let author = store.create_user(new_user("writer")).await.unwrap().id;
    Some(Path {
        server,
        proxy,
        store,
        author,
    })
}

impl Path {
    async fn posts(&self) -> u64 {
        let count = self
            .server
            .column("SELECT COUNT(*) FROM failover.posts")
            .await;
        count[0].parse().unwrap()
    }

    async fn post(&self) -> Result<Post, StoreError> {
        self.store.create_post(new_post(self.author, "once")).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commit_without_response_is_not_retried() {
    let Some(path) = path().await else { return };
    // (Fate of the commit, and the number of posts stored.)
    for (fate, there) in [
        (Fate::CutAfter, 1),
        (Fate::CutBefore, 0),
        // The outcome is unknown. Most of these errors never result from a commit in practice.
        (Fate::Refused(1047), 0),
        (Fate::Refused(1180), 0),
        (Fate::Refused(1205), 0),
    ] {
        let (commits, posts) = (path.proxy.commits(), path.posts().await);
        path.proxy.befall(Command::Commit, fate, 1);
        let outcome = path.post().await;
        assert!(
            matches!(&outcome, Err(StoreError::Unavailable(why)) if why.contains("unknown whether")),
            "{fate:?}: {outcome:?}"
        );
        assert_eq!(path.proxy.commits() - commits, 1, "{fate:?}");
        assert_eq!(path.posts().await - posts, there, "{fate:?}");
    }
    // The store still works.
    path.post().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn rolled_back_commit_is_retried() {
    let Some(path) = path().await else { return };
    let commits = path.proxy.commits();
    // As with Galera if another server's transaction was first.
    path.proxy.befall(Command::Commit, Fate::Refused(1213), 2);
    path.post().await.unwrap();
    assert_eq!(path.proxy.commits() - commits, 3);
    assert_eq!(path.posts().await, 1);
    assert_eq!(path.store.user(path.author).await.unwrap().posts, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn failure_before_commit_is_retried() {
    let Some(path) = path().await else { return };
    let post = path.post().await.unwrap();
    for (number, fate) in [
        Fate::Refused(1047),
        Fate::Refused(1053),
        Fate::Refused(1927),
        Fate::CutBefore,
        Fate::CutAfter,
    ]
    .into_iter()
    .enumerate()
    {
        path.proxy.befall(Command::Execute, fate, 3);
        assert_eq!(path.store.post(post.id).await, Ok(post.clone()), "{fate:?}");
        path.proxy.befall(Command::Execute, fate, 2);
        path.post().await.unwrap();
        assert_eq!(path.posts().await, number as u64 + 2, "{fate:?}");
    }
    // An invalid statement is not retried.
    path.proxy.befall(Command::Execute, Fate::Refused(1146), 2);
    let outcome = path.store.post(post.id).await;
    assert!(matches!(outcome, Err(StoreError::Other(_))), "{outcome:?}");
    let outcome = path.post().await;
    assert!(matches!(outcome, Err(StoreError::Other(_))), "{outcome:?}");
    assert_eq!(path.store.post(post.id).await, Ok(post));
}

#[tokio::test(flavor = "multi_thread")]
async fn retries_end() {
    let Some(path) = path().await else { return };
    path.proxy.set(Weather::Down);
    let began = Instant::now();
    let read = path.store.user(path.author).await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    // Three seconds of retries, and a margin for a busy machine.
    let took = began.elapsed();
    assert!(took > Duration::from_secs(2), "{took:?}");
    assert!(took < Duration::from_secs(8), "{took:?}");
    let write = path.post().await;
    assert!(
        matches!(write, Err(StoreError::Unavailable(_))),
        "{write:?}"
    );
    path.proxy.set(Weather::Fair);
    path.post().await.unwrap();
    assert_eq!(path.posts().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn hung_connections_are_abandoned() {
    let Some(path) = path().await else { return };
    let post = path.post().await.unwrap();
    // Fills the pool.
    let reads = (0..200).map(|_| {
        let (store, id) = (Arc::clone(&path.store), post.id);
        tokio::spawn(async move { store.post(id).await })
    });
    for read in reads.collect::<Vec<_>>() {
        read.await.unwrap().unwrap();
    }
    path.proxy.stall();
    let began = Instant::now();
    let (read, write) = tokio::join!(path.store.post(post.id), path.post());
    assert_eq!(read, Ok(post.clone()));
    write.unwrap();
    // One attempt hangs for two seconds, the next does not.
    assert!(began.elapsed() < CALL_TIMEOUT, "{:?}", began.elapsed());
    // The hung connections are not reused and occupy no slot.
    let reads = (0..200).map(|_| {
        let (store, id) = (Arc::clone(&path.store), post.id);
        tokio::spawn(async move { store.post(id).await })
    });
    for read in reads.collect::<Vec<_>>() {
        read.await.unwrap().unwrap();
    }
    assert_eq!(path.posts().await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_reused() {
    let Some(path) = path().await else { return };
    for _ in 0..20 {
        let reads = (0..64).map(|_| {
            let (store, author) = (Arc::clone(&path.store), path.author);
            tokio::spawn(async move { store.user(author).await })
        });
        for read in reads.collect::<Vec<_>>() {
            read.await.unwrap().unwrap();
        }
    }
    let connections = path.proxy.connections();
    assert!(connections <= CONNECTIONS_MAX as u32, "{connections}");
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_survive_outage() {
    let Some(path) = path().await else { return };
    let traffic = Traffic::start(&path.store, path.author);
    traffic.flows(50).await;
    for _ in 0..3 {
        path.proxy.set(Weather::Down);
        sleep(Duration::from_millis(1_500)).await;
        path.proxy.set(Weather::Fair);
        traffic.flows(50).await;
    }
    let (reads, failed, stored) = traffic.stop().await;
    println!("{reads} reads, {} acknowledged writes", stored.len());
    assert_eq!(failed, 0, "of {reads} reads");
    for post in &stored {
        assert_eq!(path.store.post(post.id).await.as_ref(), Ok(post));
    }
    assert!(path.posts().await >= stored.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_survive_two_second_server_restart() {
    let Some(mut path) = path().await else { return };
    let traffic = Traffic::start(&path.store, path.author);
    let mut valid = 0;
    // A busy machine may take longer to start a server. Then failures are not the store's fault.
    for _ in 0..10 {
        traffic.flows(100).await;
        let before = traffic.failed();
        let began = Instant::now();
        path.server.kill();
        sleep(Duration::from_millis(1_300)).await;
        path.server.restart().await;
        let down = began.elapsed();
        // Earlier reads have ended by then.
        traffic.flows(100).await;
        println!("down for {down:?}");
        if down < Duration::from_secs(2) {
            valid += 1;
            assert_eq!(traffic.failed(), before, "down for {down:?}");
        } else {
            sleep(CALL_TIMEOUT).await;
        }
        if valid == 3 {
            break;
        }
    }
    let (reads, failed, stored) = traffic.stop().await;
    println!(
        "{valid} kills, {reads} reads, {failed} failed, {} writes",
        stored.len()
    );
    for post in &stored {
        assert_eq!(path.store.post(post.id).await.as_ref(), Ok(post));
    }
    assert!(path.posts().await >= stored.len() as u64);
}

/// Readers and writers that continue after errors.
pub(super) struct Traffic {
    stop: Arc<AtomicBool>,
    reads: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
    stored: Arc<Mutex<Vec<Post>>>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Traffic {
    pub(super) fn start(store: &Arc<MysqlStore>, author: UserId) -> Self {
        let mut traffic = Self {
            stop: Arc::default(),
            reads: Arc::default(),
            failed: Arc::default(),
            stored: Arc::default(),
            tasks: Vec::new(),
        };
        for _ in 0..16 {
            let (store, stop) = (Arc::clone(store), Arc::clone(&traffic.stop));
            let (reads, failed) = (Arc::clone(&traffic.reads), Arc::clone(&traffic.failed));
            traffic.tasks.push(tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    if let Err(error) = store.user(author).await {
                        println!("a read failed: {error}");
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                    reads.fetch_add(1, Ordering::Relaxed);
                    sleep(Duration::from_millis(5)).await;
                }
            }));
        }
        for _ in 0..8 {
            let (store, stop) = (Arc::clone(store), Arc::clone(&traffic.stop));
            let stored = Arc::clone(&traffic.stored);
            traffic.tasks.push(tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    match store.create_post(new_post(author, "kept")).await {
                        Ok(post) => stored.lock().unwrap().push(post),
                        // The outcome is unknown, or the server was away for too long.
                        Err(StoreError::Unavailable(_)) => {}
                        Err(error) => panic!("{error:?}"),
                    }
                    sleep(Duration::from_millis(5)).await;
                }
            }));
        }
        traffic
    }

    /// Waits for this many further reads and writes.
    pub(super) async fn flows(&self, count: u64) {
        let written = || self.stored.lock().unwrap().len() as u64;
        let (reads, writes) = (self.reads.load(Ordering::Relaxed), written());
        while self.reads.load(Ordering::Relaxed) < reads + count || written() < writes + count {
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Returns the number of failed reads.
    pub(super) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Stops; returns the number of reads, the number of failed reads, and the stored posts.
    pub(super) async fn stop(self) -> (u64, u64, Vec<Post>) {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.unwrap();
        }
        let stored = self.stored.lock().unwrap().clone();
        (
            self.reads.load(Ordering::Relaxed),
            self.failed.load(Ordering::Relaxed),
            stored,
        )
    }
}
