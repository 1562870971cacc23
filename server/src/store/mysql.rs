//! Store in a MySQL or MariaDB server, over a pool of connections.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, Pool, Transaction, TxOpts};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{sleep, timeout};

use self::backoff::Backoff;
use self::failure::Failure;
use self::lease::{CONNECT_TIMEOUT, Lease, within};
use super::sharded::Share;
use super::write_stats::WriteCounters;
use super::{Held, Store, StoreError, WriteStats};
use crate::data_set::{Content, Loaded};
use crate::delays;
use crate::ledger::{self, Part};
use crate::limits::{NoPlace, Places};
use crate::model::{
    Credentials, LiveSession, NewPost, NewSession, NewUser, Page, Photo, Post, PostEdit, PostId,
    Timestamp, TokenDigest, User, UserId,
};

mod backoff;
mod buckets;
pub(crate) mod failure;
mod feeds;
mod lease;
mod load;
pub(crate) mod options;
mod reads;
mod schema;
mod writes;

/// Maximum number of connections in use: 32 by calls, since more do not help a server with few cores, and one by pings. As many
/// more may be idle, after calls were retried on separate connections.
const CONNECTIONS_MAX: usize = 33;
/// Maximum number of concurrent calls, including those that wait for a connection.
const CALLS_MAX: usize = 1_024;
/// Timeout of a call, including the wait for a connection.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// Timeout of one attempt of a read, once it has a connection. A hung server may accept connections
/// without responding.
const READ_TIMEOUT: Duration = Duration::from_secs(2);
/// Timeout of beginning a transaction, which waits for no other.
const BEGIN_TIMEOUT: Duration = Duration::from_secs(2);
/// Maximum number of attempts to load a data set.
const LOAD_ATTEMPTS_MAX: u32 = 5;
/// Pause between attempts to load a data set.
const LOAD_PAUSE: Duration = Duration::from_secs(1);

/// Store in a MySQL or MariaDB server.
pub(super) struct MysqlStore {
    pool: Pool,
    /// Options of connections outside the pool.
    opts: Opts,
    /// A place per connection in use, so that waits for a place and waits for the server have separate
    /// limits.
    slots: Places,
    /// The place of pings, which do not wait behind calls: an overload is no outage.
    ping_slot: Semaphore,
    /// Host and port of the server, without credentials.
    address: String,
    calls: Semaphore,
    writing: Semaphore,
    counters: WriteCounters,
    /// Notes new posts in the outbox.
    notes_posts: AtomicBool,
}

