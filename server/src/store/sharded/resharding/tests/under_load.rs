//! Moves between real databases while processes write.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::*;
use crate::model::{NewPost, PostEdit, Timestamp};
use crate::store::contract::new_user;
#[cfg(feature = "mysql")]
use crate::store::mysql::tests::server::MariaDb;
use crate::store::sharded::{ShardedOptions, ShardedStore};
use crate::store::{Store, resolve_directory, resolve_shard};

async fn databases(
    directory: &Path,
    shards: usize,
) -> (Arc<dyn Directory>, BTreeMap<String, Arc<dyn Shard>>) {
    let url = |name: &str| format!("sqlite:{}", directory.join(name).display());
    let mut members = BTreeMap::new();
    for number in 1..=shards {
        let name = format!("posts-{number}");
        let shard = resolve_shard(&name, &url(&name)).await.unwrap();
        members.insert(name, shard);
    }
    let users = resolve_directory(&url("users")).await.unwrap();
    (users, members)
}

async fn process(
    users: &Arc<dyn Directory>,
    shards: &BTreeMap<String, Arc<dyn Shard>>,
) -> Arc<ShardedStore> {
    let shards = shards.clone().into_iter().collect();
    let options = ShardedOptions::default();
    let store = ShardedStore::open(Arc::clone(users), shards, options).await;
    Arc::new(store.unwrap())
}

fn mover(users: &Arc<dyn Directory>, shards: &BTreeMap<String, Arc<dyn Shard>>) -> Mover {
    Mover::new(Arc::clone(users), shards.clone())
}

/// Longest time for which a client tries again: a bucket whose mover was killed is writable once the next one goes on.
const PATIENCE: Duration = Duration::from_secs(60);

/// Repeats a write that was refused because its bucket moves. Nothing was written then.
async fn written<T, F>(mut write: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, StoreError>>,
{
    let begun = Instant::now();
    loop {
        match write().await {
            Err(StoreError::Unavailable(why)) if why.contains("is moving") => {
                assert!(begun.elapsed() < PATIENCE, "{why}");
                sleep(Duration::from_millis(20)).await;
            }
            done => return done.unwrap(),
        }
    }
}

/// Writes posts of one author, edits and deletes some. Returns what must be there.
async fn write_until(
    store: Arc<ShardedStore>,
    author: UserId,
    stop: Arc<AtomicBool>,
) -> BTreeMap<PostId, String> {
    let mut expected = BTreeMap::new();
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let content = format!("{author} {number}");
        let new = NewPost {
            author,
            content: content.clone(),
            html: String::new(),
            created_at: Timestamp(number),
        };
        let post = written(|| store.create_post(new.clone())).await;
        assert!(expected.insert(post.id, content).is_none());
        assert_eq!(store.post(post.id).await.unwrap(), post);
        if number % 3 == 0 {
            let content = format!("{author} {number} again");
            let edit = PostEdit {
                content: content.clone(),
                html: String::new(),
                updated_at: Timestamp(number + 1),
            };
            written(|| store.update_post(author, post.id, edit.clone())).await;
            assert_eq!(store.post(post.id).await.unwrap().content, content);
            expected.insert(post.id, content);
        }
        if number % 5 == 0 {
            written(|| store.delete_post(author, post.id)).await;
            expected.remove(&post.id);
        }
        sleep(Duration::from_millis(10)).await;
    }
    expected
}

