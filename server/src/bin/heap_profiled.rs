//! The reference service at stage `single-box`, with jemalloc, which samples its heap for `/debug/pprof/heap`.
//!
//! Usage: `tenfold-heap-profiled DIRECTORY [ADDRESS] [ADMIN_ADDRESS] [POSTS]`. Runs until it is killed. ADR 51 says why it is a program of its
//! own.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use tenfold_server::data_set::DataSet;
use tenfold_server::{Config, start};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Addresses unless they are given: those of `tenfold serve`.
const ADDRESSES: [&str; 2] = ["127.0.0.1:8080", "127.0.0.1:8081"];

#[tokio::main]
async fn main() -> ExitCode {
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves the data in a directory.
async fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let Some(directory) = arguments.next().map(PathBuf::from) else {
        return Err("give the directory of the data: tenfold-heap-profiled DIRECTORY [ADDRESS] [ADMIN_ADDRESS] [POSTS]".into());
    };
    let mut addresses = ADDRESSES.map(str::to_owned);
    for (address, given) in addresses.iter_mut().zip(&mut arguments) {
        *address = given.to_string_lossy().into_owned();
    }
    let [listen, admin] = addresses.map(|text| {
        let parsed = text.parse::<SocketAddr>();
        parsed.map_err(|_| format!("`{text}` is no address; give one such as {}", ADDRESSES[0]))
    });
    let mut data_set = DataSet::default();
    if let Some(posts) = arguments.next() {
        let posts = posts.to_string_lossy().parse::<u64>();
        data_set.posts = posts.map_err(|_| "the number of posts must be a whole number")?;
        data_set.users = data_set.users.min(data_set.posts / 10).max(1);
    }
    std::fs::create_dir_all(&directory)?;
    let store = format!("sqlite:{}", directory.join("tenfold.db").display());
    let files = format!("file:{}", directory.join("files").display());
    let mut config = Config::new(store, files);
    config.listen = listen?;
    config.admin = Some(admin?);
    config.data_set = Some(data_set);
    let server = start(config).await?;
    let mut out = std::io::stdout();
    writeln!(out, "serving on http://{}", server.address)?;
    if let Some(admin) = server.admin_address {
        writeln!(out, "metrics and profiles on http://{admin}")?;
    }
    server.run_until(std::future::pending()).await?;
    Ok(())
}
