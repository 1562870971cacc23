//! The store in a MySQL or MariaDB server, over a pool of connections.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, Pool, Transaction, TxOpts};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{sleep, timeout};

use self::failure::Failure;
use self::lease::{CONNECT_TIME, Lease, within};
use self::patience::Patience;
use super::write_stats::WriteCounters;
use super::{Store, StoreError, WriteStats};
use crate::data_set::{Content, Loaded};
use crate::model::{
    Credentials, LiveSession, NewPost, NewSession, NewUser, Page, Photo, Post, PostEdit, PostId,
    Timestamp, TokenDigest, User, UserId,
};

mod failure;
mod lease;
mod load;
mod options;
mod patience;
mod reads;
mod schema;
mod writes;

/// The most connections in use. A server of few cores does no more with more of them. Up to as many
/// may be idle beside them, where calls were tried again on connections of their own.
const CONNECTIONS_MAX: usize = 32;
/// The most calls at once, those that wait for a connection included.
const CALLS_MAX: usize = 1_024;
/// How long a call may take, waiting for a connection included.
const CALL_TIME: Duration = Duration::from_secs(10);
/// How long one try of a read may take once it has a connection. A server that is half dead takes
/// connections and answers none.
const READ_TIME: Duration = Duration::from_secs(2);
/// How long a transaction may take to begin, which waits for nothing that others do.
const BEGIN_TIME: Duration = Duration::from_secs(2);
/// How often loading a data set is tried where the server is lost, and the pause before it is tried
/// again.
const LOAD_TRIES: u32 = 5;
const LOAD_PAUSE: Duration = Duration::from_secs(1);

/// A store in a MySQL or MariaDB server.
pub(super) struct MysqlStore {
    pool: Pool,
    /// How connections are made outside of the pool.
    opts: Opts,
    /// A place for each connection in use, so that what is waited for is told apart: a place, then
    /// the server.
    places: Semaphore,
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

/// Answers `$query`, which may use the connection `$connection`; where the server is lost, again on
/// another connection, while there is patience left.
macro_rules! read {
    ($store:expr, $connection:ident => $query:expr) => {{
        let store: &MysqlStore = $store;
        let tries = async {
            let mut patience = Patience::new();
            let mut fresh = false;
            loop {
                let outcome: Result<_, Failure> = async {
                    let mut lease = store.lease(fresh).await?;
                    let $connection: &mut Conn = &mut lease;
                    let answer = within(READ_TIME, "a read", async { $query }).await;
                    lease.settle(&answer).await;
                    answer
                }
                .await;
                match outcome {
                    Err(failure) if patience.again_after(&failure).await => fresh = true,
                    outcome => break outcome,
                }
            }
        };
        store.call(tries).await
    }};
}

/// Runs `$work`, which may use the transaction `$tx` and `?`, and commits. Tries again where it is
/// certain that nothing was committed: upon deadlocks, and where the server was lost before the
/// commit was sent. What became of a commit whose answer is lost nobody knows; it is not tried again.
macro_rules! write {
    ($store:expr, $tx:ident => $work:expr) => {{
        let store: &MysqlStore = $store;
        let _writing = store.writing.try_acquire();
        store.counters.batch(1);
        let tries = async {
            let mut patience = Patience::new();
            let mut fresh = false;
            loop {
                let outcome: Result<_, Failure> = async {
                    let mut lease = store.lease(fresh).await?;
                    let written: Result<_, Failure> = async {
                        let mut $tx = begin(&mut lease).await?;
                        let value = $work?;
                        $tx.commit().await.map_err(Failure::of_commit)?;
                        store.counters.commit();
                        Ok(value)
                    }
                    .await;
                    lease.settle(&written).await;
                    written
                }
                .await;
                match outcome {
                    Err(failure) if patience.again_after(&failure).await => {
                        fresh |= failure.is_of_the_connection();
                    }
                    outcome => break outcome,
                }
            }
        };
        store.call(tries).await
    }};
}

impl MysqlStore {
    /// Prepares to connect to a server, which need not be there yet. As it is, it is a replica to read
    /// from, whose schema comes from its primary.
    ///
    /// # Errors
    /// `Invalid` where the URL is not understood.
    pub(super) fn replica(url: &str) -> Result<Self, StoreError> {
        let opts = options::options(url)?;
        let address = format!("{}:{}", opts.ip_or_hostname(), opts.tcp_port());
        Ok(Self {
            pool: Pool::new(opts.clone()),
            opts,
            places: Semaphore::new(CONNECTIONS_MAX),
            address,
            calls: Semaphore::new(CALLS_MAX),
            writing: Semaphore::new(CALLS_MAX),
            counters: WriteCounters::default(),
        })
    }

