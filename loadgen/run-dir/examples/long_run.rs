//! Writes the run directory of a made-up run of any length, to measure the cost of a report.
//!
//!     cargo run --release -p tenfold-run-dir --example long_run -- 3600 DIRECTORY
//!     /usr/bin/time -v tenfold report DIRECTORY

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime};

use tenfold_run_dir::counts::{Counts, GeneratorUsage, RequestCounts};
use tenfold_run_dir::latency_histogram;
use tenfold_run_dir::manifest::{Host, Manifest, PhaseInfo, RequestInfo, Tool, VERSION};
use tenfold_run_dir::timeline::{Row, Timeline};
use tenfold_run_dir::{Metric, RunDir, Series};

/// A second, in nanoseconds.
const SECOND: u64 = 1_000_000_000;

/// Length of the warm-up, in seconds.
const WARM_UP_S: u64 = 30;

/// Responses per second and request.
const RESPONSES: u64 = 300;

/// Names of the requests.
const NAMES: [&str; 6] = ["feed", "post", "photo", "profile", "publish", "follow"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [seconds, directory] = arguments.as_slice() else {
        return Err("usage: long_run SECONDS DIRECTORY".into());
    };
    let seconds: u64 = seconds.parse()?;
    let run_dir = RunDir::create(Path::new(directory))?;
    run_dir.write_manifest(&manifest(seconds))?;
    write_log(&run_dir, seconds)?;
    run_dir.write_counts(&counts(seconds))?;
    let each = RESPONSES * NAMES.len() as u64;
    let rows = (0..seconds).map(|second| Row {
        start_ns: second * SECOND,
        duration_ns: SECOND,
        phase: usize::from(second >= WARM_UP_S),
        planned: each,
        sent: each,
        reads: each * 4 / 6,
        writes: each * 2 / 6,
        in_flight: 3,
        generator_cpu_ns: 90_000_000,
        ..Row::default()
    });
    run_dir.write_timeline(&Timeline {
        rows: rows.collect(),
    })?;
    Ok(())
}

/// Writes a row per second, metric and request, with log-normal latencies.
fn write_log(run_dir: &RunDir, seconds: u64) -> Result<(), Box<dyn std::error::Error>> {
    let mut log = run_dir.interval_log(SystemTime::UNIX_EPOCH)?;
    let mut state = 1_u64;
    let mut uniform = || {
        // Knuth's MMIX generator.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mut whole = latency_histogram::<u32>();
    for second in 0..seconds {
        for (request, metric) in
            (0..NAMES.len()).flat_map(|request| Metric::ALL.map(|metric| (request, metric)))
        {
            let median = match metric {
                Metric::Lag | Metric::ReadLag => 40_000.0,
                _ => 900_000.0 * (1 + request) as f64,
            };
            whole.reset();
            for _ in 0..RESPONSES {
                // Box and Muller's transform (Annals of Mathematical Statistics 29, 1958).
                let radius = (-2.0 * uniform().max(f64::MIN_POSITIVE).ln()).sqrt();
                let normal = radius * (std::f64::consts::TAU * uniform()).cos();
                whole.saturating_record((median * (0.6 * normal).exp()) as u64);
            }
            let series = Series {
                metric,
                phase: usize::from(second >= WARM_UP_S),
                request,
            };
            let start = Duration::from_secs(second);
            log.append(series, start, Duration::from_secs(1), &whole)?;
        }
    }
    log.flush()?;
    Ok(())
}

fn counts(seconds: u64) -> Counts {
    let of_phase = |seconds: u64| {
        let count = seconds * RESPONSES;
        let counts = RequestCounts {
            planned: count,
            sent: count,
            completed: count,
            statuses: BTreeMap::from([(200, count)]),
            ..RequestCounts::default()
        };
        vec![counts; NAMES.len()]
    };
    let warm_up_s = WARM_UP_S.min(seconds);
    Counts {
        phases: vec![of_phase(warm_up_s), of_phase(seconds - warm_up_s)],
        elapsed_ns: seconds * SECOND,
        in_flight_ns: seconds * 3 * SECOND,
        service_sum_ns: seconds * 3 * SECOND,
        generator: GeneratorUsage {
            cpu_ns: seconds * 90_000_000,
            wall_ns: seconds * SECOND,
            ..GeneratorUsage::default()
        },
        ..Counts::default()
    }
}

fn manifest(seconds: u64) -> Manifest {
    let phase = |name: &str, start_s: u64, end_s: u64, warm_up| PhaseInfo {
        name: name.to_owned(),
        kind: "constant".to_owned(),
        start_ns: start_s * SECOND,
        duration_ns: (end_s - start_s) * SECOND,
        warm_up,
        steps: Vec::new(),
    };
    let warm_up_s = WARM_UP_S.min(seconds);
    let requests = NAMES.iter().enumerate().map(|(index, name)| RequestInfo {
        name: (*name).to_owned(),
        kind: if index < 4 { "read" } else { "write" }.to_owned(),
        method: if index < 4 { "GET" } else { "POST" }.to_owned(),
        key_space: None,
    });
    Manifest {
        version: VERSION,
        tool: Tool {
            version: "0.1.0".to_owned(),
            git_revision: None,
            build: "release".to_owned(),
        },
        scenario: "long".to_owned(),
        scenario_text: "version = 1\n".to_owned(),
        seed: 1,
        model: "open".to_owned(),
        overrides: BTreeMap::new(),
        command: vec!["tenfold".to_owned(), "run".to_owned(), "long".to_owned()],
        started_at: "2026-01-01T00:00:00Z".to_owned(),
        target: "http://127.0.0.1:8080".to_owned(),
        stage: None,
        users: 1_000,
        phases: vec![
            phase("warm-up", 0, warm_up_s, true),
            phase("steady", warm_up_s, seconds, false),
        ],
        requests: requests.collect(),
        key_spaces: Vec::new(),
        rules: vec!["p99 < 250ms for reads".to_owned()],
        host: Host {
            cores: 2,
            cpu: "a processor".to_owned(),
            kernel: "Linux".to_owned(),
            memory_bytes: 4 << 30,
            open_files: 65_536,
            load_1m: 0.1,
        },
        shared_host: Some(true),
        boxes: Vec::new(),
        unconfined_because: None,
        service_boxes: Vec::new(),
        generators: 1,
        merged_from: Vec::new(),
        files: Vec::new(),
    }
}
