//! Edits that are acknowledged before they are stored: each read that starts later returns them.

use super::write_behind::flush;
use super::*;
use crate::cache::CutOff;

const CONTENTS: [CacheContent; 3] = [
    CacheContent::Both,
    CacheContent::Objects,
    CacheContent::Queries,
];

/// Reads that return a post.
#[derive(Clone, Copy, Debug)]
enum Read {
    Post,
    Page,
    Feed,
    /// Not a first page, so never cached.
    LaterPage,
    LaterFeed,
}

const READS: [Read; 5] = [
    Read::Post,
    Read::Page,
    Read::Feed,
    Read::LaterPage,
    Read::LaterFeed,
];

/// Process with an edit that is stored when the test says so.
struct Edited {
    scene: Scene,
    cache: Arc<CutOff>,
    process: Arc<CachedStore>,
    reader: UserId,
}

fn never_flushed(content: CacheContent) -> CacheOptions {
    CacheOptions {
        content,
        flush_interval: LONG,
        ..with(UpdatePolicy::WriteBehind)
    }
}

impl Edited {
    /// Edits a post from "first" to "second".
    async fn new(content: CacheContent) -> Self {
        let cache = Arc::new(CutOff::default());
        let scene = Scene {
            cache: cache.clone(),
            ..Scene::new().await
        };
        let process = scene.process(never_flushed(content));
        let reader = process.create_user(new_user("reader")).await.unwrap().id;
        process.follow(reader, scene.author, NOW).await.unwrap();
        let edited = Self {
            scene,
            cache,
            process,
            reader,
        };
        for read in READS {
            assert_eq!(edited.text(read).await, "first", "{read:?}");
        }
        let (author, post) = (edited.scene.author, edited.scene.post);
        let written = edited.process.update_post(author, post, edit("second"));
        assert_eq!(written.await.unwrap().content, "second");
        edited
    }

    async fn text(&self, read: Read) -> String {
        self.text_in(&self.process, read).await
    }

    async fn text_in(&self, process: &CachedStore, read: Read) -> String {
        let (author, post) = (self.scene.author, self.scene.post);
        let first = Page::new(None, 10);
        let later = Page::new(Some(PostId(post.0 + 1)), 10);
        let posts = match read {
            Read::Post => process.post(post).await.map(|post| vec![post]),
            Read::Page => process.posts_by(author, first).await,
            Read::Feed => process.feed(self.reader, first).await,
            Read::LaterPage => process.posts_by(author, later).await,
            Read::LaterFeed => process.feed(self.reader, later).await,
        };
        let mut posts = posts.unwrap();
        assert_eq!(posts.len(), 1, "{read:?}");
        posts.remove(0).content
    }

    async fn assert_shown(&self, case: &str) {
        for read in READS {
            assert_eq!(self.text(read).await, "second", "{case}, {read:?}");
        }
    }

    async fn flush(&self) {
        flush(&self.process.core, LONG).await;
        let stats = self.process.cache_stats().unwrap();
        assert_eq!((stats.behind_queued, stats.behind_stored), (0, 1));
    }
}

/// The read gets the previous content from the store. Then the edit is stored, and leaves the queue.
#[tokio::test(flavor = "multi_thread")]
async fn read_interrupted_by_flush_returns_edit() {
    for content in CONTENTS {
        for read in READS {
            let edited = Arc::new(Edited::new(content).await);
            let store = &edited.scene.store;
            let reads = store.reads();
            store.delay(Duration::from_millis(300));
            let reader = Arc::clone(&edited);
            let slow = tokio::spawn(async move { reader.text(read).await });
            let case = format!("{content:?}, {read:?}");
            // The shared cache has the edited post.
            if content != CacheContent::Queries && matches!(read, Read::Post) {
                assert_eq!(slow.await.unwrap(), "second", "{case}");
                continue;
            }
            until("the store was read", async || store.reads() > reads).await;
            store.delay(Duration::ZERO);
            edited.flush().await;
            assert!(!slow.is_finished(), "{case}");
            assert_eq!(slow.await.unwrap(), "second", "{case}");
            edited.assert_shown(&case).await;
        }
    }
}

