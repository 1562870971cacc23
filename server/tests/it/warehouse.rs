//! Moves from MariaDB to ClickHouse, through kills of both ends.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

use tenfold_server::model::{NewUser, Page, PostEdit, PostId, Timestamp, UserId};
use tenfold_server::store::old_posts::MonthTotals;
use tenfold_server::store::{Store, StoreError, resolve, resolve_old_posts};
use tenfold_server::warehouse::{AnswerRow, ArchivedStore, Mover, Question};

use crate::support::clickhouse::ClickHouseServer;
use crate::support::mariadb::MariaDb;

/// Time before which posts are old: 2025-12-01.
const BEFORE: Timestamp = Timestamp(1_764_547_200_000);

/// Posts of the test, all old but for the last tenth.
const POSTS: i64 = 1_000;
/// Posts below this identifier are of the oldest month, September 2025.
const OLDEST_MONTH: i64 = 250;
/// Kills of the mover.
const KILLS: u32 = 8;

async fn mover(sql: &str, warehouse: &str) -> Result<Mover, StoreError> {
    let warehouse = tenfold_server::warehouse::resolve(warehouse).await?;
    Ok(Mover::new(vec![resolve_old_posts(sql)?], warehouse))
}

/// Creates posts of a hundred days, every tenth with a photo.
async fn write_posts(server: &MariaDb, store: &dyn Store) {
    for number in 1..=5 {
        let user = NewUser {
            handle: format!("author{number}"),
            password_hash: "hash".to_owned(),
            created_at: Timestamp(0),
        };
        store.create_user(user).await.unwrap();
    }
    let last = BEFORE.0 + 10 * 86_400_000;
    server
        .run(&format!(
            "INSERT INTO warehouse.posts (id, author_id, created_at, updated_at, has_photo, content, html) \
             SELECT seq, 1 + seq % 5, {last} - ({POSTS} - seq) * 8640000 - 1, {last}, seq % 10 = 0, \
             CONCAT('*post* ', seq, ' \u{fc}\\n\"', REPEAT('x', seq % 90)), '<p>' FROM seq_1_to_{POSTS}"
        ))
        .await;
    server
        .run(
            "INSERT INTO warehouse.photos (post_id, media_type, bytes, file_key, etag, created_at) \
             SELECT id, 'image/png', 1000 + id, CONCAT('key-', id), '\"tag\"', created_at FROM warehouse.posts WHERE has_photo",
        )
        .await;
}

/// Returns the number of posts in the database.
async fn left(server: &MariaDb) -> u64 {
    let counted = server.column("SELECT COUNT(*) FROM warehouse.posts").await;
    counted[0].parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_lose_double_and_revive_no_post() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    let Some(mut house) = ClickHouseServer::start().await else {
        return;
    };
    let sql = server.database("warehouse").await;
    let store = resolve(&sql).await.unwrap();
    write_posts(&server, &*store).await;
    let mover = mover(&sql, &house.url()).await.unwrap();
    let before = mover.check(BEFORE).await.unwrap();
    let old: u64 = before.totals().iter().map(|own| own.posts).sum();
    assert!((850..=950).contains(&old), "{old}");

    let oldest = before.months[0].databases.month;
    let mut random = Pcg64Mcg::seed_from_u64(11);
    let (mut edited, mut deleted) = (Vec::new(), Vec::new());
    for kill in 0..KILLS {
        let before_child = left(&server).await;
        let mut child = Command::new(env!("CARGO_BIN_EXE_tenfold-crash-child"))
            .args(["move", &sql, &house.url(), &BEFORE.0.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // It has begun, or everything has moved.
        let begun = Instant::now();
        while left(&server).await == before_child && begun.elapsed() < Duration::from_secs(3) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(0..40))).await;
        // Posts of the oldest month that are about to move.
        let edge = server
            .column("SELECT COALESCE(MIN(id), 0) FROM warehouse.posts")
            .await;
        let id = PostId(edge[0].parse::<i64>().unwrap() + random.random_range(0..40));
        let author = UserId(1 + id.0 % 5);
        if id.0 >= OLDEST_MONTH {
            // They have moved.
        } else if kill % 2 == 0 {
            if store.delete_post(author, id).await.is_ok() {
                deleted.push(id);
            }
        } else {
            let edit = PostEdit {
                content: format!("edit {kill}"),
                html: String::new(),
                updated_at: BEFORE,
            };
            if store.update_post(author, id, edit).await.is_ok() {
                edited.push((id, format!("edit {kill}")));
            }
        }
        if kill % 3 == 2 {
            house.kill_and_restart().await;
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    mover.move_older(BEFORE).await.unwrap();
    assert_eq!(mover.move_older(BEFORE).await.unwrap().posts, 0);

    let after = mover.check(BEFORE).await.unwrap();
    assert!(after.months.iter().all(|own| own.databases.posts == 0));
    let later = |own: &&MonthTotals| own.month > oldest;
    let (before, after) = (before.totals(), after.totals());
    assert_eq!(after.len(), before.len());
    assert_eq!(
        after.iter().filter(later).collect::<Vec<_>>(),
        before.iter().filter(later).collect::<Vec<_>>()
    );
    assert_eq!(after[0].posts + deleted.len() as u64, before[0].posts);

    // The same API reads them.
    let warehouse = tenfold_server::warehouse::resolve(&house.url())
        .await
        .unwrap();
    let archived = ArchivedStore::new(store.clone(), warehouse.clone());
    for id in deleted {
        assert_eq!(archived.post(id).await, Err(StoreError::NotFound), "{id}");
        edited.retain(|own| own.0 != id);
    }
    let mut contents = std::collections::BTreeMap::new();
    contents.extend(edited);
    for (id, content) in contents {
        assert_eq!(archived.post(id).await.unwrap().content, content);
    }
    let moved = archived.post(PostId(500)).await.unwrap();
    assert_eq!(
        moved.content,
        format!("*post* 500 \u{fc}\n\"{}", "x".repeat(50))
    );
    assert_eq!(moved.author_handle, "author1");
    let photo = archived.photo(PostId(500)).await.unwrap();
    assert_eq!((photo.bytes, photo.file_key.as_str()), (1_500, "key-500"));
    let mut page = Page::new(None, 100);
    let mut read = 0;
    loop {
        let posts = archived.posts_by(UserId(1), page).await.unwrap();
        let Some(last) = posts.last() else { break };
        assert!(posts.is_sorted_by(|one, next| one.id > next.id));
        read += posts.len();
        page = Page::new(Some(last.id), 100);
    }
    assert!((180..=200).contains(&read), "{read}");

    // Questions are answered there.
    let hours = warehouse.answer(Question::PostsByHour, None).await.unwrap();
    // A post every 2.4 hours.
    assert_eq!(hours.len(), 10);
    assert_eq!(
        hours.iter().map(|own| own.count).sum::<u64>(),
        after.iter().map(|own| own.posts).sum::<u64>()
    );
    let active = warehouse
        .answer(Question::ActiveUsersByDay, Some(202_511))
        .await
        .unwrap();
    let first = AnswerRow {
        key: "2025-11-01".to_owned(),
        count: 5,
    };
    assert_eq!((active.len(), &active[0]), (30, &first));
    let hottest = warehouse
        .answer(Question::HottestAuthors, None)
        .await
        .unwrap();
    assert_eq!(hottest.len(), 5);
    assert!(hottest.is_sorted_by_key(|own| std::cmp::Reverse(own.count)));
}
