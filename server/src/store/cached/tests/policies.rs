//! Guarantees of each update policy.

use super::*;

fn behind(flush_interval: Duration) -> CacheOptions {
    CacheOptions {
        flush_interval,
        ..with(UpdatePolicy::WriteBehind)
    }
}

async fn stored(scene: &Scene) -> String {
    scene.store.post(scene.post).await.unwrap().content
}

#[tokio::test]
async fn cache_aside_reads_store_once_after_write() {
    let scene = Scene::new().await;
    let process = scene.process(with(UpdatePolicy::CacheAside));
    process
        .update_post(scene.author, scene.post, edit("second"))
        .await
        .unwrap();
    for _ in 0..3 {
        assert_eq!(scene.text(&process).await, "second");
    }
    assert_eq!(scene.store.reads(), 1);
}

#[tokio::test]
async fn write_through_fills_cache() {
    let scene = Scene::new().await;
    let process = scene.process(with(UpdatePolicy::WriteThrough));
    process
        .update_post(scene.author, scene.post, edit("second"))
        .await
        .unwrap();
    let new = process
        .create_post(new_post(scene.author, "new"))
        .await
        .unwrap();
    let photo = Photo {
        post: new.id,
        media_type: "image/png".to_owned(),
        bytes: 1,
        file_key: "a".to_owned(),
        etag: "b".to_owned(),
        created_at: NOW,
    };
    process
        .put_photo(scene.author, photo.clone())
        .await
        .unwrap();
    process
        .create_session(session(scene.author, 1))
        .await
        .unwrap();
    let other = scene.process(lasting());
    for process in [&process, &other] {
        assert_eq!(scene.text(process).await, "second");
        assert_eq!(process.photo(new.id).await.unwrap(), photo);
        assert!(process.session(&TokenDigest([1; 32]), NOW).await.is_ok());
    }
    assert_eq!(scene.store.reads(), 0);
    // The cached new post was invalidated when its photo was set.
    assert!(process.post(new.id).await.unwrap().has_photo);
    assert_eq!(scene.store.reads(), 1);
}

#[tokio::test]
async fn write_through_stores_before_response() {
    let scene = Scene::new().await;
    let process = scene.process(with(UpdatePolicy::WriteThrough));
    process
        .update_post(scene.author, scene.post, edit("second"))
        .await
        .unwrap();
    assert_eq!(stored(&scene).await, "second");
    scene.store.fail(true);
    let failed = process
        .update_post(scene.author, scene.post, edit("third"))
        .await;
    assert!(
        matches!(failed, Err(StoreError::Unavailable(_))),
        "{failed:?}"
    );
    scene.store.fail(false);
    assert_eq!(scene.text(&process).await, "second");
    assert_eq!(scene.text(&scene.process(lasting())).await, "second");
}

#[tokio::test(flavor = "multi_thread")]
async fn write_behind_stores_after_response() {
    let scene = Scene::new().await;
    let process = scene.process(behind(Duration::from_millis(100)));
    let other = scene.process(lasting());
    process
        .update_post(scene.author, scene.post, edit("second"))
        .await
        .unwrap();
    // Everybody reads the edit, stored or not.
    assert_eq!(scene.text(&process).await, "second");
    assert_eq!(scene.text(&other).await, "second");
    until("it is stored", async || stored(&scene).await == "second").await;
    until("it is counted", async || {
        let stats = process.cache_stats().unwrap();
        (stats.behind_queued, stats.behind_stored, stats.behind_lost) == (0, 1, 0)
    })
    .await;
}

/// The loss window: edits acknowledged since the last flush, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn write_behind_loses_unflushed_edits_on_crash() {
    let scene = Scene::new().await;
    let process = scene.process(behind(Duration::from_millis(50)));
    process
        .update_post(scene.author, scene.post, edit("flushed"))
        .await
        .unwrap();
    until("it is stored", async || stored(&scene).await == "flushed").await;
    drop(process);
    let process = scene.process(behind(LONG));
    process
        .update_post(scene.author, scene.post, edit("lost"))
        .await
        .unwrap();
    assert_eq!(scene.text(&process).await, "lost");
    assert_eq!(process.cache_stats().unwrap().behind_queued, 1);
    // Dropped without closing, as by a crash.
    drop(process);
    sleep(Duration::from_millis(50)).await;
    assert_eq!(stored(&scene).await, "flushed");
}

