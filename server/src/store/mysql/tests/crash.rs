//! Kills of the server during writes: all acknowledged writes survive, and the store reconnects.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

const KILLS: u32 = 4;

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_writes_survive_server_kills() {
    let Some(mut server) = MariaDb::start().await else {
        return;
    };
    let url = server.database("crash").await;
    let store = Arc::new(MysqlStore::open(&url).await.unwrap());
    let author = store.create_user(new_user("writer")).await.unwrap().id;
    let stored = Arc::new(Mutex::new(Vec::new()));
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..8)
        .map(|_| {
            let (store, stored, stop) =
                (Arc::clone(&store), Arc::clone(&stored), Arc::clone(&stop));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    match store.create_post(new_post(author, "kept")).await {
                        Ok(post) => stored.lock().unwrap().push(post),
                        Err(StoreError::Unavailable(_)) => sleep(Duration::from_millis(20)).await,
                        Err(error) => panic!("{error:?}"),
                    }
                }
            })
        })
        .collect();
    for kill in 0..KILLS {
        let before = stored.lock().unwrap().len();
        while stored.lock().unwrap().len() < before + 100 {
            sleep(Duration::from_millis(5)).await;
        }
        server.kill_and_restart().await;
        let posts = stored.lock().unwrap().clone();
        println!("kill {kill}: {} acknowledged", posts.len());
        for post in posts {
            // Each connection from before the kill fails once.
            let mut found = store.post(post.id).await;
            while matches!(found, Err(StoreError::Unavailable(_))) {
                found = store.post(post.id).await;
            }
            assert_eq!(found, Ok(post));
        }
    }
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    // Some writes may be stored without acknowledgement, but not vice versa.
    let posts = store.user(author).await.unwrap().posts;
    assert!(posts >= stored.lock().unwrap().len() as u64);
    server.kill();
    let dead = store.post(PostId(1)).await;
    assert!(matches!(dead, Err(StoreError::Unavailable(_))), "{dead:?}");
}
