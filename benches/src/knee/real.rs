//! Searches of real servers of known capacity.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tenfold_analysis::knee::{End, SearchReport};

use super::Searched;
use super::simulated::FIRST;
use crate::workshop::Workshop;
use crate::workshop::child::{Child, Confines};

pub(crate) const SCENARIO: &str = include_str!("../../scenarios/knee.toml");

/// Permits, and the time of each request in microseconds.
pub(crate) const SERVERS: [(u32, u64); 5] = [
    (8, 20_000),
    (4, 5_000),
    (16, 20_000),
    (2, 5_000),
    (8, 10_000),
];

/// Time for the server to print its port.
const START: Duration = Duration::from_secs(10);

/// Time for a search: its budget, and its last trial.
const SEARCH: Duration = Duration::from_secs(360);

/// Starts a server with a number of permits, each held for a time in microseconds. Returns it with its port.
pub(crate) fn start(
    permits: u32,
    takes_us: u64,
    folder: &Path,
    workshop: &Workshop,
) -> anyhow::Result<(Child, u16)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.current_dir(folder).args([
        "permits",
        "--permits",
        &permits.to_string(),
        "--takes-us",
        &takes_us.to_string(),
    ]);
    let server = Child::start("permits", &command, &Confines::default(), folder)?;
    let printed = || server.output().trim().parse::<u16>().ok();
    workshop
        .interrupt()
        .wait(START, || printed().is_some() || server.has_ended())?;
    let Some(port) = printed() else {
        bail!("the server did not start: {}", server.last_words());
    };
    Ok((server, port))
}

/// Starts a server, searches it, and stops it. The number chooses the server and the first rate.
pub(super) fn search(number: usize, quick: bool, workshop: &Workshop) -> anyhow::Result<Searched> {
    let folder = workshop.folder("knee")?;
    let (permits, takes_us) = SERVERS[number % SERVERS.len()];
    let truth = f64::from(permits) / (takes_us as f64 / 1e6);
    let first_rate = truth * FIRST[number % FIRST.len()];
    let (_server, port) = start(permits, takes_us, &folder, workshop)?;
    let scenario = folder.join("knee.toml");
    std::fs::write(&scenario, SCENARIO).context("could not write the scenario")?;
    let mut command = Command::new(workshop.tenfold());
    command.current_dir(&folder).arg("knee").arg(&scenario);
    command.args(["--target", &format!("http://127.0.0.1:{port}")]);
    command.args([
        "--rate",
        &format!("{first_rate}/s"),
        "--json",
        "--out",
        "knee",
    ]);
    if quick {
        command.arg("--quick");
    }
    let began = Instant::now();
    let mut search = Child::start("tenfold", &command, &Confines::default(), &folder)?;
    if !search.wait(SEARCH, workshop.interrupt())? {
        bail!("the search took more than {} s", SEARCH.as_secs());
    }
    search.end();
    let found: SearchReport = serde_json::from_str(&search.output())
        .with_context(|| format!("no answer: {}", search.last_words()))?;
    Ok(Searched {
        service: format!("real, {permits} permits of {} ms", takes_us / 1_000),
        is_real: true,
        truth,
        first_rate,
        sustained: found.answer.sustained,
        failed: found.answer.failed,
        is_confirmed: found.answer.end == End::Confirmed,
        took_s: began.elapsed().as_secs_f64(),
    })
}
