//! Lifecycle of the service: opens its backends, listens, and shuts down in order.

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
use crate::config::{Config, Role};
use crate::error_reports::{self, ErrorReports, ErrorReportsError};
use crate::files::{DelayedFiles, Files, FilesError};
use crate::queue::{Jobs, QueueError};
use crate::store::{Store, StoreError};
use crate::telemetry::{self, FeedDesk, Requests};
use crate::worker::{FeedWork, PhotoUpkeep, PhotoWork, Worker, WorkerOptions, keep_feeds};
use crate::{data_set, markdown, password, services};

mod acceptor;
mod composition;
mod head_timer;
mod listener;
mod redirect;
#[cfg(feature = "tls")]
mod tls;
mod transport;

use acceptor::SocketFile;
pub(crate) use composition::Composed;
use composition::{archive, compose};
use listener::Listener;
pub use transport::TlsError;
use transport::{Plain, Tls, Transport};

/// Length of the accept queue. The kernel caps it at `net.core.somaxconn`, 4,096 by default, so that
/// the connections thousands of clients open during a stall are not refused.
const BACKLOG: u32 = 65_535;
/// Jobs of feeds that a process works on at once. They wait for the database.
const FEED_JOBS: usize = 8;

/// Running service.
#[derive(Debug)]
#[must_use = "the service stops when this is dropped"]
pub struct Server {
    /// Address of the main listener.
    pub address: SocketAddr,
    /// Address of the admin listener: `/metrics` and `/debug/pprof`.
    pub admin_address: Option<SocketAddr>,
    /// Address of the plain-HTTP listener that redirects to TLS.
    pub redirect_address: Option<SocketAddr>,
    stop: watch::Sender<bool>,
    stop_admin: watch::Sender<bool>,
    main: JoinHandle<()>,
    /// Tasks of the Unix-socket and redirect listeners.
    secondary: Vec<JoinHandle<()>>,
    admin: Option<JoinHandle<()>>,
    /// Tasks that work on jobs.
    workers: Vec<JoinHandle<()>>,
    shutdown_grace: Duration,
    store: Arc<dyn Store>,
    reports: Option<Arc<dyn ErrorReports>>,
}

/// Failure to start or run the service.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Listening on an address failed.
    #[error(
        "could not listen on {address}: {source}; choose another port or stop the process that uses it"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The cause.
        source: io::Error,
    },
    /// Listening on a Unix socket failed.
    #[error(
        "could not listen on the socket {path}: {source}; choose another path or stop the process that uses it",
        path = .path.display()
    )]
    ListenUnix {
        /// Path of the socket.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// TLS could not be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The store failed.
    #[error("could not open the store: {0}")]
    Store(#[from] StoreError),
    /// The cache could not be set up.
    #[error("could not use the cache: {0}")]
    Cache(#[from] CacheError),
    /// The file store failed.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The queue could not be set up.
    #[error("could not use the queue: {0}")]
    Queue(#[from] QueueError),
    /// Error reports can't be sent.
    #[error(transparent)]
    ErrorReports(#[from] ErrorReportsError),
    /// A process that only works on jobs has no queue to take them from.
    #[error(
        "a worker needs a queue that other processes fill, such as `nats://user:password@host:port/NAME`"
    )]
    WorkerWithoutQueue,
    /// Written feeds have no queue for their jobs.
    #[error(
        "written feeds need a queue, such as `nats://user:password@host:port/NAME`, or `memory:` for a single process"
    )]
    FeedsWithoutQueue,
    /// A part of the service lacks the address of another one.
    #[error(
        "the part {role} of the service calls the part {needs}; give its addresses by --{needs}-service, and the key of all parts as \
         TENFOLD_SERVICES_KEY"
    )]
    PartWithoutService {
        /// Part that lacks it.
        role: Role,
        /// Part that it calls.
        needs: &'static str,
    },
    /// Written feeds are in the database of the users, which the part with the feeds has not.
    #[error(
        "feeds can't be written by a service of several parts; give --feeds read, or one role to all processes"
    )]
    FeedsOfParts,
    /// The repair of written feeds would not count posts in the warehouse.
    #[error(
        "written feeds and a warehouse of old posts cannot be used together: the repair of counters would miss the moved posts; \
         leave out --warehouse, or give --feeds read"
    )]
    FeedsWithWarehouse,
    /// The data set's password could not be hashed.
    #[error(transparent)]
    Password(#[from] password::PasswordError),
    /// Two routes conflict.
    #[error("conflicting routes: {0}")]
    Routes(String),
    /// A task of the service stopped unexpectedly.
    #[error("the service stopped unexpectedly: {0}")]
    Ended(String),
}

