//! Writes reports of synthetic runs and gates into a directory:
//! `cargo run -p tenfold-reports --example made_up_report -- DIRECTORY`.

use std::path::{Path, PathBuf};

use tenfold_analysis::gate::GateOutcome;
use tenfold_analysis::synthetic::{MadeUp, MadeUpGate};
use tenfold_analysis::{compare, summarise};
use tenfold_reports::comparison::comparison;
use tenfold_reports::document::Document;
use tenfold_reports::index::{self, Index, IndexedRun};
use tenfold_reports::{gate, run};
use tenfold_run_dir::Flamegraph;

fn main() -> std::io::Result<()> {
    let directory = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| ".".to_owned()));
    std::fs::create_dir_all(&directory)?;
    let runs = [
        ("spike", MadeUp::default()),
        ("stall", MadeUp::stall_oracle()),
        (
            "frozen",
            MadeUp {
                freeze_ns: Some((20_000_000_000, 2_000_000_000)),
                ..MadeUp::default()
            },
        ),
        (
            "overloaded",
            MadeUp {
                workers: Some(1),
                work_ns: 900_000,
                wait_ns: 2_000_000_000,
                ..MadeUp::default()
            },
        ),
        (
            "steps",
            MadeUp {
                steps: vec![500.0, 1_000.0, 2_000.0, 3_000.0, 4_000.0],
                failing: 0.01,
                rules: vec![
                    "p99 < 50ms for \"read post\" in \"day\"".to_owned(),
                    "errors < 2% in \"day\"".to_owned(),
                ],
                ..MadeUp::default()
            },
        ),
        (
            "failing",
            MadeUp {
                failing: 0.02,
                seed: 7,
                ..MadeUp::default()
            },
        ),
    ];
    let mut played = Vec::new();
    for (name, made_up) in runs {
        let mut run = made_up.play();
        run.flamegraph = Flamegraph::read(&directory.join("stacks.folded")).ok();
        let summary = summarise(&run);
        let (page, digest) = (run::page(&run, &summary), run::digest(&summary));
        write(&directory, name, &page, &digest)?;
        played.push(run);
    }
    let comparison = comparison(&compare(&played[..3]));
    write(&directory, "comparison", &comparison, &comparison)?;
    let runs = played
        .iter()
        .zip(["spike", "stall", "frozen", "overloaded"]);
    let runs = runs.map(|(run, name)| IndexedRun {
        path: name.to_owned(),
        link: Some(format!("./{name}.html")),
        achieved: run
            .timeline
            .rows
            .iter()
            .map(|row| row.reads as f64)
            .collect(),
        summary: summarise(run),
    });
    let list = index::page(&Index {
        runs: runs.collect(),
        unreadable: Vec::new(),
    });
    write(&directory, "index", &list, &list)?;
    gates(&directory)
}

fn write(directory: &Path, name: &str, page: &Document, digest: &Document) -> std::io::Result<()> {
    let files = [
        ("html", page.html()),
        ("txt", digest.terminal(false)),
        ("md", digest.markdown()),
    ];
    for (extension, text) in files {
        std::fs::write(directory.join(format!("{name}.{extension}")), text)?;
    }
    Ok(())
}

fn gates(directory: &Path) -> std::io::Result<()> {
    let same = MadeUpGate::default();
    let gates = [
        ("same", same.clone()),
        (
            "slower",
            MadeUpGate {
                cpu: 0.09,
                latency: 0.02,
                ..same.clone()
            },
        ),
        (
            "better",
            MadeUpGate {
                cpu: -0.12,
                latency: -0.09,
                ..same.clone()
            },
        ),
        (
            "noisy",
            MadeUpGate {
                noise: 0.15,
                rounds: 40,
                ..same.clone()
            },
        ),
    ];
    for (name, made_up) in gates {
        let outcome = GateOutcome {
            cause: Some(made_up.cause()),
            ..made_up.play()
        };
        let attachments = gate::Attachments::default();
        let (page, digest) = (
            gate::page(&outcome, &attachments),
            gate::digest(&outcome, &attachments),
        );
        write(directory, &format!("gate-{name}"), &page, &digest)?;
    }
    Ok(())
}
