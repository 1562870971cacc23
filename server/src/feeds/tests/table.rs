//! Contract of the tables of feeds, and of the outbox.

use super::*;
use crate::store::Rewritten;

/// Checks every guarantee, each on a fresh database from `open`.
async fn holds(open: impl AsyncFn() -> Arc<dyn Base>) {
    entries_are_read_as_written(&*open().await).await;
    follow_makes_feed_stale(&*open().await).await;
    popularity_takes_its_steps(&*open().await).await;
    repairs_make_progress(&*open().await).await;
    notes_are_kept_until_forgotten(&*open().await).await;
    counters_are_corrected(&*open().await).await;
    posts_are_read_in_bulk(&*open().await).await;
}

async fn users(base: &dyn Base, count: usize) -> Vec<UserId> {
    let mut users = Vec::new();
    for number in 0..count {
        let new = new_user(&format!("u{number}"));
        users.push(base.create_user(new).await.unwrap().id);
    }
    users
}

fn entry(post: i64, author: UserId) -> FeedEntry {
    FeedEntry {
        post: PostId(post),
        author,
    }
}

async fn read(base: &dyn Base, user: UserId, before: i64, limit: u32) -> Option<Vec<i64>> {
    match base.written_feed(user, PostId(before), limit).await {
        Ok(WrittenFeed::Complete { entries, .. }) => {
            Some(entries.iter().map(|own| own.post.0).collect())
        }
        Ok(WrittenFeed::Stale { .. }) => None,
        Err(error) => panic!("{error}"),
    }
}

async fn entries_are_read_as_written(base: &dyn Base) {
    let [reader, author, other, stranger] = users(base, 4).await[..] else {
        panic!("there are four users");
    };
    for followee in [author, other] {
        base.follow(reader, followee, Timestamp(1)).await.unwrap();
    }
    let unknown = base.open_feed(UserId(99)).await;
    assert_eq!(unknown, Err(StoreError::NotFound));
    assert_eq!(read(base, reader, i64::MAX, 9).await, None);
    let version = base.open_feed(reader).await.unwrap();
    assert_eq!(base.open_feed(reader).await, Ok(version));
    assert_eq!(read(base, reader, i64::MAX, 9).await, None);
    // Added while the feed is computed.
    let last = base.append_to_feeds(entry(50, author), UserId(0), 10).await;
    assert_eq!(last, Ok(Some(reader)));
    let last = base.append_to_feeds(entry(50, author), reader, 10).await;
    assert_eq!(last, Ok(None));
    let content = FeedContent {
        settled: vec![entry(20, author), entry(30, other), entry(40, stranger)],
        fresh: vec![entry(45, author), entry(50, author)],
        floor: PostId(20),
    };
    let written = base.write_feed(reader, version, content.clone()).await;
    let expected = Rewritten {
        added: 3,
        removed: 0,
    };
    assert_eq!(written, Ok(Some(expected)));
    // Those of strangers are not shown.
    assert_eq!(
        read(base, reader, i64::MAX, 9).await,
        Some(vec![50, 45, 30, 20])
    );
    assert_eq!(read(base, reader, 45, 1).await, Some(vec![30]));
    assert_eq!(read(base, reader, 20, 9).await, Some(Vec::new()));
    // The version is used up.
    let again = base.write_feed(reader, version, content.clone()).await;
    assert_eq!(again, Ok(None));
    let version = base.open_feed(reader).await.unwrap();
    let content = FeedContent {
        floor: PostId(30),
        ..content
    };
    let written = base.write_feed(reader, version, content).await;
    let expected = Rewritten {
        // Below the floor, and of the stranger: they come back.
        added: 2,
        removed: 1,
    };
    assert_eq!(written, Ok(Some(expected)));
    assert_eq!(
        read(base, reader, i64::MAX, 9).await,
        Some(vec![50, 45, 30])
    );
    base.unfollow(reader, other).await.unwrap();
    assert_eq!(read(base, reader, i64::MAX, 9).await, Some(vec![50, 45]));
}

