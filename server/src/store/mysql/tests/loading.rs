//! Loading of data sets: in several transactions, by one process at a time.

use super::proxy::{Command, Fate, Proxy};
use super::*;
use crate::data_set::DataSet;

/// Creates a data set with more rows of each kind than fit into one transaction.
fn content(seed: u64) -> Arc<Content> {
    let data_set = DataSet {
        seed,
        users: 5_000,
        posts: 6_000,
        ..DataSet::default()
    };
    let hash = "$argon2id$shared".to_owned();
    Arc::new(data_set.content(hash, contract::in_paragraph).unwrap())
}

async fn is_whole(store: &MysqlStore, content: &Content) {
    for user in content.users().step_by(97) {
        assert_eq!(store.user(user.id).await.unwrap(), user);
    }
    for post in content.posts().step_by(97) {
        assert_eq!(store.post(post.id).await.unwrap(), post);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupted_load_resumes() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    let proxy = Proxy::to(server.address()).await;
    let direct = server.database("cut").await;
    let url = proxy.url(&direct, server.address());
    let content = content(42);
    let store = MysqlStore::open(&url).await.unwrap();
    // Loses every commit from the third on, including those of later attempts.
    let loading = async {
        while proxy.commits() < 2 {
            sleep(Duration::from_millis(1)).await;
        }
        proxy.befall(Command::Commit, Fate::CutBefore, u32::MAX);
    };
    let (loaded, ()) = tokio::join!(store.load(Arc::clone(&content)), loading);
    assert!(
        matches!(loaded, Err(StoreError::Unavailable(_))),
        "{loaded:?}"
    );
    proxy.befall(Command::Commit, Fate::CutBefore, 0);
    let part = server.column("SELECT COUNT(*) FROM cut.users").await;
    let part: u64 = part[0].parse().unwrap();
    println!("{part} users were loaded");
    // The incomplete data set is neither reused nor mixed with another.
    let other = store.load(self::content(43)).await;
    assert!(
        matches!(&other, Err(StoreError::Conflict(why)) if why.contains("a part of")),
        "{other:?}"
    );
    let loaded = store.load(Arc::clone(&content)).await.unwrap();
    assert!(!loaded.reused);
    is_whole(&store, &content).await;
    let counts = server
        .column(
            "SELECT CONCAT((SELECT COUNT(*) FROM cut.users), ' ', \
             (SELECT COUNT(*) FROM cut.posts), ' ', (SELECT COUNT(*) FROM cut.follows))",
        )
        .await;
    let follows = content.follows().count();
    assert_eq!(counts, [format!("5000 6000 {follows}")]);
    assert!(store.load(content).await.unwrap().reused);
}

#[tokio::test(flavor = "multi_thread")]
async fn load_survives_lost_connection() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    let proxy = Proxy::to(server.address()).await;
    let direct = server.database("lost").await;
    let store = MysqlStore::open(&proxy.url(&direct, server.address()))
        .await
        .unwrap();
    let content = content(42);
    // The connection is lost before or after the rows are stored.
    for fate in [Fate::CutBefore, Fate::CutAfter] {
        let commits = proxy.commits();
        let loss = async {
            while proxy.commits() < commits + 2 {
                sleep(Duration::from_millis(1)).await;
            }
            proxy.befall(Command::Commit, fate, 1);
        };
        let (loaded, ()) = tokio::join!(store.load(Arc::clone(&content)), loss);
        assert!(!loaded.unwrap().reused);
        is_whole(&store, &content).await;
        let wipe = "SET foreign_key_checks = 0; TRUNCATE lost.meta; TRUNCATE lost.follows; \
                    TRUNCATE lost.posts; TRUNCATE lost.users";
        server.run(wipe).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn write_into_incomplete_data_set_is_not_overwritten() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    let url = server.database("mixed").await;
    let store = MysqlStore::open(&url).await.unwrap();
    let content = content(42);
    let part = format!(
        "INSERT INTO mixed.meta VALUES ('data_set_part', '0 {}')",
        content.data_set().fingerprint()
    );
    server.run(&part).await;
    let user = store.create_user(new_user("someone")).await.unwrap();
    let loaded = store.load(content).await;
    assert!(matches!(loaded, Err(StoreError::Conflict(_))), "{loaded:?}");
    assert_eq!(store.user(user.id).await.unwrap(), user);
}

/// Galera replicates rows by primary key, and cannot delete rows without one.
#[tokio::test(flavor = "multi_thread")]
async fn every_table_has_primary_key() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    MysqlStore::open(&server.database("every").await)
        .await
        .unwrap();
    let tables = server
        .column("SELECT table_name FROM information_schema.tables WHERE table_schema = 'every'")
        .await;
    assert!(tables.len() >= 7, "{tables:?}");
    let without = server
        .column(
            "SELECT t.table_name FROM information_schema.tables t \
             LEFT JOIN information_schema.table_constraints c \
             ON c.table_schema = t.table_schema AND c.table_name = t.table_name \
             AND c.constraint_type = 'PRIMARY KEY' \
             WHERE t.table_schema = 'every' AND c.table_name IS NULL",
        )
        .await;
    assert!(without.is_empty(), "{without:?}");
}
