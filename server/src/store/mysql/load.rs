//! Loads a data set in one transaction: all of it is there afterwards, or none.

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Transaction, TxOpts, Value};

use super::failure::Failure;
use crate::data_set::{Content, Loaded};
use crate::store::other_data;

/// Rows in one statement: some 600 KB of posts, far below the 16 MB a server takes.
const POSTS_AT_ONCE: usize = 250;
const ROWS_AT_ONCE: usize = 1_000;

/// Loads over a connection of its own, whose settings are not fit for anything else afterwards.
pub(super) async fn load(connection: &mut Conn, content: &Content) -> Result<Loaded, Failure> {
    // What is inserted refers to what was inserted before, and another process that loads the same
    // data set is waited for.
    connection
        .query_drop(
            "SET SESSION foreign_key_checks = 0, SESSION unique_checks = 0, \
             SESSION innodb_lock_wait_timeout = 600",
        )
        .await?;
    let wanted = content.data_set().fingerprint();
    let mut tx = connection.start_transaction(TxOpts::default()).await?;
    // Only one process at a time gets past this.
    let claimed = tx
        .exec_drop(
            "INSERT INTO meta (name, value) VALUES ('data_set', ?)",
            (&wanted,),
        )
        .await
        .map_err(Failure::from);
    if claimed.as_ref().is_err_and(Failure::is_taken) {
        let present: Option<(String,)> = tx
            .query_first("SELECT value FROM meta WHERE name = 'data_set'")
            .await?;
        tx.rollback().await?;
        let present = present.map(|(value,)| value);
        return if present.as_ref() == Some(&wanted) {
            Ok(content.loaded(true))
        } else {
            Err(other_data(present.as_deref(), &wanted).into())
        };
    }
    claimed?;
    let user: Option<(i64,)> = tx.query_first("SELECT id FROM users LIMIT 1").await?;
    if user.is_some() {
        tx.rollback().await?;
        return Err(other_data(None, &wanted).into());
    }
    insert(&mut tx, content).await?;
    tx.commit().await?;
    Ok(content.loaded(false))
}

async fn insert(tx: &mut Transaction<'_>, content: &Content) -> Result<(), Failure> {
    let hash = Value::from(content.password_hash());
    let users = content.users().map(|user| {
        [
            user.id.0.into(),
            user.handle.into(),
            hash.clone(),
            user.created_at.0.into(),
            user.followers.into(),
            user.following.into(),
            user.posts.into(),
        ]
    });
    let into = "users (id, handle, password_hash, created_at, followers, following, posts)";
    insert_rows(tx, into, ROWS_AT_ONCE, users).await?;
    let at = Value::from(content.signed_up().0);
    let follows = content
        .follows()
        .map(|(follower, followee)| [follower.0.into(), followee.0.into(), at.clone()]);
    let into = "follows (follower_id, followee_id, created_at)";
    insert_rows(tx, into, ROWS_AT_ONCE, follows).await?;
    let posts = content.posts().map(|post| {
        [
            post.id.0.into(),
            post.author.0.into(),
            post.created_at.0.into(),
            post.updated_at.0.into(),
            post.content.into(),
            post.html.into(),
        ]
    });
    let into = "posts (id, author_id, created_at, updated_at, content, html)";
    insert_rows(tx, into, POSTS_AT_ONCE, posts).await
}

async fn insert_rows<const COLUMNS: usize>(
    tx: &mut Transaction<'_>,
    into: &str,
    at_once: usize,
    mut rows: impl Iterator<Item = [Value; COLUMNS]>,
) -> Result<(), Failure> {
    let row = format!("({})", vec!["?"; COLUMNS].join(","));
    loop {
        let values: Vec<Value> = rows.by_ref().take(at_once).flatten().collect();
        if values.is_empty() {
            return Ok(());
        }
        let places = vec![row.as_str(); values.len() / COLUMNS].join(",");
        tx.exec_drop(format!("INSERT INTO {into} VALUES {places}"), values)
            .await?;
    }
}
