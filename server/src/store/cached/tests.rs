use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::time::sleep;

use super::entry::Envelope;
use super::*;
use crate::cache::MemoryCache;
use crate::model::ContentFormat;
use crate::store::contract::{self, new_post, new_user};
use crate::store::watched::Watched;
use crate::store::{MemoryStore, Store};

mod local_updates;
mod outage;
mod policies;
mod queued_edits;
mod races;
#[cfg(all(feature = "redis", feature = "mysql"))]
mod real;
mod stampede;

const NOW: Timestamp = Timestamp(1_750_000_000_000);
/// Exceeds the duration of any test, so that nothing expires.
const LONG: Duration = Duration::from_secs(600);

/// Options with which nothing expires during a test.
fn lasting() -> CacheOptions {
    CacheOptions {
        staleness: LONG,
        shared_ttl: LONG,
        absent_ttl: LONG,
        ..CacheOptions::default()
    }
}

fn with(policy: UpdatePolicy) -> CacheOptions {
    CacheOptions {
        policy,
        ..lasting()
    }
}

/// Instrumented store behind a cache, and a user with a post.
struct Scene {
    store: Arc<Watched>,
    cache: Arc<dyn Cache>,
    author: UserId,
    post: PostId,
}

impl Scene {
    async fn new() -> Self {
        let store = Arc::new(Watched::default());
        let author = store.create_user(new_user("author")).await.unwrap().id;
        let post = store.create_post(new_post(author, "first")).await.unwrap();
        Self {
            store,
            cache: Arc::new(MemoryCache::default()),
            author,
            post: post.id,
        }
    }

    /// Creates another process.
    fn process(&self, options: CacheOptions) -> Arc<CachedStore> {
        let store: Arc<dyn Store> = self.store.clone();
        Arc::new(CachedStore::new(store, self.cache.clone(), options))
    }

    async fn text(&self, process: &CachedStore) -> String {
        process.post(self.post).await.unwrap().content
    }
}

fn edit(content: &str) -> PostEdit {
    PostEdit {
        content: content.to_owned(),
        html: format!("<b>{content}</b>"),
        updated_at: Timestamp(NOW.0 + 5),
    }
}

fn session(user: UserId, token: u8) -> NewSession {
    NewSession {
        token: TokenDigest([token; 32]),
        user,
        created_at: NOW,
        expires_at: Timestamp(NOW.0 + 1_000),
    }
}

/// Waits until a condition holds.
async fn until(awaited: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < Duration::from_secs(30), "{awaited}");
        sleep(Duration::from_millis(2)).await;
    }
}

const POLICIES: [UpdatePolicy; 4] = [
    UpdatePolicy::CacheAside,
    UpdatePolicy::WriteThrough,
    UpdatePolicy::WriteBehind,
    UpdatePolicy::RefreshAhead,
];

