//! Contract of [`Store`], one function per guarantee.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::RngExt;
use rand_pcg::Pcg64Mcg;

use super::{MemoryStore, Shared, Store, StoreError};
use crate::data_set::{Content, DataSet};
use crate::model::{
    LiveSession, NewPost, NewSession, NewUser, Page, Photo, Post, PostEdit, PostId, Timestamp,
    TokenDigest, User, UserId,
};

/// Checks every guarantee, each on a fresh store from `open`.
pub(crate) async fn is_kept(open: impl AsyncFn() -> Arc<dyn Store>) {
    handles_are_unique(&*open().await).await;
    bad_input_is_rejected(&*open().await).await;
    sessions_end(&*open().await).await;
    expired_sessions_are_deleted(&*open().await).await;
    posts_are_read_as_written(&*open().await).await;
    only_author_edits_post(&*open().await).await;
    post_ids_are_not_reused(&*open().await).await;
    lists_are_paged_newest_first(&*open().await).await;
    following_is_idempotent(&*open().await).await;
    feeds_join_followed_users(&*open().await).await;
    feeds_join_many_followed_users(&*open().await).await;
    followees_are_listed(&*open().await).await;
    shared_reads_equal_plain_reads(&*open().await).await;
    photos_follow_their_posts(&*open().await).await;
    newest_beat_is_read(&*open().await).await;
    data_sets_are_loaded_once(&*open().await).await;
    data_sets_are_not_mixed(&*open().await).await;
    concurrent_writes_all_count(open().await).await;
    closed_store_is_unavailable(&*open().await).await;
    for seed in 0..4 {
        agrees_with_memory(&*open().await, seed).await;
    }
}

const NOW: Timestamp = Timestamp(1_750_000_000_000);

pub(crate) fn new_user(handle: &str) -> NewUser {
    NewUser {
        handle: handle.to_owned(),
        password_hash: format!("$argon2id$of-{handle}"),
        created_at: NOW,
    }
}

pub(crate) fn new_post(author: UserId, content: &str) -> NewPost {
    NewPost {
        author,
        content: content.to_owned(),
        html: format!("<p>{content}</p>"),
        created_at: NOW,
    }
}

fn photo(post: PostId, key: &str) -> Photo {
    Photo {
        post,
        media_type: "image/png".to_owned(),
        bytes: 5_000_000,
        file_key: key.to_owned(),
        etag: format!("\"{key}\""),
        created_at: NOW,
    }
}

fn edit(content: &str) -> PostEdit {
    PostEdit {
        content: content.to_owned(),
        html: format!("<b>{content}</b>"),
        updated_at: Timestamp(NOW.0 + 5),
    }
}

/// Data set small enough for tests, with HTML that needs no renderer.
pub(crate) fn small_content(seed: u64) -> Arc<Content> {
    let data_set = DataSet {
        seed,
        users: 50,
        posts: 300,
        follows_per_user: 5,
    };
    Arc::new(
        data_set
            .content("$argon2id$shared".to_owned(), in_paragraph)
            .unwrap(),
    )
}

pub(crate) fn in_paragraph(markdown: &str) -> String {
    format!("<p>{markdown}</p>\n")
}

async fn two_users(store: &dyn Store) -> (User, User) {
    let first = store.create_user(new_user("first")).await.unwrap();
    let second = store.create_user(new_user("second")).await.unwrap();
    (first, second)
}

fn ids(posts: &[Post]) -> Vec<i64> {
    posts.iter().map(|post| post.id.0).collect()
}

async fn handles_are_unique(store: &dyn Store) {
    let (first, second) = two_users(store).await;
    assert_eq!(first.id, UserId(1));
    assert!(second.id > first.id);
    let taken = store.create_user(new_user("first")).await;
    assert!(
        matches!(&taken, Err(StoreError::Conflict(why)) if why.contains("`first`")),
        "{taken:?}"
    );
    assert_eq!(store.user(first.id).await.unwrap(), first);
    let credentials = store.credentials("second").await.unwrap();
    assert_eq!(credentials.user, second.id);
    assert_eq!(credentials.password_hash, "$argon2id$of-second");
    for unknown in ["third", "First", "first ", "", "ü", "' OR 1=1 --"] {
        assert_eq!(
            store.credentials(unknown).await,
            Err(StoreError::NotFound),
            "{unknown}"
        );
    }
    assert_eq!(store.user(UserId(99)).await, Err(StoreError::NotFound));
    assert_eq!(
        store.user(UserId(i64::MAX)).await,
        Err(StoreError::NotFound)
    );
    assert_eq!(store.user(UserId(-1)).await, Err(StoreError::NotFound));
    store.ping().await.unwrap();
}

