//! `tenfold run`: send a scenario's traffic and report what came back.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tenfold_lab::{Allowances, BalancerStatus, Lab, LabBox, LabStatus, ServerStatus};
use tenfold_loadgen::{DialOptions, Target, TlsOptions};
use tenfold_run_dir::RunDir;
use tenfold_run_dir::balancer_use::{BalancerUse, ServerUse};
use tenfold_run_dir::box_use::BoxUse;
use tenfold_run_dir::manifest::BoxInfo;
use tenfold_scenarios::{Overrides, Scenario};
use tenfold_server::data_set::DataSet;

use crate::cli::RunArguments;
use crate::exit::{Exit, Misuse};
use crate::live::{Live, Plan};
use crate::manifest::{Destination, describe};
use crate::measure::measure;
use crate::{exports, host_guard, interrupt, library, print};

/// Where the reference service keeps its data, below the working directory: a directory for each stage.
const LAB_DIRECTORY: &str = ".tenfold";

/// How the stages are spoken to, for flags that don't go with it.
const STAGES_SCHEME: &str = "http://127.0.0.1";

/// Files that a run needs open beside its users' connections.
const OTHER_FILES: u64 = 64;

/// Runs a scenario, or tells what it would do.
pub(crate) fn run(arguments: &RunArguments) -> anyhow::Result<Exit> {
    let scenario = library::find(&arguments.scenario)?.with(&Overrides {
        rate: arguments.rate,
        duration: arguments.duration,
        users: arguments.users,
        seed: arguments.seed,
    })?;
    // A target that can't be used is told before anything is begun, and by --check.
    let dial = arguments.connecting.options()?;
    let target = arguments.target.as_deref().unwrap_or(STAGES_SCHEME);
    let target = target.parse::<Target>()?.with(dial.clone())?;
    exports::check(&arguments.export, arguments.json)?;
    if arguments.check {
        host_guard::judge_literals(
            &target,
            arguments.admin.as_deref(),
            &arguments.i_may_test_this_host,
        )?;
        let preview = tenfold_scenarios::preview(&scenario);
        if arguments.json {
            print::json(&preview)?;
        } else {
            print::out(&preview.to_string())?;
        }
        return Ok(Exit::Met);
    }
    let scenario = within_limits(scenario, arguments.users)?;
    if dial.tls.insecure {
        print::note("note: certificates are not verified (--insecure): who answers may be anybody");
    }
    let interrupt = interrupt::catch()?;
    let (destination, lab) = destination(arguments, dial)?;
    let path = arguments
        .out
        .clone()
        .unwrap_or_else(|| default_path("runs", &scenario.name));
    let run_dir = RunDir::create(&path)?;
    let done = run_into(
        &run_dir,
        scenario,
        arguments,
        &destination,
        lab.as_ref(),
        interrupt,
    );
    if let Some(lab) = lab {
        let stopped = lab.stop();
        let exit = done?;
        stopped?;
        return Ok(exit);
    }
    done
}

fn run_into(
    run_dir: &RunDir,
    scenario: Scenario,
    arguments: &RunArguments,
    destination: &Destination,
    lab: Option<&Lab>,
    interrupt: tenfold_loadgen::Interrupt,
) -> anyhow::Result<Exit> {
    run_dir.write_manifest(&describe(arguments, &scenario, destination))?;
    let plan = Plan::of(&scenario, &destination.cleared.target().to_string());
    let mut live = match Live::new(plan, arguments.no_live, arguments.metrics_listen) {
        Ok(live) => live,
        Err(error) => {
            discard(run_dir);
            return Err(error);
        }
    };
    let with_profile = !arguments.no_profile;
    let before = lab.map(Lab::status);
    let measured = measure(
        scenario,
        destination,
        run_dir,
        interrupt,
        &mut live,
        with_profile,
    );
    if let (Some(before), Some(after)) = (before, lab.map(Lab::status)) {
        run_dir.write_boxes(&box_uses(&before, &after))?;
        run_dir.write_balancers(&balancer_uses(&before, &after))?;
    }
    let (recording, no_profile) = match measured {
        Ok(measured) => measured,
        Err(error) => {
            discard(run_dir);
            if run_dir.file("counts.json").exists() {
                let path = run_dir.path().display();
                print::note(&format!(
                    "what was recorded until then is kept: tenfold report {path}"
                ));
            }
            return Err(error);
        }
    };
    if let Some(error) = no_profile {
        print::note(&format!("note: no CPU profile: {error}"));
    }
    let run = run_dir.read()?;
    let summary = tenfold_analysis::summarise(&run);
    run_dir.write_json("summary.json", &summary)?;
    run_dir.write_bytes(
        "report.html",
        tenfold_reports::run::page(&run, &summary).html().as_bytes(),
    )?;
    if arguments.json {
        print::json(&summary)?;
    } else {
        print::summary(&summary, exports::take_output(&arguments.export))?;
    }
    if recording.counts.aborted.is_some()
        && let Some(words) = &recording.counts.interrupted
    {
        print::note(words);
    }
    print::note(&format!(
        "report: {}",
        run_dir.file("report.html").display()
    ));
    exports::step_summary(&summary);
    exports::write(&arguments.export, &run, &summary)?;
    Ok(Exit::of(&summary, &recording.counts))
}

