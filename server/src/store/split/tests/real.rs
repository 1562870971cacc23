//! MariaDB primary with a MariaDB replica.

use super::*;
use crate::store::mysql::tests::server::{MariaDb, PASSWORD};

/// Starts a primary and a replica with an empty database of this name.
async fn pair(database: &str) -> Option<(MariaDb, MariaDb)> {
    let numbered = |number: u32| {
        MariaDb::start_with(move |_| vec![format!("--server-id={number}"), "--log-bin".to_owned()])
    };
    let (primary, replica) = (numbered(1).await?, numbered(2).await?);
    // Each has created its own user; replication starts after that.
    let position = primary.column("SELECT @@gtid_binlog_pos").await.concat();
    let port = primary.address().port();
    replica.run("RESET MASTER").await;
    replica
        .run(&format!("SET GLOBAL gtid_slave_pos = '{position}'"))
        .await;
    replica
        .run(&format!(
            "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='tenfold', \
             MASTER_PASSWORD='{PASSWORD}', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1"
        ))
        .await;
    replica.run("START SLAVE").await;
    primary.database(database).await;
    Some((primary, replica))
}

async fn open(primary: &MariaDb, replica: &MariaDb, database: &str) -> SplitStore {
    let store = crate::store::resolve(&primary.url(database)).await.unwrap();
    let replica = crate::store::resolve_replica(&replica.url(database)).unwrap();
    let options = SplitOptions {
        beat: Duration::from_millis(50),
        ..options(Duration::from_secs(2))
    };
    SplitStore::new(store, vec![replica], None, options)
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_replica_is_read_while_current() {
    let Some((primary, replica)) = pair("split").await else {
        return;
    };
    let store = open(&primary, &replica, "split").await;
    until("the replica is in use", async || stats(&store).in_use).await;
    let author = store.create_user(new_user("author")).await.unwrap().id;
    let post = store.create_post(new_post(author, "0")).await.unwrap().id;
    for number in 1..=100_u32 {
        let text = number.to_string();
        store.update_post(author, post, edit(&text)).await.unwrap();
        assert_eq!(store.post(post).await.unwrap().content, text);
    }
    // Once the replica shows the writes, it serves the reads.
    let before = stats(&store).reads;
    until("the replica is read", async || {
        assert_eq!(store.post(post).await.unwrap().content, "100");
        stats(&store).reads > before + 10
    })
    .await;

    // Stops applying writes.
    replica.run("STOP SLAVE SQL_THREAD").await;
    store.update_post(author, post, edit("new")).await.unwrap();
    assert_eq!(store.post(post).await.unwrap().content, "new");
    until("it lags too much", async || {
        assert_eq!(store.post(post).await.unwrap().content, "new");
        !stats(&store).in_use
    })
    .await;
    let reads = stats(&store).reads;
    assert_eq!(store.post(post).await.unwrap().content, "new");
    assert_eq!(stats(&store).reads, reads);
    replica.run("START SLAVE SQL_THREAD").await;
    until("it is in use again", async || stats(&store).in_use).await;

    // A constant delay of three seconds: the first heartbeats that it shows are older.
    replica
        .run("STOP SLAVE; CHANGE MASTER TO MASTER_DELAY=3; START SLAVE")
        .await;
    until("the delay is seen", async || {
        stats(&store)
            .lag
            .is_some_and(|lag| lag >= Duration::from_secs(3))
    })
    .await;
    assert!(!stats(&store).in_use);
    store
        .update_post(author, post, edit("delayed"))
        .await
        .unwrap();
    assert_eq!(store.post(post).await.unwrap().content, "delayed");
    replica
        .run("STOP SLAVE; CHANGE MASTER TO MASTER_DELAY=0; START SLAVE")
        .await;
    until("it is in use once more", async || stats(&store).in_use).await;
    until("it shows the writes", async || {
        let before = stats(&store).reads;
        assert_eq!(store.post(post).await.unwrap().content, "delayed");
        stats(&store).reads > before
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_replica_may_be_absent_or_die() {
    let Some((primary, mut replica)) = pair("absent").await else {
        return;
    };
    replica.kill();
    let store = open(&primary, &replica, "absent").await;
    let user = store.create_user(new_user("author")).await.unwrap();
    assert_eq!(store.user(user.id).await.unwrap(), user);
    assert!(!stats(&store).in_use);
    replica.kill_and_restart().await;
    until("the replica is in use", async || stats(&store).in_use).await;
    assert_eq!(store.user(user.id).await.unwrap(), user);
    replica.kill();
    for _ in 0..50 {
        assert_eq!(store.user(user.id).await.unwrap(), user);
    }
    until("it is known to be dead", async || {
        stats(&store).lag.is_none()
    })
    .await;
}
