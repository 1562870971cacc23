//! What must hold, what was run, and how to run it again.

use maud::{Markup, html};
use tenfold_analysis::{Summary, words};
use tenfold_run_dir::balancer_use::BalancerUse;
use tenfold_run_dir::{Manifest, Run};

use crate::connections;
use crate::html::figures::{Data, head, section, table};
use crate::shell;

/// Sets the identities.
pub(crate) fn books(summary: &Summary) -> Markup {
    let data = Data {
        head: head(&["what must hold", "does it?", "figures"]),
        rows: summary
            .identities
            .iter()
            .map(|identity| {
                let holds = match identity.holds {
                    Some(true) => "✓ holds",
                    Some(false) => "✗ does not hold",
                    None => "– can't be told",
                };
                vec![
                    identity.name.clone(),
                    holds.to_owned(),
                    identity.figures.clone(),
                ]
            })
            .collect(),
    };
    section(
        "books",
        "The books balance",
        "What must hold in every run, warm-up included, whatever the service does.",
        &table(&data),
    )
}

/// Sets the manifest and the command to run again.
pub(crate) fn manifest(run: &Run, summary: &Summary) -> Markup {
    let manifest = &run.manifest;
    let host = &manifest.host;
    let shared = match manifest.shared_host {
        Some(true) => "yes",
        Some(false) => "no",
        None => "not known",
    };
    let overrides: Vec<String> = manifest
        .overrides
        .iter()
        .map(|(flag, value)| format!("{flag} {value}"))
        .collect();
    let generator = &summary.generator;
    let entries = [
        ("Target", manifest.target.clone()),
        (
            "Stage",
            manifest
                .stage
                .clone()
                .unwrap_or_else(|| "none: a service of someone else's".to_owned()),
        ),
        (
            "Model",
            format!(
                "{}, up to {} users",
                manifest.model,
                words::count(u64::from(manifest.users))
            ),
        ),
        ("Seed", manifest.seed.to_string()),
        (
            "Changed on the command line",
            if overrides.is_empty() {
                "nothing".to_owned()
            } else {
                overrides.join(", ")
            },
        ),
        (
            "Tenfold",
            format!(
                "{}, {}, {} build",
                manifest.tool.version,
                manifest
                    .tool
                    .git_revision
                    .as_deref()
                    .unwrap_or("revision not known"),
                manifest.tool.build
            ),
        ),
        (
            "Machine",
            format!(
                "{} × {}, {}, {} of memory, {} open files, load {} at the start",
                host.cores,
                host.cpu,
                host.kernel,
                words::bytes(host.memory_bytes),
                words::count(host.open_files),
                words::significant(host.load_1m)
            ),
        ),
        ("Generator and service on one machine", shared.to_owned()),
        ("Boxes", boxes(manifest)),
        (
            "Generator",
            format!(
                "{} connections, {} of memory at most, shortest sleep {}",
                words::count(generator.connections),
                words::bytes(generator.peak_memory_bytes),
                words::maybe_duration(generator.quantum_ns)
            ),
        ),
        (
            "Warm-up",
            format!(
                "{} requests sent and not counted",
                words::count(summary.warm_up.sent)
            ),
        ),
        (
            "Set-up",
            format!(
                "{} requests before the first arrival",
                words::count(run.counts.set_up_requests)
            ),
        ),
    ];
    let mut entries = Vec::from(entries);
    entries.retain(|(name, _)| *name != "Boxes" || !manifest.boxes.is_empty());
    if let Some(with) = &run.counts.connections {
        entries.push(("Spoken", connections::spoken(with)));
        entries.push(("Connections", connections::opened(with)));
        let first = |(class, words): (&String, &String)| format!("{class}: {words}");
        let errors: Vec<String> = with.first_errors.iter().map(first).collect();
        if !errors.is_empty() {
            entries.push(("What the first failure said", errors.join("; ")));
        }
    }
    let content = html! {
        pre.command tabindex="0" { code { (shell::command(&manifest.command)) } }
        dl.manifest { @for (name, value) in &entries { dt { (name) } dd { (value) } } }
        @if !summary.merged_from.is_empty() {
            h3 { "Generators" }
            (table(&generators(summary)))
        }
        @if !run.boxes.is_empty() {
            h3 { "What the boxes used" }
            (table(&boxes_used(run, summary)))
        }
        @if run.balancers.iter().any(|own| !own.servers.is_empty()) {
            h3 { "Where the balancers sent it" }
            (table(&sent_to(run)))
            @if let Some(words) = from_caches(run) { p { (words) } }
        }
        h3 { "Phases" }
        (table(&phases(run)))
        details {
            summary { "The scenario, as it was read" }
            pre.scenario tabindex="0" { code { (manifest.scenario_text) } }
        }
    };
    section(
        "again",
        "Run it again",
        "The same seed sends the same requests at the same moments.",
        &content,
    )
}

