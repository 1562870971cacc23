//! Loading of a data set in transactions of some thousand rows. Each records the number of rows so far, so
//! that an interrupted load resumes.
//!
//! A single transaction would be simpler. But Galera sends a transaction to the other servers in one piece
//! and blocks the whole cluster while applying it.

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Transaction, TxOpts, Value};

use super::failure::Failure;
use crate::data_set::{Content, Loaded};
use crate::store::sharded::{Bucket, Share};
use crate::store::{StoreError, other_data};

/// Posts per statement: some 600 KB, far below the 16 MB a server accepts.
const POSTS_PER_STATEMENT: usize = 250;
/// Other rows per statement.
const ROWS_PER_STATEMENT: usize = 1_000;
/// Statements with posts per transaction.
const POST_STATEMENTS: usize = 8;
/// Statements with other rows per transaction.
const ROW_STATEMENTS: usize = 4;
/// Maximum wait for another process that loads, in seconds.
const LOCK_TIMEOUT_S: u32 = 900;

/// Updates the statistics of the query planner.
const COUNT_ROWS: &str = "ANALYZE TABLE users, follows, posts";

/// Key of the fingerprint of a complete data set.
const WHOLE: &str = "data_set";
/// Key of an incomplete data set: the number of rows so far, and the fingerprint.
const PART: &str = "data_set_part";

/// Loads over a connection. Its session settings make it unfit for other uses afterwards.
///
/// One process loads; others wait and then reuse the data set. The lock belongs to one server and ends with
/// the connection. The servers of a cluster do not share it, so concurrent loads must go to the same server.
pub(super) async fn load(
    connection: &mut Conn,
    content: &Content,
    share: &Share,
) -> Result<Loaded, Failure> {
    // Rows only refer to rows inserted before.
    connection
        .query_drop("SET SESSION foreign_key_checks = 0")
        .await?;
    // A lock name has at most 64 characters, as many as the name of a database.
    let lock = "SELECT GET_LOCK(CONCAT('tenfold.load.', MD5(DATABASE())), ?)";
    let locked: Option<(Option<i64>,)> = connection.exec_first(lock, (LOCK_TIMEOUT_S,)).await?;
    if locked != Some((Some(1),)) {
        let why = format!("another process is still loading a data set after {LOCK_TIMEOUT_S} s");
        return Err(StoreError::Unavailable(why).into());
    }
    let wanted = content.data_set().fingerprint();
    let Some(done) = begin(connection, &wanted).await? else {
        return Ok(content.loaded(true));
    };
    let mut progress = Progress {
        connection,
        wanted: &wanted,
        skip: done,
        done,
    };
    match insert(&mut progress, content, share).await {
        // An unrelated write changed the incomplete data set.
        Err(failure) if failure.is_duplicate_key() => return Err(other_data(None, &wanted).into()),
        inserted => inserted?,
    }
    // The server updates its statistics after a while only. If stopped before, it plans as if the tables
    // were nearly empty.
    let counted = progress.connection.query_drop(COUNT_ROWS).await;
    if let Err(error) = counted {
        tracing::warn!(%error, "could not update the planner's statistics; queries may be slow");
    }
    progress.finish().await?;
    Ok(content.loaded(false))
}

/// Returns the number of rows already loaded. `None` if the data set is complete.
async fn begin(connection: &mut Conn, wanted: &str) -> Result<Option<u64>, Failure> {
    let mut tx = connection.start_transaction(TxOpts::default()).await?;
    let whole = meta(&mut tx, WHOLE).await?;
    let part = meta(&mut tx, PART).await?;
    let part = part
        .as_deref()
        .and_then(|part| part.split_once(' '))
        .and_then(|(rows, of)| Some((rows.parse().ok()?, of)));
    let done = match (whole.as_deref(), part) {
        (Some(whole), _) if whole == wanted => None,
        (Some(whole), _) => return Err(other_data(Some(whole), wanted).into()),
        (None, Some((rows, of))) if of == wanted => Some(rows),
        (None, Some((_, of))) => {
            let of = format!("a part of {of}");
            return Err(other_data(Some(&of), wanted).into());
        }
        (None, None) => {
            let user: Option<(i64,)> = tx.query_first("SELECT id FROM users LIMIT 1").await?;
            if user.is_some() {
                return Err(other_data(None, wanted).into());
            }
            tx.exec_drop(
                "INSERT INTO meta (name, value) VALUES (?, ?)",
                (PART, format!("0 {wanted}")),
            )
            .await?;
            Some(0)
        }
    };
    tx.commit().await.map_err(Failure::of_commit)?;
    Ok(done)
}

