//! The running service: opens what it needs, listens, and stops in good order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::api::{self, App};
use crate::config::Config;
use crate::files::{Files, FilesError, LocalFiles};
use crate::store::{Store, StoreError};
use crate::telemetry::{self, Requests};
use crate::{data_set, markdown, password};

mod listener;

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
    stop: watch::Sender<bool>,
    stop_admin: watch::Sender<bool>,
    main: JoinHandle<()>,
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
    /// The store failed.
    #[error("could not open the store: {0}")]
    Store(#[from] StoreError),
    /// The folder of the users' files failed.
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
    let store = crate::store::resolve(&config.store_url).await?;
    start_with(config, store).await
}

/// Starts the service on a store that is open already; the URL in `config` is not looked at.
///
/// # Errors
/// As [`start`].
pub async fn start_with(config: Config, store: Arc<dyn Store>) -> Result<Server, ServeError> {
    raise_file_limit();
    // Bound first: that a port is taken is best known before a data set has been loaded.
    let listener = bind(config.listen)?;
    let admin_listener = config.admin.map(bind).transpose()?;
    let files: Arc<dyn Files> = Arc::new(LocalFiles::open(&config.files_dir)?);
    if let Some(data_set) = &config.data_set {
        let hash = password::hash(data_set::PASSWORD)?;
        let content = data_set.content(hash, markdown::render)?;
        let loaded = store.load(content.into()).await?;
        tracing::info!(?loaded, "the data set is there");
    }
    let requests = Requests::new(api::paths())
        .map_err(|error| ServeError::Routes(error.to_string()))
        .map(Arc::new)?;
    let app = Arc::new(App::new(&config, store.clone(), files));
    let (stop, stopped) = watch::channel(false);
    let (stop_admin, admin_stopped) = watch::channel(false);

    let listening = |listener: TcpListener, router: Router, requests, stopped| {
        let address = listener.local_addr().map_err(|source| ServeError::Listen {
            address: config.listen,
            source,
        })?;
        let listener = Listener {
            listener,
            router,
            requests,
            idle_timeout: config.idle_timeout,
            shutdown_grace: config.shutdown_grace,
        };
        Ok::<_, ServeError>((address, tokio::spawn(listener.run(stopped))))
    };
    let mut admin = None;
    let mut admin_address = None;
    if let Some(listener) = admin_listener {
        telemetry::prime_profiler();
        let router = telemetry::admin::router(requests.clone(), store.clone());
        let (address, task) = listening(listener, router, None, admin_stopped)?;
        admin_address = Some(address);
        admin = Some(task);
    }
    let (address, main) = listening(listener, api::router(app), Some(requests), stopped)?;
    Ok(Server {
        address,
        admin_address,
        stop,
        stop_admin,
        main,
        admin,
        store,
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