/// Takes away the directory of a run that sent nothing; what can't be removed stays, and so does what a
/// run has recorded of itself.
fn discard(run_dir: &RunDir) {
    if run_dir.file("counts.json").exists() {
        return;
    }
    for name in ["manifest.json", "intervals.hlog"] {
        let _ = std::fs::remove_file(run_dir.file(name));
    }
    let _ = std::fs::remove_dir(run_dir.path());
}

/// Sees to it that every user can have a connection: raises the limit on open files, and lowers a
/// bound on users that nobody asked for to what files and ports allow.
fn within_limits(scenario: Scenario, asked: Option<u32>) -> anyhow::Result<Scenario> {
    let (_, files) = tenfold_probe::limits::raise_open_files();
    let ports = tenfold_probe::limits::connections_to_one_address().unwrap_or(u64::MAX);
    let by_files = files.saturating_sub(OTHER_FILES);
    let (room, limit) = if by_files <= ports {
        (
            by_files,
            format!("the limit of {files} open files (`ulimit -n`)"),
        )
    } else {
        (
            ports,
            "half of the local ports (net.ipv4.ip_local_port_range)".to_owned(),
        )
    };
    let users = scenario.load.users;
    let room = u32::try_from(room).unwrap_or(u32::MAX);
    if users <= room {
        return Ok(scenario);
    }
    if asked.is_some() || room == 0 {
        return Err(Misuse(format!(
            "{users} users may need as many connections, and {limit} leaves room for {room}; raise \
             it, or ask for fewer with --users"
        ))
        .into());
    }
    print::note(&format!(
        "note: {limit} leaves room for {room} users rather than {users}"
    ));
    let users = Some(room);
    Ok(scenario.with(&Overrides {
        users,
        ..Overrides::default()
    })?)
}

/// Finds what to send to: the target that was given, or the reference service, which is started.
fn destination(
    arguments: &RunArguments,
    dial: DialOptions,
) -> anyhow::Result<(Destination, Option<Lab>)> {
    if let Some(target) = &arguments.target {
        let destination = Destination {
            cleared: host_guard::clear(
                target.parse::<Target>()?.with(dial)?,
                arguments.admin.as_deref(),
                &arguments.i_may_test_this_host,
            )?,
            stage: None,
            boxes: Vec::new(),
            unconfined_because: None,
            shared_host: is_this_host(target),
            pid: None,
        };
        return Ok((destination, None));
    }
    let stage = crate::stages::find(arguments.stage.as_deref().unwrap_or("single-box"))?;
    let program = std::env::current_exe().context("could not find this program's own file")?;
    let mut options =
        tenfold_lab::LabOptions::new(program, Path::new(LAB_DIRECTORY).join(stage.name));
    options.store_url = arguments.store.clone();
    if !arguments.boxes.is_empty() {
        options.allowances = Allowances::new(arguments.boxes.clone());
    }
    // Told, so that what somebody set for a server of their own doesn't change what is measured.
    let DataSet {
        seed, users, posts, ..
    } = DataSet::default();
    options.data_set = Some(tenfold_lab::DataSetOptions { seed, users, posts });
    print::note(&format!(
        "starting the reference service at stage {}",
        stage.name
    ));
    let lab = tenfold_lab::up(stage, &options)?;
    if let Some(reason) = lab.unconfined_because() {
        print::note(&format!("note: boxes are not confined: {reason}"));
    }
    let address = lab.address().context("the stage has no box that listens")?;
    // Whoever spoke of TLS on the command line was told that the stages have none of theirs.
    let dial = DialOptions {
        tls: TlsOptions {
            ca: lab.ca().map(Path::to_owned),
            ..dial.tls
        },
        ..dial
    };
    let destination = Destination {
        cleared: host_guard::Cleared::loopback(address, lab.admin_address(), dial)?,
        stage: Some(stage.name.to_owned()),
        boxes: infos(&lab),
        unconfined_because: lab.unconfined_because().map(str::to_owned),
        shared_host: Some(true),
        pid: lab.service().and_then(LabBox::pid),
    };
    Ok((destination, Some(lab)))
}

