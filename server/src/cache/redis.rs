//! Cache in a Redis server, over one multiplexed connection.

use std::fmt;
use std::path::Path;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ErrorKind, FromRedisValue,
    IntoConnectionInfo, Pipeline, RedisError, TlsCertificates,
};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::{Cache, CacheError, ttl_ms};
use crate::tls_provider;

#[cfg(test)]
pub(crate) mod test_server;

/// Timeout of a call. Redis usually responds in well under a millisecond; beyond this, the store is the
/// better source.
const CALL_TIMEOUT: Duration = Duration::from_millis(100);
/// Timeout of a connection attempt, including TLS and authentication.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
/// Maximum length of the send queue. Further calls wait for a slot within their timeout.
const COMMANDS_QUEUED_MAX: usize = 1_024;
/// Compare-and-set. Redis runs a script atomically.
const REPLACE: &str = "\
    if redis.call('GET', KEYS[1]) == ARGV[1] then \
    redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) return 1 end return 0";

/// Cache in a Redis server.
///
/// Connects on first use and after a failure. A call without a response within 100 ms fails and closes the
/// connection.
pub(super) struct RedisCache {
    client: Client,
    /// Host and port of the server, without credentials.
    address: String,
    connection: RwLock<Option<MultiplexedConnection>>,
    connecting: Mutex<()>,
}

impl fmt::Debug for RedisCache {
    /// Omits the password in the client.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCache")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl RedisCache {
    /// Prepares a connection. The server need not be running yet.
    ///
    /// # Errors
    /// `Invalid` if the URL, or the certificate file that it names, is invalid.
    pub(super) fn open(url: &str) -> Result<Self, CacheError> {
        let (url, authority) = split_authority(url);
        // The crate's own message may contain the URL, and so the password.
        let invalid = || {
            CacheError::Invalid(
                "invalid URL of a Redis server; use `redis://user:password@host:port/number`, or \
                 `rediss://` and `?ca=FILE` for TLS"
                    .to_owned(),
            )
        };
        let info = url.as_str().into_connection_info().map_err(|_| invalid())?;
        let (address, encrypted) = match info.addr() {
            ConnectionAddr::Tcp(host, port) => (format!("{host}:{port}"), false),
            ConnectionAddr::TcpTls { host, port, .. } => (format!("{host}:{port}"), true),
            _ => return Err(invalid()),
        };
        let client = if encrypted {
            tls_provider::install();
            let certificates = TlsCertificates {
                client_tls: None,
                root_cert: authority.as_deref().map(read_certificates).transpose()?,
            };
            Client::build_with_tls(info, certificates)
        } else {
            Client::open(info)
        };
        Ok(Self {
            client: client.map_err(|_| invalid())?,
            address,
            connection: RwLock::default(),
            connecting: Mutex::default(),
        })
    }

    async fn connection(&self) -> Result<MultiplexedConnection, CacheError> {
        if let Some(connection) = self.current() {
            return Ok(connection);
        }
        // One task connects; the others wait for at most the timeout of a call.
        let connecting = timeout(CALL_TIMEOUT, self.connecting.lock()).await;
        let _connecting = connecting.map_err(|_| self.timed_out("connection", CALL_TIMEOUT))?;
        if let Some(connection) = self.current() {
            return Ok(connection);
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(CALL_TIMEOUT))
            .set_pipeline_buffer_size(COMMANDS_QUEUED_MAX);
        let connect = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        let connection = timeout(CONNECT_TIMEOUT, connect)
            .await
            .map_err(|_| self.timed_out("connection", CONNECT_TIMEOUT))?
            .map_err(|error| self.failed(&error))?;
        self.set_current(Some(connection.clone()));
        Ok(connection)
    }

    async fn run<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, CacheError> {
        let mut connection = self.connection().await?;
        self.checked(timeout(CALL_TIMEOUT, command.query_async(&mut connection)).await)
    }

