use super::*;
use crate::store::contract::{self, new_post, new_user};

#[path = "../../../tests/it/support/certificates.rs"]
mod certificates;
mod crash;
mod failover;
mod galera;
mod loading;
mod plans;
mod proxy;
mod secure;
#[path = "../../../tests/it/support/mariadb.rs"]
pub(crate) mod server;

use server::MariaDb;

#[tokio::test(flavor = "multi_thread")]
async fn satisfies_contract() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    let number = std::sync::atomic::AtomicU32::new(0);
    contract::is_kept(async || {
        let number = number.fetch_add(1, Ordering::Relaxed);
        let url = server.database(&format!("contract_{number}")).await;
        Arc::new(MysqlStore::open(&url).await.unwrap()) as Arc<dyn Store>
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_starts_share_one_data_set() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    let url = server.database("shared").await;
    let starts: Vec<_> = (0..4)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move {
                let store = MysqlStore::open(&url).await.unwrap();
                let loaded = store.load(contract::small_content(42)).await.unwrap();
                assert_eq!(store.user(UserId(50)).await.unwrap().handle, "user50");
                loaded.reused
            })
        })
        .collect();
    let mut loaded = 0;
    for start in starts {
        loaded += u32::from(!start.await.unwrap());
    }
    assert_eq!(loaded, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn never_prints_password() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    let url = server.database("secret").await;
    let store = MysqlStore::open(&url).await.unwrap();
    assert!(!format!("{store:?}").contains(server::PASSWORD));
    for (from, to) in [
        (server::PASSWORD, "wr0ng-pass"),
        ("secret?", "absent?"),
        ("secret", "absent"),
        ("127.0.0.1", "127.0.0.1x"),
        ("mysql:", "mysqlx:"),
        ("@127", "@@127"),
    ] {
        let bad = url.replacen(from, to, 1);
        if let Err(error) = MysqlStore::open(&bad).await {
            let text = format!("{error} {error:?}");
            assert!(
                !text.contains(server::PASSWORD) && !text.contains("wr0ng-pass"),
                "{text}"
            );
        }
    }
    let error = MysqlStore::open(&url.replacen("/secret", "/absent", 1))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("absent"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_counters_are_corrected() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    let url = server.database("counters").await;
    let store = MysqlStore::open(&url).await.unwrap();
    let user = store.create_user(new_user("one")).await.unwrap();
    let other = store.create_user(new_user("other")).await.unwrap();
    store.create_post(new_post(user.id, "x")).await.unwrap();
    store.follow(user.id, other.id, Timestamp(1)).await.unwrap();
    let right = store.user(user.id).await.unwrap();
    let mut connection = Conn::from_url(&url).await.unwrap();
    let plant = "UPDATE users SET posts = 7, followers = 8";
    connection.query_drop(plant).await.unwrap();
    assert_eq!(store.recount(user.id).await, Ok(2));
    assert_eq!(store.recount(user.id).await, Ok(0));
    assert_eq!(store.user(user.id).await, Ok(right));
    // While users follow and post.
    let writes = (0..8).map(|number| {
        let (store, user, other) = (&store, user.id, other.id);
        async move {
            for _ in 0..10 {
                match number % 2 {
                    0 => drop(store.create_post(new_post(user, "y")).await.unwrap()),
                    _ => {
                        store.unfollow(user, other).await.unwrap();
                        store.follow(user, other, Timestamp(1)).await.unwrap();
                    }
                }
            }
        }
    });
    let recounts = async {
        for _ in 0..20 {
            assert_eq!(store.recount(user.id).await, Ok(0));
        }
    };
    tokio::join!(futures_util::future::join_all(writes), recounts);
    let user = store.user(user.id).await.unwrap();
    assert_eq!((user.posts, user.following), (41, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn overload_refuses_calls_and_no_ping() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    let url = server.database("overload").await;
    let store = Arc::new(MysqlStore::open(&url).await.unwrap());
    let user = store.create_user(new_user("one")).await.unwrap();
    let mut holds = tokio::task::JoinSet::new();
    for _ in 1..CONNECTIONS_MAX {
        let store = Arc::clone(&store);
        holds.spawn(async move { store.hold(Held::Point, Duration::from_secs(5)).await });
    }
    sleep(Duration::from_millis(500)).await;
    let refused = store.create_post(new_post(user.id, "x")).await;
    assert!(matches!(refused, Err(StoreError::Busy(_))), "{refused:?}");
    store.ping().await.unwrap();
    while let Some(held) = holds.join_next().await {
        held.unwrap().unwrap();
    }
    store.create_post(new_post(user.id, "y")).await.unwrap();
    assert_eq!(store.user(user.id).await.unwrap().posts, 1);
}

#[tokio::test]
async fn missing_server_is_unavailable() {
    let error = MysqlStore::open("mysql://u:p@127.0.0.1:9/db")
        .await
        .unwrap_err();
    let named = matches!(&error, StoreError::Unavailable(why) if why.contains("127.0.0.1:9"));
    assert!(named, "{error}");
    let error = MysqlStore::open("mysql://").await.unwrap_err();
    assert!(matches!(
        error,
        StoreError::Invalid(_) | StoreError::Other(_) | StoreError::Unavailable(_)
    ));
}