impl fmt::Debug for MysqlStore {
    /// Omits the password in the pool.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MysqlStore")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// Returns the attempts to run `$query` on the connection `$connection`, each with a lease of the method `$lease`. If the
/// server is lost, there is another attempt on another connection while the backoff permits.
macro_rules! attempts {
    ($store:expr, $lease:ident, $connection:ident => $query:expr) => {{
        let store: &MysqlStore = $store;
        async {
            let mut backoff = Backoff::new();
            let mut fresh = false;
            loop {
                let outcome: Result<_, Failure> = async {
                    let mut lease = store.$lease(fresh).await?;
                    let span = ledger::enter(Part::Sql);
                    let $connection: &mut Conn = &mut lease;
                    let result = within(READ_TIMEOUT, "a read", async { $query }).await;
                    drop(span);
                    lease.settle(&result).await;
                    result
                }
                .await;
                match outcome {
                    Err(failure) if backoff.wait_after(&failure).await => fresh = true,
                    outcome => break outcome,
                }
            }
        }
    }};
}

/// Runs `$query` on the connection `$connection`.
macro_rules! read {
    ($store:expr, $connection:ident => $query:expr) => {{
        let store: &MysqlStore = $store;
        store
            .call(attempts!(store, lease, $connection => $query))
            .await
    }};
}

/// Runs `$work`, which may use the transaction `$tx` and `?`, and commits. Retries only if nothing was
/// committed for certain: after deadlocks, and if the server was lost before the commit was sent. A commit
/// with a lost response has an unknown outcome and is not retried.
macro_rules! write {
    ($store:expr, $tx:ident => $work:expr) => {{
        let store: &MysqlStore = $store;
        let _writing = store.writing.try_acquire();
        store.counters.batch(1);
        let attempts = async {
            let mut backoff = Backoff::new();
            let mut fresh = false;
            loop {
                let outcome: Result<_, Failure> = async {
                    let mut lease = store.lease(fresh).await?;
                    let written: Result<_, Failure> = async {
                        let mut span = ledger::enter(Part::Sql);
                        let mut $tx = begin(&mut lease).await?;
                        let value = $work?;
                        span.change(Part::Commit);
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
                    Err(failure) if backoff.wait_after(&failure).await => {
                        fresh |= failure.is_connection_failure();
                    }
                    outcome => break outcome,
                }
            }
        };
        store.call(attempts).await
    }};
}

// After the macros, which they use.
mod feed_table;
mod old_posts;
mod photos;
mod shard;

impl MysqlStore {
    /// Prepares connections to a server, which need not be running yet. On its own, this is a read replica,
    /// whose schema is replicated from its primary.
    ///
    /// # Errors
    /// `Invalid` if the URL is invalid.
    pub(super) fn replica(url: &str) -> Result<Self, StoreError> {
        let opts = options::options(url)?;
        let address = format!("{}:{}", opts.ip_or_hostname(), opts.tcp_port());
        let connections_max = opts.pool_opts().constraints().max();
        Ok(Self {
            pool: Pool::new(opts.clone()),
            opts,
            slots: Places::new(
                format!("database at {address}"),
                (connections_max - 1).max(1),
            ),
            ping_slot: Semaphore::new(1),
            address,
            calls: Semaphore::new(CALLS_MAX),
            writing: Semaphore::new(CALLS_MAX),
            counters: WriteCounters::default(),
            notes_posts: AtomicBool::new(false),
        })
    }

    /// Connects and creates the schema if it is missing. The database must exist.
    ///
    /// # Errors
    /// `Invalid` if the URL is invalid, `Unavailable` if the server does not respond.
    pub(super) async fn open(url: &str) -> Result<Self, StoreError> {
        let store = Self::replica(url)?;
        let migrated = store.migrate().await;
        match migrated {
            Ok(()) => Ok(store),
            Err(error) => {
                let context = format!("could not open the database at {}", store.address);
                Err(match error {
                    StoreError::Unavailable(why) => {
                        StoreError::Unavailable(format!("{context}: {why}; is the server running?"))
                    }
                    StoreError::Full(why) => StoreError::Full(format!("{context}: {why}")),
                    other => StoreError::Other(format!("{context}: {other}")),
                })
            }
        }
    }

    /// Creates the schema if it is missing.
    async fn migrate(&self) -> Result<(), StoreError> {
        self.call(async {
            let mut lease = self.lease(false).await?;
            let migrated = schema::migrate(&mut lease).await;
            lease.settle(&migrated).await;
            migrated
        })
        .await
    }

    /// Loads a share of a data set. Without the timeout of a call: a large data set takes minutes.
    async fn load_share(&self, content: &Content, share: &Share) -> Result<Loaded, StoreError> {
        let _permit = self.permit()?;
        let mut attempts = 1;
        loop {
            let outcome = async {
                let mut lease = self.lease(attempts > 1).await?;
                let loaded = load::load(&mut lease, content, share).await;
                // Its session settings must not return to the pool.
                lease.close().await;
                loaded
            }
            .await;
            match outcome {
                // Committed rows are found again, whether or not their commit was acknowledged.
                Err(failure)
                    if attempts < LOAD_ATTEMPTS_MAX
                        && (failure.is_connection_failure() || failure.is_rolled_back()) =>
                {
                    attempts += 1;
                    sleep(LOAD_PAUSE).await;
                }
                outcome => return Ok(outcome?),
            }
        }
    }

    /// Runs a call within its timeout and the limit of concurrent calls.
    async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, StoreError> {
        let _permit = self.permit()?;
        self.in_time(call).await
    }

    /// Runs a call within its timeout.
    async fn in_time<T>(
        &self,
        call: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, StoreError> {
        match timeout(CALL_TIMEOUT, call).await {
            Ok(outcome) => outcome.map_err(StoreError::from),
            Err(_) => Err(StoreError::Unavailable(format!(
                "no response from {} within {} s",
                self.address,
                CALL_TIMEOUT.as_secs()
            ))),
        }
    }

    fn permit(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        self.calls
            .try_acquire()
            .map_err(|_| match self.calls.is_closed() {
                true => closed(),
                false => StoreError::Busy(format!("{CALLS_MAX} wait for {}", self.address)),
            })
    }

    /// Acquires a connection, from the pool or a `fresh` one. After a failover, idle connections in the pool
    /// may lead to the wrong server.
    async fn lease(&self, fresh: bool) -> Result<Lease<'_>, Failure> {
        let _span = ledger::enter(Part::Pool);
        let slot = self.slots.take().await.map_err(|NoPlace(waited)| {
            StoreError::Busy(format!(
                "none of the connections to {} was free within {} ms",
                self.address,
                waited.as_millis()
            ))
        })?;
        self.connect(fresh, slot).await
    }

    /// Like [`lease`](Self::lease), with the place of pings.
    async fn ping_lease(&self, fresh: bool) -> Result<Lease<'_>, Failure> {
        let slot = self.ping_slot.acquire().await.map_err(|_| closed())?;
        self.connect(fresh, slot).await
    }

    async fn connect<'a>(
        &self,
        fresh: bool,
        slot: SemaphorePermit<'a>,
    ) -> Result<Lease<'a>, Failure> {
        let connecting = async {
            Ok(if fresh {
                Conn::new(self.opts.clone()).await?
            } else {
                self.pool.get_conn().await?
            })
        };
        let connection = within(CONNECT_TIMEOUT, "connecting", connecting).await?;
        Ok(Lease::new(connection, fresh, slot))
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("it is closed".to_owned())
}