#[tokio::test(flavor = "multi_thread")]
async fn write_behind_flushes_on_close() {
    let scene = Scene::new().await;
    let process = scene.process(behind(LONG));
    for text in ["second", "third"] {
        process
            .update_post(scene.author, scene.post, edit(text))
            .await
            .unwrap();
    }
    assert_eq!(stored(&scene).await, "first");
    process.close().await;
    scene.store.catch_up().await;
    // The store was closed too; its replica has the same content.
    let kept = scene.store.replica.post(scene.post).await.unwrap();
    assert_eq!(kept.content, "third");
    let stats = process.cache_stats().unwrap();
    // The second edit superseded the first.
    assert_eq!((stats.behind_stored, stats.behind_lost), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn write_behind_queue_is_bounded() {
    let scene = Scene::new().await;
    let options = CacheOptions {
        flush_posts_max: 1,
        ..behind(LONG)
    };
    let process = scene.process(options);
    let other = process
        .create_post(new_post(scene.author, "other"))
        .await
        .unwrap()
        .id;
    process
        .update_post(scene.author, scene.post, edit("queued"))
        .await
        .unwrap();
    process
        .update_post(scene.author, other, edit("stored"))
        .await
        .unwrap();
    process
        .update_post(scene.author, scene.post, edit("queued again"))
        .await
        .unwrap();
    assert_eq!(scene.store.post(other).await.unwrap().content, "stored");
    assert_eq!(stored(&scene).await, "first");
    assert_eq!(scene.text(&process).await, "queued again");
    assert_eq!(process.cache_stats().unwrap().behind_queued, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn write_behind_retries_and_counts_losses() {
    let scene = Scene::new().await;
    let process = scene.process(CacheOptions {
        flush_patience: Duration::from_millis(400),
        ..behind(Duration::from_millis(20))
    });
    scene.text(&process).await;
    scene.store.fail(true);
    process
        .update_post(scene.author, scene.post, edit("late"))
        .await
        .unwrap();
    sleep(Duration::from_millis(60)).await;
    scene.store.fail(false);
    // On a stalled machine, the edit may be lost by now, and counted.
    until("it is stored or counted", async || {
        let stats = process.cache_stats().unwrap();
        stats.behind_stored + stats.behind_lost == 1
    })
    .await;
    let before = process.cache_stats().unwrap().behind_lost;
    assert_eq!(stored(&scene).await == "late", before == 0);
    scene.text(&process).await;
    scene.store.fail(true);
    process
        .update_post(scene.author, scene.post, edit("lost"))
        .await
        .unwrap();
    until("it is counted", async || {
        process.cache_stats().unwrap().behind_lost == before + 1
    })
    .await;
    scene.store.fail(false);
    // From then on, only stored content is served.
    until("the stored content is served", async || {
        scene.text(&process).await == stored(&scene).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_post_discards_queued_edit() {
    let scene = Scene::new().await;
    let process = scene.process(behind(LONG));
    process
        .update_post(scene.author, scene.post, edit("second"))
        .await
        .unwrap();
    let stranger = process.create_user(new_user("stranger")).await.unwrap().id;
    let rejected = process.delete_post(stranger, scene.post).await;
    assert_eq!(rejected, Err(StoreError::Forbidden));
    assert_eq!(scene.text(&process).await, "second");
    process.delete_post(scene.author, scene.post).await.unwrap();
    assert_eq!(process.post(scene.post).await, Err(StoreError::NotFound));
    process.close().await;
    let stats = process.cache_stats().unwrap();
    assert_eq!((stats.behind_queued, stats.behind_lost), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn refresh_ahead_loads_before_expiry() {
    let scene = Scene::new().await;
    let process = scene.process(CacheOptions {
        staleness: Duration::from_millis(200),
        shared_ttl: Duration::from_secs(2),
        ..with(UpdatePolicy::RefreshAhead)
    });
    scene.text(&process).await;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(5) {
        scene.text(&process).await;
        sleep(Duration::from_millis(1)).await;
    }
    let stats = process.cache_stats().unwrap();
    // Both layers were refreshed repeatedly, so hardly any read had to wait.
    assert!(stats.local.refreshes >= 3, "{stats:?}");
    assert!(stats.shared.refreshes >= 1, "{stats:?}");
    // One load at a time: the store served the refreshes and the misses.
    assert_eq!(scene.store.reads(), stats.loads);
    assert!(
        stats.loads <= 2 + stats.shared.refreshes + stats.shared.misses,
        "{stats:?}"
    );
    assert!(stats.loads < 20, "{stats:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refresh_does_not_restore_old_value() {
    let scene = Scene::new().await;
    let options = CacheOptions {
        staleness: Duration::ZERO,
        // A value from a clock that lags is always within the last quarter of its time to live.
        ..with(UpdatePolicy::RefreshAhead)
    };
    let process = scene.process(options);
    let value = Value::Post(Shared::new(scene.store.post(scene.post).await.unwrap()));
    let sealed = Envelope::seal(&value, Duration::from_secs(1)).unwrap();
    let key = Key::Post(scene.post).shared("tenfold");
    scene.cache.set(&key, sealed, LONG).await.unwrap();
    scene.store.delay(Duration::from_millis(300));
    let before = scene.store.reads();
    assert_eq!(scene.text(&process).await, "first");
    until("the refresh has started", async || {
        scene.store.reads() > before
    })
    .await;
    scene.store.delay(Duration::ZERO);
    process
        .update_post(scene.author, scene.post, edit("second"))
        .await
        .unwrap();
    assert_eq!(scene.text(&process).await, "second");
    // The refresh, which read the old value, ends by deleting its mark.
    let mark = Bytes::from([&key[..], b":refresh"].concat());
    until("the refresh has ended", async || {
        scene.cache.get(&mark).await == Ok(None)
    })
    .await;
    assert_eq!(scene.text(&process).await, "second");
    assert_eq!(process.cache_stats().unwrap().shared.refreshes, 0);
}