    /// Converts a result; drops the connection if it is unusable.
    fn checked<T, E>(&self, result: Result<Result<T, RedisError>, E>) -> Result<T, CacheError> {
        match result {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                if error.is_unrecoverable_error() || error.is_timeout() || error.is_io_error() {
                    self.set_current(None);
                }
                Err(self.failed(&error))
            }
            Err(_) => {
                self.set_current(None);
                Err(self.timed_out("response", CALL_TIMEOUT))
            }
        }
    }

    fn current(&self) -> Option<MultiplexedConnection> {
        self.connection
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set_current(&self, connection: Option<MultiplexedConnection>) {
        *self
            .connection
            .write()
            .unwrap_or_else(PoisonError::into_inner) = connection;
    }

    fn timed_out(&self, awaited: &str, limit: Duration) -> CacheError {
        let ms = limit.as_millis();
        CacheError::Unavailable(format!("no {awaited} from {} within {ms} ms", self.address))
    }

    fn failed(&self, error: &RedisError) -> CacheError {
        // Kind and code describe the failure and never contain an argument of the call.
        let kind = error.code().unwrap_or_else(|| error.category());
        let text = format!("{kind} at {}", self.address);
        match error.kind() {
            ErrorKind::Io => {
                CacheError::Unavailable(format!("{text}: {error}; is redis-server running?"))
            }
            ErrorKind::AuthenticationFailed => {
                CacheError::Unavailable(format!("{text}: the user or the password is wrong"))
            }
            // Loading, read-only, out of memory, not authenticated: states of the server, not faults of the call.
            _ => CacheError::Unavailable(text),
        }
    }
}

/// Extracts `ca=FILE` from the query of a URL.
pub(crate) fn split_authority(url: &str) -> (String, Option<String>) {
    let Some((base, query)) = url.split_once('?') else {
        return (url.to_owned(), None);
    };
    let mut authority = None;
    let mut rest = Vec::new();
    for pair in query.split('&') {
        match pair.strip_prefix("ca=") {
            Some(file) => authority = Some(file.to_owned()),
            None => rest.push(pair),
        }
    }
    let url = if rest.is_empty() {
        base.to_owned()
    } else {
        format!("{base}?{}", rest.join("&"))
    };
    (url, authority)
}

pub(crate) fn read_certificates(file: &str) -> Result<Vec<u8>, CacheError> {
    std::fs::read(Path::new(file)).map_err(|error| {
        CacheError::Invalid(format!(
            "could not read the certificates in {file}: {error}"
        ))
    })
}

#[async_trait]
impl Cache for RedisCache {
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, CacheError> {
        let value: Option<Vec<u8>> = self.run(Cmd::new().arg("GET").arg(key)).await?;
        Ok(value.map(Bytes::from))
    }

    async fn get_many(&self, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, CacheError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut command = Cmd::new();
        command.arg("MGET");
        for key in keys {
            command.arg(&key[..]);
        }
        let values: Vec<Option<Vec<u8>>> = self.run(&command).await?;
        Ok(values
            .into_iter()
            .map(|value| value.map(Bytes::from))
            .collect())
    }

    async fn set(&self, key: &[u8], value: Bytes, ttl: Duration) -> Result<(), CacheError> {
        let mut command = Cmd::new();
        command
            .arg("SET")
            .arg(key)
            .arg(&value[..])
            .arg("PX")
            .arg(ttl_ms(ttl));
        self.run(&command).await
    }

    async fn set_many(&self, pairs: &[(Bytes, Bytes)], ttl: Duration) -> Result<(), CacheError> {
        if pairs.is_empty() {
            return Ok(());
        }
        let mut pipeline = Pipeline::with_capacity(pairs.len());
        for (key, value) in pairs {
            let set = pipeline.cmd("SET").arg(&key[..]).arg(&value[..]);
            set.arg("PX").arg(ttl_ms(ttl)).ignore();
        }
        let mut connection = self.connection().await?;
        self.checked(timeout(CALL_TIMEOUT, pipeline.query_async(&mut connection)).await)
    }

    async fn set_if_absent(
        &self,
        key: &[u8],
        value: Bytes,
        ttl: Duration,
    ) -> Result<bool, CacheError> {
        let mut command = Cmd::new();
        command.arg("SET").arg(key).arg(&value[..]);
        command.arg("NX").arg("PX").arg(ttl_ms(ttl));
        self.run(&command).await
    }

    async fn replace(
        &self,
        key: &[u8],
        expected: &[u8],
        value: Bytes,
        ttl: Duration,
    ) -> Result<bool, CacheError> {
        let mut command = Cmd::new();
        command.arg("EVAL").arg(REPLACE).arg(1).arg(key);
        command.arg(expected).arg(&value[..]).arg(ttl_ms(ttl));
        self.run(&command).await
    }

