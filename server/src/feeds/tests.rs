//! Written feeds beside computed ones.

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::queue::{Jobs, QueueOptions};
use crate::store::contract::{new_post, new_user};
use crate::store::{Base, MemoryStore, Repair, Store, WrittenFeed};

mod settled;
mod simulation;
mod table;

use settled::Settled;

fn options(mode: FeedMode) -> FeedOptions {
    FeedOptions {
        mode,
        followers_max: 2,
        posts_max: 10,
        repair_every: None,
    }
}

/// Store whose reads wait until all jobs of feeds are done.
async fn settled(base: Arc<dyn Base>, mode: FeedMode) -> Settled {
    let feeds = Feeds::new(base.clone(), base.clone(), options(mode));
    Settled::new(base, Arc::new(feeds))
}

async fn keeps_contract(open: impl AsyncFn() -> Arc<dyn Base>) {
    for mode in [FeedMode::Write, FeedMode::Hybrid] {
        crate::store::contract::is_kept(async || {
            Arc::new(settled(open().await, mode).await) as Arc<dyn Store>
        })
        .await;
    }
}

#[tokio::test]
async fn memory_keeps_contract() {
    keeps_contract(async || Arc::new(MemoryStore::default()) as Arc<dyn Base>).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_contract() {
    let folder = tempfile::tempdir().unwrap();
    let number = AtomicU32::new(0);
    keeps_contract(async || {
        let number = number.fetch_add(1, Ordering::Relaxed);
        let path = folder.path().join(format!("{number}.sqlite"));
        let url = format!("sqlite:{}", path.display());
        crate::store::resolve_base(&url).await.unwrap()
    })
    .await;
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread")]
async fn shards_keep_contract() {
    let folder = tempfile::tempdir().unwrap();
    let number = AtomicU32::new(0);
    crate::store::contract::is_kept(async || {
        let number = number.fetch_add(1, Ordering::Relaxed);
        let own = folder.path().join(number.to_string());
        std::fs::create_dir(&own).unwrap();
        let url = |name: &str| format!("sqlite:{}", own.join(name).display());
        let shards = ["posts-1", "posts-2"].map(|name| format!("{name}={}", url(name)));
        let store = crate::store::resolve_sharded(&url("users"), &shards).await;
        let store = store.unwrap();
        let feeds = Feeds::new(store.clone(), store.directory(), options(FeedMode::Hybrid));
        Arc::new(Settled::new(store, Arc::new(feeds))) as Arc<dyn Store>
    })
    .await;
}

#[cfg(feature = "mysql")]
#[tokio::test(flavor = "multi_thread")]
async fn mariadb_keeps_contract() {
    let Some(server) = crate::store::mariadb::MariaDb::start().await else {
        return;
    };
    let number = AtomicU32::new(0);
    keeps_contract(async || {
        let number = number.fetch_add(1, Ordering::Relaxed);
        let url = server.database(&format!("feeds_{number}")).await;
        crate::store::resolve_base(&url).await.unwrap()
    })
    .await;
}

/// Three readers and two authors, on a memory store.
struct Scene {
    base: Arc<MemoryStore>,
    feeds: Arc<Feeds>,
    readers: Vec<UserId>,
    author: UserId,
}

impl Scene {
    async fn new(mode: FeedMode) -> Self {
        let base = Arc::new(MemoryStore::default());
        let feeds = Feeds::new(base.clone(), base.clone(), options(mode));
        feeds.note_posts();
        let author = base.create_user(new_user("author")).await.unwrap().id;
        let mut readers = Vec::new();
        for number in 0..3 {
            let new = new_user(&format!("reader{number}"));
            let reader = base.create_user(new).await.unwrap().id;
            base.follow(reader, author, Timestamp(1)).await.unwrap();
            readers.push(reader);
        }
        Self {
            base,
            feeds: Arc::new(feeds),
            readers,
            author,
        }
    }

    async fn post(&self) -> NotedPost {
        let post = self.base.create_post(new_post(self.author, "x")).await;
        let post = post.unwrap();
        NotedPost {
            post: post.id,
            author: post.author,
            created_at: post.created_at,
        }
    }

    async fn entries(&self, reader: usize) -> Option<Vec<PostId>> {
        let user = self.readers[reader];
        match self.feeds.table.written_feed(user, NEWEST, 100).await {
            Ok(WrittenFeed::Complete { entries, .. }) => {
                Some(entries.iter().map(|entry| entry.post).collect())
            }
            _ => None,
        }
    }
}

#[tokio::test]
async fn feeds_of_readers_alone_are_written() {
    let scene = Scene::new(FeedMode::Write).await;
    scene.feeds.write(scene.readers[0]).await.unwrap();
    let note = scene.post().await;
    assert_eq!(scene.entries(0).await, Some(Vec::new()));
    for _ in 0..2 {
        scene.feeds.spread(note).await.unwrap();
    }
    assert_eq!(scene.entries(0).await, Some(vec![note.post]));
    assert_eq!(scene.entries(1).await, None);
    assert_eq!(scene.feeds.counters.spreads().0, 1);
}

#[tokio::test]
async fn note_of_a_dead_process_is_swept() {
    let scene = Scene::new(FeedMode::Write).await;
    scene.feeds.write(scene.readers[0]).await.unwrap();
    // Its process died before it sent the job.
    let note = scene.post().await;
    assert_eq!(scene.feeds.sweep().await, Ok(1));
    assert_eq!(scene.entries(0).await, Some(vec![note.post]));
    assert_eq!(scene.feeds.sweep().await, Ok(0));
    assert_eq!(scene.feeds.counters.count(FeedEvent::Swept), 1);
}

#[tokio::test]
async fn new_follow_makes_feed_stale_until_it_is_written() {
    let scene = Scene::new(FeedMode::Write).await;
    let reader = scene.readers[0];
    scene.base.unfollow(reader, scene.author).await.unwrap();
    scene.feeds.write(reader).await.unwrap();
    let note = scene.post().await;
    scene.feeds.spread(note).await.unwrap();
    let now = Timestamp(1);
    scene.base.follow(reader, scene.author, now).await.unwrap();
    assert_eq!(scene.entries(0).await, None);
    scene.feeds.write(reader).await.unwrap();
    assert_eq!(scene.entries(0).await, Some(vec![note.post]));
    // A second follow changes nothing.
    scene.base.follow(reader, scene.author, now).await.unwrap();
    assert!(scene.entries(0).await.is_some());
    scene.base.unfollow(reader, scene.author).await.unwrap();
    assert_eq!(scene.entries(0).await, Some(Vec::new()));
}

#[tokio::test]
async fn popular_author_is_not_written_until_they_leave() {
    let scene = Scene::new(FeedMode::Hybrid).await;
    scene.feeds.write(scene.readers[0]).await.unwrap();
    scene.feeds.spread(scene.post().await).await.unwrap();
    assert_eq!(scene.entries(0).await, Some(Vec::new()));
    let table = &scene.feeds.table;
    let popular = table.popular_followees(scene.readers[0]).await;
    assert_eq!(popular, Ok(vec![(scene.author, Popularity::Popular)]));
    // A check lets those leave who have few followers.
    for reader in &scene.readers[1..] {
        scene.base.unfollow(*reader, scene.author).await.unwrap();
    }
    let started_at = Timestamp(1);
    scene.feeds.table.begin_repair(started_at).await.unwrap();
    let checked = scene.feeds.check(started_at, UserId(0)).await;
    assert!(matches!(checked, Ok(Checked::UpTo(_))), "{checked:?}");
    assert_eq!(table.popularity(scene.author).await, Ok(None));
    assert_eq!(scene.entries(0).await, None);
    scene.feeds.write(scene.readers[0]).await.unwrap();
    assert_eq!(scene.entries(0).await.unwrap().len(), 1);
}

#[tokio::test]
async fn check_finds_and_repairs_faults_once() {
    let scene = Scene::new(FeedMode::Write).await;
    scene.feeds.write(scene.readers[0]).await.unwrap();
    for _ in 0..3 {
        // Jobs and notes of these are lost, which must not happen.
        let note = scene.post().await;
        assert_eq!(scene.base.forget_note(note.post).await, Ok(true));
    }
    let started_at = Timestamp(5);
    let table = &scene.feeds.table;
    table.begin_repair(started_at).await.unwrap();
    let mut after = UserId(0);
    // Each job is done twice.
    loop {
        let checked = scene.feeds.check(started_at, after).await.unwrap();
        assert_eq!(scene.feeds.check(started_at, after).await, Ok(checked));
        match checked {
            Checked::UpTo(next) => after = next,
            Checked::All => break,
        }
    }
    assert_eq!(scene.entries(0).await.unwrap().len(), 3);
    let run = table.repair(None).await.unwrap().unwrap();
    assert_eq!(
        (run.users, run.counters, run.added, run.removed),
        (4, 0, 3, 0)
    );
    assert!(run.ended_at.is_some());
    assert_eq!(scene.feeds.counters.count(FeedEvent::EntryAdded), 3);
    // An earlier run that was never begun is over.
    let unknown = scene.feeds.check(Timestamp(4), UserId(0)).await;
    assert_eq!(unknown, Ok(Checked::All));
}

#[tokio::test]
async fn full_queue_costs_no_post() {
    let base = Arc::new(MemoryStore::default());
    let feeds = Feeds::new(base.clone(), base.clone(), options(FeedMode::Write));
    let feeds = Arc::new(feeds);
    let queue_options = QueueOptions {
        jobs_max: Some(1),
        ..QueueOptions::default()
    };
    let jobs = Jobs::open("memory:", &queue_options).unwrap();
    let announcer = Announcer::start(Arc::clone(&feeds), jobs.intake());
    let store = FeedStore::new(base.clone(), Arc::clone(&feeds), announcer);
    let author = store.create_user(new_user("author")).await.unwrap().id;
    for _ in 0..5 {
        store.create_post(new_post(author, "x")).await.unwrap();
    }
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while feeds.counters.count(FeedEvent::Unsent) < 4 {
        assert!(std::time::Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(jobs.queue.stats().await.unwrap().jobs, 1);
    assert_eq!(feeds.sweep().await, Ok(5));
}

#[test]
fn reads_modes() {
    assert_eq!("hybrid".parse(), Ok(FeedMode::Hybrid));
    assert!("Write".parse::<FeedMode>().is_err());
}
