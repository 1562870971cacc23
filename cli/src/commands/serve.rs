//! `tenfold serve`: run the reference service.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context as _;
use serde::Serialize;
use tenfold_server::data_set::DataSet;
use tenfold_server::{Config, Server, TlsFiles, start};
use tokio::sync::watch;

use crate::arguments::serve::ServeArguments;
use crate::exit::Exit;
use crate::output::load_report::LoadReport;
use crate::output::{log, print};
use crate::{interrupt, stages};

/// Contents of the ready file.
#[derive(Serialize)]
struct Ready {
    address: SocketAddr,
    admin: Option<SocketAddr>,
    pid: u32,
}

/// Serves until interrupted. An interrupt while the data set is loaded ends the load.
pub(crate) fn serve(arguments: &ServeArguments) -> anyhow::Result<Exit> {
    stages::find(&arguments.stage)?;
    log::to_stderr(arguments.process.log);
    tenfold_probe::limits::raise_open_files();
    let mut stop = interrupt::catch()?;
    let stdin = arguments.process.stop_with_stdin.then(stdin_closed);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("could not start a runtime")?;
    runtime.block_on(async {
        let config = config(arguments)?;
        let mut stopped = std::pin::pin!(async move {
            tokio::select! {
                _ = stop.wait_for(|now| *now) => {}
                () = closed(stdin) => {}
            }
        });
        let report = LoadReport::start(
            config.load_progress.clone(),
            arguments.process.progress_file.as_deref(),
        );
        let server = tokio::select! {
            server = start(config) => server?,
            () = &mut stopped => return Ok(Exit::Interrupted),
        };
        drop(report);
        announce(arguments, &server)?;
        server.run_until(stopped).await?;
        Ok(Exit::Met)
    })
}

fn config(arguments: &ServeArguments) -> anyhow::Result<Config> {
    let directory = &arguments.data.directory;
    std::fs::create_dir_all(directory)
        .with_context(|| format!("could not create {}", directory.display()))?;
    let store_url = arguments
        .store
        .url
        .clone()
        .unwrap_or_else(|| format!("sqlite:{}", directory.join("tenfold.db").display()));
    let files_url = arguments
        .data
        .files
        .clone()
        .unwrap_or_else(|| format!("file:{}", directory.join("files").display()));
    let mut config = Config::new(store_url, files_url);
    config.shards.clone_from(&arguments.data.shards);
    config.sessions_url.clone_from(&arguments.data.sessions);
    config.photos_url.clone_from(&arguments.data.photos);
    config.listen = match arguments.listen.port {
        Some(port) => SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        None => arguments.listen.address,
    };
    if let (Some(certificate), Some(key)) = (&arguments.tls.tls_cert, &arguments.tls.tls_key) {
        config.tls = Some(TlsFiles {
            certificate: certificate.clone(),
            key: key.clone(),
        });
    }
    config.listen_unix.clone_from(&arguments.listen.unix);
    config.redirect_listen = arguments.tls.redirect_listen;
    config.admin = Some(arguments.listen.admin);
    // An object store serves static content too.
    config.assets_in_files = config.files_url.starts_with("s3:");
    arguments.cache.apply(&mut config);
    arguments.edges.apply(&mut config);
    arguments.queue.apply(&mut config);
    arguments.services.apply(&mut config);
    config.error_reports.clone_from(&arguments.error_reports);
    arguments.warehouse.apply(&mut config);
    arguments.feeds.apply(&mut config);
    config.is_limited = !arguments.unlimited_retries;
    config.delays = arguments.allow_delays.then(Arc::default);
    if !arguments.empty {
        config.data_set = Some(DataSet {
            seed: arguments.data_set.seed,
            users: arguments.data_set.users,
            posts: arguments.data_set.posts,
            ..DataSet::default()
        });
    }
    Ok(config)
}

/// Reports the addresses of the server on standard error and in the ready file.
fn announce(arguments: &ServeArguments, server: &Server) -> anyhow::Result<()> {
    let (address, admin) = (server.address, server.admin_address);
    let scheme = arguments.tls.tls_cert.as_ref().map_or("http", |_| "https");
    print::note(&format!("serving on {scheme}://{address}"));
    if let Some(path) = &arguments.listen.unix {
        print::note(&format!("serving on unix:{}", path.display()));
    }
    if let Some(redirect) = server.redirect_address {
        print::note(&format!("redirecting from http://{redirect}"));
    }
    if let Some(admin) = admin {
        print::note(&format!("metrics and profiles on http://{admin}"));
    }
    let Some(path) = arguments.process.ready_file.as_deref() else {
        return Ok(());
    };
    let ready = serde_json::to_vec(&Ready {
        address,
        admin,
        pid: std::process::id(),
    })?;
    let partial = path.with_extension("partial");
    std::fs::write(&partial, ready)
        .and_then(|()| std::fs::rename(&partial, path))
        .with_context(|| format!("could not write {}", path.display()))
}

/// Returns a channel that becomes `true` when standard input closes.
fn stdin_closed() -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    // The thread blocks, and ends with the process.
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = sender.send(true);
    });
    receiver
}

async fn closed(stdin: Option<watch::Receiver<bool>>) {
    match stdin {
        Some(mut stdin) => {
            let _ = stdin.wait_for(|closed| *closed).await;
        }
        None => std::future::pending().await,
    }
}