    async fn delete_many(&self, keys: &[Bytes]) -> Result<(), CacheError> {
        if keys.is_empty() {
            return Ok(());
        }
        let mut command = Cmd::new();
        // Frees memory on another thread, if there is much of it.
        command.arg("UNLINK");
        for key in keys {
            command.arg(&key[..]);
        }
        self.run(&command).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use super::test_server::{PASSWORD, RedisServer};
    use super::*;
    use crate::cache::{contract, resolve};

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test(flavor = "multi_thread")]
    async fn satisfies_contract() {
        let Some(server) = RedisServer::start().await else {
            return;
        };
        contract::is_kept(Arc::new(RedisCache::open(&server.url()).unwrap())).await;
        contract::is_kept(resolve(&format!("{}/1", server.url())).unwrap()).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn satisfies_contract_over_tls() {
        let Some(server) = RedisServer::start_with_tls().await else {
            return;
        };
        contract::is_kept(Arc::new(RedisCache::open(&server.url()).unwrap())).await;
        // An untrusted server is rejected.
        let (untrusted, _) = split_authority(&server.url());
        let refused = RedisCache::open(&untrusted).unwrap().get(b"key").await;
        assert!(
            matches!(refused, Err(CacheError::Unavailable(_))),
            "{refused:?}"
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn reconnects_to_restarted_server() {
        let Some(mut server) = RedisServer::start().await else {
            return;
        };
        let cache = RedisCache::open(&server.url()).unwrap();
        cache
            .set(b"key", Bytes::from_static(b"x"), LONG)
            .await
            .unwrap();
        server.kill();
        let dead = cache.get(b"key").await;
        assert!(matches!(dead, Err(CacheError::Unavailable(_))), "{dead:?}");
        server.restart().await;
        let begun = Instant::now();
        while cache.get(b"key").await != Ok(None) {
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "the cache did not reconnect"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn stalled_server_times_out() {
        let Some(server) = RedisServer::start().await else {
            return;
        };
        let cache = RedisCache::open(&server.url()).unwrap();
        assert_eq!(cache.get(b"key").await, Ok(None));
        server.pause();
        let begun = Instant::now();
        let silent = cache.get(b"key").await;
        assert!(
            matches!(silent, Err(CacheError::Unavailable(_))),
            "{silent:?}"
        );
        assert!(begun.elapsed() >= CALL_TIMEOUT);
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "{:?}",
            begun.elapsed()
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn never_prints_password() {
        let Some(server) = RedisServer::start().await else {
            return;
        };
        let url = server.url();
        let cache = RedisCache::open(&url).unwrap();
        assert_eq!(cache.get(b"key").await, Ok(None));
        assert!(!format!("{cache:?}").contains(PASSWORD));
        for (from, to) in [
            (PASSWORD, "wr0ng-pass"),
            ("127.0.0.1", "127.0.0.1x"),
            ("redis:", "redisx:"),
            ("redis:", "rediss:"),
            ("@127", "@@127"),
            ("@127.0.0.1", "@[::"),
        ] {
            let bad = url.replacen(from, to, 1);
            let text = match RedisCache::open(&bad) {
                Err(error) => format!("{error} {error:?}"),
                Ok(cache) => format!("{:?} {cache:?}", cache.get(b"key").await),
            };
            assert!(
                !text.contains(PASSWORD) && !text.contains("wr0ng-pass"),
                "{text}"
            );
        }
    }

    #[tokio::test]
    async fn missing_server_is_unavailable() {
        let cache = RedisCache::open("redis://127.0.0.1:9").unwrap();
        let error = cache.get(b"key").await.unwrap_err();
        let named = matches!(&error, CacheError::Unavailable(why) if why.contains("127.0.0.1:9"));
        assert!(named, "{error}");
    }

    #[test]
    fn extracts_authority_from_url() {
        let split = |url| {
            let (url, authority) = split_authority(url);
            (url, authority.unwrap_or_default())
        };
        let of = |url: &str, authority: &str| (url.to_owned(), authority.to_owned());
        assert_eq!(split("rediss://h:1/2"), of("rediss://h:1/2", ""));
        assert_eq!(
            split("rediss://h:1?ca=/a/b.pem"),
            of("rediss://h:1", "/a/b.pem")
        );
        assert_eq!(
            split("rediss://h?protocol=resp3&ca=x"),
            of("rediss://h?protocol=resp3", "x")
        );
    }
}
