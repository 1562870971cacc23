//! Races between loads and writes.

use super::*;

/// Starts a read that loads the old value before a write and returns after it.
async fn slow_read(
    scene: &Scene,
    process: &Arc<CachedStore>,
) -> tokio::task::JoinHandle<Result<Post, StoreError>> {
    scene.store.delay(Duration::from_millis(300));
    let before = scene.store.reads();
    let (reader, post) = (process.clone(), scene.post);
    let read = tokio::spawn(async move { reader.post(post).await });
    until("the read has started", async || {
        scene.store.reads() > before
    })
    .await;
    scene.store.delay(Duration::ZERO);
    read
}

#[tokio::test(flavor = "multi_thread")]
async fn load_started_before_write_is_not_cached() {
    for policy in POLICIES {
        let scene = Scene::new().await;
        // For the shared cache it does not matter which process loads.
        let (one, two) = (scene.process(with(policy)), scene.process(with(policy)));
        // Under write-behind, an edit reads the post first, and would wait for the slow read.
        let by = if policy == UpdatePolicy::WriteBehind {
            assert_eq!(scene.text(&two).await, "first");
            scene
                .cache
                .delete_many(&[Key::Post(scene.post).shared("tenfold")])
                .await
                .unwrap();
            &two
        } else {
            &one
        };
        let slow = slow_read(&scene, &one).await;
        by.update_post(scene.author, scene.post, edit("second"))
            .await
            .unwrap();
        // Later reads get the new value, although the slow read is still running.
        assert!(!slow.is_finished());
        assert_eq!(scene.text(by).await, "second", "{policy:?}");
        let seen = slow.await.unwrap().unwrap().content;
        assert!(["first", "second"].contains(&seen.as_str()));
        // Its value is neither in the shared cache nor in the writing process.
        assert_eq!(scene.text(by).await, "second", "{policy:?}");
        let third = scene.process(lasting());
        assert_eq!(scene.text(&third).await, "second", "{policy:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_write_leaves_nothing_stale() {
    let scene = Scene::new().await;
    let process = scene.process(lasting());
    for round in 0..50 {
        let text = format!("round {round}");
        scene.text(&process).await;
        let (writer, author, post) = (process.clone(), scene.author, scene.post);
        let change = edit(&text);
        let write = tokio::spawn(async move { writer.update_post(author, post, change).await });
        if round % 2 == 0 {
            tokio::task::yield_now().await;
        }
        write.abort();
        let _ = write.await;
        let stored = async || scene.store.post(scene.post).await.unwrap().content;
        // The write either never started or reaches the caches too.
        sleep(Duration::from_millis(2)).await;
        let now = stored().await;
        until("the change reaches the caches", async || {
            scene.text(&process).await == now && stored().await == now
        })
        .await;
    }
}

/// The client disconnects after the store has the edit and before the caches do.
#[tokio::test(flavor = "multi_thread")]
async fn abandoned_write_reaches_caches() {
    for policy in [UpdatePolicy::CacheAside, UpdatePolicy::WriteThrough] {
        let scene = Scene::new().await;
        let process = scene.process(with(policy));
        assert_eq!(scene.text(&process).await, "first");
        scene
            .store
            .delay_changes(Duration::ZERO, Duration::from_millis(200));
        let (writer, author, post) = (process.clone(), scene.author, scene.post);
        let write =
            tokio::spawn(async move { writer.update_post(author, post, edit("second")).await });
        until("it is stored", async || {
            scene.store.post(post).await.unwrap().content == "second"
        })
        .await;
        write.abort();
        let _ = write.await;
        until("the process has the edit", async || {
            scene.text(&process).await == "second"
        })
        .await;
        assert_eq!(scene.text(&scene.process(lasting())).await, "second");
    }
}

/// The write that starts first is stored last. Neither process knows, so neither may cache its value.
#[tokio::test(flavor = "multi_thread")]
async fn overtaking_writes_leave_stored_value() {
    let scene = Scene::new().await;
    let options = with(UpdatePolicy::WriteThrough);
    let (one, two) = (scene.process(options.clone()), scene.process(options));
    scene
        .store
        .delay_changes(Duration::from_millis(300), Duration::ZERO);
    let (writer, author, post) = (one.clone(), scene.author, scene.post);
    let slow = tokio::spawn(async move { writer.update_post(author, post, edit("slow")).await });
    let key = Key::Post(post).shared("tenfold");
    until("the slow write has started", async || {
        scene.cache.get(&key).await.unwrap().is_some()
    })
    .await;
    until("the store has read the delay", async || {
        scene.store.changes() > 0
    })
    .await;
    scene.store.delay_changes(Duration::ZERO, Duration::ZERO);
    two.update_post(author, post, edit("fast")).await.unwrap();
    slow.await.unwrap().unwrap();
    let stored = scene.store.post(post).await.unwrap().content;
    for process in [&one, &two, &scene.process(lasting())] {
        assert_eq!(scene.text(process).await, stored);
    }
}

/// Two writers of one post under write-through: cache and store end with the same value.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_writes_leave_stored_value() {
    let scene = Scene::new().await;
    let options = with(UpdatePolicy::WriteThrough);
    let processes = [scene.process(options.clone()), scene.process(options)];
    for round in 0..100 {
        let writes: Vec<_> = (0..6)
            .map(|number| {
                let process = processes[number % 2].clone();
                let (author, post) = (scene.author, scene.post);
                let change = edit(&format!("round {round} of {number}"));
                tokio::spawn(async move { process.update_post(author, post, change).await })
            })
            .collect();
        for write in writes {
            write.await.unwrap().unwrap();
        }
        let stored = scene.store.post(scene.post).await.unwrap();
        let reader = scene.process(lasting());
        assert_eq!(
            reader.post(scene.post).await.unwrap(),
            stored,
            "round {round}"
        );
    }
}

/// Readers and a writer of one post: no reader sees a value older than an acknowledged write.
#[tokio::test(flavor = "multi_thread")]
async fn readers_never_see_value_before_acknowledged_write() {
    for policy in POLICIES {
        let scene = Scene::new().await;
        let process = scene.process(with(policy));
        let acknowledged = Arc::new(AtomicU64::new(0));
        process
            .update_post(scene.author, scene.post, edit("0"))
            .await
            .unwrap();
        let readers: Vec<_> = (0..4)
            .map(|_| {
                let (process, acknowledged) = (process.clone(), Arc::clone(&acknowledged));
                let (post, author) = (scene.post, scene.author);
                tokio::spawn(async move {
                    loop {
                        let least = acknowledged.load(Ordering::SeqCst);
                        let seen = process.post(post).await.unwrap().content;
                        assert!(seen.parse::<u64>().unwrap() >= least, "{policy:?}");
                        let page = process.posts_by(author, Page::new(None, 20)).await.unwrap();
                        assert!(
                            page[0].content.parse::<u64>().unwrap() >= least,
                            "{policy:?}"
                        );
                        if least == 300 {
                            return;
                        }
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        for number in 1..=300_u64 {
            let change = edit(&number.to_string());
            process
                .update_post(scene.author, scene.post, change)
                .await
                .unwrap();
            acknowledged.store(number, Ordering::SeqCst);
            if number % 10 == 0 {
                sleep(Duration::from_millis(1)).await;
            }
        }
        for reader in readers {
            reader.await.unwrap();
        }
    }
}
