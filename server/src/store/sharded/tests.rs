use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use super::*;
use crate::store::contract::{self, new_post, new_user};
use crate::store::{resolve_directory, resolve_shard};

#[cfg(feature = "mysql")]
mod real;

/// Opens a store with SQLite files in a directory.
async fn open(directory: &Path, shards: usize) -> Result<ShardedStore, StoreError> {
    let url = |name: &str| format!("sqlite:{}", directory.join(name).display());
    let mut members = Vec::new();
    for number in 1..=shards {
        let name = format!("posts-{number}");
        members.push((name.clone(), resolve_shard(&name, &url(&name)).await?));
    }
    let users = resolve_directory(&url("users")).await?;
    ShardedStore::open(users, members, ShardedOptions::default()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn satisfies_contract() {
    let directory = tempfile::tempdir().unwrap();
    for shards in [1, 3] {
        let number = AtomicU32::new(0);
        contract::is_kept(async || {
            let number = number.fetch_add(1, Ordering::Relaxed);
            let own = directory.path().join(format!("{shards}-{number}"));
            std::fs::create_dir(&own).unwrap();
            Arc::new(open(&own, shards).await.unwrap()) as Arc<dyn Store>
        })
        .await;
    }
}

/// Returns two authors on different shards.
async fn authors_apart(store: &ShardedStore) -> (User, User) {
    let map = store.core.routes.known().map;
    let shard_of = |user: &User| map.shard_of(Bucket::of_author(user.id)).to_owned();
    let first = store.create_user(new_user("first")).await.unwrap();
    for number in 0.. {
        let other = store.create_user(new_user(&format!("other{number}")));
        let other = other.await.unwrap();
        if shard_of(&other) != shard_of(&first) {
            return (first, other);
        }
    }
    unreachable!("there are two shards")
}

#[tokio::test(flavor = "multi_thread")]
async fn posts_of_an_author_are_on_one_shard() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), 2).await.unwrap();
    let (first, second) = authors_apart(&store).await;
    for author in [&first, &second] {
        let post = store
            .create_post(new_post(author.id, "here"))
            .await
            .unwrap();
        assert_eq!(Bucket::of_post(post.id), Some(Bucket::of_author(author.id)));
        let map = store.core.routes.known().map;
        let owner = map.shard_of(Bucket::of_author(author.id));
        for member in store.core.members.values() {
            let found = member.store.post(post.id).await;
            assert_eq!(found.is_ok(), member.name == owner);
        }
        assert_eq!(
            store.core.users.post(post.id).await,
            Err(StoreError::NotFound)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_shard_costs_its_own_authors() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), 2).await.unwrap();
    let (alive, dead) = authors_apart(&store).await;
    let reader = store.create_user(new_user("reader")).await.unwrap();
    let now = Timestamp(1);
    for author in [&alive, &dead] {
        store.follow(reader.id, author.id, now).await.unwrap();
        store
            .create_post(new_post(author.id, "before"))
            .await
            .unwrap();
    }
    let page = Page::new(None, 10);
    assert_eq!(store.feed(reader.id, page).await.unwrap().len(), 2);

    let map = store.core.routes.known().map;
    let lost = map.shard_of(Bucket::of_author(dead.id));
    store.core.members[lost].store.close().await;
    let unavailable = |result: Result<(), StoreError>| {
        assert!(
            matches!(result, Err(StoreError::Unavailable(_))),
            "{result:?}"
        );
    };
    unavailable(store.create_post(new_post(dead.id, "x")).await.map(drop));
    unavailable(store.posts_by(dead.id, page).await.map(drop));
    for _ in 0..10 {
        let post = store.create_post(new_post(alive.id, "x")).await.unwrap();
        let feed = store.feed(reader.id, page).await;
        let Err(StoreError::Incomplete(posts)) = feed else {
            panic!("{feed:?}");
        };
        assert_eq!(posts[0], post);
        assert!(posts.iter().all(|post| post.author == alive.id));
    }
    store.unfollow(reader.id, dead.id).await.unwrap();
    assert!(store.feed(reader.id, page).await.is_ok());
    store.ping().await.unwrap();
    store.unfollow(reader.id, alive.id).await.unwrap();
    store.follow(reader.id, dead.id, now).await.unwrap();
    unavailable(store.feed(reader.id, page).await.map(drop));
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_shard_delays_no_feed_beyond_its_deadline() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), 2).await.unwrap();
    let (fast, slow) = authors_apart(&store).await;
    let reader = store.create_user(new_user("reader")).await.unwrap();
    for author in [&fast, &slow] {
        store
            .follow(reader.id, author.id, Timestamp(1))
            .await
            .unwrap();
        store.create_post(new_post(author.id, "x")).await.unwrap();
    }
    let map = store.core.routes.known().map;
    let held = map.shard_of(Bucket::of_author(slow.id)).to_owned();
    let shard = Arc::clone(&store.core.members[&held].store);
    // More than the threads that read lists.
    let holds: Vec<_> = (0..64)
        .map(|_| {
            let shard = Arc::clone(&shard);
            tokio::spawn(async move {
                shard
                    .hold(crate::store::Held::List, Duration::from_secs(2))
                    .await
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let began = Instant::now();
    let feed = store.feed(reader.id, Page::new(None, 10)).await;
    assert!(matches!(feed, Err(StoreError::Incomplete(posts)) if posts.len() == 1));
    assert!(
        began.elapsed() < Duration::from_millis(1_500),
        "{:?}",
        began.elapsed()
    );
    for hold in holds {
        hold.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn second_process_uses_the_same_map() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), 2).await.unwrap();
    let user = store.create_user(new_user("first")).await.unwrap();
    let post = store.create_post(new_post(user.id, "x")).await.unwrap();
    // A new shard has no buckets until some are moved.
    let other = open(directory.path(), 3).await.unwrap();
    assert_eq!(other.core.routes.known().map.shards().len(), 2);
    assert_eq!(other.post(post.id).await.unwrap(), post);
    let error = open(directory.path(), 1).await.unwrap_err();
    let named = matches!(&error, StoreError::Invalid(why) if why.contains("`posts-2`"));
    assert!(named, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_to_hide_posts() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("users").display());
    let plain = crate::store::resolve(&url).await.unwrap();
    let user = plain.create_user(new_user("first")).await.unwrap();
    plain.create_post(new_post(user.id, "x")).await.unwrap();
    plain.close().await;
    let error = open(directory.path(), 2).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict(_)), "{error}");
}
