//! Profiles a process, named by its id or by the port it listens on, and prints what it does and what it waits for.
//!
//! `cargo run --release -p tenfold-profiler --example profile_process -- PID|:PORT [SECONDS]`

#![expect(clippy::print_stdout, reason = "the output of a program")]

use std::error::Error;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tenfold_profiler::{Options, listeners, profile};
use tenfold_run_dir::off_cpu::Idleness;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let target = arguments.next().ok_or("name a process: PID or :PORT")?;
    let seconds: u64 = arguments.next().map_or(Ok(10), |text| text.parse())?;
    let processes = match target.strip_prefix(':') {
        Some(port) => listeners(port.parse()?)?,
        None => vec![target.parse()?],
    };
    let options = Options {
        duration: Duration::from_secs(seconds),
        ..Options::default()
    };
    let profile = profile(&processes, &options, &AtomicBool::new(false))?;

    let on_cpu = &profile.on_cpu;
    println!(
        "processes {:?}: {:.2} s of CPU in {:.2} s, {} of {:.0} samples, {} lost, {} dropped",
        profile.processes,
        on_cpu.cpu.as_secs_f64(),
        profile.duration.as_secs_f64(),
        on_cpu.captured,
        on_cpu.expected,
        on_cpu.lost,
        on_cpu.dropped,
    );
    for limit in &profile.limits {
        println!("limit: {limit}");
    }
    println!("\non the CPU, samples:\n{}", on_cpu.stacks);
    if let Some(off_cpu) = &profile.off_cpu {
        println!(
            "off the CPU: {} of {} waits, {} lost",
            off_cpu.captured, off_cpu.expected, off_cpu.lost
        );
        for sum in off_cpu.sums() {
            println!(
                "{:>12.3} s {:>8} waits  {} ({:?})",
                sum.ns as f64 / 1e9,
                sum.waits,
                sum.kind,
                sum.idleness
            );
        }
        println!(
            "\noff the CPU but not idle, ns:\n{}",
            off_cpu.folded(|wait| wait.idleness != Idleness::Idle)
        );
    }
    Ok(())
}
