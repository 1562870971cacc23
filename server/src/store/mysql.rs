//! The store in a MySQL or MariaDB server, over a pool of connections.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mysql_async::prelude::Queryable;
use mysql_async::{
    Conn, IsolationLevel, Opts, OptsBuilder, Pool, PoolConstraints, PoolOpts, Transaction, TxOpts,
};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{sleep, timeout};

use self::failure::Failure;
use super::write_stats::WriteCounters;
use super::{Store, StoreError, WriteStats};
use crate::data_set::{Content, Loaded};
use crate::model::{
    Credentials, NewPost, NewSession, NewUser, Page, Photo, Post, PostEdit, PostId, Timestamp,
    TokenDigest, User, UserId,
};

mod failure;
mod load;
mod reads;
mod schema;
mod writes;

/// The most connections. A server of few cores does no more with more of them.
const CONNECTIONS_MAX: usize = 32;
/// The most calls at once, those that wait for a connection included.
const CALLS_MAX: usize = 1_024;
/// How long a call may take, waiting for a connection included.
const CALL_TIME: Duration = Duration::from_secs(10);
/// How often a transaction is tried that the server undid for the sake of another.
const ATTEMPTS: u32 = 8;

/// A store in a MySQL or MariaDB server.
pub(super) struct MysqlStore {
    pool: Pool,
    /// Where the server is, without user and password.
    address: String,
    calls: Semaphore,
    writing: Semaphore,
    counters: WriteCounters,
}

impl fmt::Debug for MysqlStore {
    /// Leaves out the password that the pool knows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MysqlStore")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// Runs `$work`, which may use the transaction `$tx` and `?`, commits, and tries again upon
/// deadlocks.
macro_rules! write {
    ($store:expr, $tx:ident => $work:expr) => {{
        let store: &MysqlStore = $store;
        let _writing = store.writing.try_acquire();
        store.counters.batch(1);
        let attempts = async {
            let mut attempt = 1;
            loop {
                let outcome: Result<_, Failure> = async {
                    let mut connection = store.pool.get_conn().await?;
                    let mut $tx = begin(&mut connection).await?;
                    let value = $work?;
                    $tx.commit().await?;
                    store.counters.commit();
                    Ok(value)
                }
                .await;
                match outcome {
                    Err(failure) if failure.is_deadlock() && attempt < ATTEMPTS => {
                        sleep(Duration::from_millis(1 << attempt)).await;
                        attempt += 1;
                    }
                    other => break other,
                }
            }
        };
        store.call(attempts).await
    }};
}

impl MysqlStore {
    /// Connects and creates the schema where it is missing. The database must exist.
    ///
    /// # Errors
    /// `Invalid` where the URL is not understood, `Unavailable` where the server is not there.
    pub(super) async fn open(url: &str) -> Result<Self, StoreError> {
        let opts = Opts::from_url(url).map_err(|error| {
            StoreError::Invalid(format!(
                "not a MySQL URL ({error}); use mysql://user:password@host:port/database"
            ))
        })?;
        let address = format!("{}:{}", opts.ip_or_hostname(), opts.tcp_port());
        let constraints = PoolConstraints::new(1, CONNECTIONS_MAX)
            .ok_or_else(|| StoreError::Other("the pool's limits contradict".to_owned()))?;
        let pool_opts = PoolOpts::default()
            .with_constraints(constraints)
            // Nothing here changes a session, so resetting it would only cost a round trip and
            // all prepared statements.
            .with_reset_connection(false);
        let opts = OptsBuilder::from_opts(opts)
            .pool_opts(pool_opts)
            .stmt_cache_size(64)
            .prefer_socket(false)
            .setup(vec![
                "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', \
                 SESSION innodb_lock_wait_timeout = 10"
                    .to_owned(),
            ]);
        let store = Self {
            pool: Pool::new(opts),
            address,
            calls: Semaphore::new(CALLS_MAX),
            writing: Semaphore::new(CALLS_MAX),
            counters: WriteCounters::default(),
        };
        let migrated = store
            .call(async {
                let mut connection = store.pool.get_conn().await?;
                schema::migrate(&mut connection).await
            })
            .await;
        match migrated {
            Ok(()) => Ok(store),
            Err(error) => {
                let what = format!("could not open the database at {}", store.address);
                Err(match error {
                    StoreError::Unavailable(why) => {
                        StoreError::Unavailable(format!("{what}: {why}; is the server running?"))
                    }
                    StoreError::Full(why) => StoreError::Full(format!("{what}: {why}")),
                    other => StoreError::Other(format!("{what}: {other}")),
                })
            }
        }
    }

    /// Runs a call within its time and the limit of calls.
    async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, StoreError> {
        let _permit = self.permit()?;
        match timeout(CALL_TIME, call).await {
            Ok(outcome) => outcome.map_err(StoreError::from),
            Err(_) => Err(StoreError::Unavailable(format!(
                "no answer from {} within {} s",
                self.address,
                CALL_TIME.as_secs()
            ))),
        }
    }