async fn bad_input_is_rejected(store: &dyn Store) {
    let (first, _) = two_users(store).await;
    let rejected = |result: Result<(), StoreError>| {
        assert!(matches!(result, Err(StoreError::Invalid(_))), "{result:?}");
    };
    rejected(store.create_user(new_user("Not A Handle")).await.map(drop));
    rejected(
        store
            .create_post(new_post(first.id, &"x".repeat(1_025)))
            .await
            .map(drop),
    );
    rejected(store.create_post(new_post(first.id, "")).await.map(drop));
    let post = store
        .create_post(new_post(first.id, &"x".repeat(1_024)))
        .await
        .unwrap();
    rejected(
        store
            .update_post(first.id, post.id, edit(""))
            .await
            .map(drop),
    );
    rejected(store.follow(first.id, first.id, NOW).await.map(drop));
    rejected(
        store
            .put_photo(first.id, photo(post.id, ""))
            .await
            .map(drop),
    );
    let unknown = store.create_post(new_post(UserId(99), "from nobody")).await;
    assert_eq!(unknown, Err(StoreError::NotFound));
}

async fn sessions_end(store: &dyn Store) {
    let (first, second) = two_users(store).await;
    let token = TokenDigest([7; 32]);
    let session = |user| NewSession {
        token,
        user,
        created_at: NOW,
        expires_at: Timestamp(NOW.0 + 1_000),
    };
    assert_eq!(store.session(&token, NOW).await, Err(StoreError::NotFound));
    store.create_session(session(first.id)).await.unwrap();
    let again = store.create_session(session(second.id)).await;
    assert!(matches!(again, Err(StoreError::Conflict(_))), "{again:?}");
    let live = LiveSession {
        user: first.id,
        expires_at: Timestamp(NOW.0 + 1_000),
    };
    // Twice, for stores that cache.
    for now in [0, 0, 999] {
        let now = Timestamp(NOW.0 + now);
        assert_eq!(store.session(&token, now).await, Ok(live));
    }
    let expired = store.session(&token, Timestamp(NOW.0 + 1_000)).await;
    assert_eq!(expired, Err(StoreError::NotFound));
    store.delete_session(&token).await.unwrap();
    store.delete_session(&token).await.unwrap();
    assert_eq!(store.session(&token, NOW).await, Err(StoreError::NotFound));
    let unknown = store.create_session(session(UserId(99))).await;
    assert_eq!(unknown, Err(StoreError::NotFound));
}

async fn expired_sessions_are_deleted(store: &dyn Store) {
    let (first, _) = two_users(store).await;
    // If expired sessions stayed, their tokens would still be in use.
    for round in 0..3_i64 {
        for number in 0..10_u8 {
            let begins = NOW.0 + round * 1_000 + i64::from(number);
            let begun = store
                .create_session(NewSession {
                    token: TokenDigest([number; 32]),
                    user: first.id,
                    created_at: Timestamp(begins),
                    expires_at: Timestamp(begins + 500),
                })
                .await;
            assert_eq!(begun, Ok(()), "round {round}, session {number}");
        }
    }
}

async fn posts_are_read_as_written(store: &dyn Store) {
    let (first, _) = two_users(store).await;
    let content = "Ünïcödé 🦀, 'quotes' \"and\" \\ back\nslashes; DROP TABLE posts; --\u{0}\u{7f}";
    let created = store
        .create_post(new_post(first.id, content))
        .await
        .unwrap();
    assert_eq!(created.content, content);
    assert_eq!(created.author_handle, "first");
    assert_eq!(
        (created.created_at, created.updated_at, created.has_photo),
        (NOW, NOW, false)
    );
    assert_eq!(store.post(created.id).await.unwrap(), created);
    assert_eq!(store.user(first.id).await.unwrap().posts, 1);
    let updated = store
        .update_post(first.id, created.id, edit("other"))
        .await
        .unwrap();
    assert_eq!(updated.content, "other");
    assert_eq!(updated.html, "<b>other</b>");
    assert_eq!(
        (updated.created_at, updated.updated_at),
        (NOW, Timestamp(NOW.0 + 5))
    );
    assert_eq!(store.post(created.id).await.unwrap(), updated);
    assert_eq!(store.post(PostId(99)).await, Err(StoreError::NotFound));
    // An identical edit succeeds and changes nothing.
    let again = store.update_post(first.id, created.id, edit("other")).await;
    assert_eq!(again, Ok(updated));
}

