//! `tenfold lab failover`: kill the balancer that a service's name leads to, and measure when the last client has moved.

use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Serialize;
use tenfold_lab::{DoorStatus, LabStatus, Request};
use tenfold_loadgen::{DialOptions, HttpVersion, Interrupt, NameServer, TlsOptions};
use tenfold_measure::{Endpoint, Probe};
use tenfold_run_dir::RunDir;
use tenfold_run_dir::faults::{Fault, Faults};
use tenfold_scenarios::{Overrides, Scenario};

use crate::arguments::lab::FailoverArguments;
use crate::chaos::MovingUsers;
use crate::commands::lab::chaos::{Starting, Traffic};
use crate::commands::lab::{named, status};
use crate::exit::{Exit, UsageError};
use crate::interrupt;
use crate::output::print;
use crate::permission::host_guard;

/// Load before the balancer is killed.
const CALM: Duration = Duration::from_secs(5);

/// Time over which the requests of the balancers are counted.
const SAMPLE: Duration = Duration::from_secs(1);

/// Pause between two questions to the name server.
const POLL: Duration = Duration::from_millis(50);

/// Result of a failover, as JSON.
#[derive(Debug, Serialize)]
struct Failover {
    /// Balancer that was killed.
    killed: String,
    /// Time for which clients use an answer of the name server, in seconds.
    ttl_s: u64,
    /// Time until the name led to another balancer, in seconds. `None` if it did not.
    name_moved_s: Option<f64>,
    /// Time until the last client was served again, in seconds. `None` if no request failed.
    last_client_moved_s: Option<f64>,
    /// Clients whose requests failed.
    clients: u64,
    /// Clients that were not served again.
    clients_left: u64,
    /// Requests that ended.
    requests: u64,
    /// Requests that failed.
    lost: u64,
}

/// Kills a balancer under load, and reports what clients saw.
pub(crate) fn failover(arguments: &FailoverArguments) -> anyhow::Result<Exit> {
    let directory = &arguments.directory.dir;
    let status = status(directory)?;
    let door = door(&status)?;
    let server = NameServer::from(door.name_server);
    let interrupt = interrupt::catch()?;
    let path = arguments
        .out
        .clone()
        .unwrap_or_else(|| tenfold_measure::default_path("runs", "failover"));
    let run_dir = RunDir::create(&path)?;
    let users = MovingUsers::default();
    let (scenario, journeys) = users.load();
    let overrides = Overrides {
        duration: Some(CALM + arguments.total),
        ..Overrides::default()
    };
    let traffic = Traffic {
        scenario: Scenario::parse(scenario, Path::new("failover.toml"))?.with(&overrides)?,
        journeys,
        endpoint: &endpoint(&status, door, arguments.address)?,
        command: vec![
            "tenfold".to_owned(),
            "lab".to_owned(),
            "failover".to_owned(),
        ],
    };
    let kill = || {
        let victim = busiest(directory, door)?;
        named(
            directory,
            &Request::Kill {
                name: victim.0.clone(),
            },
        )?;
        Ok(victim)
    };
    let has_left = |address: IpAddr| {
        let found = server.addresses(&door.name);
        !arguments.address && found.is_ok_and(|found| !found.contains(&address))
    };
    let (killed, fault) = under_load(traffic, &run_dir, &interrupt, &kill, &has_left)?;
    let victim = fault.fault.victim.clone();
    // Also after an interrupt.
    named(
        directory,
        &Request::Revive {
            name: victim.clone(),
        },
    )?;
    run_dir.write_faults(&Faults {
        faults: vec![fault.fault],
        ..Faults::default()
    })?;
    let seen = users.seen(killed);
    let result = Failover {
        killed: victim,
        ttl_s: door.ttl_s,
        name_moved_s: fault.name_moved.map(|time| time.as_secs_f64()),
        last_client_moved_s: seen.last_moved.map(|time| time.as_secs_f64()),
        clients: seen.users,
        clients_left: seen.left,
        requests: seen.requests,
        lost: seen.lost,
    };
    match arguments.json {
        true => print::json(&result)?,
        false => print::out(&described(&result))?,
    }
    Ok(match () {
        () if *interrupt.borrow() => Exit::Interrupted,
        () if seen.left > 0 => Exit::SloMissed,
        () => Exit::Met,
    })
}

fn described(result: &Failover) -> String {
    let after = |time: Option<f64>| time.map_or("-".to_owned(), |time| format!("{time:.1} s"));
    let ttl = format!("{}s", result.ttl_s);
    format!(
        "TTL  name moved after  last client moved after  clients that failed  requests lost\n\
         {ttl:<3}  {:<16}  {:<23}  {:<19}  {} of {}\n",
        after(result.name_moved_s),
        after(result.last_client_moved_s),
        result.clients,
        result.lost,
        result.requests
    )
}

