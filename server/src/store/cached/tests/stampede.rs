//! Many readers of one thing that is not cached.

use super::*;

async fn read_at_once(processes: &[Arc<CachedStore>], post: PostId, readers: usize) {
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
async fn a_stampede_in_one_process_is_one_query() {
    let scene = Scene::new().await;
    scene.store.delay(Duration::from_millis(150));
    let process = scene.process(lasting());
    read_at_once(std::slice::from_ref(&process), scene.post, 1_000).await;
    assert_eq!(scene.store.reads(), 1);
    let stats = process.cache_stats().unwrap();
    assert_eq!(stats.loads, 1);
    assert_eq!(stats.coalesced + stats.local.hits, 999);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stampede_in_many_processes_is_one_query() {
    let scene = Scene::new().await;
    scene.store.delay(Duration::from_millis(150));
    let options = CacheOptions {
        lease: LONG,
        lease_wait: LONG,
        ..lasting()
    };
    let processes: Vec<_> = (0..8).map(|_| scene.process(options.clone())).collect();
    read_at_once(&processes, scene.post, 1_000).await;
    assert_eq!(scene.store.reads(), 1);
    let waits: u64 = processes
        .iter()
        .map(|process| process.cache_stats().unwrap().lease_waits)
        .sum();
    assert!(waits <= 7, "{waits}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_another_process_does_so_within_bounds() {
    let scene = Scene::new().await;
    let options = CacheOptions {
        lease: LONG,
        lease_wait: Duration::from_millis(50),
        ..lasting()
    };
    let process = scene.process(options);
    // Somebody took the lease and died.
    let key = Key::Post(scene.post).shared("tenfold");
    let lease = Envelope::loading(1);
    scene.cache.set(&key, lease.clone(), LONG).await.unwrap();
    assert_eq!(scene.text(&process).await, "first");
    let stats = process.cache_stats().unwrap();
    assert_eq!((stats.lease_waits, stats.lease_timeouts), (1, 1));
    // What was found without the lease does not go where the lease is.
    assert_eq!(scene.cache.get(&key).await.unwrap().unwrap(), lease);
    assert_eq!((stats.shared.fills, stats.local.fills), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_that_fails_keeps_nobody_waiting() {
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

/// The one that asked first is gone before the answer comes.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_does_not_depend_on_who_asked() {
    let scene = Scene::new().await;
    scene.store.delay(Duration::from_millis(200));
    let process = scene.process(lasting());
    let asking = process.clone();
    let post = scene.post;
    let first = tokio::spawn(async move { asking.post(post).await });
    until("the first asks", async || scene.store.reads() == 1).await;
    let waiting = process.clone();
    let second = tokio::spawn(async move { waiting.post(post).await });
    until("the second waits", async || {
        process.cache_stats().unwrap().coalesced == 1
    })
    .await;
    first.abort();
    assert_eq!(second.await.unwrap().unwrap().content, "first");
    assert_eq!(scene.store.reads(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_is_asked_by_so_many_at_once_and_no_more() {
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
    let mut refused = 0;
    for read in reads {
        match read.await.unwrap() {
            Ok(_) | Err(StoreError::NotFound) => {}
            Err(StoreError::Unavailable(_)) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    let stats = process.cache_stats().unwrap();
    assert_eq!(stats.loads_refused, refused);
    assert_eq!(stats.loads + refused, 40);
    assert!(refused >= 20, "{refused}");
    // What is cached is still served.
    scene.store.delay(Duration::ZERO);
    assert_eq!(scene.text(&process).await, "first");
}
