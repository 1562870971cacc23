//! Writes reports of made-up runs and gates into a directory, to look at:
//! `cargo run -p tenfold-reports --example made_up_report -- DIRECTORY`.

use std::path::{Path, PathBuf};

use tenfold_analysis::gate::GateOutcome;
use tenfold_analysis::synthetic::{MadeUp, MadeUpGate};
use tenfold_analysis::{compare, summarise};
use tenfold_reports::{gate, html, terminal};
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
        std::fs::write(
            directory.join(format!("{name}.html")),
            html::render(&run, &summary),
        )?;
        std::fs::write(
            directory.join(format!("{name}.txt")),
            terminal::render(&summary, false),
        )?;
        played.push(run);
    }
    let comparison = compare(&played);
    std::fs::write(
        directory.join("comparison.html"),
        html::render_comparison(&comparison),
    )?;
    std::fs::write(
        directory.join("comparison.txt"),
        terminal::render_comparison(&comparison),
    )?;
    gates(&directory)
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
        let beside = gate::Beside::default();
        for (file, text) in [
            (
                format!("gate-{name}.html"),
                gate::html::render(&outcome, &beside),
            ),
            (
                format!("gate-{name}.txt"),
                gate::terminal::render(&outcome, false),
            ),
            (
                format!("gate-{name}.md"),
                gate::markdown::render(&outcome, &beside),
            ),
        ] {
            std::fs::write(directory.join(file), text)?;
        }
    }
    Ok(())
}
