//! The identities, the manifest, and the command to repeat the run.

use tenfold_analysis::{Summary, format};
use tenfold_run_dir::balancer_use::BalancerUse;
use tenfold_run_dir::{Manifest, Run};

use crate::document::{Block, Code, CodeKind, Fact, Section, Table};
use crate::run::{connections, digest};

/// Returns the identities.
pub(super) fn identities(summary: &Summary) -> Section {
    let rows = summary.identities.iter().map(|identity| {
        let outcome = match identity.holds {
            Some(true) => "✓ holds",
            Some(false) => "✗ violated",
            None => "– unknown",
        };
        vec![
            identity.name.clone(),
            outcome.to_owned(),
            identity.figures.clone(),
        ]
    });
    Section::new(
        "books",
        "Consistency checks",
        "Identities that hold in every run, including the warm-up, regardless of the service.",
        vec![Block::Table(Table::new(
            &["identity", "outcome", "figures"],
            rows,
        ))],
    )
}

/// Returns the manifest and the command to repeat the run.
pub(super) fn manifest(run: &Run, summary: &Summary) -> Section {
    let manifest = &run.manifest;
    let code = |text: String, kind| Block::Code(Code { text, kind });
    let mut blocks = vec![
        code(command(&manifest.command), CodeKind::Command),
        Block::Facts(facts(run, summary)),
    ];
    let mut table = |title: &str, table: Table| {
        blocks.extend([Block::Heading(title.to_owned()), Block::Table(table)]);
    };
    if !summary.merged_from.is_empty() {
        table("Generators", generators(summary));
    }
    if !run.boxes.is_empty() {
        table("Usage of the boxes", boxes_used(run, summary));
    }
    if run.balancers.iter().any(|own| !own.servers.is_empty()) {
        table("Distribution by the balancers", balanced(run));
    }
    blocks.extend(cache_hits(run).map(Block::Text));
    blocks.extend([
        Block::Heading("Phases".to_owned()),
        Block::Table(phases(run)),
    ]);
    blocks.push(Block::Details(
        "The scenario file".to_owned(),
        vec![code(manifest.scenario_text.clone(), CodeKind::File)],
    ));
    Section::new(
        "again",
        "Repeat the run",
        "The same seed sends the same requests at the same times.",
        blocks,
    )
}

/// Quotes a command for a POSIX shell.
fn command(words: &[String]) -> String {
    let quoter = shlex::Quoter::new().allow_nul(true);
    let quoted = quoter.join(words.iter().map(String::as_str));
    quoted.unwrap_or_else(|_| words.join(" "))
}

fn facts(run: &Run, summary: &Summary) -> Vec<Fact> {
    let (manifest, generator) = (&run.manifest, &summary.generator);
    let (host, tool) = (&manifest.host, &manifest.tool);
    let stage = manifest.stage.as_deref();
    let overrides = manifest.overrides.iter();
    let overrides: Vec<String> = overrides
        .map(|(flag, value)| format!("{flag} {value}"))
        .collect();
    let mut facts = vec![
        Fact::new("Target", &manifest.target),
        Fact::new("Stage", stage.unwrap_or("none: not a Tenfold stage")),
        Fact::new(
            "Model",
            format!(
                "{}, up to {} users",
                manifest.model,
                format::count(u64::from(manifest.users))
            ),
        ),
        Fact::new("Seed", manifest.seed.to_string()),
        Fact::new(
            "Changed on the command line",
            match overrides.is_empty() {
                true => "nothing".to_owned(),
                false => overrides.join(", "),
            },
        ),
        Fact::new(
            "Tenfold",
            format!(
                "{}, {}, {} build",
                tool.version,
                tool.git_revision.as_deref().unwrap_or("revision unknown"),
                tool.build
            ),
        ),
        Fact::new(
            "Machine",
            format!(
                "{} × {}, {}, {} of memory, {} open files, load {} at the start",
                host.cores,
                host.cpu,
                host.kernel,
                format::bytes(host.memory_bytes),
                format::count(host.open_files),
                format::significant(host.load_1m)
            ),
        ),
        Fact::new(
            "Generator and service share a machine",
            match manifest.shared_host {
                Some(true) => "yes",
                Some(false) => "no",
                None => "unknown",
            },
        ),
    ];
    if let Some(agents) = &summary.agents {
        facts.push(Fact::new("Agents", digest::agents_in_words(agents)));
    }
    if !manifest.boxes.is_empty() {
        facts.push(Fact::new("Boxes", boxes(manifest)));
    }
    facts.extend([
        Fact::new(
            "Generator",
            format!(
                "{} connections, {} of memory at most, shortest sleep {}",
                format::count(generator.connections),
                format::bytes(generator.peak_memory_bytes),
                format::maybe_duration(generator.quantum_ns)
            ),
        ),
        Fact::new(
            "Warm-up",
            format!(
                "{} requests sent, not counted",
                format::count(summary.warm_up.sent)
            ),
        ),
        Fact::new(
            "Set-up",
            format!(
                "{} requests before the first arrival",
                format::count(run.counts.set_up_requests)
            ),
        ),
    ]);
    if let Some(connections) = &run.counts.connections {
        facts.push(Fact::new("Protocol", connections::protocol(connections)));
        facts.push(Fact::new("Connections", connections::opened(connections)));
        let errors = connections.first_errors.iter();
        let errors: Vec<String> = errors
            .map(|(class, message)| format!("{class}: {message}"))
            .collect();
        if !errors.is_empty() {
            facts.push(Fact::new("First failures", errors.join("; ")));
        }
    }
    facts
}

