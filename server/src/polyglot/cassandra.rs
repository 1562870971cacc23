//! Feeds in a wide-column store that speaks CQL: Apache Cassandra or ScyllaDB.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::statement::Consistency;
use scylla::statement::prepared::PreparedStatement;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::feeds::{FeedEntry, Feeds, check_owners};
use crate::model::{Page, PostId, Timestamp, UserId};
use crate::store::StoreError;

#[cfg(test)]
mod test_server;

/// Timeout of connecting and of changes of the schema.
const OPEN_TIMEOUT: Duration = Duration::from_secs(20);
/// Timeout of a request, including attempts at other servers.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum number of calls at once.
const CALLS_MAX: usize = 1_024;
/// Rows of one call that are written at once. They belong to different partitions, so a batch would only move the work to one server.
const ROWS_AT_ONCE: usize = 32;

/// Feeds in a keyspace: a partition for each owner, its newest posts first.
pub(super) struct CassandraFeeds {
    session: Session,
    push: PreparedStatement,
    page: PreparedStatement,
    calls: Semaphore,
    /// Hosts and ports of the servers, without credentials.
    addresses: String,
}

impl fmt::Debug for CassandraFeeds {
    /// Omits the password in the session.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CassandraFeeds")
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

impl CassandraFeeds {
    /// Connects to the servers of a URL, and creates keyspace and table if they are missing:
    /// `cassandra://user:password@host:port,host:port/keyspace`. A keyspace that it creates has one replica.
    ///
    /// # Errors
    /// `Invalid` if the URL is invalid, `Unavailable` if no server responds.
    pub(super) async fn open(url: &str) -> Result<Self, StoreError> {
        let url = CassandraUrl::parse(url).ok_or_else(|| {
            StoreError::Invalid(
                "invalid URL of a keyspace; use `cassandra://user:password@host:port,host:port/keyspace` with a keyspace of 1 to 48 \
                 characters of a-z, 0-9 and _"
                    .to_owned(),
            )
        })?;
        match timeout(OPEN_TIMEOUT, Self::connect(&url)).await {
            Ok(opened) => opened,
            Err(_) => Err(StoreError::Unavailable(format!(
                "no response from Cassandra at {} within {} s",
                url.addresses,
                OPEN_TIMEOUT.as_secs()
            ))),
        }
    }

    async fn connect(url: &CassandraUrl) -> Result<Self, StoreError> {
        let unavailable = |why: String| {
            let addresses = &url.addresses;
            StoreError::Unavailable(format!("cassandra at {addresses}: {why}; is it running?"))
        };
        let profile = ExecutionProfile::builder()
            .consistency(Consistency::LocalQuorum)
            .request_timeout(Some(REQUEST_TIMEOUT))
            .build();
        let mut builder = SessionBuilder::new()
            .known_nodes(url.addresses.split(','))
            .default_execution_profile_handle(profile.into_handle());
        if let Some((user, password)) = &url.account {
            builder = builder.user(user, password);
        }
        let session = builder.build().await;
        let session = session.map_err(|error| unavailable(error.to_string()))?;
        let keyspace = &url.keyspace;
        for statement in [
            format!(
                "CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH REPLICATION = {{'class': 'SimpleStrategy', 'replication_factor': 1}}"
            ),
            format!(
                "CREATE TABLE IF NOT EXISTS {keyspace}.feeds (owner bigint, post bigint, author bigint, created_at bigint, content text, \
                 PRIMARY KEY (owner, post)) WITH CLUSTERING ORDER BY (post DESC)"
            ),
        ] {
            let made = session.query_unpaged(statement, ()).await;
            made.map_err(|error| unavailable(error.to_string()))?;
        }
        let prepare = async |statement: String| {
            let prepared = session.prepare(statement).await;
            prepared.map_err(|error| unavailable(error.to_string()))
        };
        let mut push = prepare(format!(
            "INSERT INTO {keyspace}.feeds (owner, post, author, created_at, content) VALUES (?, ?, ?, ?, ?)"
        ))
        .await?;
        let mut page = prepare(format!(
            "SELECT post, author, created_at, content FROM {keyspace}.feeds WHERE owner = ? AND post < ? LIMIT ?"
        ))
        .await?;
        // The driver may then send it to another server after a failure.
        push.set_is_idempotent(true);
        page.set_is_idempotent(true);
        Ok(Self {
            session,
            push,
            page,
            calls: Semaphore::new(CALLS_MAX),
            addresses: url.addresses.clone(),
        })
    }