/// Begins a transaction at the isolation level of the session (see `options`).
async fn begin(connection: &mut Conn) -> Result<Transaction<'_>, Failure> {
    let begun = async { Ok(connection.start_transaction(TxOpts::default()).await?) };
    within(BEGIN_TIMEOUT, "beginning a transaction", begun).await
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
        let is_noted = self.notes_posts.load(Ordering::Relaxed);
        write!(self, tx => writes::create_post(&mut tx, &new, is_noted).await)
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

    async fn posts_with(&self, ids: Vec<PostId>) -> Result<Vec<Post>, StoreError> {
        read!(self, connection => reads::posts_with(connection, &ids).await)
    }

    async fn posts_by_any(
        &self,
        authors: Vec<UserId>,
        page: Page,
    ) -> Result<Vec<Post>, StoreError> {
        read!(self, connection => buckets::posts_by_any(connection, &authors, page).await)
    }

    async fn recount(&self, user: UserId) -> Result<u64, StoreError> {
        let (wrong, _) = read!(self, connection => feeds::counts(connection, user).await)?;
        if wrong == 0 {
            return Ok(0);
        }
        write!(self, tx => feeds::recount(&mut tx, user).await)
    }

    async fn set_has_photo(&self, post: PostId) -> Result<(), StoreError> {
        write!(self, tx => writes::set_has_photo(&mut tx, post).await)
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
        self.load_share(&content, &Share::Everything).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        if self.calls.is_closed() {
            return Err(closed());
        }
        let ping = attempts!(self, ping_lease, connection =>
            Ok(connection.query_drop("SELECT 1 FROM meta").await?)
        );
        self.in_time(ping).await
    }

    async fn close(&self) {
        self.calls.close();
        // Waits for the connections in use, which return within the timeout of a call.
        let _ = timeout(CALL_TIMEOUT, self.pool.clone().disconnect()).await;
    }

    async fn beat(&self, origin: i64, number: i64, at: Timestamp) -> Result<(), StoreError> {
        // Not counted as a write, since no client requested it. Writing it twice is harmless.
        read!(self, connection => writes::beat(connection, origin, number, at).await)
    }

    async fn newest_beat(&self, origin: i64) -> Result<Option<i64>, StoreError> {
        read!(self, connection => reads::newest_beat(connection, origin).await)
    }

    async fn hold(&self, _: Held, time: Duration) -> Result<Duration, StoreError> {
        self.call(async {
            let lease = self.lease(false).await?;
            let held = Ok(delays::wait(time).await);
            lease.settle(&held).await;
            held
        })
        .await
    }

    fn write_stats(&self) -> WriteStats {
        let queued = CALLS_MAX - self.writing.available_permits();
        self.counters.snapshot(queued as u64)
    }
}

#[cfg(test)]
pub(crate) mod tests;
