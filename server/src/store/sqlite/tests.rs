use super::*;
use crate::store::contract::{self, new_post, new_user};

mod full;
mod plans;

async fn open(path: &Path) -> Arc<SqliteStore> {
    Arc::new(SqliteStore::open(path).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn satisfies_contract() {
    let dir = tempfile::tempdir().unwrap();
    let number = std::sync::atomic::AtomicU32::new(0);
    contract::is_kept(async || {
        let number = number.fetch_add(1, Ordering::Relaxed);
        let store: Arc<dyn Store> = open(&dir.path().join(format!("{number}.sqlite"))).await;
        store
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queued_writes_share_one_commit() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("store.sqlite")).await;
    let user = store.create_user(new_user("writer")).await.unwrap();
    let before = store.write_stats();
    // Blocks the writer until all writes are queued, so that the count is exact.
    let (release, held) = std::sync::mpsc::channel::<()>();
    let hold = store.writer.alone(move |_| {
        held.recv().unwrap();
        Ok(())
    });
    let writes = async {
        let writes: Vec<_> = (0..300)
            .map(|number| {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    store
                        .create_post(new_post(user.id, &number.to_string()))
                        .await
                        .unwrap()
                })
            })
            .collect();
        while store.write_stats().queued < 300 {
            tokio::task::yield_now().await;
        }
        release.send(()).unwrap();
        for write in writes {
            write.await.unwrap();
        }
    };
    let (held, ()) = tokio::join!(hold, writes);
    held.unwrap();
    let after = store.write_stats();
    assert_eq!(after.writes - before.writes, 300);
    assert_eq!(after.commits - before.commits, 1);
    assert_eq!(after.batch_sizes.last(), Some(&1));
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_write_undoes_only_itself() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("store.sqlite")).await;
    let writes: Vec<_> = (0..100)
        .map(|number| {
            let store = Arc::clone(&store);
            // Half of the handles are taken by the other half.
            tokio::spawn(async move {
                store
                    .create_user(new_user(&format!("u{}", number / 2)))
                    .await
            })
        })
        .collect();
    let mut stored = 0;
    for write in writes {
        match write.await.unwrap() {
            Ok(user) => {
                stored += 1;
                assert_eq!(store.user(user.id).await.unwrap(), user);
            }
            Err(error) => assert!(matches!(error, StoreError::Conflict(_)), "{error}"),
        }
    }
    assert_eq!(stored, 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn full_queue_rejects_without_losing_writes() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("store.sqlite")).await;
    let user = store.create_user(new_user("writer")).await.unwrap();
    let (release, held) = std::sync::mpsc::channel::<()>();
    let hold = store.writer.alone(move |_| {
        held.recv().unwrap();
        Ok(())
    });
    let overload = async {
        let writes: Vec<_> = (0..5_000)
            .map(|_| {
                let store = Arc::clone(&store);
                tokio::spawn(async move { store.create_post(new_post(user.id, "x")).await })
            })
            .collect();
        // Rejections arrive while the writer is still blocked.
        while writes.iter().filter(|write| write.is_finished()).count() < 900 {
            tokio::task::yield_now().await;
        }
        release.send(()).unwrap();
        let (mut stored, mut rejected) = (0, 0);
        for write in writes {
            match write.await.unwrap() {
                Ok(_) => stored += 1,
                Err(StoreError::Busy(_)) => rejected += 1,
                Err(error) => panic!("{error}"),
            }
        }
        assert!(rejected >= 900, "{rejected}");
        assert_eq!(store.user(user.id).await.unwrap().posts, stored);
    };
    let (held, ()) = tokio::join!(hold, overload);
    held.unwrap();
    assert_eq!(store.write_stats().queued, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn close_finishes_queued_writes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    let store = open(&path).await;
    let user = store.create_user(new_user("writer")).await.unwrap();
    let writes: Vec<_> = (0..200)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.create_post(new_post(user.id, "x")).await })
        })
        .collect();
    store.close().await;
    let mut stored = 0;
    for write in writes {
        stored += u64::from(write.await.unwrap().is_ok());
    }
    drop(store);
    assert_eq!(open(&path).await.user(user.id).await.unwrap().posts, stored);
}

#[tokio::test]
async fn open_rejects_other_files() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notes.txt");
    std::fs::write(
        &path,
        "this is not a database, but a text that is long enough".repeat(99),
    )
    .unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err().to_string();
    assert!(
        error.contains("notes.txt") && error.contains("not a database"),
        "{error}"
    );
    let error = SqliteStore::open(&dir.path().join("no/such/dir"))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, StoreError::Unavailable(why) if why.contains("no/such/dir")),
        "{error}"
    );
}

#[tokio::test]
async fn open_rejects_newer_schema() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    open(&path).await.close().await;
    rusqlite::Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err().to_string();
    assert!(error.contains("newer tenfold"), "{error}");
}

#[tokio::test]
async fn wrong_counters_are_corrected() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    let store = open(&path).await;
    let user = store.create_user(new_user("one")).await.unwrap();
    let other = store.create_user(new_user("other")).await.unwrap();
    store.create_post(new_post(user.id, "x")).await.unwrap();
    store.follow(user.id, other.id, Timestamp(1)).await.unwrap();
    let right = store.user(user.id).await.unwrap();
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute("UPDATE users SET posts = 7, followers = 8", ())
        .unwrap();
    assert_eq!(store.recount(user.id).await, Ok(2));
    assert_eq!(store.recount(user.id).await, Ok(0));
    assert_eq!(store.user(user.id).await, Ok(right));
}
