//! Sessions and counters in a Redis cluster: each key belongs to one of its servers.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::{Cmd, ConnectionInfo, FromRedisValue, IntoConnectionInfo, RedisError, TlsCertificates};
use tokio::time::timeout;

use super::counters::{Counters, check_name};
use super::sessions::Sessions;
use crate::cache::redis::{read_certificates, split_authority};
use crate::model::{LiveSession, NewSession, Timestamp, TokenDigest, UserId};
use crate::store::StoreError;
use crate::tls_provider;

#[cfg(test)]
mod test_servers;

/// Timeout of a connection attempt, including TLS and authentication.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Timeout of a call, including attempts after a server has moved a key or was restarted.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// Further attempts of a command. The driver counts each redirection as one.
const RETRIES_MAX: u32 = 5;

/// Sessions and counters in a Redis cluster.
pub(super) struct RedisCluster {
    connection: ClusterConnection,
    /// Hosts and ports of the servers, without credentials.
    addresses: String,
}

impl fmt::Debug for RedisCluster {
    /// Omits the password in the connection.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCluster")
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

impl RedisCluster {
    /// Connects to the servers of a URL, which names some of the cluster: `redis-cluster://:password@host:port,host:port`, or
    /// `rediss-cluster://…?ca=FILE` for TLS.
    ///
    /// # Errors
    /// `Invalid` if the URL, or the certificate file that it names, is invalid, `Unavailable` if no server responds.
    pub(super) async fn open(url: &str) -> Result<Self, StoreError> {
        let (url, authority) = split_authority(url);
        let servers = Servers::of(&url).ok_or_else(invalid)?;
        let mut builder = ClusterClientBuilder::new(servers.nodes)
            .connection_timeout(CONNECT_TIMEOUT)
            .response_timeout(CALL_TIMEOUT)
            .retries(RETRIES_MAX);
        if servers.is_encrypted {
            tls_provider::install();
            let root_cert = authority.as_deref().map(read_certificates).transpose();
            let root_cert = root_cert.map_err(|error| StoreError::Invalid(error.to_string()))?;
            builder = builder.certs(TlsCertificates {
                client_tls: None,
                root_cert,
            });
        }
        let client = builder.build().map_err(|_| invalid())?;
        let addresses = servers.addresses;
        match timeout(CALL_TIMEOUT, client.get_async_connection()).await {
            Ok(Ok(connection)) => Ok(Self {
                connection,
                addresses,
            }),
            Ok(Err(error)) => Err(failed(&error, &addresses)),
            Err(_) => Err(late(&addresses)),
        }
    }

    async fn run<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, StoreError> {
        let mut connection = self.connection.clone();
        match timeout(CALL_TIMEOUT, command.query_async(&mut connection)).await {
            Ok(answer) => answer.map_err(|error| failed(&error, &self.addresses)),
            Err(_) => Err(late(&self.addresses)),
        }
    }
}

/// Servers that a URL names.
struct Servers {
    nodes: Vec<ConnectionInfo>,
    is_encrypted: bool,
    /// Hosts and ports, without credentials.
    addresses: String,
}

impl Servers {
    /// Parses a URL without its query.
    fn of(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let scheme = scheme.strip_suffix("-cluster")?;
        let (account, addresses) = match rest.rsplit_once('@') {
            Some((account, addresses)) => (format!("{account}@"), addresses),
            None => (String::new(), rest),
        };
        let mut nodes = Vec::new();
        for address in addresses.split(',') {
            // The driver would take the default port, which no cluster has by chance.
            address.rsplit_once(':')?.1.parse::<u16>().ok()?;
            let node = format!("{scheme}://{account}{address}");
            nodes.push(node.into_connection_info().ok()?);
        }
        Some(Self {
            nodes,
            is_encrypted: scheme == "rediss",
            addresses: addresses.to_owned(),
        })
    }
}

/// The driver's own message may contain the URL, and so the password.
fn invalid() -> StoreError {
    StoreError::Invalid(
        "invalid URL of a Redis cluster; use `redis-cluster://user:password@host:port,host:port`, or \
         `rediss-cluster://` and `?ca=FILE` for TLS"
            .to_owned(),
    )
}

fn late(addresses: &str) -> StoreError {
    StoreError::Unavailable(format!(
        "no response from the Redis cluster at {addresses} within {} s",
        CALL_TIMEOUT.as_secs()
    ))
}

fn failed(error: &RedisError, addresses: &str) -> StoreError {
    // Kind and code describe the failure and never contain an argument of the call.
    let kind = error.code().unwrap_or_else(|| error.category());
    let text = format!("{kind} from the Redis cluster at {addresses}");
    match error.is_io_error() {
        true => StoreError::Unavailable(format!("{text}: {error}; is it running?")),
        false => StoreError::Unavailable(text),
    }
}

/// Key of a session.
fn session_key(token: &TokenDigest) -> Vec<u8> {
    [&b"session:"[..], &token.0].concat()
}

/// Key of a counter.
fn counter_key(name: &str) -> String {
    format!("counter:{name}")
}

/// Value of a session: user and expiry.
fn encode(session: LiveSession) -> [u8; 16] {
    let [user, expires_at] = [session.user.0, session.expires_at.0].map(i64::to_be_bytes);
    let mut value = [0; 16];
    value[..8].copy_from_slice(&user);
    value[8..].copy_from_slice(&expires_at);
    value
}

/// Reads a value of [`encode`]. `None` if it is not one.
fn decode(value: &[u8]) -> Option<LiveSession> {
    let (user, expires_at) = value.split_first_chunk::<8>()?;
    Some(LiveSession {
        user: UserId(i64::from_be_bytes(*user)),
        expires_at: Timestamp(i64::from_be_bytes(expires_at.try_into().ok()?)),
    })
}

#[async_trait]
impl Sessions for RedisCluster {
    async fn create_session(&self, new: &NewSession) -> Result<(), StoreError> {
        let value = encode(LiveSession {
            user: new.user,
            expires_at: new.expires_at,
        });
        let mut command = Cmd::new();
        command
            .arg("SET")
            .arg(session_key(&new.token))
            .arg(&value[..]);
        // Redis deletes it then.
        command.arg("NX").arg("PXAT").arg(new.expires_at.0.max(1));
        match self.run::<Option<String>>(&command).await? {
            Some(_) => Ok(()),
            None => Err(StoreError::Conflict("it exists already".to_owned())),
        }
    }

