//! Benchmark `overload`: uploads at twice the rate that a worker sustains, with a bounded queue and with one without a bound.

pub(crate) mod arguments;
mod page;
mod samples;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::bail;
use serde::{Deserialize, Serialize};

use self::arguments::OverloadArguments;
use self::samples::{Curve, Samples};
use crate::output;
use crate::stages::Variant;
use crate::stages::stage_lab::StageLab;
use crate::workshop::Workshop;
use crate::workshop::interrupt::Interrupt;
use crate::workshop::progress::report;
use crate::workshop::tenfold_binary;

/// Scenario of the uploads, from the library.
const SCENARIO: &str = "uploads";
/// Time for which the capacity of the worker is measured.
const CAPACITY_TIME: Duration = Duration::from_secs(20);
/// Attempts to offer more than the worker's capacity, each with twice the rate.
const ATTEMPTS: u32 = 4;

/// Queue without a bound.
const UNBOUNDED: Variant =
    Variant::with("partitioned", &[]).with_environment(&[("TENFOLD_QUEUE_JOBS_MAX", "none")]);
/// Queue with room for fifty jobs.
const BOUNDED: Variant =
    Variant::with("partitioned", &[]).with_environment(&[("TENFOLD_QUEUE_JOBS_MAX", "50")]);

/// Results of the benchmark.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct OverloadFigures {
    /// Start, RFC 3339 in UTC.
    pub(crate) started_at: String,
    /// The machine.
    pub(crate) host: tenfold_run_dir::manifest::Host,
    /// CPUs of a box.
    pub(crate) box_cpu: f64,
    /// True if it was a quick check.
    pub(crate) quick: bool,
    /// Jobs per second that the worker sustains.
    pub(crate) capacity_per_s: f64,
    /// Uploads per second that were offered.
    pub(crate) offered_per_s: u32,
    /// Wait up to which a job counts as done in time, in seconds.
    pub(crate) in_time_s: f64,
    /// Curve with a bound of the queue.
    pub(crate) bounded: Curve,
    /// Curve without a bound.
    pub(crate) unbounded: Curve,
    /// Duration, in seconds.
    pub(crate) took_s: f64,
}

/// Writes the page of measured figures anew.
pub(crate) fn write_page(folder: &Path) -> anyhow::Result<()> {
    let figures: OverloadFigures = output::read("overload", folder)?;
    output::write_pages("overload", &page::page(&figures), folder)
}

/// Runs the benchmark, prints its page and writes its files.
pub(crate) fn run(arguments: &OverloadArguments) -> anyhow::Result<()> {
    let interrupt = Interrupt::catch()?;
    let tenfold = tenfold_binary::find(arguments.tenfold.as_ref(), true)?;
    let workshop = Workshop::new(&arguments.cache, tenfold, false, interrupt)?;
    let started_at = format!("{:.0}", jiff::Timestamp::now());
    let began = Instant::now();
    let capacity = capacity(arguments, &workshop)?;
    report(&format!("the worker does {capacity:.1} jobs/s"));
    let offered_per_s = (2.0 * capacity).ceil().max(1.0) as u32;
    let seconds = Duration::from_secs(arguments.seconds());
    let turn = |name: &str, variant| {
        report(&format!("{name}: {offered_per_s} uploads/s"));
        let samples = send(variant, offered_per_s, seconds, arguments, &workshop)?;
        anyhow::Ok(samples.curve(arguments.in_time))
    };
    let figures = OverloadFigures {
        bounded: turn("with a bound", BOUNDED)?,
        unbounded: turn("without a bound", UNBOUNDED)?,
        started_at,
        host: tenfold_probe::host::describe(),
        box_cpu: arguments.box_cpu,
        quick: arguments.quick,
        capacity_per_s: capacity,
        offered_per_s,
        in_time_s: arguments.in_time,
        took_s: began.elapsed().as_secs_f64(),
    };
    output::write("overload", &page::page(&figures), &figures, &arguments.out)
}

/// Measures the rate of a worker that always has a job.
fn capacity(arguments: &OverloadArguments, workshop: &Workshop) -> anyhow::Result<f64> {
    let mut rate = arguments.first_rate;
    for _ in 0..ATTEMPTS {
        report(&format!("capacity of the worker: {rate} uploads/s"));
        let samples = send(UNBOUNDED, rate, CAPACITY_TIME, arguments, workshop)?;
        if let Some(capacity) = samples.rate_while_waiting() {
            return Ok(capacity);
        }
        rate *= 2;
    }
    bail!(
        "no queue built up at {} uploads/s; give a higher --first-rate",
        rate / 2
    )
}

/// Brings the stage up, sends uploads, and looks at the queue every second meanwhile.
fn send(
    variant: Variant,
    rate: u32,
    time: Duration,
    arguments: &OverloadArguments,
    workshop: &Workshop,
) -> anyhow::Result<Samples> {
    let folder = workshop.folder("overload")?;
    let mut lab = StageLab::up(variant, arguments.box_cpu, &folder, workshop)?;
    let boxes = lab.boxes()?;
    let samples = {
        let lab = &lab;
        std::thread::scope(|scope| {
            let sending = scope.spawn(move || lab.send(Path::new(SCENARIO), rate, time));
            let samples = Samples::take(&boxes, workshop.interrupt(), || sending.is_finished());
            let sent = sending.join();
            sent.map_err(|_| anyhow::anyhow!("the sending thread panicked"))??;
            samples
        })?
    };
    lab.down()?;
    Ok(samples)
}
