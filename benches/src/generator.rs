//! Benchmark `generator`: compares the generator with its peers.

pub(crate) mod arguments;
mod comparison;
mod goals;
mod install;
mod job;
mod page;
mod parts;
pub(crate) mod peer;
mod record;
pub(crate) mod server;
mod turn;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::bail;

use self::arguments::{GeneratorArguments, Part};
use self::comparison::Comparison;
use self::parts::table::Ready;
use self::parts::{maximum, memory, precision, scale, table};
use self::peer::{PEERS, Pace, Peer, TENFOLD};
use self::record::{PeerEntry, RECORD_VERSION, Record, Settings};
use self::server::{Server, ServerKind};
use crate::output;
use crate::workshop::interrupt::Interrupt;
use crate::workshop::progress::report;
use crate::workshop::{Workshop, tenfold_binary};

/// Writes the page of measured figures anew.
pub(crate) fn write_page(folder: &Path) -> anyhow::Result<()> {
    let mut record: Record = output::read("generator", folder)?;
    for entry in &mut record.peers {
        if let Some(peer) = peer::named(&entry.name) {
            entry.note = peer.note().to_owned();
        }
    }
    record.goals = goals::goals(&record);
    output::write_pages("generator", &page::page(&record), folder)
}

/// Runs the comparison, prints its page and writes its files.
pub(crate) fn run(arguments: &GeneratorArguments) -> anyhow::Result<()> {
    let wanted = wanted(&arguments.peers)?;
    let own = wanted.iter().any(|peer| peer.name() == TENFOLD.name());
    let tenfold = tenfold_binary::find(arguments.tenfold.as_ref(), own)?;
    let interrupt = Interrupt::catch()?;
    // Some peers open a file for each connection and do not raise their own limit.
    tenfold_probe::limits::raise_open_files();
    let workshop = Workshop::new(&arguments.cache, tenfold, !arguments.no_pin, interrupt)?;
    let started_at = jiff::Timestamp::now();
    let started = Instant::now();
    let (peers, ready) = peers(&wanted, &workshop, !arguments.no_install)?;
    let mut comparison = Comparison {
        workshop: &workshop,
        measured: Duration::from_secs(arguments.seconds()),
        seed: arguments.seed,
        mishaps: Vec::new(),
    };
    let mut record = Record {
        version: RECORD_VERSION,
        started_at: format!("{started_at:.0}"),
        took_s: 0.0,
        host: tenfold_probe::host::describe(),
        settings: settings(arguments, &workshop),
        peers,
        goals: Vec::new(),
        tables: Vec::new(),
        precision: None,
        maxima: Vec::new(),
        memory: None,
        scale: None,
        mishaps: Vec::new(),
    };
    measure(arguments, &mut comparison, &ready, &mut record)?;
    record.mishaps = comparison.mishaps;
    record.took_s = started.elapsed().as_secs_f64();
    record.goals = goals::goals(&record);
    output::write("generator", &page::page(&record), &record, &arguments.out)
}