async fn check(store: &ShardedStore, author: UserId, expected: &BTreeMap<PostId, String>) {
    let mut found = BTreeMap::new();
    let mut before = None;
    loop {
        let page = store
            .posts_by(author, Page::new(before, 100))
            .await
            .unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        for post in page {
            let doubled = found.insert(post.id, post.content);
            assert!(doubled.is_none(), "{} is there twice", post.id);
        }
    }
    assert_eq!(&found, expected);
    assert_eq!(
        store.user(author).await.unwrap().posts,
        expected.len() as u64
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn moves_lose_nothing_under_load() {
    let directory = tempfile::tempdir().unwrap();
    let (users, shards) = databases(directory.path(), 3).await;
    lose_nothing(&users, &shards, 20).await;
}

#[cfg(feature = "mysql")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn moves_lose_nothing_on_mariadb() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    let mut shards = BTreeMap::new();
    for name in ["posts-1", "posts-2", "posts-3"] {
        let url = server.database(&name.replace('-', "_")).await;
        let shard = resolve_shard(name, &url).await.unwrap();
        shards.insert(name.to_owned(), shard);
    }
    let users = resolve_directory(&server.database("users_only").await).await;
    lose_nothing(&users.unwrap(), &shards, 10).await;
}

/// Spreads the posts of two shards over three, with processes that write and movers that are killed.
async fn lose_nothing(
    users: &Arc<dyn Directory>,
    shards: &BTreeMap<String, Arc<dyn Shard>>,
    kills: u64,
) {
    let mut two = shards.clone();
    two.pop_last();
    drop(process(users, &two).await);
    let processes = [process(users, shards).await, process(users, shards).await];
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = Vec::new();
    for number in 0..12 {
        let store = Arc::clone(&processes[number % 2]);
        let new = new_user(&format!("author{number}"));
        let author = store.create_user(new).await.unwrap().id;
        let writer = write_until(Arc::clone(&store), author, Arc::clone(&stop));
        writers.push((author, tokio::spawn(writer)));
    }
    let names: Vec<String> = shards.keys().cloned().collect();
    let even = Goal::Even(names.clone());
    // A mover that is killed again and again, at any moment, and one that ends.
    for round in 0..kills {
        let mover = mover(users, shards);
        let spread = mover.reach(&even);
        let _ = tokio::time::timeout(Duration::from_millis(100 + 37 * round), spread).await;
    }
    let moved = mover(users, shards).reach(&even).await.unwrap();
    stop.store(true, Ordering::Relaxed);
    let map = routes::read(&**users).await.unwrap().unwrap();
    assert!(map.moves().is_empty());
    for name in &names {
        assert!(map.buckets_of(name).count() >= 341, "{name}");
    }
    println!("{moved:?}");
    for (author, writer) in writers {
        let expected = writer.await.unwrap();
        for store in &processes {
            check(store, author, &expected).await;
        }
    }
    nothing_remains(shards, &map).await;
}

/// Checks that nothing remains on shards that a bucket has left.
async fn nothing_remains(shards: &BTreeMap<String, Arc<dyn Shard>>, map: &ShardMap) {
    for (name, shard) in shards {
        for bucket in Bucket::all() {
            let is_here = map.shard_of(bucket) == name;
            let holding = shard.holding(bucket).await.unwrap();
            assert_eq!(holding.is_some(), is_here, "{bucket} on {name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_movers_at_once_leave_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let (users, shards) = databases(directory.path(), 3).await;
    let mut two = shards.clone();
    two.pop_last();
    drop(process(&users, &two).await);
    let even = Goal::Even(shards.keys().cloned().collect());
    let movers = [mover(&users, &shards), mover(&users, &shards)];
    let reached = tokio::join!(movers[0].reach(&even), movers[1].reach(&even));
    // One may find that the other has begun.
    for reached in [reached.0, reached.1] {
        assert!(
            matches!(reached, Ok(_) | Err(StoreError::Conflict(_))),
            "{reached:?}"
        );
    }
    movers[0].reach(&even).await.unwrap();
    let map = routes::read(&*users).await.unwrap().unwrap();
    assert!(map.moves().is_empty());
    nothing_remains(&shards, &map).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_shard_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (users, shards) = databases(directory.path(), 2).await;
    drop(process(&users, &shards).await);
    let goal = Goal::Even(vec!["posts-9".to_owned()]);
    let error = mover(&users, &shards).reach(&goal).await;
    assert!(matches!(error, Err(StoreError::Invalid(why)) if why.contains("posts-9")));
}
