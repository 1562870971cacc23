//! Data and operations of each question.

use std::sync::Arc;

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;
use tenfold_server::model::{NewSession, Page, PostId, Timestamp, TokenDigest, UserId};
use tenfold_server::polyglot::{
    Counters, DocumentPhoto, FeedEntry, Feeds, PostDocument, PostDocuments, Recommendations, Reply,
    Sessions, resolve_counters, resolve_feeds, resolve_post_documents, resolve_recommendations,
    resolve_sessions,
};
use tenfold_server::store::StoreError;
use tokio::task::JoinSet;

use super::Pair;
use super::operation::Operation;
use super::stores::Stores;
use crate::nosql::question::Question;

/// Calls at once while data is loaded.
const LOADERS: u64 = 8;
/// Posts in a page of a feed.
const PAGE_POSTS: u32 = 20;
/// Feeds that a post reaches.
const FAN_OUTS: [usize; 3] = [1, 10, 100];
/// Replies in a thread.
const THREADS: [u64; 3] = [0, 10, 100];
/// Users whom a user follows.
const DEGREES: [u64; 3] = [5, 50, 200];
/// Users whom all others follow.
const DEGREE_OF_OTHERS: u64 = 20;
/// Recommendations of an answer.
const RECOMMENDED: u32 = 10;
/// Bytes of a post, of a reply.
const POST_BYTES: usize = 500;
const REPLY_BYTES: usize = 200;

/// Loads the data of a question into both stores. Returns the data in words, and the operations.
pub(super) async fn prepare(
    question: Question,
    stores: &Stores,
    quick: bool,
) -> anyhow::Result<(String, Vec<Pair>)> {
    let (sql, other) = (stores.sql()?, stores.other(question)?);
    let size = |whole: u64| if quick { whole / 10 } else { whole };
    match question {
        Question::KeyValue => {
            let sessions = [resolve_sessions(sql).await?, resolve_sessions(other).await?];
            let counters = [resolve_counters(sql).await?, resolve_counters(other).await?];
            key_value(sessions, counters, size(50_000)).await
        }
        Question::WideColumn => {
            let feeds = [resolve_feeds(sql).await?, resolve_feeds(other).await?];
            wide_column(feeds, size(2_000)).await
        }
        Question::Document => {
            let documents = [
                resolve_post_documents(sql).await?,
                resolve_post_documents(other).await?,
            ];
            document(documents, size(500)).await
        }
        Question::Graph => {
            let graphs = [
                resolve_recommendations(sql).await?,
                resolve_recommendations(other).await?,
            ];
            graph(graphs, size(3_000)).await
        }
    }
}

/// Makes the same operation on both stores.
fn pair<S: ?Sized + Send + Sync + 'static, F>(
    name: String,
    stores: &[Arc<S>; 2],
    call: impl Fn(Arc<S>, u64) -> F + Clone + Send + Sync + 'static,
) -> Pair
where
    F: Future<Output = Result<(), StoreError>> + Send + 'static,
{
    let operation = |store: &Arc<S>| {
        let (store, call) = (Arc::clone(store), call.clone());
        Operation::new(move |number| call(Arc::clone(&store), number))
    };
    let [sql, other] = stores;
    Pair {
        name,
        sql: operation(sql),
        other: operation(other),
    }
}

/// Makes numbered calls on each store, a few at once.
async fn load<S: ?Sized + Send + Sync + 'static, F>(
    stores: &[Arc<S>; 2],
    count: u64,
    call: impl Fn(Arc<S>, u64) -> F + Clone + Send + Sync + 'static,
) -> anyhow::Result<()>
where
    F: Future<Output = Result<(), StoreError>> + Send + 'static,
{
    for store in stores {
        let mut loaders = JoinSet::new();
        for first in 0..LOADERS.min(count) {
            let (store, call) = (Arc::clone(store), call.clone());
            loaders.spawn(async move {
                for number in (first..count).step_by(LOADERS as usize) {
                    call(Arc::clone(&store), number).await?;
                }
                Ok::<_, StoreError>(())
            });
        }
        while let Some(loaded) = loaders.join_next().await {
            loaded??;
        }
    }
    Ok(())
}

/// Returns a number below `limit` that looks random, and is the same for the same number.
fn mixed(number: u64, limit: u64) -> u64 {
    Pcg64Mcg::seed_from_u64(number).random_range(0..limit.max(1))
}

fn user(number: u64) -> UserId {
    UserId(i64::try_from(number).unwrap_or(i64::MAX))
}

fn post(number: u64) -> PostId {
    PostId(i64::try_from(number).unwrap_or(i64::MAX))
}