async fn follow_makes_feed_stale(base: &dyn Base) {
    let [reader, author, other] = users(base, 3).await[..] else {
        panic!("there are three users");
    };
    let version = base.open_feed(reader).await.unwrap();
    base.follow(reader, author, Timestamp(1)).await.unwrap();
    let late = base
        .write_feed(reader, version, FeedContent::default())
        .await;
    assert_eq!(late, Ok(None));
    let version = base.open_feed(reader).await.unwrap();
    let content = FeedContent::default();
    let written = base.write_feed(reader, version, content.clone()).await;
    assert_eq!(written, Ok(Some(Rewritten::default())));
    assert!(read(base, reader, i64::MAX, 9).await.is_some());
    base.follow(reader, author, Timestamp(1)).await.unwrap();
    assert!(read(base, reader, i64::MAX, 9).await.is_some());
    base.follow(reader, other, Timestamp(1)).await.unwrap();
    assert_eq!(read(base, reader, i64::MAX, 9).await, None);
    for spoil in ["author", "all"] {
        let version = base.open_feed(reader).await.unwrap();
        let written = base.write_feed(reader, version, content.clone()).await;
        assert!(written.unwrap().is_some());
        match spoil {
            "author" => {
                let last = base.spoil_feeds(author, UserId(0), 9).await;
                assert_eq!(last, Ok(Some(reader)));
                assert_eq!(base.spoil_feeds(author, reader, 9).await, Ok(None));
            }
            _ => base.spoil_all_feeds().await.unwrap(),
        }
        assert_eq!(read(base, reader, i64::MAX, 9).await, None, "{spoil}");
    }
    // Followers come in pages.
    for follower in [author, other] {
        base.follow(follower, reader, Timestamp(1)).await.unwrap();
    }
    let first = base.append_to_feeds(entry(1, reader), UserId(0), 1).await;
    assert_eq!(first, Ok(Some(author)));
    let second = base.append_to_feeds(entry(1, reader), author, 1).await;
    assert_eq!(second, Ok(Some(other)));
}

async fn popularity_takes_its_steps(base: &dyn Base) {
    use Popularity::{Leaving, Popular};
    let [reader, author] = users(base, 2).await[..] else {
        panic!("there are two users");
    };
    base.follow(reader, author, Timestamp(1)).await.unwrap();
    for (to, then) in [
        (Some(Leaving), None),
        (None, None),
        (Some(Popular), Some(Popular)),
        (None, Some(Popular)),
        (Some(Leaving), Some(Leaving)),
        (Some(Popular), Some(Leaving)),
        (None, None),
    ] {
        base.change_popularity(author, to).await.unwrap();
        assert_eq!(base.popularity(author).await, Ok(then), "{to:?}");
        let expected: Vec<_> = then.into_iter().map(|own| (author, own)).collect();
        assert_eq!(base.popular_followees(reader).await, Ok(expected));
        let expected: Vec<_> = then.into_iter().map(|_| author).collect();
        assert_eq!(base.popular_authors(UserId(0), 9).await, Ok(expected));
    }
    assert_eq!(base.popular_authors(author, 9).await, Ok(Vec::new()));
    assert_eq!(
        base.users_after(UserId(0), 1).await.unwrap().len()
            + base.users_after(reader, 9).await.unwrap().len(),
        2
    );
}

async fn repairs_make_progress(base: &dyn Base) {
    assert_eq!(base.repair(None).await, Ok(None));
    let first = Repair::new(Timestamp(1_750_000_000_000));
    for _ in 0..2 {
        base.begin_repair(first.started_at).await.unwrap();
    }
    let known = base.repair(Some(first.started_at)).await;
    assert_eq!(known, Ok(Some(first)));
    let next = Repair {
        checked_to: UserId(7),
        users: 7,
        counters: 1,
        added: 2,
        removed: 3,
        ..first
    };
    assert_eq!(base.advance_repair(UserId(0), next).await, Ok(true));
    assert_eq!(base.advance_repair(UserId(0), next).await, Ok(false));
    assert_eq!(base.repair(None).await, Ok(Some(next)));
    let ended = Repair {
        ended_at: Some(Timestamp(1_750_000_000_009)),
        ..next
    };
    assert_eq!(base.advance_repair(UserId(7), ended).await, Ok(true));
    assert_eq!(base.advance_repair(UserId(7), next).await, Ok(false));
    let later = Timestamp(first.started_at.0 + 8 * 24 * 3_600_000);
    base.begin_repair(later).await.unwrap();
    assert_eq!(base.repair(None).await, Ok(Some(Repair::new(later))));
    assert_eq!(base.repair(Some(first.started_at)).await, Ok(None));
}