#[tokio::test(flavor = "multi_thread")]
async fn satisfies_contract_under_each_policy() {
    for policy in POLICIES {
        contract::is_kept(async || {
            let store = Arc::new(MemoryStore::default());
            let cache = Arc::new(MemoryCache::default());
            Arc::new(CachedStore::new(store, cache, with(policy))) as Arc<dyn Store>
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn satisfies_contract_with_each_content() {
    for content in [CacheContent::Objects, CacheContent::Queries] {
        for (staleness, policy) in [
            (LONG, UpdatePolicy::WriteBehind),
            (Duration::ZERO, UpdatePolicy::WriteThrough),
        ] {
            contract::is_kept(async || {
                let options = CacheOptions {
                    content,
                    staleness,
                    ..with(policy)
                };
                let store = Arc::new(MemoryStore::default());
                let cache = Arc::new(MemoryCache::default());
                Arc::new(CachedStore::new(store, cache, options)) as Arc<dyn Store>
            })
            .await;
        }
    }
}

/// The shared cache evicts at once, the local layer of a few kilobytes soon.
#[tokio::test(flavor = "multi_thread")]
async fn satisfies_contract_with_constant_evictions() {
    contract::is_kept(async || {
        let options = CacheOptions {
            memory_bytes: 4_096,
            ..lasting()
        };
        let store = Arc::new(MemoryStore::default());
        let cache = Arc::new(MemoryCache::new(0));
        Arc::new(CachedStore::new(store, cache, options)) as Arc<dyn Store>
    })
    .await;
}

#[tokio::test]
async fn cached_values_are_not_read_again() {
    let scene = Scene::new().await;
    let process = scene.process(lasting());
    let token = TokenDigest([1; 32]);
    process
        .create_session(session(scene.author, 1))
        .await
        .unwrap();
    for _ in 0..3 {
        process.post(scene.post).await.unwrap();
        process.user(scene.author).await.unwrap();
        process.session(&token, NOW).await.unwrap();
        process
            .posts_by(scene.author, Page::new(None, 10))
            .await
            .unwrap();
        process
            .feed(scene.author, Page::new(None, 20))
            .await
            .unwrap();
        assert_eq!(process.photo(scene.post).await, Err(StoreError::NotFound));
        assert_eq!(process.post(PostId(99)).await, Err(StoreError::NotFound));
    }
    // A feed reads the followees too.
    assert_eq!(scene.store.reads(), 8);
    let stats = process.cache_stats().unwrap();
    assert_eq!((stats.local.hits, stats.local.misses), (14, 7));
    assert_eq!((stats.shared.hits, stats.shared.misses), (0, 7));
    assert_eq!((stats.local.fills, stats.shared.fills), (7, 7));
    assert_eq!((stats.loads, stats.shared.errors), (8, 0));
    assert!(stats.local_bytes > 1_000);
    // Another process finds all but the feed in the shared cache.
    let other = scene.process(lasting());
    other.post(scene.post).await.unwrap();
    other.user(scene.author).await.unwrap();
    other.session(&token, NOW).await.unwrap();
    other
        .posts_by(scene.author, Page::new(None, 10))
        .await
        .unwrap();
    assert_eq!(other.photo(scene.post).await, Err(StoreError::NotFound));
    assert_eq!(scene.store.reads(), 8);
    assert_eq!(other.cache_stats().unwrap().shared.hits, 5);
}

#[tokio::test]
async fn expired_session_is_not_served() {
    let scene = Scene::new().await;
    let process = scene.process(lasting());
    process
        .create_session(session(scene.author, 1))
        .await
        .unwrap();
    let token = TokenDigest([1; 32]);
    assert!(process.session(&token, NOW).await.is_ok());
    let late = Timestamp(NOW.0 + 1_000);
    assert_eq!(
        process.session(&token, late).await,
        Err(StoreError::NotFound)
    );
    assert_eq!(scene.store.reads(), 1);
}

/// Every write that changes a read, each followed by that read in the same process.
#[tokio::test(flavor = "multi_thread")]
async fn process_reads_its_own_writes() {
    for policy in POLICIES {
        let scene = Scene::new().await;
        let process = scene.process(with(policy));
        let reader = process.create_user(new_user("reader")).await.unwrap().id;
        process.follow(reader, scene.author, NOW).await.unwrap();
        let page = Page::new(None, 10);
        for round in 0..20 {
            let text = format!("round {round}");
            let edited = process
                .update_post(scene.author, scene.post, edit(&text))
                .await
                .unwrap();
            assert_eq!(
                process.post(scene.post).await.unwrap(),
                edited,
                "{policy:?}"
            );
            assert_eq!(
                process.posts_by(scene.author, page).await.unwrap(),
                std::slice::from_ref(&edited)
            );
            assert_eq!(process.feed(reader, page).await.unwrap(), [edited]);
            let token = TokenDigest([round; 32]);
            process
                .create_session(session(reader, round))
                .await
                .unwrap();
            assert_eq!(process.session(&token, NOW).await.unwrap().user, reader);
            process.delete_session(&token).await.unwrap();
            assert_eq!(
                process.session(&token, NOW).await,
                Err(StoreError::NotFound)
            );
            process.unfollow(reader, scene.author).await.unwrap();
            assert_eq!(process.feed(reader, page).await.unwrap(), []);
            assert_eq!(process.user(scene.author).await.unwrap().followers, 0);
            process.follow(reader, scene.author, NOW).await.unwrap();
            assert_eq!(process.feed(reader, page).await.unwrap().len(), 1);
        }
        process.delete_post(scene.author, scene.post).await.unwrap();
        assert_eq!(process.post(scene.post).await, Err(StoreError::NotFound));
        assert_eq!(process.posts_by(scene.author, page).await.unwrap(), []);
        assert_eq!(process.feed(reader, page).await.unwrap(), []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_process_is_stale_for_at_most_staleness() {
    let staleness = Duration::from_millis(400);
    for policy in POLICIES {
        let scene = Scene::new().await;
        let options = CacheOptions {
            staleness,
            policy,
            ..lasting()
        };
        let (one, two) = (scene.process(options.clone()), scene.process(options));
        one.create_session(session(scene.author, 1)).await.unwrap();
        let token = TokenDigest([1; 32]);
        assert_eq!(scene.text(&two).await, "first");
        assert!(two.session(&token, NOW).await.is_ok());
        one.update_post(scene.author, scene.post, edit("second"))
            .await
            .unwrap();
        one.delete_session(&token).await.unwrap();
        let done = Instant::now();
        loop {
            let begun = Instant::now();
            let text = scene.text(&two).await;
            let ended = two.session(&token, NOW).await.is_err();
            if text == "second" && ended {
                break;
            }
            // A read that started after this time must not return the old values.
            assert!(begun - done < staleness, "{policy:?}: {text} {ended}");
            sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn same_page_shares_one_body() {
    let scene = Scene::new().await;
    let process = scene.process(lasting());
    let made = AtomicU64::new(0);
    for _ in 0..5 {
        let page = process
            .shared_posts_by(scene.author, Page::new(None, 10))
            .await
            .unwrap();
        let body = page.body(ContentFormat::All, |posts| {
            made.fetch_add(1, Ordering::Relaxed);
            Ok::<_, ()>(Bytes::from(posts.len().to_string()))
        });
        assert_eq!(body.unwrap(), "1");
    }
    assert_eq!(made.load(Ordering::Relaxed), 1);
    // A page with another limit has another body: its cursor differs.
    let page = process
        .shared_posts_by(scene.author, Page::new(None, 1))
        .await
        .unwrap();
    assert!(page.body(ContentFormat::All, |_| Err("made anew")).is_err());
    assert_eq!(scene.store.reads(), 1);
}

/// Their followees are not cached, so that any post may belong to the feed.
#[tokio::test]
async fn feed_of_many_followees_is_correct() {
    let scene = Scene::new().await;
    let process = scene.process(lasting());
    let reader = process.create_user(new_user("reader")).await.unwrap().id;
    let mut last = reader;
    for number in 0..=FOLLOWEES_MAX {
        let followee = new_user(&format!("u{number}"));
        last = scene.store.create_user(followee).await.unwrap().id;
        scene.store.follow(reader, last, NOW).await.unwrap();
    }
    let page = Page::new(None, 10);
    assert_eq!(process.feed(reader, page).await.unwrap(), []);
    let loads = scene.store.reads();
    process.feed(reader, page).await.unwrap();
    assert_eq!(scene.store.reads(), loads);
    for round in 0..5 {
        process
            .create_post(new_post(scene.author, "not theirs"))
            .await
            .unwrap();
        assert_eq!(process.feed(reader, page).await.unwrap().len(), round);
        let post = process.create_post(new_post(last, "theirs")).await.unwrap();
        assert_eq!(process.feed(reader, page).await.unwrap()[0], post);
    }
}
