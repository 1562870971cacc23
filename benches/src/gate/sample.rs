//! Synthetic rounds for tests.

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;
use tenfold_analysis::gate::{
    Attempts, GateOutcome, Metric, Pair, Plan, RoundRecord, Settings, decide,
};

use crate::gate::figures::Figures;
use crate::gate::kind::{CPU, Kind, MEAN, P90};
use crate::gate::planted_build::PlantedBuild;
use crate::gate::record::{GateRun, Header, Mishap, RECORD_VERSION, Record};
use crate::gate::sizing::Sizing;

/// Rounds in an epoch.
pub(crate) const EPOCH: usize = 4;

/// Returns rounds of a build against one with a planted slowdown. `ln(candidate / baseline)` is uniform around it
/// with a standard deviation of `noise`.
pub(crate) fn rounds(
    number: usize,
    noise: f64,
    planted: &[(&str, f64)],
    seed: u64,
) -> Vec<RoundRecord> {
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let mut round = |index: usize| {
        let metrics = [CPU, MEAN, P90].map(|name| {
            let shift = planted.iter().find(|(metric, _)| *metric == name);
            let d = noise * 12.0_f64.sqrt() * (random.random::<f64>() - 0.5)
                + shift.map_or(0.0, |(_, effect)| effect.ln_1p());
            let pair = Pair {
                baseline: 400.0,
                // With few digits it survives a round trip through JSON.
                candidate: (400_000.0 * d.exp()).round() / 1_000.0,
            };
            (name.to_owned(), pair)
        });
        let attempts = Attempts {
            sent: 500,
            failed: 0,
        };
        RoundRecord {
            at_s: 4.0 + index as f64 * 1.25,
            seconds: 1.0,
            restarted: index.is_multiple_of(EPOCH),
            metrics: metrics.into(),
            failures: Some(Pair {
                baseline: attempts,
                candidate: attempts,
            }),
        }
    };
    (0..number).map(&mut round).collect()
}

/// Returns the default settings of the command.
pub(crate) fn settings() -> Settings {
    Settings {
        fail_above: Some(0.025),
        ..Settings::default()
    }
}

/// Returns a gate that was judged after these rounds.
pub(crate) fn run(index: usize, kind: Kind, rounds: Vec<RoundRecord>) -> GateRun {
    let metrics = [CPU, MEAN, P90].map(|name| Metric::gated(name, "us"));
    let plan = Plan::new(settings(), metrics.to_vec(), None).expect("the plan holds");
    let judged: Vec<_> = rounds.iter().map(RoundRecord::round).collect();
    let outcome = GateOutcome {
        settings: settings(),
        decision: Some(decide(&judged, &plan)),
        rounds,
        ..GateOutcome::default()
    };
    GateRun {
        index,
        kind,
        outcome: outcome.concluded(),
    }
}

/// Returns results of a few gates: two of unchanged builds, one of which failed, and two that found the slowdown.
pub(crate) fn figures() -> Figures {
    let directory = tempfile::tempdir().expect("a folder can be made");
    let path = directory.path().join("gate.jsonl");
    let mut record = Record::begin(&path, header()).expect("the record can be written");
    let gates: [(Kind, &[(&str, f64)]); 4] = [
        (Kind::Unchanged, &[]),
        (Kind::Unchanged, &[(CPU, 0.3)]),
        (Kind::Cpu, &[(CPU, 0.05)]),
        (Kind::Wait, &[(MEAN, 0.1), (P90, 0.1)]),
    ];
    for (index, (kind, planted)) in gates.into_iter().enumerate() {
        let rounds = rounds(16, 0.02, planted, index as u64);
        record
            .add(run(index, kind, rounds))
            .expect("the record can be written");
    }
    let mishap = Mishap {
        index: 4,
        kind: Kind::Cpu,
        reason: "no outcome was written".to_owned(),
    };
    record
        .add_mishap(mishap)
        .expect("the record can be written");
    Figures::of(&record, 50)
}

/// Returns the header of a benchmark of a few gates.
pub(crate) fn header() -> Header {
    let baseline = PlantedBuild {
        steps: 100_000,
        wait_us: 5_000,
    };
    Header {
        version: RECORD_VERSION,
        started_at: "2026-01-01T00:00:00Z".to_owned(),
        host: tenfold_run_dir::manifest::Host {
            cores: 2,
            cpu: "Example CPU".to_owned(),
            kernel: "Linux 6.1".to_owned(),
            memory_bytes: 8 << 30,
            open_files: 1_024,
            load_1m: 0.1,
        },
        seed: 42,
        gates: 3,
        detections: 2,
        budget_s: 60,
        wait_budget_s: 120,
        calibrated: false,
        quick: false,
        sizing: Sizing {
            baseline,
            cpu_us: 400.0,
            work_share: 0.8,
            response_us: 6_000.0,
            rounds: 16,
        },
    }
}
