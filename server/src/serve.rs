//! The running service: opens what it needs, listens, and stops in good order.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::api::{self, App};
use crate::cache::CacheError;
use crate::config::Config;
use crate::files::FilesError;
use crate::store::{CacheOptions, CachedStore, SplitOptions, SplitStore, Store, StoreError};
use crate::telemetry::{self, Requests};
use crate::{data_set, markdown, password};

mod door;
mod edge;
mod head_timer;
mod listener;
mod redirect;
#[cfg(feature = "tls")]
mod tls;

use door::SocketFile;
pub use edge::EdgeError;
use edge::{Edge, Plain, Tls};
use listener::Listener;

/// How many connections may wait to be accepted. The kernel lowers it to `net.core.somaxconn`,
/// which is 4,096 by default: what thousands of clients open during a stall is not refused.
const BACKLOG: u32 = 65_535;

/// A running service.
#[derive(Debug)]
#[must_use = "the service stops when this is dropped"]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where it listens for `/metrics` and `/debug/pprof`.
    pub admin_address: Option<SocketAddr>,
    /// Where it listens for plain HTTP that is sent on to TLS.
    pub redirect_address: Option<SocketAddr>,
    stop: watch::Sender<bool>,
    stop_admin: watch::Sender<bool>,
    main: JoinHandle<()>,
    /// What else lets requests in.
    beside: Vec<JoinHandle<()>>,
    admin: Option<JoinHandle<()>>,
    store: Arc<dyn Store>,
}