async fn only_author_edits_post(store: &dyn Store) {
    let (first, second) = two_users(store).await;
    let post = store.create_post(new_post(first.id, "mine")).await.unwrap();
    let changed = store.update_post(second.id, post.id, edit("theirs")).await;
    assert_eq!(changed, Err(StoreError::Forbidden));
    assert_eq!(
        store.delete_post(second.id, post.id).await,
        Err(StoreError::Forbidden)
    );
    let with_photo = store.put_photo(second.id, photo(post.id, "a")).await;
    assert_eq!(with_photo, Err(StoreError::Forbidden));
    assert_eq!(store.post(post.id).await.unwrap(), post);
    let unknown = PostId(99);
    let changed = store.update_post(first.id, unknown, edit("x")).await;
    assert_eq!(changed, Err(StoreError::NotFound));
    assert_eq!(
        store.delete_post(first.id, unknown).await,
        Err(StoreError::NotFound)
    );
    let with_photo = store.put_photo(first.id, photo(unknown, "a")).await;
    assert_eq!(with_photo, Err(StoreError::NotFound));
}

async fn post_ids_are_not_reused(store: &dyn Store) {
    let (first, _) = two_users(store).await;
    let before = store.create_post(new_post(first.id, "one")).await.unwrap();
    assert_eq!(store.delete_post(first.id, before.id).await, Ok(None));
    assert_eq!(store.post(before.id).await, Err(StoreError::NotFound));
    assert_eq!(store.user(first.id).await.unwrap().posts, 0);
    let after = store.create_post(new_post(first.id, "two")).await.unwrap();
    assert!(after.id > before.id);
}

async fn lists_are_paged_newest_first(store: &dyn Store) {
    let (first, second) = two_users(store).await;
    let mut mine = Vec::new();
    for number in 0..25 {
        let author = if number % 5 == 4 { second.id } else { first.id };
        let post = store
            .create_post(new_post(author, &format!("{number}")))
            .await
            .unwrap();
        if author == first.id {
            mine.insert(0, post.id.0);
        }
    }
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let page = store
            .posts_by(first.id, Page::new(before, 7))
            .await
            .unwrap();
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 7);
        assert!(page.iter().all(|post| post.author_handle == "first"));
        before = page.last().map(|post| post.id);
        seen.extend(ids(&page));
    }
    assert_eq!(seen, mine);
    // Limits are clamped.
    assert_eq!(
        store
            .posts_by(first.id, Page::new(None, 0))
            .await
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        store
            .posts_by(first.id, Page::new(None, u32::MAX))
            .await
            .unwrap()
            .len(),
        20
    );
    let unknown = store.posts_by(UserId(99), Page::new(None, 7)).await;
    assert_eq!(unknown, Err(StoreError::NotFound));
    let unknown = store.feed(UserId(99), Page::new(None, 7)).await;
    assert_eq!(unknown, Err(StoreError::NotFound));
    assert_eq!(
        store.feed(first.id, Page::new(None, 7)).await,
        Ok(Vec::new())
    );
}

async fn following_is_idempotent(store: &dyn Store) {
    let (first, second) = two_users(store).await;
    for round in 0..2 {
        let new = store.follow(first.id, second.id, NOW).await.unwrap();
        assert_eq!(new, round == 0);
        assert_eq!(store.user(first.id).await.unwrap().following, 1);
        assert_eq!(store.user(first.id).await.unwrap().followers, 0);
        assert_eq!(store.user(second.id).await.unwrap().followers, 1);
    }
    for round in 0..2 {
        let followed = store.unfollow(first.id, second.id).await.unwrap();
        assert_eq!(followed, round == 0);
        assert_eq!(store.user(first.id).await.unwrap().following, 0);
        assert_eq!(store.user(second.id).await.unwrap().followers, 0);
    }
    let unknown = UserId(99);
    assert_eq!(
        store.follow(first.id, unknown, NOW).await,
        Err(StoreError::NotFound)
    );
    assert_eq!(
        store.follow(unknown, first.id, NOW).await,
        Err(StoreError::NotFound)
    );
    assert_eq!(store.unfollow(first.id, unknown).await, Ok(false));
    assert_eq!(store.user(first.id).await.unwrap(), first);
}

