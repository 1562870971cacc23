//! Outages of the shared cache.

use super::*;
use crate::cache::{CircuitBreaker, CutOff};

#[tokio::test(flavor = "multi_thread")]
async fn satisfies_contract_during_outage() {
    for policy in POLICIES {
        contract::is_kept(async || {
            let cut = Arc::new(CutOff::default());
            cut.cut(true);
            let store = Arc::new(MemoryStore::default());
            let cache = Arc::new(CircuitBreaker::new(cut));
            Arc::new(CachedStore::new(store, cache, with(policy))) as Arc<dyn Store>
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn local_layer_works_during_outage() {
    let mut scene = Scene::new().await;
    let cut = Arc::new(CutOff::default());
    cut.cut(true);
    scene.cache = cut.clone();
    let process = scene.process(lasting());
    for _ in 0..10 {
        assert_eq!(scene.text(&process).await, "first");
    }
    assert_eq!(scene.store.reads(), 1);
    let stats = process.cache_stats().unwrap();
    assert_eq!((stats.local.hits, stats.shared.errors), (9, 1));
}

/// After writes during an outage, the writing process never reads the old values. Other processes do not
/// once the cache is invalidated.
#[tokio::test(flavor = "multi_thread")]
async fn failed_invalidations_are_retried() {
    let mut scene = Scene::new().await;
    let cut = Arc::new(CutOff::default());
    scene.cache = cut.clone();
    let options = CacheOptions {
        staleness: Duration::ZERO,
        settling: Duration::from_millis(100),
        ..lasting()
    };
    let (one, two) = (scene.process(options.clone()), scene.process(options));
    one.create_session(session(scene.author, 1)).await.unwrap();
    let token = TokenDigest([1; 32]);
    assert_eq!(scene.text(&one).await, "first");
    assert!(one.session(&token, NOW).await.is_ok());
    cut.cut(true);
    one.update_post(scene.author, scene.post, edit("second"))
        .await
        .unwrap();
    one.delete_session(&token).await.unwrap();
    assert!(one.cache_stats().unwrap().pending_invalidations >= 2);
    cut.cut(false);
    // The cache may still have the old values, but this process does not trust it.
    assert_eq!(scene.text(&one).await, "second");
    assert_eq!(one.session(&token, NOW).await, Err(StoreError::NotFound));
    until("the cache is invalidated", async || {
        one.cache_stats().unwrap().pending_invalidations == 0
    })
    .await;
    assert_eq!(scene.text(&two).await, "second");
    assert_eq!(two.session(&token, NOW).await, Err(StoreError::NotFound));
}

#[tokio::test(flavor = "multi_thread")]
async fn corrupt_values_are_read_from_store() {
    let scene = Scene::new().await;
    let process = scene.process(CacheOptions {
        staleness: Duration::ZERO,
        ..lasting()
    });
    let key = Key::Post(scene.post).shared("tenfold");
    for corrupt in [&b""[..], b"=", b"=12345678{\"id\":1}", b"\xff\xff"] {
        let corrupt = Bytes::copy_from_slice(corrupt);
        scene.cache.set(&key, corrupt, LONG).await.unwrap();
        assert_eq!(scene.text(&process).await, "first");
    }
}