    fn permit(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        self.calls.try_acquire().map_err(|_| {
            StoreError::Unavailable(if self.calls.is_closed() {
                "it was closed".to_owned()
            } else {
                format!("{CALLS_MAX} calls wait for {}", self.address)
            })
        })
    }

    async fn connection(&self) -> Result<Conn, Failure> {
        Ok(self.pool.get_conn().await?)
    }
}

/// Begins a transaction. Each statement sees what is committed by then: no query here relies on two
/// statements seeing the same, and locks that cover gaps would only make writers wait.
async fn begin(connection: &mut Conn) -> Result<Transaction<'_>, Failure> {
    let mut options = TxOpts::new();
    options.with_isolation_level(IsolationLevel::ReadCommitted);
    Ok(connection.start_transaction(options).await?)
}

#[async_trait]
impl Store for MysqlStore {
    async fn create_user(&self, new: NewUser) -> Result<User, StoreError> {
        new.check()?;
        write!(self, tx => writes::create_user(&mut tx, &new).await)
    }

    async fn credentials(&self, handle: &str) -> Result<Credentials, StoreError> {
        self.call(async { reads::credentials(&mut self.connection().await?, handle).await })
            .await
    }

    async fn user(&self, id: UserId) -> Result<User, StoreError> {
        self.call(async { reads::user(&mut self.connection().await?, id).await })
            .await
    }

    async fn create_session(&self, new: NewSession) -> Result<(), StoreError> {
        write!(self, tx => writes::create_session(&mut tx, &new).await)
    }

    async fn session(&self, token: &TokenDigest, now: Timestamp) -> Result<UserId, StoreError> {
        self.call(async { reads::session(&mut self.connection().await?, token, now).await })
            .await
    }

    async fn delete_session(&self, token: &TokenDigest) -> Result<(), StoreError> {
        write!(self, tx => tx.exec_drop(writes::DELETE_SESSION, (&token.0[..],)).await)
    }

    async fn create_post(&self, new: NewPost) -> Result<Post, StoreError> {
        new.check()?;
        write!(self, tx => writes::create_post(&mut tx, &new).await)
    }

    async fn post(&self, id: PostId) -> Result<Post, StoreError> {
        self.call(async { reads::post(&mut self.connection().await?, id).await })
            .await
    }

    async fn update_post(
        &self,
        author: UserId,
        id: PostId,
        edit: PostEdit,
    ) -> Result<Post, StoreError> {
        edit.check()?;
        write!(self, tx => writes::update_post(&mut tx, author, id, &edit).await)
    }

    async fn delete_post(&self, author: UserId, id: PostId) -> Result<Option<Photo>, StoreError> {
        write!(self, tx => writes::delete_post(&mut tx, author, id).await)
    }

    async fn posts_by(&self, author: UserId, page: Page) -> Result<Vec<Post>, StoreError> {
        self.call(async { reads::posts_by(&mut self.connection().await?, author, page).await })
            .await
    }

    async fn follow(
        &self,
        follower: UserId,
        followee: UserId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        if follower == followee {
            return Err(super::follows_themselves());
        }
        write!(self, tx => writes::follow(&mut tx, follower, followee, at).await)
    }

    async fn unfollow(&self, follower: UserId, followee: UserId) -> Result<(), StoreError> {
        write!(self, tx => writes::unfollow(&mut tx, follower, followee).await)
    }

    async fn feed(&self, user: UserId, page: Page) -> Result<Vec<Post>, StoreError> {
        self.call(async { reads::feed(&mut self.connection().await?, user, page).await })
            .await
    }

    async fn put_photo(&self, author: UserId, photo: Photo) -> Result<Option<Photo>, StoreError> {
        photo.check()?;
        write!(self, tx => writes::put_photo(&mut tx, author, &photo).await)
    }

    async fn photo(&self, post: PostId) -> Result<Photo, StoreError> {
        let photo = self.call(async { reads::photo(&mut self.connection().await?, post).await });
        photo.await?.ok_or(StoreError::NotFound)
    }

    async fn load(&self, content: Arc<Content>) -> Result<Loaded, StoreError> {
        // Not within the time of a call: a big data set takes minutes.
        let _permit = self.permit()?;
        let mut connection = self.connection().await?;
        let loaded = load::load(&mut connection, &content).await;
        // Its settings must not go back into the pool. Whether the end is heard does not matter.
        let _ = connection.disconnect().await;
        Ok(loaded?)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let ping = async {
            Ok(self
                .connection()
                .await?
                .query_drop("SELECT 1 FROM meta")
                .await?)
        };
        self.call(ping).await
    }

    async fn close(&self) {
        self.calls.close();
        // Waits for the connections that are in use, whose calls take no longer than their time.
        let _ = timeout(CALL_TIME, self.pool.clone().disconnect()).await;
    }

    fn write_stats(&self) -> WriteStats {
        let queued = CALLS_MAX - self.writing.available_permits();
        self.counters.snapshot(queued as u64)
    }
}

#[cfg(test)]
mod tests;