async fn notes_are_kept_until_forgotten(base: &dyn Base) {
    let author = users(base, 1).await[0];
    let all = Timestamp(i64::MAX);
    base.create_post(new_post(author, "before")).await.unwrap();
    assert_eq!(base.noted_posts(all, 9).await, Ok(Vec::new()));
    base.note_posts();
    let first = base.create_post(new_post(author, "x")).await.unwrap();
    let second = base.create_post(new_post(author, "y")).await.unwrap();
    let notes = base.noted_posts(all, 9).await.unwrap();
    let ids: Vec<PostId> = notes.iter().map(|note| note.post).collect();
    assert_eq!(ids, [first.id, second.id]);
    assert_eq!(
        (notes[0].author, notes[0].created_at),
        (author, first.created_at)
    );
    assert_eq!(base.noted_posts(all, 1).await.unwrap().len(), 1);
    let earlier = Timestamp(first.created_at.0 - 1);
    assert_eq!(base.noted_posts(earlier, 9).await, Ok(Vec::new()));
    assert_eq!(base.forget_note(first.id).await, Ok(true));
    assert_eq!(base.forget_note(first.id).await, Ok(false));
    assert_eq!(base.noted_posts(all, 9).await.unwrap().len(), 1);
}

async fn counters_are_corrected(base: &dyn Base) {
    let [one, other] = users(base, 2).await[..] else {
        panic!("there are two users");
    };
    base.follow(one, other, Timestamp(1)).await.unwrap();
    base.create_post(new_post(one, "x")).await.unwrap();
    for user in [one, other] {
        assert_eq!(base.recount(user).await, Ok(0));
    }
    assert_eq!(base.recount(UserId(99)).await, Err(StoreError::NotFound));
}

async fn posts_are_read_in_bulk(base: &dyn Base) {
    let [one, other] = users(base, 2).await[..] else {
        panic!("there are two users");
    };
    let mut posts = Vec::new();
    for number in 0..7 {
        let author = if number % 2 == 0 { one } else { other };
        let new = new_post(author, &number.to_string());
        posts.push(base.create_post(new).await.unwrap());
    }
    base.delete_post(one, posts[2].id).await.unwrap();
    let ids: Vec<PostId> = posts.iter().map(|post| post.id).collect();
    let wanted = [&ids[..], &[PostId(i64::MAX)]].concat();
    let mut found = base.posts_with(wanted).await.unwrap();
    found.sort_by_key(|post| post.id);
    posts.remove(2);
    assert_eq!(found, posts);
    assert_eq!(base.posts_with(Vec::new()).await, Ok(Vec::new()));
    let authors = vec![one, other, UserId(99)];
    let newest = base.posts_by_any(authors, Page::new(None, 3)).await;
    posts.reverse();
    posts.truncate(3);
    assert_eq!(newest, Ok(posts));
}

#[tokio::test]
async fn memory_holds() {
    holds(async || Arc::new(MemoryStore::default()) as Arc<dyn Base>).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread")]
async fn sqlite_holds() {
    let folder = tempfile::tempdir().unwrap();
    let number = AtomicU32::new(0);
    holds(async || {
        let number = number.fetch_add(1, Ordering::Relaxed);
        let path = folder.path().join(format!("{number}.sqlite"));
        let url = format!("sqlite:{}", path.display());
        crate::store::resolve_base(&url).await.unwrap()
    })
    .await;
}

#[cfg(feature = "mysql")]
#[tokio::test(flavor = "multi_thread")]
async fn mariadb_holds() {
    let Some(server) = crate::store::mariadb::MariaDb::start().await else {
        return;
    };
    let number = AtomicU32::new(0);
    holds(async || {
        let number = number.fetch_add(1, Ordering::Relaxed);
        let url = server.database(&format!("tables_{number}")).await;
        crate::store::resolve_base(&url).await.unwrap()
    })
    .await;
}
