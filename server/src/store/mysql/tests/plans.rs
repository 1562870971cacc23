//! Query plans: every query uses an index.

use mysql_async::{Params, Row, Value};

use super::*;
use crate::store::{
    FeedContent, FeedEntry, FeedTable as _, Outbox as _, PhotoNote, PhotoTable as _,
};

/// Rejects scans, both with current statistics and with those of a nearly empty table. A server can have the
/// latter if it is stopped soon after a data set was loaded.
#[tokio::test(flavor = "multi_thread")]
async fn no_query_scans() {
    let Some(mut server) = MariaDb::start().await else {
        return;
    };
    let url = server.database("plans").await;
    let store = MysqlStore::open(&url).await.unwrap();
    // With fewer rows, a scan would be the better plan.
    let data_set = crate::data_set::DataSet {
        users: 500,
        posts: 4_000,
        ..Default::default()
    };
    let content = data_set
        .content("$argon2id$".to_owned(), contract::in_paragraph)
        .unwrap();
    store.load(Arc::new(content)).await.unwrap();
    // The load updates the statistics.
    let counted = "SELECT CAST(n_rows AS CHAR) FROM mysql.innodb_table_stats \
        WHERE database_name = 'plans' AND table_name IN ('users', 'follows', 'posts') ORDER BY n_rows";
    let counted = server.column(counted).await;
    let counted: Vec<u64> = counted.iter().map(|rows| rows.parse().unwrap()).collect();
    assert!(counted[0] > 400 && counted[1] > 2_000, "{counted:?}");
    for number in 0..200_u8 {
        let session = NewSession {
            token: TokenDigest([number; 32]),
            user: UserId(1),
            created_at: Timestamp(0),
            expires_at: Timestamp(1_000 + i64::from(number)),
        };
        store.create_session(session).await.unwrap();
    }
    let post = store.create_post(new_post(UserId(1), "x")).await.unwrap();
    let photo = Photo {
        post: post.id,
        media_type: "image/png".to_owned(),
        bytes: 1,
        file_key: "a".to_owned(),
        etag: "b".to_owned(),
        created_at: Timestamp(0),
    };
    store.put_photo(UserId(1), photo.clone()).await.unwrap();
    write_feeds(&store).await;
    for post in 1..=200 {
        let photo = Photo {
            post: PostId(post),
            ..photo.clone()
        };
        let note = PhotoNote {
            post: photo.post,
            noted_at: Timestamp(0),
            token: post,
        };
        store.put_record(photo, note).await.unwrap();
    }
    let mut connection = Conn::from_url(&url).await.unwrap();
    connection
        .query_drop("ANALYZE TABLE users, posts, follows, sessions, photos, feeds, feed_heads, popular_authors, outbox, \
             photo_records, photo_notes")
        .await
        .unwrap();
    let id = Value::from(7);
    let (big, limit) = (Value::from(i64::MAX), Value::from(20));
    let text = Value::from("user7");
    let token = Value::from([7_u8; 32]);
    let (several, feed_of_several) = &reads::FEEDS_OF[1];
    let authors: Vec<Value> = (1..=*several)
        .map(|author| Value::from(author * 9))
        .collect();
    let from = Value::from(2_000);
    let of_several: Vec<&Value> = authors.iter().chain([&big, &from, &limit]).collect();
    let (_, posts_by_any) = &buckets::POSTS_BY_ANY[0];
    let of_any: Vec<&Value> = [&id, &big, &limit]
        .into_iter()
        .cycle()
        .take(12)
        .chain([&limit])
        .collect();
    let (_, posts_with) = &reads::POSTS_WITH[0];
    let statements: [(&str, Vec<&Value>); 55] = [
        (reads::CREDENTIALS, vec![&text]),
        (reads::USER, vec![&id]),
        (reads::USER_EXISTS, vec![&id]),
        (reads::SESSION, vec![&token, &id]),
        (reads::POST, vec![&id]),
        (reads::POSTS_BY, vec![&id, &big, &limit]),
        (&reads::FEED, vec![&id, &big, &id, &limit]),
        (feed_of_several, of_several),
        (reads::FOLLOWED, vec![&id, &limit]),
        (reads::PHOTO, vec![&id]),
        (reads::FOLLOWEES, vec![&id, &limit]),
        (reads::NEWEST_BEAT, vec![&id]),
        (writes::DELETE_EXPIRED_SESSIONS, vec![&id]),
        (writes::DELETE_OLD_BEATS, vec![&id]),
        (writes::DELETE_SESSION, vec![&token]),
        (writes::LOCK_POST, vec![&id]),
        (writes::LOCK_USERS, vec![&id, &limit]),
        (writes::LOCK_AUTHOR, vec![&id]),
        (writes::COUNT_POST, vec![&id, &id]),
        (writes::UPDATE_POST, vec![&text, &text, &id, &id]),
        (writes::DELETE_POST, vec![&id]),
        (writes::DELETE_PHOTO, vec![&id]),
        (writes::UNFOLLOW, vec![&id, &limit]),
        (writes::COUNT_FOLLOWING, vec![&id, &id]),
        (writes::COUNT_FOLLOWERS, vec![&id, &id]),
        (writes::HAS_PHOTO, vec![&id]),
        (buckets::BUCKET, vec![&id]),
        (buckets::LOCK_BUCKET, vec![&id]),
        (buckets::COUNT_POST, vec![&id, &big, &id]),
        (buckets::AUTHORS_IN, vec![&id, &id, &limit]),
        (buckets::POSTS_IN, vec![&id, &limit]),
        (buckets::CHANGES, vec![&id, &id, &limit]),
        (buckets::POST_AUTHORS, vec![&id, &limit]),
        (buckets::DELETE_CHANGES, vec![&id]),
        (posts_by_any, of_any),
        (posts_with, vec![&id, &limit, &from, &from]),
        (feeds::WRITTEN, vec![&big, &id, &limit]),
        (feeds::VERSION, vec![&id]),
        (&feeds::LOCK_HEAD, vec![&id]),
        (feeds::FOLLOWERS, vec![&id, &id, &limit]),
        (feeds::DELETE_OLD, vec![&id, &from]),
        (feeds::DELETE_UNFOLLOWED, vec![&id]),
        (feeds::SET_FLOOR, vec![&from, &id]),
        (feeds::POPULARITY, vec![&id]),
        (feeds::POPULAR_FOLLOWEES, vec![&id]),
        (feeds::POPULAR_AUTHORS, vec![&id, &limit]),
        (feeds::USERS_AFTER, vec![&id, &limit]),
        (feeds::FORGET_NOTE, vec![&id]),
        (feeds::LOCK_COUNTERS, vec![&id]),
        (feeds::COUNTS, vec![&id, &id, &id, &id]),
        (photos::RECORD, vec![&id, &id]),
        (photos::LOCK_RECORD, vec![&id]),
        (photos::DELETE_RECORD, vec![&id]),
        (photos::DELETE_NOTE, vec![&id, &id]),
        (
            "SELECT n.id FROM follows f JOIN posts n ON n.author_id = f.followee_id \
             WHERE f.follower_id = ? AND n.id < ? AND n.id >= ? ORDER BY n.id DESC LIMIT ?",
            vec![&id, &big, &id, &limit],
        ),
    ];
    let presumed = ["", "users", "posts", "follows"];
    let cases = presumed
        .iter()
        .flat_map(|empty| statements.iter().map(move |case| (*empty, case)));
    let mut last = "";
    for (empty, (statement, values)) in cases {
        if empty != last {
            server.restart_presuming_empty("plans", empty).await;
            connection = Conn::from_url(&url).await.unwrap();
            last = empty;
        }
        let values = Params::Positional(values.iter().map(|value| (*value).clone()).collect());
        let plan: Vec<Row> = connection
            .exec(format!("EXPLAIN {statement}"), values)
            .await
            .unwrap();
        println!("{empty}: {statement}");
        for step in plan {
            let column = |name| step.get::<Option<String>, _>(name).flatten();
            let (table, kind, key) = (column("table"), column("type"), column("key"));
            println!("    {table:?} {kind:?} {key:?} {:?}", column("Extra"));
            // The feed reads its derived page of identifiers in full.
            if statement == feed_of_several && empty.is_empty() && table.as_deref() == Some("n") {
                // Uses author and identifier, so that older posts are not scanned.
                let found = (key.as_deref(), column("key_len"));
                assert_eq!(found, (Some("posts_author_id"), Some("16".to_owned())));
            }
            let derived = table.is_some_and(|table| table.starts_with('<'));
            let scans = kind.is_some_and(|kind| ["ALL", "index"].contains(&kind.as_str()));
            assert!(derived || !scans, "{empty}: {statement}: {step:?}");
        }
    }
}

/// Writes the feeds of some users, and notes posts.
async fn write_feeds(store: &MysqlStore) {
    store.note_posts();
    for user in (1..=200).map(UserId) {
        let version = store.open_feed(user).await.unwrap();
        let author = store.followees(user, 1).await.unwrap();
        let author = author.first().copied().unwrap_or(user);
        let entries = (1..=20).map(|post| FeedEntry {
            post: PostId(post * 100),
            author,
        });
        let content = FeedContent {
            settled: entries.collect(),
            ..FeedContent::default()
        };
        assert!(
            store
                .write_feed(user, version, content)
                .await
                .unwrap()
                .is_some()
        );
        let popular = Some(crate::store::Popularity::Popular);
        store.change_popularity(user, popular).await.unwrap();
        store.create_post(new_post(user, "x")).await.unwrap();
    }
}