/// Returns text of words, which compresses about as well as prose.
fn text(number: u64, bytes: usize) -> String {
    const WORDS: [&str; 16] = [
        "the", "a", "of", "scale", "load", "user", "post", "feed", "cache", "shard", "write",
        "read", "queue", "photo", "night", "harbour",
    ];
    let mut random = Pcg64Mcg::seed_from_u64(number);
    let mut text = String::with_capacity(bytes + 8);
    while text.len() < bytes {
        text.push_str(WORDS[random.random_range(0..WORDS.len())]);
        text.push_str(match random.random_range(0..9) {
            0 => ". ",
            _ => " ",
        });
    }
    text.truncate(bytes);
    text
}

fn token(number: u64) -> TokenDigest {
    let mut random = Pcg64Mcg::seed_from_u64(number);
    TokenDigest(random.random())
}

fn session(number: u64) -> NewSession {
    let now = Timestamp::now();
    NewSession {
        token: token(number),
        user: user(number % 10_000 + 1),
        created_at: now,
        expires_at: Timestamp(now.0 + 86_400_000),
    }
}

async fn key_value(
    sessions: [Arc<dyn Sessions>; 2],
    counters: [Arc<dyn Counters>; 2],
    count: u64,
) -> anyhow::Result<(String, Vec<Pair>)> {
    load(&sessions, count, |store, number| async move {
        store.create_session(&session(number)).await
    })
    .await?;
    load(&counters, count, |store, number| async move {
        store.add(&format!("views:{number}"), 1).await.map(drop)
    })
    .await?;
    let data = format!("{count} sessions and {count} counters");
    let pairs = vec![
        pair(
            "read a session".to_owned(),
            &sessions,
            move |store, number| async move {
                let token = token(mixed(number, count));
                store.session(&token, Timestamp::now()).await.map(drop)
            },
        ),
        pair(
            "create a session".to_owned(),
            &sessions,
            move |store, number| async move {
                // Beyond those that were loaded.
                store.create_session(&session((1 << 40) + number)).await
            },
        ),
        pair(
            "add to one of many counters".to_owned(),
            &counters,
            move |store, number| async move {
                let name = format!("views:{}", mixed(number, count));
                store.add(&name, 1).await.map(drop)
            },
        ),
        pair(
            "add to one hot counter".to_owned(),
            &counters,
            |store, _| async move { store.add("views:hot", 1).await.map(drop) },
        ),
    ];
    Ok((data, pairs))
}

/// Entries of each feed that are loaded.
const ENTRIES: u64 = 50;

fn entry(number: u64) -> FeedEntry {
    FeedEntry {
        post: post(number),
        author: user(mixed(number, 10_000) + 1),
        created_at: Timestamp(1_750_000_000_000),
        content: text(number, POST_BYTES),
    }
}

async fn wide_column(
    feeds: [Arc<dyn Feeds>; 2],
    owners: u64,
) -> anyhow::Result<(String, Vec<Pair>)> {
    // Each post goes to a hundred feeds, one after the other.
    let posts = owners * ENTRIES / 100;
    load(&feeds, posts, move |store, number| async move {
        let owners: Vec<_> = (0..100)
            .map(|own| user((number * 100 + own) % owners))
            .collect();
        store.push(&owners, &entry(number)).await
    })
    .await?;
    let data = format!("{owners} feeds of {ENTRIES} posts, {POST_BYTES} bytes each");
    let mut pairs = vec![pair(
        format!("read the newest {PAGE_POSTS} posts of a feed"),
        &feeds,
        move |store, number| async move {
            let page = store
                .page(user(mixed(number, owners)), Page::new(None, PAGE_POSTS))
                .await?;
            // An empty page would be an answer to another question.
            match page.is_empty() {
                true => Err(StoreError::NotFound),
                false => Ok(()),
            }
        },
    )];
    for fan_out in FAN_OUTS {
        pairs.push(pair(
            format!(
                "write a post to {fan_out} feed{}",
                if fan_out == 1 { "" } else { "s" }
            ),
            &feeds,
            move |store, number| async move {
                let first = mixed(number, owners);
                let owners: Vec<_> = (0..fan_out as u64)
                    .map(|own| user((first + own) % owners))
                    .collect();
                store.push(&owners, &entry((1 << 40) + number)).await
            },
        ));
    }
    Ok((data, pairs))
}

/// Authors of posts and replies.
const AUTHORS: u64 = 1_000;

fn handle(author: u64) -> String {
    format!("user{author}")
}

fn reply(number: u64) -> Reply {
    let author = mixed(number, AUTHORS) + 1;
    Reply {
        author: user(author),
        author_handle: handle(author),
        created_at: Timestamp(1_750_000_000_000),
        content: text(number, REPLY_BYTES),
    }
}

/// Returns the identifier of a post with a thread of this length.
fn post_with(thread: usize, number: u64) -> u64 {
    (thread as u64 + 1) * 1_000_000 + number
}