/// The boxes of a lab, first the one whose process is watched.
fn infos(lab: &Lab) -> Vec<BoxInfo> {
    let watched = lab.service().map(LabBox::name);
    let mut boxes: Vec<&LabBox> = lab.boxes().iter().collect();
    boxes.sort_by_key(|own| Some(own.name()) != watched);
    boxes.into_iter().map(box_info).collect()
}

/// What boxes used between two looks; nothing of those that were started anew meanwhile.
fn box_uses(before: &LabStatus, after: &LabStatus) -> Vec<BoxUse> {
    let used = after.boxes.iter().filter_map(|own| {
        let earlier = before
            .boxes
            .iter()
            .find(|other| other.name == own.name && other.pid == own.pid)?;
        let (from, to) = (earlier.usage?, own.usage?);
        let periods = to.periods.saturating_sub(from.periods);
        let held = to.periods_throttled.saturating_sub(from.periods_throttled);
        Some(BoxUse {
            name: own.name.clone(),
            over_s: own.up_for_s? - earlier.up_for_s?,
            cpu_s: to.cpu.saturating_sub(from.cpu).as_secs_f64(),
            held_back: own.allowance.map(|_| held as f64 / periods.max(1) as f64),
            memory_bytes: to.memory_bytes,
        })
    });
    used.collect()
}

/// What balancers counted between two looks; nothing of those that were started anew meanwhile or did not tell.
fn balancer_uses(before: &LabStatus, after: &LabStatus) -> Vec<BalancerUse> {
    let pid = |status: &LabStatus, name: &str| {
        let own = status.boxes.iter().find(|own| own.name == name);
        own.and_then(|own| own.pid)
    };
    let used = after.balancers.iter().filter_map(|to| {
        let mut earlier = before.balancers.iter();
        let from = earlier.find(|other| {
            other.name == to.name && pid(before, &other.name) == pid(after, &to.name)
        })?;
        (from.silent_because.is_none() && to.silent_because.is_none())
            .then(|| balancer_use(from, to))
    });
    used.collect()
}

fn balancer_use(from: &BalancerStatus, to: &BalancerStatus) -> BalancerUse {
    let servers = to.servers.iter().filter_map(|to| {
        let mut earlier = from.servers.iter();
        let from = earlier.find(|other| other.list == to.list && other.name == to.name)?;
        let since = |count: fn(&ServerStatus) -> u64| count(to).saturating_sub(count(from));
        Some(ServerUse {
            list: to.list.clone(),
            name: to.name.clone(),
            takes_requests: to.takes_requests,
            sent: since(|server| server.sent),
            failed: since(|server| server.failed_connections + server.failed_answers),
            retried: since(|server| server.retries + server.redispatches),
            times_down: since(|server| server.times_down),
            down_s: since(|server| server.down_s),
        })
    });
    BalancerUse {
        name: to.name.clone(),
        servers: servers.collect(),
        cache_lookups: to.cache_lookups.saturating_sub(from.cache_lookups),
        cache_hits: to.cache_hits.saturating_sub(from.cache_hits),
    }
}

fn box_info(own: &LabBox) -> BoxInfo {
    let allowance = own.allowance();
    BoxInfo {
        name: own.name().to_owned(),
        cpu: allowance.map(|allowance| allowance.cpu),
        memory_bytes: allowance.map(|allowance| allowance.memory_bytes),
    }
}

/// Tells whether a URL is of this machine, where its host is an address or `localhost`.
fn is_this_host(target: &str) -> Option<bool> {
    let parsed: Target = target.parse().ok()?;
    if parsed.socket().is_some() {
        return Some(true);
    }
    let uri: http::Uri = target.parse().ok()?;
    let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
    if host == "localhost" {
        return Some(true);
    }
    let address: std::net::IpAddr = host.parse().ok()?;
    address.is_loopback().then_some(true)
}

/// A path below `parent` that is not there yet, named after the time and the scenario.
pub(crate) fn default_path(parent: &str, scenario: &str) -> PathBuf {
    let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let name: String = scenario
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-_.".contains(c) {
                c
            } else {
                '-'
            }
        })
        .collect();
    // Two runs may begin within one second.
    let suffixes = std::iter::once(String::new()).chain((2..).map(|n: u32| format!("-{n}")));
    suffixes
        .map(|suffix| Path::new(parent).join(format!("{time}-{name}{suffix}")))
        .find(|path| !path.exists())
        .unwrap_or_else(|| Path::new(parent).join(name))
}