async fn feeds_join_followed_users(store: &dyn Store) {
    let (reader, first) = two_users(store).await;
    let second = store.create_user(new_user("other")).await.unwrap();
    let stranger = store.create_user(new_user("stranger")).await.unwrap();
    store.follow(reader.id, first.id, NOW).await.unwrap();
    store.follow(reader.id, second.id, NOW).await.unwrap();
    store.follow(stranger.id, reader.id, NOW).await.unwrap();
    let mut expected = Vec::new();
    for number in 0..30 {
        let author = [&first, &second, &second, &stranger, &reader][number % 5];
        let post = store
            .create_post(new_post(author.id, &format!("{number}")))
            .await
            .unwrap();
        if author.id == first.id || author.id == second.id {
            expected.insert(0, post);
        }
    }
    let page = store.feed(reader.id, Page::new(None, 10)).await.unwrap();
    assert_eq!(page, expected[..10]);
    let next = Page::new(page.last().map(|post| post.id), 100);
    assert_eq!(store.feed(reader.id, next).await.unwrap(), expected[10..]);
    store.unfollow(reader.id, second.id).await.unwrap();
    let page = store.feed(reader.id, Page::new(None, 100)).await.unwrap();
    assert!(page.iter().all(|post| post.author == first.id));
    assert_eq!(page.len(), 6);
}

async fn feeds_join_many_followed_users(store: &dyn Store) {
    let (reader, _) = two_users(store).await;
    let mut expected = Vec::new();
    // Authors alternate, so that identifiers do not reveal them.
    let mut authors = Vec::new();
    for number in 0..40 {
        let author = new_user(&format!("author{number}"));
        authors.push(store.create_user(author).await.unwrap().id);
    }
    let mut posts = Vec::new();
    for number in 0..80 {
        let author = authors[number * 7 % authors.len()];
        let post = new_post(author, &format!("{number}"));
        posts.insert(0, store.create_post(post).await.unwrap());
    }
    for (followed, author) in authors.iter().enumerate() {
        store.follow(reader.id, *author, NOW).await.unwrap();
        let known = &authors[..=followed];
        expected.clear();
        expected.extend(posts.iter().filter(|post| known.contains(&post.author)));
        for limit in [1, 7, 100] {
            let mut pages: Vec<Post> = Vec::new();
            loop {
                let last = pages.last().map(|post| post.id);
                let page = store.feed(reader.id, Page::new(last, limit)).await.unwrap();
                let more = page.len() == limit as usize;
                pages.extend(page);
                // If there are many pages, the first ones are enough.
                if !more || pages.len() > 20 {
                    break;
                }
            }
            let pages: Vec<&Post> = pages.iter().collect();
            assert_eq!(pages, expected[..pages.len()], "{followed}");
            assert!(pages.len() > 20 || pages.len() == expected.len());
        }
    }
    let far = Page::new(Some(PostId(i64::MAX)), 3);
    let newest = store.feed(reader.id, far).await.unwrap();
    assert_eq!(newest, posts[..3]);
}

async fn followees_are_listed(store: &dyn Store) {
    let (reader, first) = two_users(store).await;
    let second = store.create_user(new_user("other")).await.unwrap();
    assert_eq!(store.followees(reader.id, 10).await, Ok(Vec::new()));
    assert_eq!(store.followees(UserId(99), 10).await, Ok(Vec::new()));
    for followee in [second.id, first.id] {
        store.follow(reader.id, followee, NOW).await.unwrap();
    }
    let both = vec![first.id, second.id];
    assert_eq!(store.followees(reader.id, 2).await, Ok(both));
    assert_eq!(store.followees(reader.id, 1).await, Ok(vec![first.id]));
    store.unfollow(reader.id, first.id).await.unwrap();
    assert_eq!(store.followees(reader.id, 2).await, Ok(vec![second.id]));
}

