use super::*;
use crate::cache::MemoryCache;
use crate::store::contract::{self, new_post, new_user};
use crate::store::watched::Watched;
use crate::store::{CacheOptions, CachedStore, MemoryStore};

#[cfg(feature = "mysql")]
mod real;

const NOW: Timestamp = Timestamp(1_750_000_000_000);

fn options(lag_max: Duration) -> SplitOptions {
    SplitOptions {
        lag_max,
        beat: Duration::from_millis(10),
        ..SplitOptions::default()
    }
}

/// Long enough for a machine that stands still now and then.
const PATIENT: Duration = Duration::from_secs(20);

/// A primary with one replica that catches up when it is told to.
struct Scene {
    primary: Arc<Watched>,
    cache: Option<Arc<dyn Cache>>,
}

impl Scene {
    fn new() -> Self {
        Self {
            primary: Arc::default(),
            cache: None,
        }
    }

    /// A process of its own.
    fn process(&self, lag_max: Duration) -> SplitStore {
        let replica: Arc<dyn Store> = self.primary.replica.clone();
        let primary: Arc<dyn Store> = self.primary.clone();
        SplitStore::new(primary, vec![replica], self.cache.clone(), options(lag_max))
    }
}

fn edit(content: &str) -> PostEdit {
    PostEdit {
        content: content.to_owned(),
        html: format!("<b>{content}</b>"),
        updated_at: Timestamp(NOW.0 + 5),
    }
}

fn stats(store: &dyn Store) -> ReplicaStats {
    store.replica_stats()[0]
}