fn measure(
    arguments: &GeneratorArguments,
    comparison: &mut Comparison<'_>,
    ready: &[Ready],
    record: &mut Record,
) -> anyhow::Result<()> {
    let (connections, rounds) = (arguments.connections, arguments.rounds());
    let tenfold = ready.iter().find(|(peer, _)| peer.name() == TENFOLD.name());
    let http1: Vec<Ready> = ready
        .iter()
        .filter(|(peer, _)| peer.is_over_http1())
        .cloned()
        .collect();
    for kind in ServerKind::ALL {
        let server = Server::start(kind, comparison.workshop)?;
        if arguments.wants(Part::Table) {
            let rate = arguments.rate;
            let table = table::measure(comparison, &server, &http1, rate, connections, rounds)?;
            record.tables.push(table);
        }
        let Some((_, tenfold)) = tenfold else {
            continue;
        };
        if arguments.wants(Part::Max) {
            let halvings = if arguments.quick { 1 } else { 5 };
            record
                .maxima
                .push(maximum::measure(comparison, &server, tenfold, halvings)?);
        }
        if kind != ServerKind::Nginx {
            continue;
        }
        if arguments.wants(Part::Precision) {
            let open: Vec<Ready> = ready
                .iter()
                .filter(|(peer, _)| peer.pace() == Pace::Open)
                .cloned()
                .collect();
            let precision = precision::measure(comparison, &server, &open, connections, rounds)?;
            record.precision = Some(precision);
        }
        if arguments.wants(Part::Memory) {
            let lasts = Duration::from_secs(if arguments.quick { 10 } else { 60 });
            record.memory = memory::measure(comparison, &server, tenfold, lasts)?;
        }
        if arguments.wants(Part::Scale) {
            let most = record
                .maxima
                .iter()
                .filter_map(|maximum| maximum.sustained_per_s)
                .max();
            let quick = arguments.quick;
            record.scale = Some(scale::measure(comparison, &server, ready, most, quick)?);
        }
    }
    for (part, kind, peers) in [
        (Part::Grpc, ServerKind::Grpc, peer::CALLING),
        (Part::Websocket, ServerKind::Websocket, peer::CHATTING),
    ] {
        let able = able(ready, &peers);
        if arguments.wants(part) && !able.is_empty() {
            let server = Server::start(kind, comparison.workshop)?;
            let rate = arguments.rate;
            let table = table::measure(comparison, &server, &able, rate, connections, rounds)?;
            record.tables.push(table);
        }
    }
    Ok(())
}

/// The peers that are installed and can do a job, as they do it.
fn able(ready: &[Ready], able: &[&'static dyn Peer]) -> Vec<Ready> {
    let able = ready.iter().filter_map(|(peer, program)| {
        let own = able.iter().find(|own| own.name() == peer.name())?;
        Some((*own, program.clone()))
    });
    able.collect()
}

fn settings(arguments: &GeneratorArguments, workshop: &Workshop) -> Settings {
    Settings {
        rounds: arguments.rounds(),
        seconds: arguments.seconds(),
        rate: arguments.rate,
        connections: arguments.connections,
        seed: arguments.seed,
        quick: arguments.quick,
        pinned: workshop.is_pinned(),
        servers: ServerKind::ALL.to_vec(),
    }
}

/// Returns the peers with these names, or all peers if there are none.
fn wanted(names: &[String]) -> anyhow::Result<Vec<&'static dyn Peer>> {
    if names.is_empty() {
        return Ok(PEERS.to_vec());
    }
    for name in names {
        if peer::named(name).is_none() {
            let known = PEERS.map(Peer::name).join(", ");
            bail!("there is no peer {name:?}; the peers are {known}");
        }
    }
    let named = |peer: &&dyn Peer| names.iter().any(|name| name == peer.name());
    Ok(PEERS.into_iter().filter(named).collect())
}

/// Finds or installs the peers, and reports those that are missing.
fn peers(
    wanted: &[&'static dyn Peer],
    workshop: &Workshop,
    install: bool,
) -> anyhow::Result<(Vec<PeerEntry>, Vec<Ready>)> {
    let (mut entries, mut ready) = (Vec::new(), Vec::new());
    for peer in wanted {
        let found = install::find(*peer, workshop, install)?;
        if let Err(why) = &found {
            report(&format!("without {}: {why}", peer.name()));
        }
        entries.push(PeerEntry {
            name: peer.name().to_owned(),
            pace: peer.pace(),
            note: peer.note().to_owned(),
            missing: found.as_ref().err().cloned(),
        });
        ready.extend(found.ok().map(|program| (*peer, program)));
    }
    if ready.is_empty() {
        bail!("could not find or install any peer");
    }
    Ok((entries, ready))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selects_peers_in_table_order() {
        let named = wanted(&["wrk".to_owned(), "tenfold".to_owned()]).unwrap();
        assert_eq!(
            named.iter().map(|peer| peer.name()).collect::<Vec<_>>(),
            ["tenfold", "wrk"]
        );
        assert_eq!(wanted(&[]).unwrap().len(), PEERS.len());
        let error = wanted(&["wkr".to_owned()]).err().unwrap().to_string();
        assert!(error.contains("wkr") && error.contains("h2load"), "{error}");
    }
}
