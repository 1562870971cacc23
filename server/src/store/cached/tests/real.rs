//! Cached store over MariaDB and Redis.

use std::sync::atomic::AtomicU32;

use super::*;
use crate::cache::RedisServer;
use crate::store::mysql::tests::server::MariaDb;

#[tokio::test(flavor = "multi_thread")]
async fn satisfies_contract_over_mariadb_and_redis() {
    let (Some(mariadb), Some(redis)) = (MariaDb::start().await, RedisServer::start().await) else {
        return;
    };
    let number = AtomicU32::new(0);
    for policy in [UpdatePolicy::CacheAside, UpdatePolicy::WriteThrough] {
        contract::is_kept(async || {
            let name = format!("contract_{}", number.fetch_add(1, Ordering::Relaxed));
            let store = crate::store::resolve(&mariadb.database(&name).await)
                .await
                .unwrap();
            let options = CacheOptions {
                // One per database.
                namespace: name,
                ..with(policy)
            };
            let cache = crate::cache::resolve(&redis.url()).unwrap();
            Arc::new(CachedStore::new(store, cache, options)) as Arc<dyn Store>
        })
        .await;
    }
}

/// Redis is killed under readers and a writer, and restarted empty. Nobody sees an error, and the writer
/// always reads its own writes.
#[tokio::test(flavor = "multi_thread")]
async fn redis_may_die_at_any_time() {
    let Some(mut redis) = RedisServer::start().await else {
        return;
    };
    let mut scene = Scene::new().await;
    scene.cache = crate::cache::resolve(&redis.url()).unwrap();
    let process = scene.process(CacheOptions {
        staleness: Duration::from_millis(5),
        ..lasting()
    });
    let (writer, author, post) = (process.clone(), scene.author, scene.post);
    let done = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&done);
    let writing = tokio::spawn(async move {
        let mut number = 0_u64;
        while !stop.load(Ordering::SeqCst) {
            number += 1;
            let text = number.to_string();
            writer.update_post(author, post, edit(&text)).await.unwrap();
            assert_eq!(writer.post(post).await.unwrap().content, text);
            assert!(writer.user(UserId(99)).await.is_err());
            sleep(Duration::from_millis(2)).await;
        }
        number
    });
    sleep(Duration::from_millis(300)).await;
    redis.kill();
    sleep(Duration::from_millis(500)).await;
    let errors = process.cache_stats().unwrap().shared.errors;
    assert!(errors > 0);
    redis.restart().await;
    let fills = process.cache_stats().unwrap().shared.fills;
    until("redis is used again", async || {
        process.cache_stats().unwrap().shared.fills > fills
    })
    .await;
    done.store(true, Ordering::SeqCst);
    assert!(writing.await.unwrap() > 10);
}
