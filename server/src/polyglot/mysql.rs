//! All questions asked of SQL: a MySQL or MariaDB server.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Params, Pool, TxOpts, params};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::counters::{Counters, check_name};
use super::feeds::{FeedEntry, Feeds, check_owners};
use super::recommendations::{Recommendation, Recommendations, check_followees};
use super::sessions::Sessions;
use crate::model::{LiveSession, NewSession, Page, PostId, Timestamp, TokenDigest, UserId};
use crate::store::StoreError;
use crate::store::mysql::failure::Failure;
use crate::store::mysql::options::options;

mod documents;

/// Tables, which may exist.
const SCHEMA: &str = include_str!("../../migrations/polyglot/mysql.sql");
/// Maximum number of calls at once, including those that wait for a connection.
const CALLS_MAX: usize = 1_024;
/// Timeout of a call, including the wait for a connection.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// All questions in one database. It must exist; its tables are created.
pub(super) struct MysqlPolyglot {
    pool: Pool,
    calls: Semaphore,
    /// Host and port of the server, without credentials.
    address: String,
}

impl fmt::Debug for MysqlPolyglot {
    /// Omits the password in the pool.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MysqlPolyglot")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl MysqlPolyglot {
    /// Connects, and creates the tables that are missing.
    ///
    /// # Errors
    /// `Invalid` if the URL is invalid, `Unavailable` if the server does not respond.
    pub(super) async fn open(url: &str) -> Result<Self, StoreError> {
        let opts = options(url)?;
        let own = Self {
            address: format!("{}:{}", opts.ip_or_hostname(), opts.tcp_port()),
            pool: Pool::new(opts),
            calls: Semaphore::new(CALLS_MAX),
        };
        own.bounded(async { Ok(own.lease().await?.query_drop(SCHEMA).await?) })
            .await?;
        Ok(own)
    }

    /// Runs a call within its timeout and the limit of calls.
    async fn bounded<T>(
        &self,
        call: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, StoreError> {
        let _permit = self.calls.try_acquire().map_err(|_| {
            StoreError::Unavailable(format!(
                "too many calls: {CALLS_MAX} wait for {}",
                self.address
            ))
        })?;
        match timeout(CALL_TIMEOUT, call).await {
            Ok(outcome) => Ok(outcome?),
            Err(_) => Err(StoreError::Unavailable(format!(
                "no response from {} within {} s",
                self.address,
                CALL_TIMEOUT.as_secs()
            ))),
        }
    }

    async fn lease(&self) -> Result<Conn, Failure> {
        Ok(self.pool.get_conn().await?)
    }

    /// Runs one statement, which commits by itself. Runs it again if the server rolled it back in favour of another transaction.
    async fn execute(&self, statement: &str, values: Params) -> Result<Conn, Failure> {
        let mut connection = self.lease().await?;
        loop {
            match connection.exec_drop(statement, values.clone()).await {
                Ok(()) => return Ok(connection),
                Err(error) => {
                    let failure = Failure::from(error);
                    if !failure.is_rolled_back() {
                        return Err(failure);
                    }
                }
            }
        }
    }
}

/// Returns `rows` groups of `columns` placeholders.
fn placeholders(rows: usize, columns: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(", "));
    vec![row; rows].join(", ")
}

#[async_trait]
impl Sessions for MysqlPolyglot {
    async fn create_session(&self, new: &NewSession) -> Result<(), StoreError> {
        let statement = "INSERT INTO kv_sessions (token, user_id, expires_at) VALUES (?, ?, ?)";
        let values = (&new.token.0[..], new.user.0, new.expires_at.0);
        self.bounded(self.execute(statement, values.into())).await?;
        Ok(())
    }

    async fn session(
        &self,
        token: &TokenDigest,
        now: Timestamp,
    ) -> Result<LiveSession, StoreError> {
        let query =
            "SELECT user_id, expires_at FROM kv_sessions WHERE token = ? AND expires_at > ?";
        let found: Option<(i64, i64)> = self
            .bounded(async {
                let mut connection = self.lease().await?;
                Ok(connection.exec_first(query, (&token.0[..], now.0)).await?)
            })
            .await?;
        let (user, expires_at) = found.ok_or(StoreError::NotFound)?;
        Ok(LiveSession {
            user: UserId(user),
            expires_at: Timestamp(expires_at),
        })
    }

    async fn delete_session(&self, token: &TokenDigest) -> Result<(), StoreError> {
        let statement = "DELETE FROM kv_sessions WHERE token = ?";
        self.bounded(self.execute(statement, (&token.0[..],).into()))
            .await?;
        Ok(())
    }
}

#[async_trait]
impl Counters for MysqlPolyglot {
    async fn add(&self, name: &str, by: u32) -> Result<u64, StoreError> {
        check_name(name)?;
        // The function makes the sum the result of the statement, in one round trip.
        let statement = "INSERT INTO kv_counters (name, value) VALUES (?, LAST_INSERT_ID(?)) \
             ON DUPLICATE KEY UPDATE value = LAST_INSERT_ID(value + VALUES(value))";
        let connection = self
            .bounded(self.execute(statement, (name.as_bytes(), by).into()))
            .await?;
        Ok(connection.last_insert_id().unwrap_or_default())
    }