    fn failed(&self, error: &dyn fmt::Display) -> StoreError {
        StoreError::Unavailable(format!("cassandra at {}: {error}", self.addresses))
    }
}

#[async_trait]
impl Feeds for CassandraFeeds {
    async fn push(&self, owners: &[UserId], entry: &FeedEntry) -> Result<(), StoreError> {
        check_owners(owners)?;
        let _permit = self
            .calls
            .try_acquire()
            .map_err(|error| self.failed(&error))?;
        let writes = owners.iter().map(|owner| {
            let (post, author) = (entry.post.0, entry.author.0);
            let row = (
                owner.0,
                post,
                author,
                entry.created_at.0,
                entry.content.as_str(),
            );
            self.session.execute_unpaged(&self.push, row)
        });
        let writes: Vec<_> = writes.collect();
        stream::iter(writes)
            .buffer_unordered(ROWS_AT_ONCE)
            .try_for_each(|_| std::future::ready(Ok(())))
            .await
            .map_err(|error| self.failed(&error))
    }

    async fn page(&self, owner: UserId, page: Page) -> Result<Vec<FeedEntry>, StoreError> {
        let _permit = self
            .calls
            .try_acquire()
            .map_err(|error| self.failed(&error))?;
        let before = page.before().map_or(i64::MAX, |post| post.0);
        let limit = i32::try_from(page.limit()).unwrap_or(i32::MAX);
        let answer = self
            .session
            .execute_unpaged(&self.page, (owner.0, before, limit))
            .await
            .map_err(|error| self.failed(&error))?;
        let rows = answer
            .into_rows_result()
            .map_err(|error| self.failed(&error))?;
        let rows = rows
            .rows::<(i64, i64, i64, String)>()
            .map_err(|error| self.failed(&error))?;
        rows.map(|row| {
            let (post, author, created_at, content) = row.map_err(|error| self.failed(&error))?;
            Ok(FeedEntry {
                post: PostId(post),
                author: UserId(author),
                created_at: Timestamp(created_at),
                content,
            })
        })
        .collect()
    }
}

/// Parsed URL of a keyspace.
#[derive(PartialEq, Eq)]
struct CassandraUrl {
    /// User and password.
    account: Option<(String, String)>,
    /// Hosts and ports, separated by commas.
    addresses: String,
    keyspace: String,
}

impl CassandraUrl {
    fn parse(url: &str) -> Option<Self> {
        let rest = url.strip_prefix("cassandra://")?;
        let (rest, keyspace) = rest.rsplit_once('/')?;
        let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_';
        if !(1..=48).contains(&keyspace.len()) || !keyspace.bytes().all(allowed) {
            return None;
        }
        let (account, addresses) = match rest.rsplit_once('@') {
            Some((account, addresses)) => {
                let (user, password) = account.split_once(':')?;
                (Some((user.to_owned(), password.to_owned())), addresses)
            }
            None => (None, rest),
        };
        for address in addresses.split(',') {
            let (host, port) = address.rsplit_once(':')?;
            port.parse::<u16>().ok().filter(|_| !host.is_empty())?;
        }
        Some(Self {
            account,
            addresses: addresses.to_owned(),
            keyspace: keyspace.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::test_server::CassandraServer;
    use super::*;
    use crate::polyglot::contract;

    #[tokio::test(flavor = "multi_thread")]
    async fn satisfies_contract_and_outlives_killed_server() {
        let Some(mut server) = CassandraServer::start().await else {
            return;
        };
        let feeds = Arc::new(CassandraFeeds::open(&server.url()).await.unwrap());
        contract::feeds(feeds.clone()).await;
        let entry = contract::feed_entry(900, "kept");
        feeds.push(&[UserId(77)], &entry).await.unwrap();
        server.kill_and_restart().await;
        let again = CassandraFeeds::open(&server.url()).await.unwrap();
        let kept = again.page(UserId(77), Page::new(None, 10)).await;
        assert_eq!(kept, Ok(vec![entry]));
    }

    #[tokio::test]
    async fn missing_server_is_unavailable() {
        let error = CassandraFeeds::open("cassandra://u:hunter2@127.0.0.1:9/feeds").await;
        let error = error.unwrap_err();
        let named = matches!(&error, StoreError::Unavailable(why) if why.contains("127.0.0.1:9"));
        assert!(named, "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }

    #[test]
    fn url_has_its_parts() {
        let url = CassandraUrl::parse("cassandra://u:p@w@h1:1,[::1]:2/feeds_1").unwrap();
        assert_eq!(url.account, Some(("u".to_owned(), "p@w".to_owned())));
        assert_eq!(
            (&*url.addresses, &*url.keyspace),
            ("h1:1,[::1]:2", "feeds_1")
        );
        let plain = CassandraUrl::parse("cassandra://h:9042/k").unwrap();
        assert_eq!(plain.account, None);
    }

    proptest! {
        #[test]
        fn keyspace_of_any_url_is_safe_in_a_statement(rest in ".*") {
            if let Some(url) = CassandraUrl::parse(&format!("cassandra://{rest}")) {
                let safe = |c: char| c.is_ascii_alphanumeric() || c == '_';
                prop_assert!(url.keyspace.chars().all(safe));
            }
        }
    }
}
