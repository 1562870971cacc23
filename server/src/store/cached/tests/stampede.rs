//! Cache stampedes: many concurrent readers of a value that is not cached.

use super::*;

async fn read_concurrently(processes: &[Arc<CachedStore>], post: PostId, readers: usize) {
    let reads: Vec<_> = (0..readers)
        .map(|number| {
            let process = processes[number % processes.len()].clone();
            tokio::spawn(async move { process.post(post).await })
        })
        .collect();
    for read in reads {
        assert_eq!(read.await.unwrap().unwrap().content, "first");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stampede_in_one_process_is_one_query() {
    let scene = Scene::new().await;
    scene.store.delay(Duration::from_millis(150));
    let process = scene.process(lasting());
    read_concurrently(std::slice::from_ref(&process), scene.post, 1_000).await;
    assert_eq!(scene.store.reads(), 1);
    let stats = process.cache_stats().unwrap();
    assert_eq!(stats.loads, 1);
    assert_eq!(stats.coalesced + stats.local.hits, 999);
}

#[tokio::test(flavor = "multi_thread")]
async fn stampede_in_many_processes_is_one_query() {
    let scene = Scene::new().await;
    scene.store.delay(Duration::from_millis(150));
    let options = CacheOptions {
        lease: LONG,
        lease_wait: LONG,
        ..lasting()
    };
    let processes: Vec<_> = (0..8).map(|_| scene.process(options.clone())).collect();
    read_concurrently(&processes, scene.post, 1_000).await;
    assert_eq!(scene.store.reads(), 1);
    let waits: u64 = processes
        .iter()
        .map(|process| process.cache_stats().unwrap().lease_waits)
        .sum();
    assert!(waits <= 7, "{waits}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wait_for_other_process_is_bounded() {
    let scene = Scene::new().await;
    let options = CacheOptions {
        lease: LONG,
        lease_wait: Duration::from_millis(50),
        ..lasting()
    };
    let process = scene.process(options);
    // A process acquired the lease and died.
    let key = Key::Post(scene.post).shared("tenfold");
    let lease = Envelope::loading(1);
    scene.cache.set(&key, lease.clone(), LONG).await.unwrap();
    assert_eq!(scene.text(&process).await, "first");
    let stats = process.cache_stats().unwrap();
    assert_eq!((stats.lease_waits, stats.lease_timeouts), (1, 1));
    // A value loaded without the lease does not replace it.
    assert_eq!(scene.cache.get(&key).await.unwrap().unwrap(), lease);
    assert_eq!((stats.shared.fills, stats.local.fills), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_load_releases_lease() {
    let scene = Scene::new().await;
    let options = CacheOptions {
        lease: LONG,
        lease_wait: LONG,
        ..lasting()
    };
    let (one, two) = (scene.process(options.clone()), scene.process(options));
    scene.store.fail(true);
    let failed = one.post(scene.post).await;
    assert!(
        matches!(failed, Err(StoreError::Unavailable(_))),
        "{failed:?}"
    );
    scene.store.fail(false);
    assert_eq!(scene.text(&two).await, "first");
    assert_eq!(scene.text(&one).await, "first");
}

/// The first reader is cancelled before its load completes.
#[tokio::test(flavor = "multi_thread")]
async fn waiters_survive_cancelled_reader() {
    let scene = Scene::new().await;
    scene.store.delay(Duration::from_millis(200));
    let process = scene.process(lasting());
    let reader = process.clone();
    let post = scene.post;
    let first = tokio::spawn(async move { reader.post(post).await });
    until("the first reads", async || scene.store.reads() == 1).await;
    let waiter = process.clone();
    let second = tokio::spawn(async move { waiter.post(post).await });
    until("the second waits", async || {
        process.cache_stats().unwrap().coalesced == 1
    })
    .await;
    first.abort();
    assert_eq!(second.await.unwrap().unwrap().content, "first");
    assert_eq!(scene.store.reads(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_store_reads_are_bounded() {
    let scene = Scene::new().await;
    scene.store.delay(Duration::from_millis(300));
    let options = CacheOptions {
        loads_max: 2,
        load_wait: Duration::from_millis(20),
        ..lasting()
    };
    let process = scene.process(options);
    let reads: Vec<_> = (1..=40)
        .map(|id| {
            let process = process.clone();
            tokio::spawn(async move { process.user(UserId(id)).await })
        })
        .collect();
    let mut rejected = 0;
    for read in reads {
        match read.await.unwrap() {
            Ok(_) | Err(StoreError::NotFound) => {}
            Err(StoreError::Busy(_)) => rejected += 1,
            Err(error) => panic!("{error}"),
        }
    }
    let stats = process.cache_stats().unwrap();
    assert_eq!(stats.loads_refused, rejected);
    assert_eq!(stats.loads + rejected, 40);
    assert!(rejected >= 20, "{rejected}");
    // Cached values are still served.
    scene.store.delay(Duration::ZERO);
    assert_eq!(scene.text(&process).await, "first");
}
