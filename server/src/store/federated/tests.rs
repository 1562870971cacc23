//! Photos in a database of their own.

use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;
use rand::RngExt;
use rand_pcg::Pcg64Mcg;

use super::*;
use crate::store::contract::{self, new_post, new_user};
use crate::store::{MemoryPhotos, MemoryStore};

#[tokio::test]
async fn memory_keeps_contract() {
    contract::is_kept(async || {
        let inner = Arc::new(MemoryStore::default());
        let photos = Arc::new(MemoryPhotos::default());
        Arc::new(FederatedStore::new(inner, photos)) as Arc<dyn Store>
    })
    .await;
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread")]
async fn shards_keep_contract() {
    let folder = tempfile::tempdir().unwrap();
    let number = AtomicU32::new(0);
    contract::is_kept(async || {
        let number = number.fetch_add(1, Ordering::Relaxed);
        let own = folder.path().join(number.to_string());
        std::fs::create_dir(&own).unwrap();
        let url = |name: &str| format!("sqlite:{}", own.join(name).display());
        let shards = ["posts-1", "posts-2"].map(|name| format!("{name}={}", url(name)));
        let inner = crate::store::resolve_sharded(&url("users"), &shards).await;
        let photos = crate::store::resolve_photos(&url("photos")).await;
        Arc::new(FederatedStore::new(inner.unwrap(), photos.unwrap())) as Arc<dyn Store>
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
    contract::is_kept(async || {
        let number = number.fetch_add(1, Ordering::Relaxed);
        let posts = server.database(&format!("posts_{number}")).await;
        let photos = server.database(&format!("photos_{number}")).await;
        let inner = crate::store::resolve(&posts).await.unwrap();
        let photos = crate::store::resolve_photos(&photos).await.unwrap();
        Arc::new(FederatedStore::new(inner, photos)) as Arc<dyn Store>
    })
    .await;
}

type Running = Pin<Box<dyn Future<Output = ()>>>;

const POSTS: usize = 3;

/// Processes that set photos and delete posts, a step at a time in any order, and die between any two steps. Also a
/// worker that reconciles notes.
struct World {
    store: Arc<FederatedStore>,
    inner: Arc<MemoryStore>,
    photos: Arc<MemoryPhotos>,
    author: UserId,
    posts: Vec<PostId>,
    running: Vec<Running>,
    rng: Pcg64Mcg,
    uploads: i64,
    kills: u32,
}

impl World {
    fn new(seed: u64) -> Self {
        let inner = Arc::new(MemoryStore::default());
        let photos = Arc::new(MemoryPhotos::default());
        let author = now(inner.create_user(new_user("author"))).unwrap().id;
        let posts = (0..POSTS).map(|_| now(inner.create_post(new_post(author, "x"))).unwrap().id);
        let posts = posts.collect();
        inner.takes_turns.store(true, Ordering::Relaxed);
        photos.takes_turns.store(true, Ordering::Relaxed);
        let store = FederatedStore::new(inner.clone(), photos.clone());
        Self {
            store: Arc::new(store),
            inner,
            photos,
            author,
            posts,
            running: Vec::new(),
            rng: Pcg64Mcg::new(u128::from(seed)),
            uploads: 0,
            kills: 0,
        }
    }

    fn act(&mut self) {
        let (store, author) = (Arc::clone(&self.store), self.author);
        let index = self.rng.random_range(0..self.posts.len());
        let post = self.posts[index];
        match self.rng.random_range(0..10) {
            0..7 => {
                self.uploads += 1;
                let photo = photo(post, self.uploads);
                self.running.push(Box::pin(async move {
                    let _ = store.put_photo(author, photo).await;
                }));
            }
            7 => self.running.push(Box::pin(async move {
                let _ = store.delete_post(author, post).await;
            })),
            8 => {
                let new = now(self.inner.create_post(new_post(author, "x"))).unwrap();
                self.posts[index] = new.id;
            }
            _ => {}
        }
    }

    fn step(&mut self) {
        if self.running.is_empty() {
            return;
        }
        let index = self.rng.random_range(0..self.running.len());
        if self.rng.random_range(0..100) < 5 {
            drop(self.running.swap_remove(index));
            self.kills += 1;
            return;
        }
        let mut context = Context::from_waker(Waker::noop());
        if self.running[index].as_mut().poll(&mut context).is_ready() {
            drop(self.running.swap_remove(index));
        }
    }

    fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            match self.rng.random_range(0..5) {
                0 => self.act(),
                _ => self.step(),
            }
            self.no_photo_of_a_deleted_post();
        }
    }

    fn no_photo_of_a_deleted_post(&self) {
        for post in &self.posts {
            let is_shown = now(self.store.photo(*post)).is_ok();
            let is_there = now(self.inner.post(*post)).is_ok();
            assert!(is_there || !is_shown, "photo of the deleted post {post}");
        }
    }

    /// Ends what runs, and reconciles what was killed.
    fn settle(&mut self) {
        for running in std::mem::take(&mut self.running) {
            now(running);
        }
        let all = Timestamp(i64::MAX);
        for note in now(self.photos.noted_photos(all, u32::MAX)).unwrap() {
            // Twice: a worker may die after it.
            for _ in 0..2 {
                now(reconcile(&*self.inner, &*self.photos, note)).unwrap();
            }
        }
        assert_eq!(now(self.photos.noted_photos(all, 1)), Ok(Vec::new()));
        for post in (1..1_000).map(PostId) {
            let (record, _) = now(self.photos.record(post)).unwrap();
            match now(self.inner.post(post)) {
                Ok(found) => assert_eq!(found.has_photo, record.is_some(), "post {post}"),
                Err(_) => assert_eq!(record, None, "post {post}"),
            }
        }
    }
}

fn photo(post: PostId, number: i64) -> Photo {
    Photo {
        post,
        media_type: "image/png".to_owned(),
        bytes: 1,
        file_key: format!("photos/{number}"),
        etag: format!("\"{number}\""),
        created_at: Timestamp(number),
    }
}

/// Runs a future that waits for nothing but its turns.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..100_000 {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
    panic!("the future waits for something");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn nothing_stays_half_done(seed in any::<u64>()) {
        let mut world = World::new(seed);
        world.run(400);
        world.settle();
    }
}

/// Guards against a simulation in which nothing happens.
#[test]
fn simulation_kills_calls_between_their_halves() {
    let mut world = World::new(1);
    world.run(5_000);
    assert!(world.kills > 50, "{} kills", world.kills);
    let all = Timestamp(i64::MAX);
    let left = now(world.photos.noted_photos(all, u32::MAX)).unwrap();
    assert!(!left.is_empty());
    world.settle();
}