async fn shared_reads_equal_plain_reads(store: &dyn Store) {
    let (reader, author) = two_users(store).await;
    store.follow(reader.id, author.id, NOW).await.unwrap();
    for number in 0..25 {
        let text = format!("{number}");
        let post = store.create_post(new_post(author.id, &text)).await.unwrap();
        for _ in 0..2 {
            let shared = store.shared_post(post.id).await.unwrap();
            assert_eq!(**shared, post);
            let shared = store.shared_user(author.id).await.unwrap();
            assert_eq!(**shared, store.user(author.id).await.unwrap());
            assert_eq!(shared.posts, number + 1);
        }
        for limit in [5, 10, 11, 20, 30] {
            let page = Page::new(None, limit);
            let shared = store.shared_posts_by(author.id, page).await.unwrap();
            assert_eq!(**shared[0], post);
            assert_eq!(shared.len() as u64, u64::from(limit).min(number + 1));
            let posts = Shared::into_value(shared).into_posts();
            assert_eq!(posts, store.posts_by(author.id, page).await.unwrap());
            let shared = store.shared_feed(reader.id, page).await.unwrap();
            assert_eq!(**shared[0], post);
            let posts = Shared::into_value(shared).into_posts();
            assert_eq!(posts, store.feed(reader.id, page).await.unwrap());
        }
    }
    let unknown = store.shared_user(UserId(99)).await.map(drop);
    assert_eq!(unknown, Err(StoreError::NotFound));
    let unknown = store.shared_post(PostId(99)).await.map(drop);
    assert_eq!(unknown, Err(StoreError::NotFound));
}

async fn newest_beat_is_read(store: &dyn Store) {
    // Uses the clock: the store may write heartbeats too, and each write deletes old ones.
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    let now = Timestamp(i64::try_from(since.as_millis()).unwrap());
    assert_eq!(store.newest_beat(7).await, Ok(None));
    for number in 1..=3 {
        store.beat(7, number, now).await.unwrap();
        store.beat(i64::MIN, -number, now).await.unwrap();
        assert_eq!(store.newest_beat(7).await, Ok(Some(number)));
    }
    assert_eq!(store.newest_beat(i64::MIN).await, Ok(Some(-3)));
    let later = Timestamp(now.0 + super::BEAT_RETENTION_MS + 1);
    store.beat(8, 1, later).await.unwrap();
    assert_eq!(store.newest_beat(7).await, Ok(None));
    assert_eq!(store.newest_beat(8).await, Ok(Some(1)));
}

async fn photos_follow_their_posts(store: &dyn Store) {
    let (first, _) = two_users(store).await;
    let post = store.create_post(new_post(first.id, "look")).await.unwrap();
    assert_eq!(store.photo(post.id).await, Err(StoreError::NotFound));
    assert_eq!(
        store.put_photo(first.id, photo(post.id, "a")).await,
        Ok(None)
    );
    assert!(store.post(post.id).await.unwrap().has_photo);
    assert_eq!(store.photo(post.id).await, Ok(photo(post.id, "a")));
    let replaced = store.put_photo(first.id, photo(post.id, "b")).await;
    assert_eq!(replaced, Ok(Some(photo(post.id, "a"))));
    assert_eq!(store.photo(post.id).await, Ok(photo(post.id, "b")));
    // The photo that was uploaded last stays, in any order of the calls.
    let earlier = store.put_photo(first.id, photo(post.id, "a")).await;
    assert!(
        matches!(earlier, Err(StoreError::Conflict(_))),
        "{earlier:?}"
    );
    let again = store.put_photo(first.id, photo(post.id, "b")).await;
    assert_eq!(again, Ok(Some(photo(post.id, "b"))));
    assert_eq!(store.photo(post.id).await, Ok(photo(post.id, "b")));
    // An edit keeps the photo.
    assert!(
        store
            .update_post(first.id, post.id, edit("x"))
            .await
            .unwrap()
            .has_photo
    );
    let deleted = store.delete_post(first.id, post.id).await;
    assert_eq!(deleted, Ok(Some(photo(post.id, "b"))));
    assert_eq!(store.photo(post.id).await, Err(StoreError::NotFound));
}

