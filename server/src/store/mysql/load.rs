//! Loads a data set in transactions of some thousand rows, each of which notes how many rows are
//! there: a load that was cut short is taken up where it ended.
//!
//! One transaction for everything would be simpler, but Galera sends a transaction to the other
//! servers in one piece, which holds the whole cluster up while it is applied.

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Transaction, TxOpts, Value};

use super::failure::Failure;
use crate::data_set::{Content, Loaded};
use crate::store::{StoreError, other_data};

/// Rows in one statement: some 600 KB of posts, far below the 16 MB a server takes.
const POSTS_AT_ONCE: usize = 250;
const ROWS_AT_ONCE: usize = 1_000;
/// Statements in one transaction.
const POST_STATEMENTS: usize = 8;
const ROW_STATEMENTS: usize = 4;
/// How long a process waits for another that loads, in seconds.
const LOCK_TIME_S: u32 = 900;

/// Has the server count what it plans by.
const COUNT_ROWS: &str = "ANALYZE TABLE users, follows, posts";

/// The data set that is there, in whole.
const WHOLE: &str = "data_set";
/// The data set that is being loaded, after the number of rows that are there.
const PART: &str = "data_set_part";

/// Loads over a connection whose settings are not fit for anything else afterwards.
///
/// One process at a time loads; another waits and finds the data set there. The lock is the server's
/// and ends with the connection; the servers of a cluster do not share it, so processes that load at
/// once have to do so over one of them.
pub(super) async fn load(connection: &mut Conn, content: &Content) -> Result<Loaded, Failure> {
    // What is inserted refers to what was inserted before.
    connection
        .query_drop("SET SESSION foreign_key_checks = 0")
        .await?;
    // A name has at most 64 characters, as a database's own may have.
    let lock = "SELECT GET_LOCK(CONCAT('tenfold.load.', MD5(DATABASE())), ?)";
    let locked: Option<(Option<i64>,)> = connection.exec_first(lock, (LOCK_TIME_S,)).await?;
    if locked != Some((Some(1),)) {
        let why = format!("another process has been loading a data set for {LOCK_TIME_S} s");
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
    match insert(&mut progress, content).await {
        // Somebody has written to the part of a data set that was there.
        Err(failure) if failure.is_taken() => return Err(other_data(None, &wanted).into()),
        inserted => inserted?,
    }
    // The server counts by itself only after a while, and one that is stopped before holds tables for as good as empty
    // from then on.
    let counted = progress.connection.query_drop(COUNT_ROWS).await;
    if let Err(error) = counted {
        tracing::warn!(%error, "the server may plan by the figures of an empty database");
    }
    progress.finish().await?;
    Ok(content.loaded(false))
}

/// Finds how many of the rows are there, `None` where all of them are.
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

async fn insert(progress: &mut Progress<'_>, content: &Content) -> Result<(), Failure> {
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
    progress
        .insert(into, ROWS_AT_ONCE, ROW_STATEMENTS, users)
        .await?;
    let at = Value::from(content.signed_up().0);
    let follows = content
        .follows()
        .map(|(follower, followee)| [follower.0.into(), followee.0.into(), at.clone()]);
    let into = "follows (follower_id, followee_id, created_at)";
    progress
        .insert(into, ROWS_AT_ONCE, ROW_STATEMENTS, follows)
        .await?;
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
    progress
        .insert(into, POSTS_AT_ONCE, POST_STATEMENTS, posts)
        .await
}

/// How far a load has come. The rows of a data set are always the same, in the same order.
struct Progress<'a> {
    connection: &'a mut Conn,
    wanted: &'a str,
    /// How many of the rows to come are there already.
    skip: u64,
    /// How many rows are there.
    done: u64,
}

impl Progress<'_> {
    async fn insert<const COLUMNS: usize>(
        &mut self,
        into: &str,
        at_once: usize,
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
                let values: Vec<Value> = rows.by_ref().take(at_once).flatten().collect();
                let count = values.len() / COLUMNS;
                if count == 0 {
                    break;
                }
                let places = vec![row.as_str(); count].join(",");
                tx.exec_drop(format!("INSERT INTO {into} VALUES {places}"), values)
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

    /// Notes that everything is there.
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
