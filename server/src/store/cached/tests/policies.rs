//! What each update policy promises beside what all do.

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
async fn cache_aside_reads_the_store_once_after_a_write() {
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
async fn write_through_leaves_the_next_read_in_the_cache() {
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
    // A new post is there until something changes it, as its photo did.
    assert!(process.post(new.id).await.unwrap().has_photo);
    assert_eq!(scene.store.reads(), 1);
}

#[tokio::test]
async fn write_through_stores_before_it_answers() {
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
async fn write_behind_answers_before_it_stores_and_stores_soon() {
    let scene = Scene::new().await;
    let process = scene.process(behind(Duration::from_millis(100)));
    let other = scene.process(lasting());
    process
        .update_post(scene.author, scene.post, edit("second"))
        .await
        .unwrap();
    // Everybody reads it, whether or not it is stored.
    assert_eq!(scene.text(&process).await, "second");
    assert_eq!(scene.text(&other).await, "second");
    until("it is stored", async || stored(&scene).await == "second").await;
    until("it is counted", async || {
        let stats = process.cache_stats().unwrap();
        (stats.behind_queued, stats.behind_stored, stats.behind_lost) == (0, 1, 0)
    })
    .await;
}

/// The loss window: what was answered since the last flush, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn write_behind_loses_what_was_not_flushed_when_the_process_dies() {
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
    // Not closed: its memory is gone, as when it is killed.
    drop(process);
    sleep(Duration::from_millis(50)).await;
    assert_eq!(stored(&scene).await, "flushed");
}

#[tokio::test(flavor = "multi_thread")]
async fn write_behind_stores_everything_when_it_is_closed() {
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
    // The store was closed with it; its replica has what it had.
    let kept = scene.store.replica.post(scene.post).await.unwrap();
    assert_eq!(kept.content, "third");
    let stats = process.cache_stats().unwrap();
    // The second took the place of the first.
    assert_eq!((stats.behind_stored, stats.behind_lost), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn write_behind_is_bounded() {
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
        .update_post(scene.author, scene.post, edit("waits"))
        .await
        .unwrap();
    process
        .update_post(scene.author, other, edit("does not"))
        .await
        .unwrap();
    process
        .update_post(scene.author, scene.post, edit("waits again"))
        .await
        .unwrap();
    assert_eq!(scene.store.post(other).await.unwrap().content, "does not");
    assert_eq!(stored(&scene).await, "first");
    assert_eq!(scene.text(&process).await, "waits again");
    assert_eq!(process.cache_stats().unwrap().behind_queued, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn write_behind_waits_for_the_store_and_counts_what_is_lost() {
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
    // On a machine that stood still for so long it may be lost by now, and is counted then.
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
    // From then on nobody is told what is not so.
    until("what is stored is served", async || {
        scene.text(&process).await == stored(&scene).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_waits_goes_with_its_post() {
    let scene = Scene::new().await;
    let process = scene.process(behind(LONG));
    process
        .update_post(scene.author, scene.post, edit("second"))
        .await
        .unwrap();
    let stranger = process.create_user(new_user("stranger")).await.unwrap().id;
    let refused = process.delete_post(stranger, scene.post).await;
    assert_eq!(refused, Err(StoreError::Forbidden));
    assert_eq!(scene.text(&process).await, "second");
    process.delete_post(scene.author, scene.post).await.unwrap();
    assert_eq!(process.post(scene.post).await, Err(StoreError::NotFound));
    process.close().await;
    let stats = process.cache_stats().unwrap();
    assert_eq!((stats.behind_queued, stats.behind_lost), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn refresh_ahead_loads_before_the_value_expires() {
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
    // Both layers were refreshed over and over, so hardly a read had to wait.
    assert!(stats.local.refreshes >= 3, "{stats:?}");
    assert!(stats.shared.refreshes >= 1, "{stats:?}");
    // One load at a time: the store was asked for what was refreshed and what was missed.
    assert_eq!(scene.store.reads(), stats.loads);
    assert!(
        stats.loads <= 2 + stats.shared.refreshes + stats.shared.misses,
        "{stats:?}"
    );
    assert!(stats.loads < 20, "{stats:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_does_not_bring_back_what_was_before() {
    let scene = Scene::new().await;
    let options = CacheOptions {
        staleness: Duration::ZERO,
        // All of the time to live is its last quarter for a value from a clock that is behind.
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
    until("the refresh has begun", async || {
        scene.store.reads() > before
    })
    .await;
    scene.store.delay(Duration::ZERO);
    process
        .update_post(scene.author, scene.post, edit("second"))
        .await
        .unwrap();
    assert_eq!(scene.text(&process).await, "second");
    // The refresh, which saw what was before, has ended when its mark has gone.
    let mark = Bytes::from([&key[..], b":refresh"].concat());
    until("the refresh has ended", async || {
        scene.cache.get(&mark).await == Ok(None)
    })
    .await;
    assert_eq!(scene.text(&process).await, "second");
    assert_eq!(process.cache_stats().unwrap().shared.refreshes, 0);
}
