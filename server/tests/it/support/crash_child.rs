//! Process that `crash.rs` kills while it writes to a store or loads a data set, and `warehouse.rs` while it moves posts.
//!
//! Usage: `tenfold-crash-child write|load|photos SQLITE_FILE` or `tenfold-crash-child move MYSQL_URL CLICKHOUSE_URL MILLISECONDS`, which moves
//! posts from before that time until it is killed. Prints a line per acknowledged write, or `loaded`
//! once the data set is loaded. With `photos`, their records are in a file of their own: SQLITE_FILE-photos.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::io::Write;
use std::sync::Arc;

use tenfold_server::data_set::DataSet;
use tenfold_server::model::{NewPost, NewUser, Photo, PostEdit, Timestamp, UserId};
use tenfold_server::store::{FederatedStore, Store, resolve, resolve_photos};

const WRITERS: u32 = 8;

#[tokio::main(worker_threads = 2)]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    #[cfg(all(feature = "clickhouse", feature = "mysql"))]
    if let [action, sql, warehouse, before] = &*arguments
        && action == "move"
    {
        return move_posts(sql, warehouse, Timestamp(before.parse().unwrap())).await;
    }
    let [action, path] = arguments.try_into().unwrap();
    let store = resolve(&format!("sqlite:{path}")).await.unwrap();
    match action.as_str() {
        "write" => write(store).await,
        "load" => load(store).await,
        "photos" => {
            let photos = resolve_photos(&format!("sqlite:{path}-photos")).await;
            photograph(Arc::new(FederatedStore::new(store, photos.unwrap()))).await;
        }
        _ => panic!("unknown action `{action}`"),
    }
}

/// Moves old posts from a database to a warehouse, again and again. Either may be away.
#[cfg(all(feature = "clickhouse", feature = "mysql"))]
async fn move_posts(sql: &str, warehouse: &str, before: Timestamp) {
    loop {
        if let Ok(warehouse) = tenfold_server::warehouse::resolve(warehouse).await {
            let posts = tenfold_server::store::resolve_old_posts(sql).unwrap();
            let mover = tenfold_server::warehouse::Mover::new(vec![posts], warehouse);
            let _ = mover.move_older(before).await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

/// Writes with several concurrent tasks, and prints a line per acknowledged write.
async fn write(store: Arc<dyn Store>) {
    let author = author(&*store).await;
    let tasks = (0..WRITERS).map(|_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for number in 0_u64.. {
                let new = NewPost {
                    author,
                    content: format!("{number} {}", "x".repeat(1_000)),
                    html: String::new(),
                    created_at: Timestamp(0),
                };
                let post = store.create_post(new).await.unwrap();
                acknowledge(&format!("created {} {number}", post.id));
                if number % 3 == 0 {
                    let changed = PostEdit {
                        content: format!("changed {number}"),
                        html: String::new(),
                        updated_at: Timestamp(number as i64),
                    };
                    store.update_post(author, post.id, changed).await.unwrap();
                    acknowledge(&format!("changed {} {number}", post.id));
                }
                if number % 7 == 0 {
                    store.delete_post(author, post.id).await.unwrap();
                    acknowledge(&format!("deleted {} {number}", post.id));
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

/// Returns the author of all posts.
async fn author(store: &dyn Store) -> UserId {
    match store.credentials("writer").await {
        Ok(credentials) => credentials.user,
        Err(_) => {
            let writer = NewUser {
                handle: "writer".to_owned(),
                password_hash: "$argon2id$of-writer".to_owned(),
                created_at: Timestamp(0),
            };
            store.create_user(writer).await.unwrap().id
        }
    }
}

/// Sets photos and deletes posts with several concurrent tasks, and prints a line per acknowledged call.
async fn photograph(store: Arc<dyn Store>) {
    let author = author(&*store).await;
    let tasks = (0..WRITERS).map(|_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for number in 0_i64.. {
                let new = NewPost {
                    author,
                    content: "look".to_owned(),
                    html: String::new(),
                    created_at: Timestamp(0),
                };
                let post = store.create_post(new).await.unwrap().id;
                let photo = Photo {
                    post,
                    media_type: "image/png".to_owned(),
                    bytes: 1,
                    file_key: format!("photos/{post}"),
                    etag: "\"a\"".to_owned(),
                    created_at: Timestamp(number),
                };
                store.put_photo(author, photo).await.unwrap();
                acknowledge(&format!("photo {post}"));
                if number % 2 == 0 {
                    store.delete_post(author, post).await.unwrap();
                    acknowledge(&format!("deleted {post}"));
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

/// Loads the data set of `crash.rs`.
async fn load(store: Arc<dyn Store>) {
    let data_set = DataSet {
        posts: 5_000,
        users: 1_000,
        ..DataSet::default()
    };
    let content = data_set.content("$argon2id$".to_owned(), str::to_owned);
    store.load(Arc::new(content.unwrap())).await.unwrap();
    acknowledge("loaded");
}

/// Prints a line with a single write call, which a pipe keeps whole up to 4 KB.
fn acknowledge(line: &str) {
    std::io::stdout()
        .lock()
        .write_all(format!("{line}\n").as_bytes())
        .unwrap();
}