async fn meta(tx: &mut Transaction<'_>, name: &str) -> Result<Option<String>, Failure> {
    let row: Option<(String,)> = tx
        .exec_first("SELECT value FROM meta WHERE name = ?", (name,))
        .await?;
    Ok(row.map(|(value,)| value))
}

async fn insert(
    progress: &mut Progress<'_>,
    content: &Content,
    share: &Share,
) -> Result<(), Failure> {
    let hash = Value::from(share.password_hash(content));
    let users = share.users(content).map(|user| {
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
    progress
        .insert(into, ROWS_PER_STATEMENT, ROW_STATEMENTS, users)
        .await?;
    let authors = share
        .authors(content)
        .map(|id| [Bucket::of_author(id).number().into(), id.0.into()]);
    let into = "authors (bucket, author_id)";
    progress
        .insert(into, ROWS_PER_STATEMENT, ROW_STATEMENTS, authors)
        .await?;
    let at = Value::from(content.signed_up().0);
    let follows = share
        .follows(content)
        .map(|(follower, followee)| [follower.0.into(), followee.0.into(), at.clone()]);
    let into = "follows (follower_id, followee_id, created_at)";
    progress
        .insert(into, ROWS_PER_STATEMENT, ROW_STATEMENTS, follows)
        .await?;
    let post_authors = share
        .post_authors(content)
        .map(|(post, author)| [post.0.into(), author.0.into()]);
    let into = "post_authors (post_id, author_id)";
    progress
        .insert(into, ROWS_PER_STATEMENT, ROW_STATEMENTS, post_authors)
        .await?;
    let posts = share.posts(content).map(|post| {
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
    progress
        .insert(into, POSTS_PER_STATEMENT, POST_STATEMENTS, posts)
        .await
}

/// Progress of a load. The rows of a data set always come in the same order.
struct Progress<'a> {
    connection: &'a mut Conn,
    wanted: &'a str,
    /// Number of rows still to skip, because they are loaded.
    skip: u64,
    /// Number of loaded rows.
    done: u64,
}

impl Progress<'_> {
    async fn insert<const COLUMNS: usize>(
        &mut self,
        into: &str,
        per_statement: usize,
        statements: usize,
        rows: impl Iterator<Item = [Value; COLUMNS]>,
    ) -> Result<(), Failure> {
        let row = format!("({})", vec!["?"; COLUMNS].join(","));
        let mut rows = rows.fuse();
        while self.skip > 0 {
            if rows.next().is_none() {
                return Ok(());
            }
            self.skip -= 1;
        }
        loop {
            let mut tx = self.connection.start_transaction(TxOpts::default()).await?;
            let mut inserted = 0;
            for _ in 0..statements {
                let values: Vec<Value> = rows.by_ref().take(per_statement).flatten().collect();
                let count = values.len() / COLUMNS;
                if count == 0 {
                    break;
                }
                let placeholders = vec![row.as_str(); count].join(",");
                tx.exec_drop(format!("INSERT INTO {into} VALUES {placeholders}"), values)
                    .await?;
                inserted += count as u64;
            }
            if inserted == 0 {
                return Ok(tx.rollback().await?);
            }
            let done = self.done + inserted;
            tx.exec_drop(
                "UPDATE meta SET value = ? WHERE name = ?",
                (format!("{done} {}", self.wanted), PART),
            )
            .await?;
            tx.commit().await.map_err(Failure::of_commit)?;
            self.done = done;
        }
    }

    /// Marks the data set as complete.
    async fn finish(self) -> Result<(), Failure> {
        self.connection
            .exec_drop(
                "UPDATE meta SET name = ?, value = ? WHERE name = ?",
                (WHOLE, self.wanted, PART),
            )
            .await?;
        Ok(())
    }
}