async fn document(
    documents: [Arc<dyn PostDocuments>; 2],
    posts: u64,
) -> anyhow::Result<(String, Vec<Pair>)> {
    for (index, replies) in THREADS.into_iter().enumerate() {
        load(&documents, posts, move |store, number| async move {
            let id = post_with(index, number);
            let author = mixed(id, AUTHORS) + 1;
            let document = PostDocument {
                post: post(id),
                author: user(author),
                author_handle: handle(author),
                created_at: Timestamp(1_750_000_000_000),
                content: text(id, POST_BYTES),
                photo: Some(DocumentPhoto {
                    file_key: format!("photos/{id}"),
                    media_type: "image/jpeg".to_owned(),
                }),
                thread: (0..replies).map(|own| reply(id * 1_000 + own)).collect(),
            };
            store.create(&document).await
        })
        .await?;
    }
    let data = format!(
        "{} posts of {POST_BYTES} bytes, a third each with {}, {} and {} replies of {REPLY_BYTES} bytes, by {AUTHORS} authors",
        posts * THREADS.len() as u64,
        THREADS[0],
        THREADS[1],
        THREADS[2]
    );
    let mut pairs = Vec::new();
    for (index, replies) in THREADS.into_iter().enumerate() {
        pairs.push(pair(
            format!("read a post with {replies} replies"),
            &documents,
            move |store, number| async move {
                let id = post_with(index, mixed(number, posts));
                store.document(post(id)).await.map(drop)
            },
        ));
    }
    pairs.push(pair(
        "rename an author".to_owned(),
        &documents,
        |store, number| async move {
            let author = mixed(number, AUTHORS) + 1;
            store
                .rename(user(author), &format!("{}_{}", handle(author), number % 10))
                .await
        },
    ));
    // Last, as it makes threads longer.
    pairs.push(pair(
        "reply to a post".to_owned(),
        &documents,
        move |store, number| async move {
            let id = post_with(1, mixed(number, posts));
            store.reply(post(id), &reply((1 << 40) + number)).await
        },
    ));
    Ok((data, pairs))
}

/// Users of each degree of [`DEGREES`].
const USERS_OF_A_DEGREE: u64 = 50;

/// Returns different users whom a user follows.
fn followees(follower: u64, degree: u64, users: u64) -> Vec<UserId> {
    let mut random = Pcg64Mcg::seed_from_u64(follower);
    let mut chosen = std::collections::BTreeSet::new();
    while (chosen.len() as u64) < degree.min(users / 2) {
        let followee = random.random_range(0..users);
        if followee != follower {
            chosen.insert(followee);
        }
    }
    chosen.into_iter().map(user).collect()
}

/// Returns a user who follows as many as the degree of this index.
fn user_of(index: usize, number: u64, users: u64) -> u64 {
    users + index as u64 * USERS_OF_A_DEGREE + number % USERS_OF_A_DEGREE
}

async fn graph(
    graphs: [Arc<dyn Recommendations>; 2],
    users: u64,
) -> anyhow::Result<(String, Vec<Pair>)> {
    load(&graphs, users, move |store, number| async move {
        let followees = followees(number, DEGREE_OF_OTHERS, users);
        store.follow(user(number), &followees).await
    })
    .await?;
    for (index, degree) in DEGREES.into_iter().enumerate() {
        load(
            &graphs,
            USERS_OF_A_DEGREE,
            move |store, number| async move {
                let own = user_of(index, number, users);
                store
                    .follow(user(own), &followees(own, degree, users))
                    .await
            },
        )
        .await?;
    }
    let data = format!(
        "{users} users who follow {DEGREE_OF_OTHERS} each, and {USERS_OF_A_DEGREE} each who follow {}, {} and {}",
        DEGREES[0], DEGREES[1], DEGREES[2]
    );
    let mut pairs = Vec::new();
    for (index, degree) in DEGREES.into_iter().enumerate() {
        pairs.push(pair(
            format!(
                "recommend to a user who follows {degree}: {} paths",
                degree * DEGREE_OF_OTHERS
            ),
            &graphs,
            move |store, number| async move {
                let own = user_of(index, mixed(number, USERS_OF_A_DEGREE), users);
                store.recommend(user(own), RECOMMENDED).await.map(drop)
            },
        ));
    }
    pairs.push(pair(
        "follow a user".to_owned(),
        &graphs,
        move |store, number| async move {
            let follower = mixed(number, users);
            let followee = (follower + 1 + mixed(number + 1, users - 1)) % users;
            store.follow(user(follower), &[user(followee)]).await
        },
    ));
    Ok((data, pairs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_the_same_for_both_stores() {
        assert_eq!(entry(7), entry(7));
        assert_ne!(token(1), token(2));
        let followed = followees(3, 20, 1_000);
        assert_eq!(followed, followees(3, 20, 1_000));
        assert_eq!(followed.len(), 20);
        assert!(!followed.contains(&user(3)));
        assert_eq!(text(5, POST_BYTES).len(), POST_BYTES);
    }
}