/// Starts the service: opens the store and the file store, loads the data set, and listens. The service
/// accepts requests when this returns.
///
/// # Errors
/// Returns the first [`ServeError`] met.
pub async fn start(config: Config) -> Result<Server, ServeError> {
    let composed = compose(&config).await?;
    start_composed(config, composed).await
}

/// Starts the service on an open store, ignoring the URL in `config`.
///
/// # Errors
/// As [`start`].
pub async fn start_with(config: Config, store: Arc<dyn Store>) -> Result<Server, ServeError> {
    start_composed(config, Composed::of(store)).await
}

/// Starts the service on a composed store.
pub(crate) async fn start_composed(
    config: Config,
    composed: Composed,
) -> Result<Server, ServeError> {
    let Composed {
        store,
        beneath_cache,
        sharded,
        feeds,
        photos,
    } = composed;
    raise_file_limit();
    let tls = config.tls.as_ref().map(Tls::read).transpose()?;
    if tls.is_none() && config.redirect_listen.is_some() {
        return Err(TlsError::RedirectWithoutTls.into());
    }
    // Bound first, so that a conflict is reported before a data set is loaded.
    let listener = bind(config.listen)?;
    let socket = match config.listen_unix.as_deref() {
        Some(path) => Some(bind_unix(path).await?),
        None => None,
    };
    let redirect_listener = config.redirect_listen.map(bind).transpose()?;
    let admin_listener = config.admin.map(bind).transpose()?;
    let is_shared = config
        .queue_url
        .as_deref()
        .is_some_and(|url| url != "memory:");
    if !config.role.serves() && !is_shared {
        return Err(ServeError::WorkerWithoutQueue);
    }
    let reports = config.error_reports.as_deref();
    let reports = reports
        .map(|address| error_reports::resolve(address, &config.listen.to_string()))
        .transpose()?;
    if reports.is_some() {
        error_reports::note_locations();
    }
    let jobs = config.queue_url.as_deref();
    let jobs = jobs.map(|url| Jobs::open(url, &config.queue)).transpose()?;
    let mut files = crate::files::resolve(&config.files_url, config.is_limited)?;
    if config.assets_in_files && config.role.serves() {
        api::asset::publish(&*files).await?;
    }
    if let Some(delays) = &config.delays {
        files = Arc::new(DelayedFiles::new(files, delays)) as Arc<dyn Files>;
    }
    if let Some(data_set) = config
        .data_set
        .as_ref()
        .filter(|_| config.role.serves() && config.role.has_posts())
    {
        let hash = password::hash(data_set::PASSWORD)?;
        let content = data_set
            .content_with_progress(hash, markdown::render, config.load_progress.clone())
            .map_err(StoreError::from)?;
        let loaded = store.load(content.into()).await?;
        tracing::info!(?loaded, "data set loaded");
        config.load_progress.begin(data_set::LoadStep::Starting, 0);
    }
    let requests = Requests::new(api::paths().chain([services::PATH]))
        .map_err(|error| ServeError::Routes(error.to_string()))
        .map(Arc::new)?;
    let (stop, stopped) = watch::channel(false);
    let mut workers = Vec::new();
    if let Some(jobs) = jobs.as_ref().filter(|_| config.role.works()) {
        let worker = Worker::new(
            Arc::clone(&jobs.queue),
            Arc::new(PhotoWork::new(store.clone(), Arc::clone(&files))),
            config.worker.clone(),
            config.queue.visibility,
            Arc::clone(&jobs.counters),
        );
        workers = worker.start(&stopped);
    }
    let archive = archive(&config).await?;
    let every = config.archive.as_ref().and_then(|own| own.every);
    if let (Some(archive), Some(every), true) = (&archive, every, config.role.works()) {
        workers.push(Arc::clone(archive).schedule(every, stopped.clone()));
    }
    let sessions = composition::sessions(&config, &store).await?;
    if let Some((photos, store)) = photos.filter(|_| config.role.works()) {
        let upkeep = PhotoUpkeep {
            store,
            photos,
            files: Arc::clone(&files),
            age: config.photo_note_age,
        };
        workers.push(upkeep.start(&stopped));
    }
    if let Some(FeedDesk { feeds, jobs, .. }) = feeds.as_ref().filter(|_| config.role.works()) {
        let worker = Worker::new(
            Arc::clone(&jobs.queue),
            Arc::new(FeedWork::new(Arc::clone(feeds), Arc::clone(&jobs.queue))),
            WorkerOptions {
                concurrency: FEED_JOBS,
                ..config.worker.clone()
            },
            config.queue.visibility,
            Arc::clone(&jobs.counters),
        );
        workers.extend(worker.start(&stopped));
        workers.extend(keep_feeds(feeds, Arc::new(jobs.intake()), &stopped));
    }
    let app = Arc::new(App::new(
        &config,
        (store.clone(), beneath_cache),
        sessions,
        files,
        jobs.as_ref().map(Jobs::intake),
        requests.store_waits(),
        stopped.clone(),
    ));
    let (stop_admin, admin_stopped) = watch::channel(false);

    let address = address_of(&listener, config.listen)?;
    let mut secondary = Vec::new();
    let mut redirect_address = None;
    if let (Some(listener), Some(listen)) = (redirect_listener, config.redirect_listen) {
        redirect_address = Some(address_of(&listener, listen)?);
        let router = redirect::router(address.port());
        let transport = Plain::default();
        secondary.push(run(
            &config,
            listener,
            transport,
            router,
            (None, None),
            stopped.clone(),
        ));
    }
    let mut admin = None;
    let mut admin_address = None;
    if let (Some(listener), Some(listen)) = (admin_listener, config.admin) {
        telemetry::prime_profiler();
        admin_address = Some(address_of(&listener, listen)?);
        let (requests, delays) = (requests.clone(), config.delays.clone());
        let router = telemetry::admin::router(
            requests,
            store.clone(),
            delays,
            jobs,
            sharded,
            archive,
            feeds,
        );
        let transport = Plain::default();
        admin = Some(run(
            &config,
            listener,
            transport,
            router,
            (None, None),
            admin_stopped,
        ));
    }
    let router = if config.role.serves() {
        api::router(app)
    } else {
        api::health_router(app)
    };
    let counted = (Some(requests), reports.clone());
    if let Some(socket) = socket {
        let (router, counted) = (router.clone(), counted.clone());
        let transport = Plain::default();
        secondary.push(run(
            &config,
            socket,
            transport,
            router,
            counted,
            stopped.clone(),
        ));
    }
    let main = match tls {
        None => run(
            &config,
            listener,
            Plain::default(),
            router,
            counted,
            stopped,
        ),
        Some(tls) => run(&config, listener, tls, router, counted, stopped),
    };
    Ok(Server {
        address,
        admin_address,
        redirect_address,
        stop,
        stop_admin,
        main,
        secondary,
        admin,
        workers,
        shutdown_grace: config.shutdown_grace,
        store,
        reports,
    })
}

