//! Updates of the local layer by writes.

use super::*;
use crate::cache::CutOff;

const PAGE: [u32; 2] = [10, 20];

/// Creates a scene whose shared cache can be delayed, and a reader who follows nobody.
async fn delayed(policy: UpdatePolicy) -> (Scene, Arc<CutOff>, Arc<CachedStore>, UserId) {
    let cache = Arc::new(CutOff::default());
    let scene = Scene {
        cache: cache.clone(),
        ..Scene::new().await
    };
    let process = scene.process(with(policy));
    let reader = process.create_user(new_user("reader")).await.unwrap().id;
    (scene, cache, process, reader)
}

/// Returns an author's number of posts, and the pages and feeds that show them to a reader.
async fn shown(store: &dyn Store, reader: UserId, author: UserId) -> (u64, Vec<Vec<Post>>) {
    let mut lists = Vec::new();
    for limit in PAGE {
        let page = Page::new(None, limit);
        lists.push(store.posts_by(author, page).await.unwrap());
        lists.push(store.feed(reader, page).await.unwrap());
    }
    (store.user(author).await.unwrap().posts, lists)
}

#[tokio::test(flavor = "multi_thread")]
async fn created_post_is_shown_without_read() {
    for policy in POLICIES {
        let scene = Scene::new().await;
        let process = scene.process(with(policy));
        let reader = process.create_user(new_user("reader")).await.unwrap().id;
        process.follow(reader, scene.author, NOW).await.unwrap();
        shown(&*process, reader, scene.author).await;
        for round in 0..25 {
            let reads = scene.store.reads();
            let post = new_post(scene.author, &format!("round {round}"));
            let post = process.create_post(post).await.unwrap();
            let (count, lists) = shown(&*process, reader, scene.author).await;
            assert_eq!(count, round + 2);
            for list in &lists {
                assert_eq!(list[0], post, "{policy:?}");
            }
            assert_eq!(scene.store.reads(), reads, "{policy:?}");
            let stored = shown(&*scene.store, reader, scene.author).await;
            assert_eq!((count, lists), stored, "{policy:?}");
        }
        assert!(process.cache_stats().unwrap().local.amendments >= 25 * 5);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_followee_is_shown_without_read() {
    let scene = Scene::new().await;
    let process = scene.process(lasting());
    let reader = process.create_user(new_user("reader")).await.unwrap().id;
    let other = process.create_user(new_user("other")).await.unwrap().id;
    for round in 0..12 {
        let author = [scene.author, other][round % 2];
        let post = new_post(author, &format!("round {round}"));
        process.create_post(post).await.unwrap();
    }
    process.follow(reader, other, NOW).await.unwrap();
    shown(&*process, reader, other).await;
    shown(&*process, other, scene.author).await;
    let (before, page) = (scene.store.reads(), Page::new(None, 20));
    for _ in 0..3 {
        assert_eq!(process.follow(reader, scene.author, NOW).await, Ok(true));
        assert_eq!(process.feed(reader, page).await.unwrap().len(), 13);
        assert_eq!(process.user(scene.author).await.unwrap().followers, 1);
        // The feed is not full, so it contains all posts.
        assert_eq!(process.unfollow(reader, scene.author).await, Ok(true));
        assert_eq!(process.feed(reader, page).await.unwrap().len(), 6);
        assert_eq!(process.user(scene.author).await.unwrap().followers, 0);
    }
    // The reader was not cached before the first of them.
    assert_eq!(process.user(reader).await.unwrap().following, 1);
    assert_eq!(scene.store.reads(), before + 1);
    // The posts that move up in a full feed are unknown.
    let page = Page::new(None, 10);
    process.follow(reader, scene.author, NOW).await.unwrap();
    assert_eq!(process.feed(reader, page).await.unwrap().len(), 10);
    process.unfollow(reader, scene.author).await.unwrap();
    let stored = scene.store.feed(reader, page).await.unwrap();
    assert_eq!(process.feed(reader, page).await.unwrap(), stored);
    assert_eq!(stored.len(), 6);
}

/// A process cannot know the follows written by another one.
#[tokio::test(flavor = "multi_thread")]
async fn repeated_write_refreshes_local_values() {
    let scene = Scene::new().await;
    let (one, two) = (scene.process(lasting()), scene.process(lasting()));
    let reader = one.create_user(new_user("reader")).await.unwrap().id;
    for process in [&one, &two] {
        shown(&**process, reader, scene.author).await;
        process.user(reader).await.unwrap();
    }
    for (now, count) in [(true, 1), (false, 0)] {
        for (process, changed) in [(&one, true), (&two, false)] {
            let written = match now {
                true => process.follow(reader, scene.author, NOW).await,
                false => process.unfollow(reader, scene.author).await,
            };
            assert_eq!(written, Ok(changed));
            let feed = process.feed(reader, Page::new(None, 10)).await.unwrap();
            assert_eq!(feed.len() as u64, count);
            assert_eq!(process.user(reader).await.unwrap().following, count);
            let author = process.user(scene.author).await.unwrap();
            assert_eq!(author.followers, count);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn feed_omits_later_post_of_unfollowed_user() {
    let scene = Scene::new().await;
    let process = scene.process(lasting());
    let reader = process.create_user(new_user("reader")).await.unwrap().id;
    let page = Page::new(None, 10);
    process.follow(reader, scene.author, NOW).await.unwrap();
    assert_eq!(process.feed(reader, page).await.unwrap().len(), 1);
    process.unfollow(reader, scene.author).await.unwrap();
    let late = process.create_post(new_post(scene.author, "late")).await;
    assert_eq!(process.feed(reader, page).await.unwrap(), []);
    process.follow(reader, scene.author, NOW).await.unwrap();
    assert_eq!(process.feed(reader, page).await.unwrap()[0], late.unwrap());
}

/// During the invalidation of the shared cache, the page still contains the post, and a user follows.
#[tokio::test(flavor = "multi_thread")]
async fn feed_omits_post_deleted_during_follow() {
    for policy in POLICIES {
        let (scene, cache, process, reader) = delayed(policy).await;
        shown(&*process, reader, scene.author).await;
        cache.hold_next_deletion(300);
        let (writer, author, post) = (process.clone(), scene.author, scene.post);
        let deletion = tokio::spawn(async move { writer.delete_post(author, post).await });
        until("the cache is being invalidated", async || cache.holds()).await;
        process.follow(reader, scene.author, NOW).await.unwrap();
        let page = Page::new(None, 10);
        process.feed(reader, page).await.unwrap();
        assert!(!deletion.is_finished(), "{policy:?}");
        deletion.await.unwrap().unwrap();
        assert_eq!(process.feed(reader, page).await.unwrap(), [], "{policy:?}");
    }
}

/// Two writes whose changes are logged in reverse order.
#[tokio::test(flavor = "multi_thread")]
async fn count_is_never_negative() {
    let (scene, cache, process, reader) = delayed(UpdatePolicy::CacheAside).await;
    let (author, followers) = (scene.author, async || {
        process.user(scene.author).await.unwrap().followers
    });
    assert_eq!(followers().await, 0);
    cache.hold_next_deletion(300);
    let writer = process.clone();
    let follow = tokio::spawn(async move { writer.follow(reader, author, NOW).await });
    until("the cache is being invalidated", async || cache.holds()).await;
    assert_eq!(process.unfollow(reader, author).await, Ok(true));
    assert!(!follow.is_finished());
    assert_eq!(follow.await.unwrap(), Ok(true));
    assert_eq!(followers().await, 0);
    let page = Page::new(None, 10);
    assert_eq!(process.feed(reader, page).await.unwrap(), []);
}

/// A reader sees the post in a feed before its author has a response.
#[tokio::test(flavor = "multi_thread")]
async fn post_deleted_during_creation_is_nowhere() {
    for policy in POLICIES {
        let (scene, cache, process, reader) = delayed(policy).await;
        process.follow(reader, scene.author, NOW).await.unwrap();
        shown(&*process, reader, scene.author).await;
        cache.hold_next_deletion(300);
        let (writer, author) = (process.clone(), scene.author);
        let creation =
            tokio::spawn(async move { writer.create_post(new_post(author, "brief")).await });
        until("the cache is being invalidated", async || cache.holds()).await;
        let page = Page::new(None, 10);
        let id = scene.store.posts_by(author, page).await.unwrap()[0].id;
        process.delete_post(author, id).await.unwrap();
        // Cached again, so that the post could be added to it.
        shown(&*process, reader, author).await;
        assert!(!creation.is_finished(), "{policy:?}");
        assert_eq!(creation.await.unwrap().unwrap().id, id);
        let stored = shown(&*scene.store, reader, author).await;
        assert_eq!(shown(&*process, reader, author).await, stored, "{policy:?}");
        for process in [&process, &scene.process(lasting())] {
            let post = process.post(id).await.map(drop);
            assert_eq!(post, Err(StoreError::NotFound), "{policy:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_and_deletions_reload_pages() {
    let scene = Scene::new().await;
    let process = scene.process(lasting());
    let reader = process.create_user(new_user("reader")).await.unwrap().id;
    process.follow(reader, scene.author, NOW).await.unwrap();
    for round in 0..12 {
        let post = new_post(scene.author, &format!("round {round}"));
        let post = process.create_post(post).await.unwrap();
        match round % 3 {
            0 => {
                let edit = edit("another");
                process
                    .update_post(scene.author, post.id, edit)
                    .await
                    .unwrap();
            }
            1 => {
                process.delete_post(scene.author, post.id).await.unwrap();
            }
            _ => {}
        }
        let stored = shown(&*scene.store, reader, scene.author).await;
        assert_eq!(shown(&*process, reader, scene.author).await, stored);
    }
}

/// A count read while a post is written may or may not include it.
#[tokio::test(flavor = "multi_thread")]
async fn count_being_loaded_is_not_updated() {
    let scene = Scene::new().await;
    let process = scene.process(lasting());
    scene.store.delay(Duration::from_millis(200));
    let reads = scene.store.reads();
    let (reader, author) = (process.clone(), scene.author);
    let slow = tokio::spawn(async move { reader.user(author).await.unwrap().posts });
    until("the read has started", async || scene.store.reads() > reads).await;
    scene.store.delay(Duration::ZERO);
    process
        .create_post(new_post(author, "second"))
        .await
        .unwrap();
    assert_eq!(process.user(author).await.unwrap().posts, 2);
    // The earlier reader gets the old count, which is not cached.
    assert_eq!(slow.await.unwrap(), 1);
    assert_eq!(process.user(author).await.unwrap().posts, 2);
}

/// Two tasks for each of four authors write, edit and delete posts, follow and unfollow, while others read.
/// Writers always see their own writes. In the end everybody sees the content of the store.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_writes_are_shown_as_stored() {
    for (policy, staleness) in POLICIES
        .map(|policy| (policy, LONG))
        .into_iter()
        .chain([(UpdatePolicy::CacheAside, Duration::from_millis(5))])
    {
        let scene = Scene::new().await;
        let options = CacheOptions {
            staleness,
            ..with(policy)
        };
        let process = scene.process(options);
        let reader = process.create_user(new_user("reader")).await.unwrap().id;
        let mut authors = vec![scene.author];
        for number in 0..3 {
            let new = new_user(&format!("author{number}"));
            authors.push(process.create_user(new).await.unwrap().id);
        }
        for author in &authors {
            process.follow(reader, *author, NOW).await.unwrap();
        }
        let done = Arc::new(AtomicBool::new(false));
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let (process, authors) = (process.clone(), authors.clone());
                let done = Arc::clone(&done);
                tokio::spawn(async move {
                    while !done.load(Ordering::SeqCst) {
                        for author in &authors {
                            shown(&*process, reader, *author).await;
                        }
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        let writers: Vec<_> = (0..8)
            .map(|task| {
                let (process, author) = (process.clone(), authors[task % 4]);
                tokio::spawn(async move { write(&process, reader, author, task).await })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        done.store(true, Ordering::SeqCst);
        for reader in readers {
            reader.await.unwrap();
        }
        until("everything is stored", async || {
            process.cache_stats().unwrap().behind_queued == 0
        })
        .await;
        for author in &authors {
            let stored = shown(&*scene.store, reader, *author).await;
            let seen = shown(&*process, reader, *author).await;
            assert_eq!(seen, stored, "{policy:?} {staleness:?}");
        }
    }
}

async fn write(process: &CachedStore, reader: UserId, author: UserId, task: usize) {
    let options = &process.core.options;
    for round in 0..60_usize {
        let text = format!("{task} {round}");
        let case = format!("{text}, {:?}, {:?}", options.policy, options.staleness);
        let post = process.create_post(new_post(author, &text)).await.unwrap();
        let newest = |posts: &[Post]| posts.iter().any(|one| one.id >= post.id);
        let page = Page::new(None, 20);
        let posts = process.posts_by(author, page).await.unwrap();
        assert!(newest(&posts), "{case}: its author's page");
        match (round + task) % 5 {
            0 => {
                process.delete_post(author, post.id).await.unwrap();
                let posts = process.posts_by(author, page).await.unwrap();
                assert!(
                    posts.iter().all(|one| one.id != post.id),
                    "{case}: a deleted post"
                );
                let feed = process.feed(reader, page).await.unwrap();
                assert!(
                    feed.iter().all(|one| one.id != post.id),
                    "{case}: a deleted post"
                );
            }
            1 => {
                let changed = process
                    .update_post(author, post.id, edit("another"))
                    .await
                    .unwrap();
                let posts = process.posts_by(author, page).await.unwrap();
                if let Some(shown) = posts.iter().find(|one| one.id == post.id) {
                    assert_eq!(shown, &changed, "{case}");
                }
            }
            2 if task >= 4 => {
                process.unfollow(reader, author).await.unwrap();
                process.follow(reader, author, NOW).await.unwrap();
            }
            _ => {
                let feed = process.feed(reader, page).await.unwrap();
                assert!(task < 4 || newest(&feed), "{case}: the feed");
            }
        }
    }
}