async fn data_sets_are_loaded_once(store: &dyn Store) {
    let content = small_content(42);
    let loaded = store.load(Arc::clone(&content)).await.unwrap();
    assert_eq!(
        (loaded.users, loaded.posts, loaded.reused),
        (50, 300, false)
    );
    assert_eq!(loaded.follows, content.follows().count() as u64);
    for user in content.users() {
        assert_eq!(store.user(user.id).await.unwrap(), user);
    }
    for post in content.posts() {
        assert_eq!(store.post(post.id).await.unwrap(), post);
    }
    assert_eq!(
        store.credentials("user7").await.unwrap().password_hash,
        "$argon2id$shared"
    );
    for follower in 1..=50 {
        let followees: Vec<_> = content
            .follows()
            .filter(|pair| pair.0.0 == follower)
            .map(|pair| pair.1)
            .collect();
        let mut expected: Vec<Post> = content
            .posts()
            .filter(|post| followees.contains(&post.author))
            .collect();
        expected.reverse();
        expected.truncate(100);
        let feed = store
            .feed(UserId(follower), Page::new(None, 100))
            .await
            .unwrap();
        assert_eq!(feed, expected);
    }
    let again = store.load(Arc::clone(&content)).await.unwrap();
    assert!(again.reused);
    // It is reused with later writes, and identifiers continue after the last.
    let post = store
        .create_post(new_post(UserId(1), "since"))
        .await
        .unwrap();
    assert!(post.id > PostId(300));
    assert_eq!(
        store.create_user(new_user("since")).await.unwrap().id,
        UserId(51)
    );
    assert!(store.load(content).await.unwrap().reused);
    let other = store.load(small_content(43)).await;
    assert!(matches!(other, Err(StoreError::Conflict(_))), "{other:?}");
}

async fn data_sets_are_not_mixed(store: &dyn Store) {
    let user = store.create_user(new_user("someone")).await.unwrap();
    let loaded = store.load(small_content(42)).await;
    assert!(matches!(loaded, Err(StoreError::Conflict(_))), "{loaded:?}");
    assert_eq!(store.user(user.id).await.unwrap(), user);
    assert_eq!(
        store.user(UserId(user.id.0 + 1)).await,
        Err(StoreError::NotFound)
    );
}