/// The edit is stored, but the shared cache still has pages with the previous content.
#[tokio::test(flavor = "multi_thread")]
async fn edit_is_shown_while_flush_invalidates_caches() {
    for content in CONTENTS {
        let edited = Arc::new(Edited::new(content).await);
        let other = edited.scene.process(lasting());
        for read in READS {
            edited.text_in(&other, read).await;
        }
        edited.cache.hold_next_deletion(300);
        let flushed = Arc::clone(&edited);
        let flush = tokio::spawn(async move { flushed.flush().await });
        until("the cache is being invalidated", async || {
            edited.cache.holds()
        })
        .await;
        edited.assert_shown(&format!("{content:?}")).await;
        assert!(!flush.is_finished());
        flush.await.unwrap();
        edited.assert_shown(&format!("{content:?}, flushed")).await;
        let third = edited.scene.process(lasting());
        for read in READS {
            assert_eq!(edited.text_in(&third, read).await, "second", "{read:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn edit_is_shown_during_and_after_rejected_deletion() {
    for content in CONTENTS {
        let edited = Edited::new(content).await;
        let (store, changes) = (&edited.scene.store, edited.scene.store.changes());
        store.delay_changes(Duration::ZERO, Duration::from_millis(300));
        let (process, stranger, post) = (edited.process.clone(), edited.reader, edited.scene.post);
        let deletion = tokio::spawn(async move { process.delete_post(stranger, post).await });
        until("the deletion has started", async || {
            store.changes() > changes
        })
        .await;
        store.delay_changes(Duration::ZERO, Duration::ZERO);
        edited.assert_shown(&format!("{content:?}, during")).await;
        assert!(!deletion.is_finished());
        assert_eq!(deletion.await.unwrap(), Err(StoreError::Forbidden));
        edited.assert_shown(&format!("{content:?}, after")).await;
        edited.flush().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn edit_flushed_during_deletion_is_not_lost() {
    let edited = Edited::new(CacheContent::Both).await;
    let (store, process) = (&edited.scene.store, &edited.process);
    let (author, post) = (edited.scene.author, edited.scene.post);
    store.delay_changes(Duration::ZERO, Duration::from_millis(300));
    let writer = process.clone();
    let deletion = tokio::spawn(async move { writer.delete_post(author, post).await });
    until("the post is deleted", async || {
        store.post(post).await.is_err()
    })
    .await;
    store.delay_changes(Duration::ZERO, Duration::ZERO);
    flush(&process.core, Duration::ZERO).await;
    assert!(!deletion.is_finished());
    deletion.await.unwrap().unwrap();
    assert_eq!(process.post(post).await, Err(StoreError::NotFound));
    let stats = process.cache_stats().unwrap();
    assert_eq!((stats.behind_queued, stats.behind_lost), (0, 0));
}

/// Starts an edit that has read the post, and waits before it is queued.
async fn slow_edit(
    scene: &Scene,
    process: &Arc<CachedStore>,
) -> tokio::task::JoinHandle<Result<Post, StoreError>> {
    let reads = scene.store.reads();
    scene.store.delay(Duration::from_millis(300));
    let (writer, author, post) = (process.clone(), scene.author, scene.post);
    let write = tokio::spawn(async move { writer.update_post(author, post, edit("second")).await });
    until("the edit has read the post", async || {
        scene.store.reads() > reads
    })
    .await;
    scene.store.delay(Duration::ZERO);
    write
}

#[tokio::test(flavor = "multi_thread")]
async fn edit_does_not_restore_post_deleted_meanwhile() {
    let scene = Scene::new().await;
    let process = scene.process(never_flushed(CacheContent::Both));
    let write = slow_edit(&scene, &process).await;
    process.delete_post(scene.author, scene.post).await.unwrap();
    assert!(!write.is_finished());
    // Concurrent with the deletion, so either outcome is right.
    let _ = write.await.unwrap();
    for process in [&process, &scene.process(lasting())] {
        let post = process.post(scene.post).await.map(drop);
        assert_eq!(post, Err(StoreError::NotFound));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn edit_does_not_hide_photo_stored_meanwhile() {
    let scene = Scene::new().await;
    let process = scene.process(never_flushed(CacheContent::Both));
    let write = slow_edit(&scene, &process).await;
    let photo = Photo {
        post: scene.post,
        media_type: "image/png".to_owned(),
        bytes: 1,
        file_key: "a".to_owned(),
        etag: "b".to_owned(),
        created_at: NOW,
    };
    process.put_photo(scene.author, photo).await.unwrap();
    assert!(!write.is_finished());
    write.await.unwrap().unwrap();
    let post = process.post(scene.post).await.unwrap();
    assert_eq!((post.content.as_str(), post.has_photo), ("second", true));
}
