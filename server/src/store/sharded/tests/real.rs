//! Shards on a real MariaDB.

use super::*;
use crate::store::mysql::tests::server::MariaDb;

async fn open_on(
    server: &MariaDb,
    database: &str,
    shards: usize,
) -> Result<ShardedStore, StoreError> {
    let mut members = Vec::new();
    for number in 1..=shards {
        let name = format!("posts-{number}");
        let url = server.database(&format!("{database}_posts_{number}")).await;
        members.push((name.clone(), resolve_shard(&name, &url).await?));
    }
    let users = resolve_directory(&server.database(database).await).await?;
    ShardedStore::open(users, members, ShardedOptions::default()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn satisfies_contract_on_mariadb() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    let number = AtomicU32::new(0);
    contract::is_kept(async || {
        let number = number.fetch_add(1, Ordering::Relaxed);
        let store = open_on(&server, &format!("sharded_{number}"), 2).await;
        Arc::new(store.unwrap()) as Arc<dyn Store>
    })
    .await;
}
