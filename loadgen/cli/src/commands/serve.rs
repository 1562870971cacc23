//! `tenfold serve`: run the reference server.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;
use tenfold_server::data_set::DataSet;
use tenfold_server::{Config, start};
use tokio::sync::watch;

use crate::cli::ServeArguments;
use crate::exit::{Exit, Misuse};
use crate::{interrupt, print};

/// What is told to whoever waits for the server.
#[derive(Serialize)]
struct Ready {
    address: SocketAddr,
    admin: Option<SocketAddr>,
    pid: u32,
}

/// Serves until interrupted.
pub(crate) fn serve(arguments: &ServeArguments) -> anyhow::Result<Exit> {
    let stage = tenfold_lab::stage::find(&arguments.stage)?;
    if !stage.is_built() {
        return Err(Misuse(format!("stage `{}` is not built yet", stage.name)).into());
    }
    tenfold_probe::limits::raise_open_files();
    let mut stop = interrupt::catch()?;
    let stdin = arguments.stop_with_stdin.then(stdin_ended);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("could not start a runtime")?;
    runtime.block_on(async {
        let server = start(config(arguments)?).await?;
        announce(
            arguments.ready_file.as_deref(),
            server.address,
            server.admin_address,
        )?;
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
    let mut config = Config::new(store_url, arguments.data.join("files"));
    config.listen = match arguments.port {
        Some(port) => SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        None => arguments.listen,
    };
    config.admin = Some(arguments.admin);
    if !arguments.empty {
        config.data_set = Some(DataSet {
            seed: arguments.data_seed,
            users: arguments.data_users,
            posts: arguments.data_posts,
            ..DataSet::default()
        });
    }
    Ok(config)
}

/// Tells where the server is, on standard error and in the file that somebody waits for.
fn announce(
    ready_file: Option<&Path>,
    address: SocketAddr,
    admin: Option<SocketAddr>,
) -> anyhow::Result<()> {
    print::note(&format!("serving on http://{address}"));
    if let Some(admin) = admin {
        print::note(&format!("metrics and profiles on http://{admin}"));
    }
    let Some(path) = ready_file else {
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