/// Returns the boxes with their allowances.
fn boxes(manifest: &Manifest) -> String {
    let boxes = manifest
        .boxes
        .iter()
        .map(|own| match (own.cpu, own.memory_bytes) {
            (Some(cpu), Some(memory)) => format!(
                "{}: {} CPU, {}",
                own.name,
                format::significant(cpu),
                format::bytes(memory)
            ),
            _ => format!("{}: not confined", own.name),
        });
    let mut text = boxes.collect::<Vec<_>>().join("; ");
    if let Some(reason) = &manifest.unconfined_because {
        text.push_str(&format!(" ({reason})"));
    }
    text
}

/// Returns the usage of each box, from before the first request to after the last.
fn boxes_used(run: &Run, summary: &Summary) -> Table {
    let answered = summary.arrivals.completed + summary.warm_up.completed;
    let rows = run.boxes.iter().map(|own| {
        let info = run.manifest.boxes.iter().find(|info| info.name == own.name);
        let allowed = info.and_then(|info| info.cpu);
        vec![
            own.name.clone(),
            format::significant(own.cores_used()),
            allowed.map_or_else(|| "–".to_owned(), format::significant),
            match answered {
                0 => "–".to_owned(),
                answered => format::duration((own.cpu_s * 1e9 / answered as f64) as u64),
            },
            own.held_back
                .map_or_else(|| "–".to_owned(), format::percent),
            format::bytes(own.memory_bytes),
        ]
    });
    let head = [
        "box",
        "processors used",
        "of",
        "CPU per request",
        "throttled",
        "memory",
    ];
    Table::new(&head, rows)
}

/// Returns the share of each server behind a balancer, from before the first request to after the last.
fn balanced(run: &Run) -> Table {
    let rows = run.balancers.iter().flat_map(|own| {
        own.servers.iter().map(|server| {
            let list = own.servers.iter().filter(|other| other.list == server.list);
            let all: u64 = list.map(|other| other.sent).sum();
            let unit = match server.takes_requests {
                true => "requests",
                false => "connections",
            };
            vec![
                own.name.clone(),
                server.name.clone(),
                format!("{} {unit}", format::count(server.sent)),
                match all {
                    0 => "–".to_owned(),
                    all => format::percent(server.sent as f64 / all as f64),
                },
                format::count(server.failed),
                format::count(server.retried),
                match (server.times_down, server.down_s) {
                    (0, 0) => "–".to_owned(),
                    (0, s) => format!("{s} s"),
                    (1, s) => format!("once, {s} s"),
                    (times, s) => format!("{times} times, {s} s"),
                },
            ]
        })
    });
    let head = [
        "balancer", "to", "sent", "share", "failed", "retried", "down",
    ];
    Table::new(&head, rows)
}

/// Describes the cache hits of the balancers. `None` if they have no cache.
fn cache_hits(run: &Run) -> Option<String> {
    let sum = |count: fn(&BalancerUse) -> u64| run.balancers.iter().map(count).sum::<u64>();
    let (lookups, hits) = (sum(|own| own.cache_lookups), sum(|own| own.cache_hits));
    (lookups > 0).then(|| {
        format!(
            "The caches of the balancers served {} of {} static assets.",
            format::count(hits),
            format::count(lookups)
        )
    })
}

fn generators(summary: &Summary) -> Table {
    let cores =
        |cores: Option<f64>| cores.map_or("–".to_owned(), |own| format!("{own:.2} cores"));
    let rows = summary.merged_from.iter().map(|part| {
        vec![
            part.path.clone(),
            part.seed.to_string(),
            part.started_at.clone(),
            format!("{} × {}", part.host.cores, part.host.cpu),
            cores(part.cores_used_by_others),
            cores(part.cores_stolen),
            format::count(part.sent),
            format::maybe_duration(part.lag_p99_ns),
            part.measurement.clone(),
        ]
    });
    let head = [
        "run",
        "seed",
        "started",
        "machine",
        "used by others",
        "stolen",
        "sent",
        "lag p99",
        "measurement",
    ];
    Table::new(&head, rows)
}

fn phases(run: &Run) -> Table {
    let rows = run.manifest.phases.iter().map(|phase| {
        vec![
            phase.name.clone(),
            phase.kind.clone(),
            format!("{} s", format::significant(phase.start_ns as f64 / 1e9)),
            format!("{} s", format::significant(phase.duration_ns as f64 / 1e9)),
            if phase.warm_up { "no: warm-up" } else { "yes" }.to_owned(),
        ]
    });
    Table::new(&["phase", "kind", "start", "duration", "counted"], rows)
}
