//! Contracts of the traits, one function per trait.

use std::sync::Arc;

use super::{
    Counters, DocumentPhoto, FOLLOWEES_MAX, FeedEntry, Feeds, OWNERS_MAX, PostDocument,
    PostDocuments, Recommendation, Recommendations, Reply, Sessions,
};
use crate::model::{LiveSession, NewSession, Page, PostId, Timestamp, TokenDigest, UserId};
use crate::store::StoreError;

/// Concurrent calls.
const CALLERS: u32 = 8;
/// Calls of each of them.
const CALLS_EACH: u32 = 5;

/// Checks every guarantee of [`Sessions`].
pub(crate) async fn sessions(store: Arc<dyn Sessions>) {
    let now = Timestamp::now();
    let session = |token: u8, user, ttl_ms: i64| NewSession {
        token: TokenDigest([token; 32]),
        user: UserId(user),
        created_at: now,
        expires_at: Timestamp(now.0 + ttl_ms),
    };
    let (long, short) = (session(1, 5, 3_600_000), session(2, 6, 60_000));
    store.create_session(&long).await.unwrap();
    store.create_session(&short).await.unwrap();
    let live = |new: &NewSession| {
        Ok(LiveSession {
            user: new.user,
            expires_at: new.expires_at,
        })
    };
    for new in [&long, &short] {
        assert_eq!(store.session(&new.token, now).await, live(new));
    }
    let taken = store.create_session(&session(1, 7, 60_000)).await;
    assert!(matches!(taken, Err(StoreError::Conflict(_))), "{taken:?}");
    assert_eq!(store.session(&long.token, now).await, live(&long));
    // A session has ended at its expiry.
    let expired = store.session(&short.token, short.expires_at).await;
    assert_eq!(expired, Err(StoreError::NotFound));
    for _ in 0..2 {
        store.delete_session(&long.token).await.unwrap();
        let deleted = store.session(&long.token, now).await;
        assert_eq!(deleted, Err(StoreError::NotFound));
    }
    let unknown = store.session(&TokenDigest([9; 32]), now).await;
    assert_eq!(unknown, Err(StoreError::NotFound));
}

/// Checks every guarantee of [`Counters`].
pub(crate) async fn counters(store: Arc<dyn Counters>) {
    assert_eq!(store.value("views:1").await, Ok(0));
    assert_eq!(store.add("views:1", 2).await, Ok(2));
    assert_eq!(store.add("views:1", 3).await, Ok(5));
    assert_eq!(store.add("views:1", 0).await, Ok(5));
    assert_eq!(store.value("views:1").await, Ok(5));
    let long = "n".repeat(64);
    assert_eq!(store.add(&long, u32::MAX).await, Ok(u64::from(u32::MAX)));
    assert_eq!(store.add(&long, 1).await, Ok(1 << 32));
    for name in ["", &"n".repeat(65)] {
        let refused = store.add(name, 1).await;
        assert!(
            matches!(refused, Err(StoreError::Invalid(_))),
            "{refused:?}"
        );
    }
    // Every addition counts, and each returns another sum.
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let mut sums = Vec::new();
                for _ in 0..CALLS_EACH {
                    sums.push(store.add("hot", 1).await.unwrap());
                }
                sums
            })
        })
        .collect();
    let mut sums = Vec::new();
    for caller in callers {
        sums.extend(caller.await.unwrap());
    }
    sums.sort_unstable();
    assert!(sums.into_iter().eq(1..=u64::from(CALLERS * CALLS_EACH)));
}

pub(crate) fn feed_entry(post: i64, content: &str) -> FeedEntry {
    FeedEntry {
        post: PostId(post),
        author: UserId(post % 7 + 1),
        created_at: Timestamp(1_750_000_000_000 + post),
        content: content.to_owned(),
    }
}