/// The boxes, and what each might use.
fn boxes(manifest: &Manifest) -> String {
    let boxes = manifest
        .boxes
        .iter()
        .map(|own| match (own.cpu, own.memory_bytes) {
            (Some(cpu), Some(memory)) => format!(
                "{}: {} CPU, {}",
                own.name,
                words::significant(cpu),
                words::bytes(memory)
            ),
            _ => format!("{}: not confined", own.name),
        });
    let mut told = boxes.collect::<Vec<_>>().join("; ");
    if let Some(reason) = &manifest.unconfined_because {
        told.push_str(&format!(" ({reason})"));
    }
    told
}

/// What each box used, from before the first request to after the last.
fn boxes_used(run: &Run, summary: &Summary) -> Data {
    let answered = summary.arrivals.completed + summary.warm_up.completed;
    Data {
        head: head(&[
            "box",
            "processors used",
            "of",
            "CPU a request",
            "held back",
            "memory",
        ]),
        rows: run
            .boxes
            .iter()
            .map(|own| {
                let info = run.manifest.boxes.iter().find(|info| info.name == own.name);
                let allowed = info.and_then(|info| info.cpu);
                vec![
                    own.name.clone(),
                    words::significant(own.cores_used()),
                    allowed.map_or_else(|| "–".to_owned(), words::significant),
                    match answered {
                        0 => "–".to_owned(),
                        answered => words::duration((own.cpu_s * 1e9 / answered as f64) as u64),
                    },
                    own.held_back.map_or_else(|| "–".to_owned(), words::percent),
                    words::bytes(own.memory_bytes),
                ]
            })
            .collect(),
    }
}

/// What the balancers sent to whom, from before the first request to after the last.
fn sent_to(run: &Run) -> Data {
    let rows = run.balancers.iter().flat_map(|own| {
        own.servers.iter().map(|server| {
            let list = own.servers.iter().filter(|other| other.list == server.list);
            let all: u64 = list.map(|other| other.sent).sum();
            let what = match server.takes_requests {
                true => "requests",
                false => "connections",
            };
            vec![
                own.name.clone(),
                server.name.clone(),
                format!("{} {what}", words::count(server.sent)),
                match all {
                    0 => "–".to_owned(),
                    all => words::percent(server.sent as f64 / all as f64),
                },
                words::count(server.failed),
                words::count(server.retried),
                match (server.times_down, server.down_s) {
                    (0, 0) => "–".to_owned(),
                    (0, s) => format!("{s} s"),
                    (1, s) => format!("once, {s} s"),
                    (times, s) => format!("{times} times, {s} s"),
                },
            ]
        })
    });
    Data {
        head: head(&[
            "balancer",
            "to",
            "sent",
            "share",
            "failed",
            "tried again",
            "lost",
        ]),
        rows: rows.collect(),
    }
}

/// What the balancers answered by themselves; none where they have no cache.
fn from_caches(run: &Run) -> Option<String> {
    let sum = |count: fn(&BalancerUse) -> u64| run.balancers.iter().map(count).sum::<u64>();
    let (lookups, hits) = (sum(|own| own.cache_lookups), sum(|own| own.cache_hits));
    (lookups > 0).then(|| {
        format!(
            "The balancers had {} of {} static assets in their own cache.",
            words::count(hits),
            words::count(lookups)
        )
    })
}

fn generators(summary: &Summary) -> Data {
    Data {
        head: head(&[
            "run",
            "seed",
            "began",
            "machine",
            "sent",
            "lag p99",
            "measurement",
        ]),
        rows: summary
            .merged_from
            .iter()
            .map(|part| {
                vec![
                    part.path.clone(),
                    part.seed.to_string(),
                    part.started_at.clone(),
                    format!("{} × {}", part.host.cores, part.host.cpu),
                    words::count(part.sent),
                    words::maybe_duration(part.lag_p99_ns),
                    part.measurement.clone(),
                ]
            })
            .collect(),
    }
}

fn phases(run: &Run) -> Data {
    Data {
        head: head(&["phase", "kind", "from", "lasts", "counted"]),
        rows: run
            .manifest
            .phases
            .iter()
            .map(|phase| {
                vec![
                    phase.name.clone(),
                    phase.kind.clone(),
                    format!("{} s", words::significant(phase.start_ns as f64 / 1e9)),
                    format!("{} s", words::significant(phase.duration_ns as f64 / 1e9)),
                    if phase.warm_up { "no: warm-up" } else { "yes" }.to_owned(),
                ]
            })
            .collect(),
    }
}