/// Returns the balancer that most requests go to, and its address.
fn busiest(directory: &Path, door: &DoorStatus) -> anyhow::Result<(String, IpAddr)> {
    let sent = || -> anyhow::Result<Vec<u64>> {
        let status = status(directory)?;
        let of = |name: &str| {
            let own = status.balancers.iter().find(|own| own.name == name);
            own.map_or(0, |own| own.servers.iter().map(|server| server.sent).sum())
        };
        Ok(door.balancers.iter().map(|(name, _)| of(name)).collect())
    };
    let before = sent()?;
    std::thread::sleep(SAMPLE);
    let after = sent()?;
    let grown = before
        .iter()
        .zip(&after)
        .map(|(before, after)| after.saturating_sub(*before));
    let busiest = door
        .balancers
        .iter()
        .zip(grown)
        .max_by_key(|(_, grown)| *grown);
    let ((name, address), _) = busiest.context("the service has no balancer")?;
    Ok((name.clone(), address.ip()))
}

/// Returns the name of a lab's service.
fn door(status: &LabStatus) -> anyhow::Result<&DoorStatus> {
    let entrance = status.entrance.as_ref();
    entrance
        .and_then(|entrance| entrance.door.as_ref())
        .ok_or_else(|| {
            UsageError(
                "the service has no name and one balancer; start the lab with --door TTL, such as --door 5s"
                    .to_owned(),
            )
            .into()
        })
}

fn endpoint(status: &LabStatus, door: &DoorStatus, by_address: bool) -> anyhow::Result<Endpoint> {
    let ca = status.entrance.as_ref().and_then(|own| own.ca.clone());
    let url = match (by_address, door.floating) {
        (false, _) => door.url.clone(),
        (true, Some(floating)) => format!("https://{floating}"),
        (true, None) => {
            return Err(UsageError(
                "the balancers share no address; start the lab with --network and --door TTL"
                    .to_owned(),
            )
            .into());
        }
    };
    let dial = DialOptions {
        // A connection for each user.
        http: HttpVersion::Http1,
        tls: TlsOptions {
            ca,
            ..TlsOptions::default()
        },
        name_server: Some(NameServer::from(door.name_server)),
        ..DialOptions::default()
    };
    let target = url.parse::<tenfold_loadgen::Target>()?.with(dial)?;
    host_guard::clear(target, None, &[], false)
}

/// The failure of a balancer.
struct Failure {
    fault: Fault,
    /// Time until its name led elsewhere.
    name_moved: Option<Duration>,
}

/// Sends the load, and kills the balancer meanwhile. Returns when it was killed.
fn under_load(
    traffic: Traffic<'_>,
    run_dir: &RunDir,
    interrupt: &Interrupt,
    kill: &(dyn Fn() -> anyhow::Result<(String, IpAddr)> + Sync),
    has_left: &(dyn Fn(IpAddr) -> bool + Sync),
) -> anyhow::Result<(Instant, Failure)> {
    let has_ended = AtomicBool::new(false);
    let is_over = || *interrupt.borrow() || has_ended.load(Ordering::Relaxed);
    std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        let breaker = scope.spawn(move || -> anyhow::Result<(Instant, Failure)> {
            let (start, _) = receiver.recv().context("the load did not start")?;
            let wait_until = |end: Instant| {
                while Instant::now() < end && !is_over() {
                    std::thread::sleep(POLL);
                }
            };
            wait_until(start + CALM);
            let (victim, address) = kill()?;
            let killed = Instant::now();
            print::note(&format!("{victim} is killed"));
            let mut name_moved = None;
            while name_moved.is_none() && !is_over() {
                match has_left(address) {
                    true => name_moved = Some(killed.elapsed()),
                    false => std::thread::sleep(POLL),
                }
            }
            let at_ns = killed.saturating_duration_since(start).as_nanos();
            let fault = Fault {
                boxes: vec![victim.clone()],
                victim,
                at_ns: u64::try_from(at_ns).unwrap_or(u64::MAX),
                repaired_ns: None,
                up_ns: None,
                error: None,
            };
            Ok((killed, Failure { fault, name_moved }))
        });
        let mut observer = Starting::new(sender);
        let sent = traffic.send(run_dir, interrupt, Probe::Off, &mut observer);
        drop(observer);
        has_ended.store(true, Ordering::Relaxed);
        let broken = breaker
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        sent?;
        broken
    })
}
