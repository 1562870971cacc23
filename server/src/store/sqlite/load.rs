//! Loading of a data set in a single transaction.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::failure::failed;
use crate::data_set::{Content, Loaded};
use crate::store::sharded::{Bucket, Share};
use crate::store::{StoreError, other_data};

pub(super) fn load(
    connection: &mut Connection,
    content: &Content,
    share: &Share,
) -> Result<Loaded, StoreError> {
    let wanted = content.data_set().fingerprint();
    let loaded =
        load_or_find(connection, content, share, &wanted).map_err(|error| failed(&error))?;
    match loaded {
        Found::Same => Ok(content.loaded(true)),
        Found::Other(present) => Err(other_data(present.as_deref(), &wanted)),
        Found::Nothing => {
            // The log now contains the whole data set. A checkpoint frees its space; if it fails, the next
            // one does.
            let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()));
            Ok(content.loaded(false))
        }
    }
}

enum Found {
    Same,
    Other(Option<String>),
    Nothing,
}

fn load_or_find(
    connection: &mut Connection,
    content: &Content,
    share: &Share,
    wanted: &str,
) -> rusqlite::Result<Found> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let present: Option<String> = transaction
        .query_row("SELECT value FROM meta WHERE key = 'data_set'", (), |row| {
            row.get(0)
        })
        .optional()?;
    if present.as_deref() == Some(wanted) {
        return Ok(Found::Same);
    }
    let users: bool =
        transaction.query_row("SELECT EXISTS (SELECT 1 FROM users)", (), |row| row.get(0))?;
    if present.is_some() || users {
        return Ok(Found::Other(present));
    }
    insert(&transaction, content, share)?;
    transaction.execute(
        "INSERT INTO meta (key, value) VALUES ('data_set', ?1)",
        [wanted],
    )?;
    transaction.commit()?;
    Ok(Found::Nothing)
}

fn insert(connection: &Connection, content: &Content, share: &Share) -> rusqlite::Result<()> {
    let mut user = connection.prepare(
        "INSERT INTO users (id, handle, password_hash, created_at, followers, following, posts) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for row in share.users(content) {
        user.execute((
            row.id.0,
            &row.handle,
            share.password_hash(content),
            row.created_at.0,
            row.followers.cast_signed(),
            row.following.cast_signed(),
            row.posts.cast_signed(),
        ))?;
    }
    let mut author =
        connection.prepare("INSERT INTO authors (bucket, author_id) VALUES (?1, ?2)")?;
    for id in share.authors(content) {
        author.execute((Bucket::of_author(id).number(), id.0))?;
    }
    let mut follow = connection.prepare(
        "INSERT INTO follows (follower_id, followee_id, created_at) VALUES (?1, ?2, ?3)",
    )?;
    for (follower, followee) in share.follows(content) {
        follow.execute((follower.0, followee.0, content.signed_up().0))?;
    }
    let mut post_author =
        connection.prepare("INSERT INTO post_authors (post_id, author_id) VALUES (?1, ?2)")?;
    for (post, author) in share.post_authors(content) {
        post_author.execute((post.0, author.0))?;
    }
    let mut post = connection.prepare(
        "INSERT INTO posts (id, author_id, created_at, updated_at, content, html) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for row in share.posts(content) {
        post.execute((
            row.id.0,
            row.author.0,
            row.created_at.0,
            row.updated_at.0,
            &row.content,
            &row.html,
        ))?;
    }
    Ok(())
}