async fn concurrent_writes_all_count(store: Arc<dyn Store>) {
    let (first, second) = two_users(&*store).await;
    let writes = (0..24).map(|number| {
        let store = Arc::clone(&store);
        let (author, other) = if number % 2 == 0 {
            (first.id, second.id)
        } else {
            (second.id, first.id)
        };
        tokio::spawn(async move {
            // Concurrent follows in both directions: the order of locks must not matter.
            store.follow(author, other, NOW).await.unwrap();
            let post = store
                .create_post(new_post(author, &number.to_string()))
                .await
                .unwrap();
            store.unfollow(author, other).await.unwrap();
            post
        })
    });
    let writes: Vec<_> = writes.collect();
    for (number, write) in writes.into_iter().enumerate() {
        let post = write.await.unwrap();
        assert_eq!(post.content, number.to_string());
        assert_eq!(store.post(post.id).await.unwrap(), post);
    }
    for user in [first.id, second.id] {
        let user = store.user(user).await.unwrap();
        assert_eq!((user.posts, user.followers, user.following), (12, 0, 0));
    }
    let stats = store.write_stats();
    // More if the store writes feeds, too.
    assert!(stats.writes >= 2 + 3 * 24, "{stats:?}");
    assert!(stats.commits <= stats.writes);
    let deadline = Instant::now() + Duration::from_secs(10);
    while store.write_stats().queued > 0 {
        assert!(Instant::now() < deadline, "{:?}", store.write_stats());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn closed_store_is_unavailable(store: &dyn Store) {
    let (first, _) = two_users(store).await;
    store.close().await;
    store.close().await;
    let unavailable = |result: Result<(), StoreError>| {
        assert!(
            matches!(result, Err(StoreError::Unavailable(_))),
            "{result:?}"
        );
    };
    unavailable(store.user(first.id).await.map(drop));
    unavailable(store.feed(first.id, Page::new(None, 1)).await.map(drop));
    unavailable(
        store
            .create_post(new_post(first.id, "late"))
            .await
            .map(drop),
    );
    unavailable(store.ping().await);
}

/// Makes the same random calls to the store and to a memory store, and compares the results.
async fn agrees_with_memory(store: &dyn Store, seed: u64) {
    let oracle = MemoryStore::default();
    for handle in ["u1", "u2", "u3", "u4", "u5"] {
        let created = store.create_user(new_user(handle)).await;
        assert_eq!(created, oracle.create_user(new_user(handle)).await);
    }
    let mut rng = Pcg64Mcg::new(u128::from(seed));
    let mut numbered = Numbered::default();
    for step in 0..400 {
        // One more than exist, so that some are unknown.
        let (user, other) = (
            UserId(rng.random_range(1..=6)),
            UserId(rng.random_range(1..=6)),
        );
        let number = rng.random_range(1..=40);
        // The memory store numbers posts from 1.
        let (post, numbered_post) = (numbered.id(number), PostId(number));
        let is_paged = rng.random_bool(0.5);
        let limit = rng.random_range(1..10);
        let (page, numbered_page) = (
            Page::new(is_paged.then_some(post), limit),
            Page::new(is_paged.then_some(numbered_post), limit),
        );
        let text = format!("step {step}");
        let at = format!("seed {seed}, step {step}: {user:?} {other:?} {post:?} {page:?}");
        macro_rules! same {
            ($call:ident($($argument:expr),*), $numbered:ident($($other:expr),*)) => {{
                let left = store.$call($($argument),*).await;
                let right = oracle.$numbered($($other),*).await;
                same(left.map(|own| own.renumbered(&mut numbered)), right, &at)
            }};
            ($call:ident($($argument:expr),*)) => {
                same!($call($($argument),*), $call($($argument),*))
            };
        }
        match rng.random_range(0..12) {
            0 | 1 => same!(create_post(new_post(user, &text))),
            2 => same!(
                update_post(user, post, edit(&text)),
                update_post(user, numbered_post, edit(&text))
            ),
            3 => same!(delete_post(user, post), delete_post(user, numbered_post)),
            4 => same!(
                put_photo(user, photo(post, &text)),
                put_photo(user, photo(numbered_post, &text))
            ),
            5 | 6 => same!(follow(user, other, NOW)),
            7 => same!(unfollow(user, other)),
            8 => same!(feed(user, page), feed(user, numbered_page)),
            9 => same!(posts_by(user, page), posts_by(user, numbered_page)),
            10 => {
                same!(photo(post), photo(numbered_post));
                same!(post(post), post(numbered_post));
            }
            _ => same!(user(user)),
        }
    }
}

/// Posts of a store in the order of their creation, so that they can be numbered from 1.
#[derive(Default)]
struct Numbered(Vec<PostId>);

impl Numbered {
    /// Returns the identifier of a post, or one that is higher than all.
    fn id(&self, number: i64) -> PostId {
        let index = usize::try_from(number - 1).unwrap();
        self.0.get(index).copied().unwrap_or(PostId(i64::MAX))
    }

    /// Returns the number of a post.
    fn number(&mut self, id: PostId) -> PostId {
        let index = self.0.iter().position(|known| *known == id);
        let index = index.unwrap_or_else(|| {
            assert!(
                self.0.last().is_none_or(|last| *last < id),
                "{id} does not ascend"
            );
            self.0.push(id);
            self.0.len() - 1
        });
        PostId(index as i64 + 1)
    }
}

/// A result whose posts can be numbered.
trait Renumbered {
    fn renumbered(self, numbered: &mut Numbered) -> Self;
}

impl Renumbered for Post {
    fn renumbered(mut self, numbered: &mut Numbered) -> Self {
        self.id = numbered.number(self.id);
        self
    }
}

impl Renumbered for Photo {
    fn renumbered(mut self, numbered: &mut Numbered) -> Self {
        self.post = numbered.number(self.post);
        self
    }
}

impl<T: Renumbered> Renumbered for Vec<T> {
    fn renumbered(self, numbered: &mut Numbered) -> Self {
        self.into_iter()
            .map(|own| own.renumbered(numbered))
            .collect()
    }
}

impl<T: Renumbered> Renumbered for Option<T> {
    fn renumbered(self, numbered: &mut Numbered) -> Self {
        self.map(|own| own.renumbered(numbered))
    }
}

impl Renumbered for bool {
    fn renumbered(self, _: &mut Numbered) -> Self {
        self
    }
}

impl Renumbered for User {
    fn renumbered(self, _: &mut Numbered) -> Self {
        self
    }
}

fn same<T: PartialEq + Debug>(left: Result<T, StoreError>, right: Result<T, StoreError>, at: &str) {
    match (&left, &right) {
        (Err(left), Err(right)) => {
            assert_eq!(
                std::mem::discriminant(left),
                std::mem::discriminant(right),
                "{at}"
            );
        }
        _ => assert_eq!(left, right, "{at}"),
    }
}