/// Checks every guarantee of [`Feeds`].
pub(crate) async fn feeds(store: Arc<dyn Feeds>) {
    let newest = Page::new(None, 100);
    assert_eq!(store.page(UserId(1), newest).await, Ok(Vec::new()));
    let entries: Vec<_> = (1..=30)
        .map(|post| feed_entry(post, &format!("*post* {post} \u{fc}'\"")))
        .collect();
    // In any order, and twice.
    for entry in entries.iter().rev().chain(&entries) {
        store.push(&[UserId(1), UserId(2)], entry).await.unwrap();
    }
    let newest_first: Vec<_> = entries.iter().rev().cloned().collect();
    for owner in [1, 2] {
        let page = store.page(UserId(owner), newest).await.unwrap();
        assert_eq!(page, newest_first);
    }
    assert_eq!(store.page(UserId(3), newest).await, Ok(Vec::new()));
    // Page by page.
    let mut read = Vec::new();
    let mut before = None;
    loop {
        let page = store.page(UserId(1), Page::new(before, 7)).await.unwrap();
        before = page.last().map(|entry| entry.post);
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 7);
        read.extend(page);
    }
    assert_eq!(read, newest_first);
    let longest = feed_entry(1_000, &"\u{fc}".repeat(512));
    let owners: Vec<_> = (100..100 + OWNERS_MAX as i64).map(UserId).collect();
    store.push(&owners, &longest).await.unwrap();
    for owner in [owners[0], owners[OWNERS_MAX - 1]] {
        assert_eq!(store.page(owner, newest).await, Ok(vec![longest.clone()]));
    }
    store.push(&[], &longest).await.unwrap();
    let too_many: Vec<_> = (0..=OWNERS_MAX as i64).map(UserId).collect();
    let refused = store.push(&too_many, &longest).await;
    assert!(
        matches!(refused, Err(StoreError::Invalid(_))),
        "{refused:?}"
    );
    // Concurrent posts all arrive.
    let callers: Vec<_> = (0..i64::from(CALLERS))
        .map(|caller| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for call in 0..i64::from(CALLS_EACH) {
                    let entry = feed_entry(2_000 + caller * 100 + call, "x");
                    store.push(&[UserId(50)], &entry).await.unwrap();
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    let page = store.page(UserId(50), newest).await.unwrap();
    assert_eq!(page.len(), (CALLERS * CALLS_EACH) as usize);
    assert!(page.is_sorted_by_key(|entry| std::cmp::Reverse(entry.post)));
}

fn reply(author: i64, content: &str) -> Reply {
    Reply {
        author: UserId(author),
        author_handle: format!("user{author}"),
        created_at: Timestamp(1_750_000_100_000),
        content: content.to_owned(),
    }
}

/// Returns a document with a thread of some length.
pub(crate) fn document(post: i64, replies: i64) -> PostDocument {
    PostDocument {
        post: PostId(post),
        author: UserId(5),
        author_handle: "user5".to_owned(),
        created_at: Timestamp(1_750_000_000_000),
        content: format!("*post* {post} \u{fc}'\"\\"),
        photo: (post % 2 == 0).then(|| DocumentPhoto {
            file_key: format!("photo-{post}"),
            media_type: "image/jpeg".to_owned(),
        }),
        thread: (0..replies)
            .map(|number| reply(6 + number % 3, &format!("reply {number}")))
            .collect(),
    }
}

/// Checks every guarantee of [`PostDocuments`].
pub(crate) async fn post_documents(store: Arc<dyn PostDocuments>) {
    let unknown = store.document(PostId(1)).await;
    assert_eq!(unknown, Err(StoreError::NotFound));
    for (post, replies) in [(1, 0), (2, 1), (3, 20)] {
        let document = document(post, replies);
        store.create(&document).await.unwrap();
        assert_eq!(store.document(PostId(post)).await, Ok(document));
    }
    let taken = store.create(&document(1, 0)).await;
    assert!(matches!(taken, Err(StoreError::Conflict(_))), "{taken:?}");
    let mut expected = document(1, 0);
    for number in 0..3 {
        let reply = reply(8, &format!("later {number}"));
        store.reply(PostId(1), &reply).await.unwrap();
        expected.thread.push(reply);
        assert_eq!(store.document(PostId(1)).await.as_ref(), Ok(&expected));
    }
    let missing = store.reply(PostId(99), &reply(8, "x")).await;
    assert_eq!(missing, Err(StoreError::NotFound));
    // Concurrent replies all stay.
    store.create(&document(4, 0)).await.unwrap();
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for call in 0..CALLS_EACH {
                    let reply = reply(9, &format!("{caller}-{call}"));
                    store.reply(PostId(4), &reply).await.unwrap();
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    let thread = store.document(PostId(4)).await.unwrap().thread;
    let mut contents: Vec<_> = thread.into_iter().map(|reply| reply.content).collect();
    contents.sort();
    contents.dedup();
    assert_eq!(contents.len(), (CALLERS * CALLS_EACH) as usize);
    // A new name shows in every document, and nowhere else.
    store.rename(UserId(6), "six").await.unwrap();
    store.rename(UserId(5), "five").await.unwrap();
    let renamed = store.document(PostId(3)).await.unwrap();
    assert_eq!(renamed.author_handle, "five");
    for reply in &renamed.thread {
        let expected = match reply.author.0 {
            6 => "six".to_owned(),
            other => format!("user{other}"),
        };
        assert_eq!(reply.author_handle, expected);
    }
    assert_eq!(renamed.thread.len(), 20);
    let first = store.document(PostId(1)).await.unwrap();
    assert_eq!(first.author_handle, "five");
    store.rename(UserId(1_000), "nobody").await.unwrap();
}

/// Checks every guarantee of [`Recommendations`].
pub(crate) async fn recommendations(store: Arc<dyn Recommendations>) {
    let follow = async |follower: i64, followees: &[i64]| {
        let followees: Vec<_> = followees.iter().copied().map(UserId).collect();
        store.follow(UserId(follower), &followees).await
    };
    let recommend = async |user: i64, limit| {
        let found = store.recommend(UserId(user), limit).await.unwrap();
        let pairs = found
            .iter()
            .map(|own: &Recommendation| (own.user.0, own.paths));
        pairs.collect::<Vec<_>>()
    };
    assert!(recommend(1, 10).await.is_empty());
    follow(1, &[2, 3, 4]).await.unwrap();
    follow(2, &[1, 5, 6]).await.unwrap();
    follow(3, &[5, 6, 7, 2]).await.unwrap();
    follow(4, &[5]).await.unwrap();
    let expected = [(5, 3), (6, 2), (7, 1)];
    assert_eq!(recommend(1, 10).await, expected);
    assert_eq!(recommend(1, 2).await, expected[..2]);
    // Following again changes nothing.
    follow(4, &[5]).await.unwrap();
    follow(3, &[7]).await.unwrap();
    assert_eq!(recommend(1, 10).await, expected);
    for _ in 0..2 {
        store.unfollow(UserId(2), UserId(6)).await.unwrap();
        // Of two with as many paths, the lower identifier comes first.
        assert_eq!(recommend(1, 10).await, [(5, 3), (6, 1), (7, 1)]);
    }
    // Whom one follows is no recommendation.
    follow(1, &[5]).await.unwrap();
    assert_eq!(recommend(1, 10).await, [(6, 1), (7, 1)]);
    follow(1, &[]).await.unwrap();
    assert!(recommend(99, 10).await.is_empty());
    for bad in [vec![1], (2..=FOLLOWEES_MAX as i64 + 2).collect()] {
        let refused = follow(1, &bad).await;
        assert!(
            matches!(refused, Err(StoreError::Invalid(_))),
            "{refused:?}"
        );
    }
    // Concurrent calls for the same users make each edge once.
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(
                async move { store.follow(UserId(201), &[UserId(202), UserId(203)]).await },
            )
        })
        .collect();
    for caller in callers {
        caller.await.unwrap().unwrap();
    }
    follow(200, &[201]).await.unwrap();
    assert_eq!(recommend(200, 10).await, [(202, 1), (203, 1)]);
}
