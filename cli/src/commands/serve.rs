//! `tenfold serve`: run the reference server.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context as _;
use serde::Serialize;
use tenfold_server::data_set::DataSet;
use tenfold_server::{Config, Server, TlsFiles, start};
use tokio::sync::watch;

use crate::cli::ServeArguments;
use crate::exit::{Exit, Misuse};
use crate::{interrupt, log, print};

/// What is told to whoever waits for the server.
#[derive(Serialize)]
struct Ready {
    address: SocketAddr,
    admin: Option<SocketAddr>,
    pid: u32,
}

/// Serves until interrupted.
pub(crate) fn serve(arguments: &ServeArguments) -> anyhow::Result<Exit> {
    let stage = crate::stages::find(&arguments.stage)?;
    if !stage.is_built() {
        return Err(Misuse(format!("stage `{}` is not built yet", stage.name)).into());
    }
    log::to_stderr(arguments.log);
    tenfold_probe::limits::raise_open_files();
    let mut stop = interrupt::catch()?;
    let stdin = arguments.stop_with_stdin.then(stdin_ended);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("could not start a runtime")?;
    runtime.block_on(async {
        let server = start(config(arguments)?).await?;
        announce(arguments, &server)?;
        server
            .run_until(async move {
                tokio::select! {
                    _ = stop.wait_for(|now| *now) => {}
                    () = ended(stdin) => {}
                }
            })
            .await?;
        anyhow::Ok(())
    })?;
    Ok(Exit::Met)
}

fn config(arguments: &ServeArguments) -> anyhow::Result<Config> {
    std::fs::create_dir_all(&arguments.data)
        .with_context(|| format!("could not create {}", arguments.data.display()))?;
    let store_url = arguments
        .store
        .clone()
        .unwrap_or_else(|| format!("sqlite:{}", arguments.data.join("tenfold.db").display()));
    let files_url = arguments
        .files
        .clone()
        .unwrap_or_else(|| format!("file:{}", arguments.data.join("files").display()));
    let mut config = Config::new(store_url, files_url);
    config.listen = match arguments.port {
        Some(port) => SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        None => arguments.listen,
    };
    if let (Some(certificate), Some(key)) = (&arguments.tls_cert, &arguments.tls_key) {
        config.tls = Some(TlsFiles {
            certificate: certificate.clone(),
            key: key.clone(),
        });
    }
    config.listen_unix.clone_from(&arguments.listen_unix);
    config.redirect_listen = arguments.redirect_listen;
    config.admin = Some(arguments.admin);
    // An object store is there for static content too.
    config.assets_in_files = config.files_url.starts_with("s3:");
    arguments.caching.apply(&mut config);
    if !arguments.empty {
        config.data_set = Some(DataSet {
            seed: arguments.data_set.data_seed,
            users: arguments.data_set.data_users,
            posts: arguments.data_set.data_posts,
            ..DataSet::default()
        });
    }
    Ok(config)
}

/// Tells where the server is, on standard error and in the file that somebody waits for.
fn announce(arguments: &ServeArguments, server: &Server) -> anyhow::Result<()> {
    let (address, admin) = (server.address, server.admin_address);
    let scheme = arguments.tls_cert.as_ref().map_or("http", |_| "https");
    print::note(&format!("serving on {scheme}://{address}"));
    if let Some(path) = &arguments.listen_unix {
        print::note(&format!("serving on unix:{}", path.display()));
    }
    if let Some(redirect) = server.redirect_address {
        print::note(&format!("redirecting from http://{redirect}"));
    }
    if let Some(admin) = admin {
        print::note(&format!("metrics and profiles on http://{admin}"));
    }
    let Some(path) = arguments.ready_file.as_deref() else {
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

/// Becomes true when standard input ends.
fn stdin_ended() -> watch::Receiver<bool> {
    let (tell, told) = watch::channel(false);
    // A thread that blocks: it ends with the process.
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = tell.send(true);
    });
    told
}

async fn ended(stdin: Option<watch::Receiver<bool>>) {
    match stdin {
        Some(mut stdin) => {
            let _ = stdin.wait_for(|ended| *ended).await;
        }
        None => std::future::pending().await,
    }
}
