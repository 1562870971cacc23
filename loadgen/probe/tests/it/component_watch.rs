//! The watch of a MariaDB, a Redis and an nginx that run for the test.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod servers;

use std::time::Duration;

use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use tenfold_probe::{ComponentWatch, WatchedComponent};
use tenfold_run_dir::component_use::{
    CacheUse, ComponentFigures, ComponentUse, DatabaseUse, StatementUse, WebServerUse,
};

use self::servers::{MariaDb, Nginx, PASSWORD, Redis};

fn watch(name: &str, url: &str) -> ComponentWatch {
    ComponentWatch::start(vec![WatchedComponent {
        name: name.to_owned(),
        url: url.parse().unwrap(),
    }])
}

fn only(watch: ComponentWatch) -> ComponentUse {
    let mut all = watch.stop();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn database(own: &ComponentUse) -> &DatabaseUse {
    match &own.figures {
        Some(ComponentFigures::Database(figures)) => figures,
        other => panic!("{other:?} {:?}", own.gaps),
    }
}

/// Statement whose text contains `part`.
fn statement<'a>(own: &'a DatabaseUse, part: &str) -> &'a StatementUse {
    let found = own.statements.iter().find(|own| own.text.contains(part));
    found.unwrap_or_else(|| panic!("no {part} in {own:?}"))
}

#[test]
fn names_statement_without_index_and_statement_that_waits() {
    let Some(server) = MariaDb::start() else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let own = runtime.block_on(async {
        let connect = || async { Conn::from_url(&server.root()).await.unwrap() };
        let mut first = connect().await;
        first
            .query_drop(
                "CREATE DATABASE app; USE app; CREATE TABLE post (id INT PRIMARY KEY, author INT, text VARCHAR(20)); \
                 INSERT INTO post SELECT seq, seq % 5000, 'x' FROM seq_1_to_50000",
            )
            .await
            .unwrap();
        let url = server.monitor();
        let watch = tokio::task::spawn_blocking(move || watch("sql", &url))
            .await
            .unwrap();
        for author in 0..20 {
            let query = format!("SELECT id FROM post WHERE author = {author}");
            let rows: Vec<u32> = first.query(query).await.unwrap();
            assert_eq!(rows.len(), 10);
        }
        // Prepared, as drivers do by default.
        let begun = std::time::Instant::now();
        while begun.elapsed() < Duration::from_secs(2) {
            let rows: Vec<String> = first
                .exec("SELECT text FROM post WHERE author + ? < 0", (7,))
                .await
                .unwrap();
            assert!(rows.is_empty());
        }
        first.query_drop("BEGIN").await.unwrap();
        first
            .query_drop("UPDATE post SET text = 'y' WHERE id = 7")
            .await
            .unwrap();
        let second = tokio::spawn({
            let second = connect().await;
            async move {
                let mut second = second;
                second
                    .query_drop("UPDATE app.post SET text = 's3cret-value' WHERE id = 7")
                    .await
                    .unwrap();
            }
        });
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        first.query_drop("COMMIT").await.unwrap();
        second.await.unwrap();
        tokio::task::spawn_blocking(move || only(watch))
            .await
            .unwrap()
    });
    assert_eq!(own.gaps, [""; 0]);
    let figures = database(&own);
    let slow = statement(figures, "post WHERE author = ?");
    assert_eq!((slow.count, slow.rows_sent), (20, 200));
    assert!(slow.examined_per_row() > 1_000.0, "{slow:?}");
    assert!(slow.without_index >= 20 && !slow.is_sampled, "{slow:?}");
    let prepared = statement(figures, "author + ? < ?");
    assert!(prepared.is_sampled && prepared.time_s > 0.5, "{prepared:?}");
    assert!(figures.rows_read.unwrap() > 1_000_000, "{figures:?}");
    let waited = statement(figures, "UPDATE app.post");
    assert!(waited.time_s > 1.5, "{waited:?}");
    assert!(figures.statements_s.unwrap() > 1.5);
    assert_eq!(figures.row_lock_waits, 1);
    assert!(figures.row_lock_s > 1.0, "{figures:?}");
    let waiter = &figures.lock_waiters[0];
    assert!(waiter.text.contains("UPDATE app.post"), "{waiter:?}");
    assert!(figures.running_max >= 1 && figures.connections_max >= 2);
    // Values of statements are nobody's business.
    assert!(!format!("{own:?}").contains("s3cret"), "{own:?}");
}