    /// Connects and creates the schema where it is missing. The database must exist.
    ///
    /// # Errors
    /// `Invalid` where the URL is not understood, `Unavailable` where the server is not there.
    pub(super) async fn open(url: &str) -> Result<Self, StoreError> {
        let store = Self::replica(url)?;
        let migrated = store
            .call(async {
                let mut lease = store.lease(false).await?;
                let migrated = schema::migrate(&mut lease).await;
                lease.settle(&migrated).await;
                migrated
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

    /// Takes a connection: of the pool, or a `fresh` one, since after a failover those that are idle
    /// in the pool may lead to the wrong server.
    async fn lease(&self, fresh: bool) -> Result<Lease<'_>, Failure> {
        let place = self
            .places
            .acquire()
            .await
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let connecting = async {
            Ok(if fresh {
                Conn::new(self.opts.clone()).await?
            } else {
                self.pool.get_conn().await?
            })
        };
        let connection = within(CONNECT_TIME, "connecting", connecting).await?;
        Ok(Lease::new(connection, fresh, place))
    }
}

/// Begins a transaction, at the isolation level of the session (see `options`).
async fn begin(connection: &mut Conn) -> Result<Transaction<'_>, Failure> {
    let begun = async { Ok(connection.start_transaction(TxOpts::default()).await?) };
    within(BEGIN_TIME, "beginning a transaction", begun).await
}

#[async_trait]
impl Store for MysqlStore {
    async fn create_user(&self, new: NewUser) -> Result<User, StoreError> {
        new.check()?;
        write!(self, tx => writes::create_user(&mut tx, &new).await)
    }

    async fn credentials(&self, handle: &str) -> Result<Credentials, StoreError> {
        read!(self, connection => reads::credentials(connection, handle).await)
    }

    async fn user(&self, id: UserId) -> Result<User, StoreError> {
        read!(self, connection => reads::user(connection, id).await)
    }

    async fn create_session(&self, new: NewSession) -> Result<(), StoreError> {
        write!(self, tx => writes::create_session(&mut tx, &new).await)
    }

    async fn session(
        &self,
        token: &TokenDigest,
        now: Timestamp,
    ) -> Result<LiveSession, StoreError> {
        read!(self, connection => reads::session(connection, token, now).await)
    }

    async fn delete_session(&self, token: &TokenDigest) -> Result<(), StoreError> {
        write!(self, tx => tx.exec_drop(writes::DELETE_SESSION, (&token.0[..],)).await)
    }

    async fn create_post(&self, new: NewPost) -> Result<Post, StoreError> {
        new.check()?;
        write!(self, tx => writes::create_post(&mut tx, &new).await)
    }

    async fn post(&self, id: PostId) -> Result<Post, StoreError> {
        read!(self, connection => reads::post(connection, id).await)
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
        read!(self, connection => reads::posts_by(connection, author, page).await)
    }

    async fn follow(
        &self,
        follower: UserId,
        followee: UserId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        if follower == followee {
            return Err(super::follows_themselves());
        }
        write!(self, tx => writes::follow(&mut tx, follower, followee, at).await)
    }

    async fn unfollow(&self, follower: UserId, followee: UserId) -> Result<bool, StoreError> {
        write!(self, tx => writes::unfollow(&mut tx, follower, followee).await)
    }

    async fn followees(&self, user: UserId, limit: u32) -> Result<Vec<UserId>, StoreError> {
        read!(self, connection => reads::followees(connection, user, limit).await)
    }

    async fn feed(&self, user: UserId, page: Page) -> Result<Vec<Post>, StoreError> {
        read!(self, connection => reads::feed(connection, user, page).await)
    }

    async fn put_photo(&self, author: UserId, photo: Photo) -> Result<Option<Photo>, StoreError> {
        photo.check()?;
        write!(self, tx => writes::put_photo(&mut tx, author, &photo).await)
    }

    async fn photo(&self, post: PostId) -> Result<Photo, StoreError> {
        let photo = read!(self, connection => reads::photo(connection, post).await);
        photo?.ok_or(StoreError::NotFound)
    }

    async fn load(&self, content: Arc<Content>) -> Result<Loaded, StoreError> {
        // Not within the time of a call: a big data set takes minutes.
        let _permit = self.permit()?;
        let mut tries = 1;
        loop {
            let outcome = async {
                let mut lease = self.lease(tries > 1).await?;
                let loaded = load::load(&mut lease, &content).await;
                // Its settings must not go back into the pool.
                lease.close().await;
                loaded
            }
            .await;
            match outcome {
                // What was loaded by then is found again, whether or not its commit was answered.
                Err(failure)
                    if tries < LOAD_TRIES
                        && (failure.is_of_the_connection() || failure.is_undone()) =>
                {
                    tries += 1;
                    sleep(LOAD_PAUSE).await;
                }
                outcome => return Ok(outcome?),
            }
        }
    }

    async fn ping(&self) -> Result<(), StoreError> {
        read!(self, connection => Ok(connection.query_drop("SELECT 1 FROM meta").await?))
    }

    async fn close(&self) {
        self.calls.close();
        // Waits for the connections that are in use, whose calls take no longer than their time.
        let _ = timeout(CALL_TIME, self.pool.clone().disconnect()).await;
    }

    async fn beat(&self, origin: i64, number: i64, at: Timestamp) -> Result<(), StoreError> {
        // Not counted: nobody asked for it to be written. A beat may be written twice.
        read!(self, connection => writes::beat(connection, origin, number, at).await)
    }

    async fn newest_beat(&self, origin: i64) -> Result<Option<i64>, StoreError> {
        read!(self, connection => reads::newest_beat(connection, origin).await)
    }

    fn write_stats(&self) -> WriteStats {
        let queued = CALLS_MAX - self.writing.available_permits();
        self.counters.snapshot(queued as u64)
    }
}

#[cfg(test)]
pub(super) mod tests;
