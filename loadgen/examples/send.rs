//! Uses the generator as a library: sends a scenario to a target and prints the results.
//!
//!     cargo run --release -p tenfold-loadgen --example send -- scenarios/steady.toml http://127.0.0.1:8080

#![expect(clippy::print_stdout, reason = "an example prints")]

use std::path::Path;

use tenfold_loadgen::{Options, Start, run};
use tenfold_run_dir::{Metric, RunDir, latency_histogram};
use tenfold_scenarios::{Scenario, Share};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(scenario), Some(target)) = (arguments.next(), arguments.next()) else {
        return Err("usage: send SCENARIO URL".into());
    };
    let directory = std::env::temp_dir().join(format!("tenfold-send-{}", std::process::id()));
    let run_dir = RunDir::create(&directory)?;
    let (_interrupt, never) = tokio::sync::watch::channel(false);
    let recording = run(Options {
        scenario: Scenario::read(Path::new(&scenario))?,
        share: Share::WHOLE,
        target: target.parse()?,
        candidate: None,
        sessions: tenfold_loadgen::KnownSessions::default(),
        run_dir: &run_dir,
        interrupt: never,
        feed: None,
        on_ready: Box::new(|| ()),
        start: Start::Soon,
        on_start: Box::new(|_| ()),
        on_progress: Box::new(|_| ()),
    })?;
    let sent: u64 = recording
        .counts
        .phases
        .iter()
        .flatten()
        .map(|counts| counts.sent)
        .sum();
    let generator = &recording.counts.generator;
    println!(
        "{sent} sent in {:.1} s, {:.2} us of CPU each, {} users, {} MB",
        recording.counts.elapsed_ns as f64 / 1e9,
        generator.cpu_ns as f64 / 1e3 / sent.max(1) as f64,
        generator.users_used,
        generator.peak_memory_bytes / 1_000_000,
    );
    let intervals = run_dir
        .intervals(&recording.counts)?
        .collect::<Result<Vec<_>, _>>()?;
    for metric in Metric::ALL {
        let mut all = latency_histogram::<u64>();
        for interval in intervals
            .iter()
            .filter(|interval| interval.series.metric == metric)
        {
            interval.histogram.add_to(&mut all);
        }
        let ms = |quantile: f64| all.value_at_quantile(quantile) as f64 / 1e6;
        println!(
            "{metric:>10}: n {} p50 {:.3} p90 {:.3} p99 {:.3} max {:.3} ms",
            all.len(),
            ms(0.5),
            ms(0.9),
            ms(0.99),
            all.max() as f64 / 1e6,
        );
    }
    std::fs::remove_dir_all(&directory)?;
    Ok(())
}