async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !so().await {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Waits until the replica has caught up and is known to have.
async fn caught_up(scene: &Scene, store: &dyn Store) {
    let least = Instant::now();
    until("the replica is in use", async || {
        scene.primary.catch_up().await;
        let now = Instant::now();
        stats(store).lag.is_some_and(|lag| now - lag > least)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_contract() {
    for cached in [false, true] {
        contract::is_kept(async || {
            // A replica that shows everything at once.
            let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
            let cache = cached.then(|| Arc::new(MemoryCache::default()) as Arc<dyn Cache>);
            let replicas = vec![store.clone(), store.clone()];
            let split = SplitStore::new(store, replicas, cache, options(PATIENT));
            until("it is in use", async || stats(&split).in_use).await;
            Arc::new(split) as Arc<dyn Store>
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_contract_under_a_cache() {
    contract::is_kept(async || {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let cache: Arc<dyn Cache> = Arc::new(MemoryCache::default());
        let replicas = vec![store.clone()];
        let split = SplitStore::new(store, replicas, Some(cache.clone()), options(PATIENT));
        let split: Arc<dyn Store> = Arc::new(split);
        Arc::new(CachedStore::new(split, cache, CacheOptions::default())) as Arc<dyn Store>
    })
    .await;
}

/// A replica that never shows a beat is as good as none.
#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_contract_beside_a_replica_that_is_not_read() {
    contract::is_kept(async || {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let other: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let split = SplitStore::new(store, vec![other], None, options(PATIENT));
        Arc::new(split) as Arc<dyn Store>
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_go_to_the_replica_once_it_is_known() {
    let scene = Scene::new();
    let author = scene
        .primary
        .create_user(new_user("author"))
        .await
        .unwrap()
        .id;
    let post = scene
        .primary
        .create_post(new_post(author, "first"))
        .await
        .unwrap();
    let store = scene.process(PATIENT);
    // Not known yet, so not read.
    assert_eq!(store.post(post.id).await.unwrap(), post);
    assert_eq!((scene.primary.reads(), store.primary_reads()), (1, 1));
    caught_up(&scene, &store).await;
    let page = Page::new(None, 10);
    assert_eq!(store.post(post.id).await.unwrap(), post);
    assert_eq!(store.user(author).await.unwrap().posts, 1);
    assert_eq!(store.posts_by(author, page).await.unwrap(), [post]);
    assert_eq!(store.feed(author, page).await.unwrap(), []);
    assert_eq!(scene.primary.reads(), 1);
    assert_eq!(stats(&store).reads, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_reads_what_one_wrote() {
    let scene = Scene::new();
    let store = scene.process(PATIENT);
    let author = store.create_user(new_user("author")).await.unwrap().id;
    let reader = store.create_user(new_user("reader")).await.unwrap().id;
    let post = store.create_post(new_post(author, "first")).await.unwrap();
    caught_up(&scene, &store).await;
    // From here on the replica stands still.
    let page = Page::new(None, 10);
    let new = store.create_post(new_post(author, "second")).await.unwrap();
    let changed = store
        .update_post(author, post.id, edit("changed"))
        .await
        .unwrap();
    store.follow(reader, author, NOW).await.unwrap();
    for _ in 0..5 {
        assert_eq!(store.post(new.id).await.unwrap(), new);
        assert_eq!(store.post(post.id).await.unwrap(), changed);
        let posts = store.posts_by(author, page).await.unwrap();
        assert_eq!(posts, [new.clone(), changed.clone()]);
        assert_eq!(store.feed(reader, page).await.unwrap(), posts);
        assert_eq!(store.followees(reader, 9).await.unwrap(), [author]);
        assert_eq!(store.user(author).await.unwrap().followers, 1);
        assert_eq!(store.user(reader).await.unwrap().following, 1);
    }
    store.unfollow(reader, author).await.unwrap();
    store.delete_post(author, new.id).await.unwrap();
    assert_eq!(store.post(new.id).await, Err(StoreError::NotFound));
    assert_eq!(store.posts_by(author, page).await.unwrap(), [changed]);
    assert_eq!(store.feed(reader, page).await.unwrap(), []);
    assert_eq!(stats(&store).reads, 0);
    // And when the replica has caught up it is read again.
    caught_up(&scene, &store).await;
    let before = scene.primary.reads();
    assert_eq!(store.user(author).await.unwrap().posts, 1);
    assert_eq!(scene.primary.reads(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_wrote_is_read_from_the_primary_where_a_cache_is_shared() {
    for shared in [false, true] {
        let mut scene = Scene::new();
        scene.cache = shared.then(|| Arc::new(MemoryCache::default()) as Arc<dyn Cache>);
        let (one, two) = (scene.process(PATIENT), scene.process(PATIENT));
        let author = one.create_user(new_user("author")).await.unwrap().id;
        let post = one.create_post(new_post(author, "first")).await.unwrap();
        if shared {
            // The marks of what was set up.
            scene.cache = Some(Arc::new(MemoryCache::default()));
        }
        let (one, two) = if shared {
            (scene.process(PATIENT), scene.process(PATIENT))
        } else {
            (one, two)
        };
        caught_up(&scene, &one).await;
        caught_up(&scene, &two).await;
        one.update_post(author, post.id, edit("changed"))
            .await
            .unwrap();
        let seen = two.post(post.id).await.unwrap().content;
        assert_eq!(seen, if shared { "changed" } else { "first" });
        let page = two.posts_by(author, Page::new(None, 10)).await.unwrap();
        assert_eq!(page[0].content, seen);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_on_the_replica_is_sought_at_the_primary() {
    let scene = Scene::new();
    let (one, two) = (scene.process(PATIENT), scene.process(PATIENT));
    caught_up(&scene, &two).await;
    // Two knows nothing of what one writes.
    let author = one.create_user(new_user("author")).await.unwrap().id;
    let post = one.create_post(new_post(author, "new")).await.unwrap();
    assert_eq!(two.post(post.id).await.unwrap(), post);
    assert_eq!(two.user(author).await.unwrap().posts, 1);
    let page = Page::new(None, 10);
    assert_eq!(two.posts_by(author, page).await.unwrap(), [post]);
    assert_eq!(two.post(PostId(99)).await, Err(StoreError::NotFound));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_begins_and_ends_at_once_everywhere() {
    let scene = Scene::new();
    let (one, two) = (scene.process(PATIENT), scene.process(PATIENT));
    let user = one.create_user(new_user("author")).await.unwrap().id;
    caught_up(&scene, &two).await;
    let token = TokenDigest([7; 32]);
    let new = NewSession {
        token,
        user,
        created_at: NOW,
        expires_at: Timestamp(NOW.0 + 1_000),
    };
    one.create_session(new).await.unwrap();
    assert_eq!(two.session(&token, NOW).await.unwrap().user, user);
    assert!(two.credentials("author").await.is_ok());
    scene.primary.catch_up().await;
    one.delete_session(&token).await.unwrap();
    assert_eq!(two.session(&token, NOW).await, Err(StoreError::NotFound));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_too_far_behind_is_not_read() {
    let scene = Scene::new();
    let lag_max = Duration::from_millis(400);
    let store = scene.process(lag_max);
    let author = store.create_user(new_user("author")).await.unwrap().id;
    let post = store
        .create_post(new_post(author, "first"))
        .await
        .unwrap()
        .id;
    caught_up(&scene, &store).await;
    // It stands still: its lag grows as time passes, as nobody tells but the clock.
    until("it is too far behind", async || !stats(&store).in_use).await;
    let lag = stats(&store).lag.unwrap();
    assert!(lag > lag_max, "{lag:?}");
    let reads = stats(&store).reads;
    // Past the store that is tested, which so knows nothing of it.
    let unseen = edit("unseen");
    scene
        .primary
        .update_post(author, post, unseen)
        .await
        .unwrap();
    assert_eq!(store.post(post).await.unwrap().content, "unseen");
    assert_eq!(stats(&store).reads, reads);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(stats(&store).lag.unwrap() >= lag + Duration::from_millis(50));
    // It catches up, and is read again.
    until("it is in use", async || {
        scene.primary.catch_up().await;
        stats(&store).in_use
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_replica_is_replaced_by_the_primary() {
    let primary: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let user = primary.create_user(new_user("author")).await.unwrap();
    let dying = Arc::new(Watched::over(primary.clone()));
    let replicas: Vec<Arc<dyn Store>> = vec![dying.clone()];
    let store = SplitStore::new(primary, replicas, None, options(PATIENT));
    until("it is in use", async || stats(&store).in_use).await;
    dying.fail(true);
    for _ in 0..20 {
        assert_eq!(store.user(user.id).await.unwrap(), user);
    }
    let seen = stats(&store);
    assert!(!seen.in_use && seen.lag.is_none(), "{seen:?}");
    // It was asked in vain at most as often as it was found alive before.
    assert!(seen.errors <= 2, "{seen:?}");
    dying.fail(false);
    until("it is in use again", async || stats(&store).in_use).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_primary_is_asked_by_so_many_at_once_and_no_more() {
    let scene = Scene::new();
    scene.primary.delay(Duration::from_millis(300));
    let replica: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let options = SplitOptions {
        primary_reads_max: 3,
        ..options(PATIENT)
    };
    let primary: Arc<dyn Store> = scene.primary.clone();
    let store = Arc::new(SplitStore::new(primary, vec![replica], None, options));
    let reads: Vec<_> = (0..10)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.user(UserId(1)).await })
        })
        .collect();
    let mut refused = 0;
    for read in reads {
        match read.await.unwrap() {
            Err(StoreError::NotFound) => {}
            Err(StoreError::Unavailable(_)) => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(store.primary_reads() + refused, 10);
    assert!(refused >= 1, "{refused}");
}