/// Spawns a task that serves the connections of a listener.
fn run<T: Transport>(
    config: &Config,
    acceptor: T::Acceptor,
    transport: T,
    router: Router,
    (requests, reports): (Option<Arc<Requests>>, Option<Arc<dyn ErrorReports>>),
    stopped: watch::Receiver<bool>,
) -> JoinHandle<()> {
    let listener = Listener {
        acceptor,
        transport,
        router,
        requests,
        reports,
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
    /// Serves until `stop` is ready. Then stops accepting, finishes requests in flight for at most the
    /// configured grace period, and closes the store. The admin listener stops last, so that the final
    /// metrics can be read.
    ///
    /// # Errors
    /// [`ServeError::Ended`] if the service stopped before `stop`.
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
        for task in &mut self.secondary {
            // Stopped by the same signal as the main listener.
            let _ = task.await;
        }
        let grace = tokio::time::sleep(self.shutdown_grace);
        tokio::pin!(grace);
        for worker in &mut self.workers {
            tokio::select! {
                _ = &mut *worker => {}
                // Its job is delivered again.
                () = &mut grace => worker.abort(),
            }
        }
        self.stop_admin.send_replace(true);
        if let Some(admin) = &mut self.admin {
            // A profile may be in progress; shutdown does not wait for it.
            admin.abort();
        }
        self.store.close().await;
        if let Some(reports) = self.reports.clone() {
            // It waits for the network.
            let _ = tokio::task::spawn_blocking(move || reports.close()).await;
        }
        ended
    }
}

/// Listens, with a long accept queue.
fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let listen = || {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()
        } else {
            TcpSocket::new_v6()
        }?;
        // A restart must not wait for connections of the previous process.
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

/// Raises the limit of open files to the hard limit.
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
        tracing::warn!(%error, ?current, "could not raise the limit of open files");
    }
}