    async fn value(&self, name: &str) -> Result<u64, StoreError> {
        check_name(name)?;
        let query = "SELECT value FROM kv_counters WHERE name = ?";
        let found: Option<u64> = self
            .bounded(async {
                let mut connection = self.lease().await?;
                Ok(connection.exec_first(query, (name.as_bytes(),)).await?)
            })
            .await?;
        Ok(found.unwrap_or_default())
    }
}

#[async_trait]
impl Feeds for MysqlPolyglot {
    async fn push(&self, owners: &[UserId], entry: &FeedEntry) -> Result<(), StoreError> {
        check_owners(owners)?;
        if owners.is_empty() {
            return Ok(());
        }
        let statement = format!(
            "INSERT INTO wide_feeds (owner_id, post_id, author_id, created_at, content) VALUES {} \
             ON DUPLICATE KEY UPDATE post_id = post_id",
            placeholders(owners.len(), 5)
        );
        let mut values: Vec<mysql_async::Value> = Vec::with_capacity(owners.len() * 5);
        for owner in owners {
            let row = [owner.0, entry.post.0, entry.author.0, entry.created_at.0];
            values.extend(row.map(Into::into));
            values.push(entry.content.as_bytes().into());
        }
        self.bounded(self.execute(&statement, Params::Positional(values)))
            .await?;
        Ok(())
    }

    async fn page(&self, owner: UserId, page: Page) -> Result<Vec<FeedEntry>, StoreError> {
        let query = "SELECT post_id, author_id, created_at, content FROM wide_feeds \
             WHERE owner_id = :owner AND post_id < :before ORDER BY post_id DESC LIMIT :limit";
        let before = page.before().map_or(i64::MAX, |post| post.0);
        let values = params! { "owner" => owner.0, "before" => before, "limit" => page.limit() };
        let rows: Vec<(i64, i64, i64, String)> = self
            .bounded(async {
                let mut connection = self.lease().await?;
                Ok(connection.exec(query, values).await?)
            })
            .await?;
        let entries = rows
            .into_iter()
            .map(|(post, author, created_at, content)| FeedEntry {
                post: PostId(post),
                author: UserId(author),
                created_at: Timestamp(created_at),
                content,
            });
        Ok(entries.collect())
    }
}

#[async_trait]
impl Recommendations for MysqlPolyglot {
    async fn follow(&self, follower: UserId, followees: &[UserId]) -> Result<(), StoreError> {
        check_followees(follower, followees)?;
        if followees.is_empty() {
            return Ok(());
        }
        let statement = format!(
            "INSERT INTO graph_follows (follower_id, followee_id) VALUES {} \
             ON DUPLICATE KEY UPDATE followee_id = followee_id",
            placeholders(followees.len(), 2)
        );
        let values = followees.iter().flat_map(|own| [follower.0, own.0]);
        let values = values.map(Into::into).collect();
        self.bounded(self.execute(&statement, Params::Positional(values)))
            .await?;
        Ok(())
    }

    async fn unfollow(&self, follower: UserId, followee: UserId) -> Result<(), StoreError> {
        let statement = "DELETE FROM graph_follows WHERE follower_id = ? AND followee_id = ?";
        self.bounded(self.execute(statement, (follower.0, followee.0).into()))
            .await?;
        Ok(())
    }

    async fn recommend(&self, user: UserId, limit: u32) -> Result<Vec<Recommendation>, StoreError> {
        let query = "SELECT far.followee_id, COUNT(*) AS paths FROM graph_follows near \
             JOIN graph_follows far ON far.follower_id = near.followee_id \
             LEFT JOIN graph_follows own ON own.follower_id = near.follower_id AND own.followee_id = far.followee_id \
             WHERE near.follower_id = :user AND far.followee_id <> :user AND own.followee_id IS NULL \
             GROUP BY far.followee_id ORDER BY paths DESC, far.followee_id LIMIT :limit";
        let values = params! { "user" => user.0, "limit" => limit };
        let rows: Vec<(i64, u64)> = self
            .bounded(async {
                let mut connection = self.lease().await?;
                Ok(connection.exec(query, values).await?)
            })
            .await?;
        let found = rows.into_iter().map(|(user, paths)| Recommendation {
            user: UserId(user),
            paths,
        });
        Ok(found.collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::polyglot::contract;
    use crate::store::mysql::tests::server::MariaDb;

    #[tokio::test(flavor = "multi_thread")]
    async fn satisfies_contracts() {
        let Some(server) = MariaDb::start().await else {
            return;
        };
        let url = server.database("polyglot").await;
        let store = Arc::new(MysqlPolyglot::open(&url).await.unwrap());
        contract::sessions(store.clone()).await;
        contract::counters(store.clone()).await;
        contract::feeds(store.clone()).await;
        contract::post_documents(store.clone()).await;
        contract::recommendations(store.clone()).await;
        // The tables exist now.
        let again = MysqlPolyglot::open(&url).await.unwrap();
        assert_eq!(again.value("never-added").await, Ok(0));
        assert!(!format!("{store:?}").contains("s3cret"));
    }

    #[test]
    fn placeholders_are_grouped() {
        assert_eq!(placeholders(2, 3), "(?, ?, ?), (?, ?, ?)");
    }
}