    async fn session(
        &self,
        token: &TokenDigest,
        now: Timestamp,
    ) -> Result<LiveSession, StoreError> {
        let value: Option<Vec<u8>> = self
            .run(Cmd::new().arg("GET").arg(session_key(token)))
            .await?;
        let value = value.ok_or(StoreError::NotFound)?;
        let session = decode(&value).ok_or_else(|| {
            StoreError::Other("redis: the value of a session is malformed".to_owned())
        })?;
        // The clocks of the servers may differ.
        match session.expires_at > now {
            true => Ok(session),
            false => Err(StoreError::NotFound),
        }
    }

    async fn delete_session(&self, token: &TokenDigest) -> Result<(), StoreError> {
        self.run(Cmd::new().arg("UNLINK").arg(session_key(token)))
            .await
    }
}

#[async_trait]
impl Counters for RedisCluster {
    async fn add(&self, name: &str, by: u32) -> Result<u64, StoreError> {
        check_name(name)?;
        self.run(Cmd::new().arg("INCRBY").arg(counter_key(name)).arg(by))
            .await
    }

    async fn value(&self, name: &str) -> Result<u64, StoreError> {
        check_name(name)?;
        let value: Option<u64> = self
            .run(Cmd::new().arg("GET").arg(counter_key(name)))
            .await?;
        Ok(value.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::test_servers::{PASSWORD, RedisServers};
    use super::*;
    use crate::polyglot::contract;

    #[tokio::test(flavor = "multi_thread")]
    async fn satisfies_contracts_and_outlives_killed_server() {
        let Some(mut servers) = RedisServers::start().await else {
            return;
        };
        let url = servers.url();
        let cluster = Arc::new(RedisCluster::open(&url).await.unwrap());
        contract::sessions(cluster.clone()).await;
        contract::counters(cluster.clone()).await;
        assert!(!format!("{cluster:?}").contains(PASSWORD));
        // Acknowledged before the kill, so it is in the log of each server.
        for number in 0..30 {
            cluster.add(&format!("kept:{number}"), 7).await.unwrap();
        }
        servers.kill_and_restart(0).await;
        for number in 0..30 {
            let name = format!("kept:{number}");
            let begun = std::time::Instant::now();
            let value = loop {
                match cluster.value(&name).await {
                    Ok(value) => break value,
                    Err(error) => assert!(begun.elapsed() < Duration::from_secs(20), "{error}"),
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            };
            assert_eq!(value, 7, "{name}");
        }
        let wrong = url.replacen(PASSWORD, "wr0ng-pass", 1);
        let error = RedisCluster::open(&wrong).await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(matches!(error, StoreError::Unavailable(_)), "{text}");
        assert!(!text.contains("wr0ng-pass"), "{text}");
    }

    #[tokio::test]
    async fn missing_servers_are_unavailable() {
        let error = RedisCluster::open("redis-cluster://127.0.0.1:9,127.0.0.1:10").await;
        let error = error.unwrap_err();
        let named = matches!(&error, StoreError::Unavailable(why) if why.contains("127.0.0.1:9"));
        assert!(named, "{error}");
    }

    proptest! {
        #[test]
        fn sessions_are_read_as_written(user: i64, expires_at: i64) {
            let session = LiveSession { user: UserId(user), expires_at: Timestamp(expires_at) };
            prop_assert_eq!(decode(&encode(session)), Some(session));
        }

        #[test]
        fn any_value_and_url_are_harmless(value: Vec<u8>, url in ".*") {
            prop_assert_eq!(decode(&value).is_some(), value.len() == 16);
            let _ = Servers::of(&format!("redis-cluster://{url}"));
        }
    }
}