/// Why the service could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// An address could not be listened on.
    #[error("could not listen on {address}: {source}; choose another port or stop who holds it")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What went wrong.
        source: io::Error,
    },
    /// A socket in the file system could not be listened on.
    #[error(
        "could not listen on the socket {path}: {source}; choose another path or stop who listens there",
        path = .path.display()
    )]
    ListenUnix {
        /// The socket.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// TLS can't be spoken.
    #[error(transparent)]
    Edge(#[from] EdgeError),
    /// The store failed.
    #[error("could not open the store: {0}")]
    Store(#[from] StoreError),
    /// The cache could not be used as it was named.
    #[error("could not use the cache: {0}")]
    Cache(#[from] CacheError),
    /// The place of the users' files failed.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The data set's password could not be hashed.
    #[error(transparent)]
    Password(#[from] password::PasswordError),
    /// Two routes can't be told apart.
    #[error("could not tell the routes apart: {0}")]
    Routes(String),
    /// A task of the service ended before its time.
    #[error("the service ended before its time: {0}")]
    Ended(String),
}

/// Starts the service: opens the store and the files, loads the data set, listens. It answers
/// requests from the moment this returns.
///
/// # Errors
/// [`ServeError`] says what could not be had.
pub async fn start(config: Config) -> Result<Server, ServeError> {
    let store = compose(&config).await?;
    start_with(config, store).await
}

/// Puts together what the service reads from and writes to: the store, its replicas, a cache in front.
async fn compose(config: &Config) -> Result<Arc<dyn Store>, ServeError> {
    let cache = config.cache_url.as_deref().map(crate::cache::resolve);
    let cache = cache.transpose()?;
    let mut store = crate::store::resolve(&config.store_url).await?;
    let namespace = &config.cache.namespace;
    if !config.replica_urls.is_empty() {
        let replicas = config.replica_urls.iter();
        let replicas = replicas.map(|url| crate::store::resolve_replica(url));
        let options = SplitOptions {
            lag_max: config.replica_lag_max,
            namespace: namespace.clone(),
            ..SplitOptions::default()
        };
        let replicas = replicas.collect::<Result<_, _>>()?;
        store = Arc::new(SplitStore::new(store, replicas, cache.clone(), options));
    }
    if let Some(cache) = cache {
        let options = CacheOptions {
            settling: config.replica_lag_max + Duration::from_secs(1),
            ..config.cache.clone()
        };
        store = Arc::new(CachedStore::new(store, cache, options));
    }
    Ok(store)
}

/// Starts the service on a store that is open already; the URL in `config` is not looked at.
///
/// # Errors
/// As [`start`].
pub async fn start_with(config: Config, store: Arc<dyn Store>) -> Result<Server, ServeError> {
    raise_file_limit();
    let tls = config.tls.as_ref().map(Tls::read).transpose()?;
    if tls.is_none() && config.redirect_listen.is_some() {
        return Err(EdgeError::NothingToRedirectTo.into());
    }
    // Bound first: that a port is taken is best known before a data set has been loaded.
    let listener = bind(config.listen)?;
    let socket = match config.listen_unix.as_deref() {
        Some(path) => Some(bind_unix(path).await?),
        None => None,
    };
    let redirect_listener = config.redirect_listen.map(bind).transpose()?;
    let admin_listener = config.admin.map(bind).transpose()?;
    let files = crate::files::resolve(&config.files_url)?;
    if config.assets_in_files {
        api::asset::publish(&*files).await?;
    }
    if let Some(data_set) = &config.data_set {
        let hash = password::hash(data_set::PASSWORD)?;
        let content = data_set.content(hash, markdown::render)?;
        let loaded = store.load(content.into()).await?;
        tracing::info!(?loaded, "the data set is there");
    }
    let requests = Requests::new(api::paths())
        .map_err(|error| ServeError::Routes(error.to_string()))
        .map(Arc::new)?;
    let app = Arc::new(App::new(
        &config,
        store.clone(),
        files,
        requests.store_waits(),
    ));
    let (stop, stopped) = watch::channel(false);
    let (stop_admin, admin_stopped) = watch::channel(false);

    let address = address_of(&listener, config.listen)?;
    let mut beside = Vec::new();
    let mut redirect_address = None;
    if let (Some(listener), Some(listen)) = (redirect_listener, config.redirect_listen) {
        redirect_address = Some(address_of(&listener, listen)?);
        let router = redirect::router(address.port());
        let edge = Plain::default();
        beside.push(run(&config, listener, edge, router, None, stopped.clone()));
    }
    let mut admin = None;
    let mut admin_address = None;
    if let (Some(listener), Some(listen)) = (admin_listener, config.admin) {
        telemetry::prime_profiler();
        admin_address = Some(address_of(&listener, listen)?);
        let router = telemetry::admin::router(requests.clone(), store.clone());
        let edge = Plain::default();
        admin = Some(run(&config, listener, edge, router, None, admin_stopped));
    }
    let (router, requests) = (api::router(app), Some(requests));
    if let Some(socket) = socket {
        let (router, requests) = (router.clone(), requests.clone());
        let edge = Plain::default();
        beside.push(run(
            &config,
            socket,
            edge,
            router,
            requests,
            stopped.clone(),
        ));
    }
    let main = match tls {
        None => run(
            &config,
            listener,
            Plain::default(),
            router,
            requests,
            stopped,
        ),
        Some(tls) => run(&config, listener, tls, router, requests, stopped),
    };
    Ok(Server {
        address,
        admin_address,
        redirect_address,
        stop,
        stop_admin,
        main,
        beside,
        admin,
        store,
    })
}

/// Serves the connections of a listener, in a task of its own.
fn run<E: Edge>(
    config: &Config,
    listener: E::Door,
    edge: E,
    router: Router,
    requests: Option<Arc<Requests>>,
    stopped: watch::Receiver<bool>,
) -> JoinHandle<()> {
    let listener = Listener {
        listener,
        edge,
        router,
        requests,
        idle_timeout: config.idle_timeout,
        shutdown_grace: config.shutdown_grace,
    };
    tokio::spawn(listener.run(stopped))
}

fn address_of(listener: &TcpListener, listen: SocketAddr) -> Result<SocketAddr, ServeError> {
    listener.local_addr().map_err(|source| ServeError::Listen {
        address: listen,
        source,
    })
}

impl Server {
    /// Serves until `stop` is ready, then stops accepting, finishes what is in flight (for
    /// at most the configured grace), and closes the store. The second listener lives until the
    /// first is done, so that the last figures can be read.
    ///
    /// # Errors
    /// [`ServeError::Ended`] where the service ended by itself.
    pub async fn run_until(mut self, stop: impl Future<Output = ()>) -> Result<(), ServeError> {
        let early = tokio::select! {
            () = stop => None,
            ended = &mut self.main => Some(ended),
        };
        self.stop.send_replace(true);
        let ended = match early {
            Some(ended) => Err(ServeError::Ended(
                ended.map_or_else(|error| error.to_string(), |()| "no reason".to_owned()),
            )),
            None => (&mut self.main)
                .await
                .map_err(|error| ServeError::Ended(error.to_string())),
        };
        for one in &mut self.beside {
            // They were told to stop together with the first.
            let _ = one.await;
        }
        self.stop_admin.send_replace(true);
        if let Some(admin) = &mut self.admin {
            // A profile may be under way; nobody waits for it.
            admin.abort();
        }
        self.store.close().await;
        ended
    }
}

/// Listens, with a long queue and without Nagle's delay.
fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let listen = || {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()
        } else {
            TcpSocket::new_v6()
        }?;
        // A restart must not wait for the connections of the process before it.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().map_err(|source| ServeError::Listen { address, source })
}

async fn bind_unix(path: &Path) -> Result<SocketFile, ServeError> {
    SocketFile::bind(path)
        .await
        .map_err(|source| ServeError::ListenUnix {
            path: path.to_path_buf(),
            source,
        })
}

/// Allows as many open files as the system lets this process have.
fn raise_file_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, ?current, "the limit of open files stays as it was");
    }
}
