//! The cache in a Redis server, over one connection that all calls share.

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

#[cfg(test)]
pub(crate) mod test_server;

/// How long a call may take. Redis answers in well under a millisecond, so that one which takes so long
/// is of less use than the store.
const CALL_TIME: Duration = Duration::from_millis(100);
/// How long connecting may take, TLS and log-in included.
const CONNECT_TIME: Duration = Duration::from_millis(500);
/// The most commands that wait to be sent; a call beyond waits for its turn, within its time.
const COMMANDS_WAITING: usize = 1_024;
/// Sets a key where it holds what is expected. Redis runs a script as one step.
const REPLACE: &str = "\
    if redis.call('GET', KEYS[1]) == ARGV[1] then \
    redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) return 1 end return 0";

/// A cache in a Redis server.
///
/// The connection is made when it is first needed and again after it broke. A call that is not answered
/// within 100 ms fails, and the connection with it.
pub(super) struct RedisCache {
    client: Client,
    /// Where the server is, without user and password.
    address: String,
    connection: RwLock<Option<MultiplexedConnection>>,
    connecting: Mutex<()>,
}

impl fmt::Debug for RedisCache {
    /// Leaves out the password that the client knows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCache")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl RedisCache {
    /// Prepares to connect to a server. It need not be there yet.
    ///
    /// # Errors
    /// `Invalid` where the URL or the file of certificates that it names is not understood.
    pub(super) fn open(url: &str) -> Result<Self, CacheError> {
        let (url, authority) = split_authority(url);
        // The crate's own message may repeat the URL, and so the password.
        let invalid = || {
            CacheError::Invalid(
                "not the URL of a Redis; use `redis://user:password@host:port/number`, or \
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
            // Fails where somebody has chosen already, which is as good.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
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
        if let Some(connection) = self.present() {
            return Ok(connection);
        }
        // One connects, and the others wait for as long as a call may take.
        let connecting = timeout(CALL_TIME, self.connecting.lock()).await;
        let _connecting = connecting.map_err(|_| self.silent("connection", CALL_TIME))?;
        if let Some(connection) = self.present() {
            return Ok(connection);
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIME))
            .set_response_timeout(Some(CALL_TIME))
            .set_pipeline_buffer_size(COMMANDS_WAITING);
        let connect = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        let connection = timeout(CONNECT_TIME, connect)
            .await
            .map_err(|_| self.silent("connection", CONNECT_TIME))?
            .map_err(|error| self.failed(&error))?;
        self.put(Some(connection.clone()));
        Ok(connection)
    }

    async fn run<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, CacheError> {
        let mut connection = self.connection().await?;
        self.answered(timeout(CALL_TIME, command.query_async(&mut connection)).await)
    }

    /// Takes up an answer, and lets go of a connection that gave none.
    fn answered<T, E>(&self, answer: Result<Result<T, RedisError>, E>) -> Result<T, CacheError> {
        match answer {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                if error.is_unrecoverable_error() || error.is_timeout() || error.is_io_error() {
                    self.put(None);
                }
                Err(self.failed(&error))
            }
            Err(_) => {
                self.put(None);
                Err(self.silent("answer", CALL_TIME))
            }
        }
    }

    fn present(&self) -> Option<MultiplexedConnection> {
        self.connection
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn put(&self, connection: Option<MultiplexedConnection>) {
        *self
            .connection
            .write()
            .unwrap_or_else(PoisonError::into_inner) = connection;
    }

    fn silent(&self, what: &str, time: Duration) -> CacheError {
        let ms = time.as_millis();
        CacheError::Unavailable(format!("no {what} from {} within {ms} ms", self.address))
    }

    fn failed(&self, error: &RedisError) -> CacheError {
        // The kind and the code say what went wrong and never hold an argument.
        let what = error.code().unwrap_or_else(|| error.category());
        let text = format!("{what} at {}", self.address);
        match error.kind() {
            ErrorKind::Io => {
                CacheError::Unavailable(format!("{text}: {error}; is redis-server running?"))
            }
            ErrorKind::AuthenticationFailed => {
                CacheError::Unavailable(format!("{text}: the user or the password is wrong"))
            }
            // Loading, read-only, out of memory, no log-in: the server's state, not the call's fault.
            _ => CacheError::Unavailable(text),
        }
    }
}

/// Takes `ca=FILE` out of the query of a URL.
fn split_authority(url: &str) -> (String, Option<String>) {
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

fn read_certificates(file: &str) -> Result<Vec<u8>, CacheError> {
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
        self.answered(timeout(CALL_TIME, pipeline.query_async(&mut connection)).await)
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
        // Frees the memory on another thread, where that is much.
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
    async fn keeps_the_contract() {
        let Some(server) = RedisServer::start().await else {
            return;
        };
        contract::is_kept(Arc::new(RedisCache::open(&server.url()).unwrap())).await;
        contract::is_kept(resolve(&format!("{}/1", server.url())).unwrap()).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn keeps_the_contract_over_tls() {
        let Some(server) = RedisServer::start_with_tls().await else {
            return;
        };
        contract::is_kept(Arc::new(RedisCache::open(&server.url()).unwrap())).await;
        // Whom nobody trusted is not talked to.
        let (stranger, _) = split_authority(&server.url());
        let refused = RedisCache::open(&stranger).unwrap().get(b"key").await;
        assert!(
            matches!(refused, Err(CacheError::Unavailable(_))),
            "{refused:?}"
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_server_that_comes_back_is_used_again() {
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
        server.start_again().await;
        let begun = Instant::now();
        while cache.get(b"key").await != Ok(None) {
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "it was not found again"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_server_that_stands_still_is_not_waited_for() {
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
        assert!(begun.elapsed() >= CALL_TIME);
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "{:?}",
            begun.elapsed()
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_password_is_never_told() {
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
    async fn a_server_that_is_not_there_is_unavailable() {
        let cache = RedisCache::open("redis://127.0.0.1:9").unwrap();
        let error = cache.get(b"key").await.unwrap_err();
        let told = matches!(&error, CacheError::Unavailable(why) if why.contains("127.0.0.1:9"));
        assert!(told, "{error}");
    }

    #[test]
    fn the_authority_is_taken_out_of_the_url() {
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
