//! A shared cache that does not answer.

use super::*;
use crate::cache::{CutOff, GuardedCache};

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_contract_without_its_cache() {
    for policy in POLICIES {
        contract::is_kept(async || {
            let cut = Arc::new(CutOff::default());
            cut.cut(true);
            let store = Arc::new(MemoryStore::default());
            let cache = Arc::new(GuardedCache::new(cut));
            Arc::new(CachedStore::new(store, cache, with(policy))) as Arc<dyn Store>
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_cache_is_the_store_with_a_layer_in_the_process() {
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

/// What was written while the cache was cut off is never read from it as it was before, neither by the
/// process that wrote nor, once it has told the cache, by any other.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_cache_was_not_told_of_is_told_when_it_answers_again() {
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
    assert!(one.cache_stats().unwrap().owed >= 2);
    cut.cut(false);
    // The cache still has what was before, or was told by now: this process knows better either way.
    assert_eq!(scene.text(&one).await, "second");
    assert_eq!(one.session(&token, NOW).await, Err(StoreError::NotFound));
    until("the cache is told", async || {
        one.cache_stats().unwrap().owed == 0
    })
    .await;
    assert_eq!(scene.text(&two).await, "second");
    assert_eq!(two.session(&token, NOW).await, Err(StoreError::NotFound));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_with_rubbish_in_it_is_the_store() {
    let scene = Scene::new().await;
    let process = scene.process(CacheOptions {
        staleness: Duration::ZERO,
        ..lasting()
    });
    let key = Key::Post(scene.post).shared("tenfold");
    for rubbish in [&b""[..], b"=", b"=12345678{\"id\":1}", b"\xff\xff"] {
        let rubbish = Bytes::copy_from_slice(rubbish);
        scene.cache.set(&key, rubbish, LONG).await.unwrap();
        assert_eq!(scene.text(&process).await, "first");
    }
}