#[test]
fn reports_replica_that_does_not_follow() {
    let Some(server) = MariaDb::start() else {
        return;
    };
    server.run(
        "CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = 1, MASTER_USER = 'nobody'; \
         GRANT REPLICA MONITOR ON *.* TO watcher@'%'",
    );
    let watch = watch("replica", &server.monitor());
    std::thread::sleep(Duration::from_millis(2_500));
    let own = only(watch);
    let replication = database(&own).replication.unwrap();
    assert!(replication.stopped, "{replication:?}");
    assert_eq!(replication.behind_s_max, None);
}

#[test]
fn says_what_an_account_lacks() {
    let Some(server) = MariaDb::start() else {
        return;
    };
    let plain = format!("CREATE USER plain@'%' IDENTIFIED BY '{PASSWORD}'");
    server.run(&plain);
    let watch_as = |user: &str, password: &str| {
        let url = format!("mysql://{user}:{password}@{}", server.address());
        only(watch("sql", &url))
    };
    let own = watch_as("plain", PASSWORD);
    assert_eq!(database(&own).statements_s, Some(0.0));
    let text = own.gaps.join(" ");
    assert!(
        text.contains("grant SELECT on performance_schema.*"),
        "{text}"
    );
    assert!(text.contains("grant PROCESS"), "{text}");
    let refused = watch_as("plain", "wrong-s3cret");
    assert_eq!(refused.figures, None);
    let text = refused.gaps.join(" ");
    assert!(
        text.contains("Access denied") && !text.contains("s3cret"),
        "{text}"
    );
}

#[test]
fn counts_evictions_and_slow_commands() {
    let Some(server) = Redis::start() else {
        return;
    };
    let cache = |own: &ComponentUse| -> CacheUse {
        match &own.figures {
            Some(ComponentFigures::Cache(figures)) => figures.clone(),
            other => panic!("{other:?} {:?}", own.gaps),
        }
    };
    let mut client = server.client();
    let watch = watch("cache", &server.url());
    for key in 0..3_000 {
        let _: () = redis::cmd("SET")
            .arg(format!("post:{key}"))
            .arg("v".repeat(1_000))
            .query(&mut client)
            .unwrap();
    }
    for key in 0..100 {
        let _: Option<String> = redis::cmd("GET")
            .arg(format!("absent:{key}"))
            .query(&mut client)
            .unwrap();
    }
    let _: Vec<String> = redis::cmd("KEYS").arg("post:*").query(&mut client).unwrap();
    let own = only(watch);
    assert_eq!(own.gaps, [""; 0]);
    let figures = cache(&own);
    assert!(figures.evicted > 500, "{figures:?}");
    assert_eq!((figures.hits, figures.misses), (0, 100));
    assert_eq!(figures.memory_allowed_bytes, Some(2 << 20));
    let set = figures.by_command.iter().find(|own| own.name == "set");
    assert_eq!(set.unwrap().count, 3_000);
    let slow = figures.slow.iter().find(|own| own.name == "keys").unwrap();
    assert_eq!((slow.key_space.as_str(), slow.count), ("post", 1));
    assert!(slow.longest_s > 0.0);
}

#[test]
fn counts_connections_of_web_server() {
    let Some(server) = Nginx::start() else {
        return;
    };
    let watch = watch("web", &format!("nginx+http://{}/status", server.address()));
    for _ in 0..5 {
        server.get("/");
    }
    let own = only(watch);
    let Some(ComponentFigures::WebServer(WebServerUse {
        accepted,
        dropped,
        requests,
        ..
    })) = own.figures
    else {
        panic!("{own:?}")
    };
    assert!(requests >= 5 && accepted >= 5, "{own:?}");
    assert_eq!(dropped, 0);
}
