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

/// Tolerates stalls of the test machine.
const PATIENT: Duration = Duration::from_secs(20);

/// Primary with a replica that catches up on demand.
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

    /// Creates another process.
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

async fn until(awaited: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < Duration::from_secs(30), "{awaited}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Waits until the replica has caught up, and the store knows.
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
async fn satisfies_contract() {
    for cached in [false, true] {
        contract::is_kept(async || {
            // The replica shows every write at once.
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
async fn satisfies_contract_under_cache() {
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

/// A replica that never shows a heartbeat is not used.
#[tokio::test(flavor = "multi_thread")]
async fn satisfies_contract_with_unusable_replica() {
    contract::is_kept(async || {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let other: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let split = SplitStore::new(store, vec![other], None, options(PATIENT));
        Arc::new(split) as Arc<dyn Store>
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replica_is_read_once_lag_is_known() {
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
    // Its lag is unknown, so it is not read.
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
async fn process_reads_its_own_writes() {
    let scene = Scene::new();
    let store = scene.process(PATIENT);
    let author = store.create_user(new_user("author")).await.unwrap().id;
    let reader = store.create_user(new_user("reader")).await.unwrap().id;
    let post = store.create_post(new_post(author, "first")).await.unwrap();
    caught_up(&scene, &store).await;
    // From here on, the replica does not advance.
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
    // Once the replica has caught up, it is read again.
    caught_up(&scene, &store).await;
    let before = scene.primary.reads();
    assert_eq!(store.user(author).await.unwrap().posts, 1);
    assert_eq!(scene.primary.reads(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn shared_cache_marks_writes_of_other_processes() {
    for shared in [false, true] {
        let mut scene = Scene::new();
        scene.cache = shared.then(|| Arc::new(MemoryCache::default()) as Arc<dyn Cache>);
        let (one, two) = (scene.process(PATIENT), scene.process(PATIENT));
        let author = one.create_user(new_user("author")).await.unwrap().id;
        let post = one.create_post(new_post(author, "first")).await.unwrap();
        if shared {
            // Without the marks of the set-up.
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
async fn missing_record_is_read_from_primary() {
    let scene = Scene::new();
    let (one, two) = (scene.process(PATIENT), scene.process(PATIENT));
    caught_up(&scene, &two).await;
    // The second process does not know the writes of the first.
    let author = one.create_user(new_user("author")).await.unwrap().id;
    let post = one.create_post(new_post(author, "new")).await.unwrap();
    assert_eq!(two.post(post.id).await.unwrap(), post);
    assert_eq!(two.user(author).await.unwrap().posts, 1);
    let page = Page::new(None, 10);
    assert_eq!(two.posts_by(author, page).await.unwrap(), [post]);
    assert_eq!(two.post(PostId(99)).await, Err(StoreError::NotFound));
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_take_effect_at_once() {
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
async fn lagging_replica_is_not_read() {
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
    // The replica does not advance, so its lag grows with time.
    until("it lags too much", async || !stats(&store).in_use).await;
    let lag = stats(&store).lag.unwrap();
    assert!(lag > lag_max, "{lag:?}");
    let reads = stats(&store).reads;
    // Written directly to the primary, so that the store under test does not know.
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
    // The replica catches up and is read again.
    until("it is in use", async || {
        scene.primary.catch_up().await;
        stats(&store).in_use
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn primary_replaces_dead_replica() {
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
    // At most one failed read per successful measurement before.
    assert!(seen.errors <= 2, "{seen:?}");
    dying.fail(false);
    until("it is in use again", async || stats(&store).in_use).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_primary_reads_are_bounded() {
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
    let mut rejected = 0;
    for read in reads {
        match read.await.unwrap() {
            Err(StoreError::NotFound) => {}
            Err(StoreError::Busy(_)) => rejected += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(store.primary_reads() + rejected, 10);
    assert!(rejected >= 1, "{rejected}");
}
