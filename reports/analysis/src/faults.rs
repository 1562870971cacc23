//! The effect of faults on users.

use tenfold_run_dir::Run;
use tenfold_run_dir::faults::Fault;
use tenfold_run_dir::timeline::Row;

use crate::summary::faults::{FaultEffect, FaultSummary};
use crate::verdict::ObjectiveWindows;

/// Returns what users saw of each fault. `None` if nothing was to be broken.
pub(crate) fn faults(run: &Run) -> Option<FaultSummary> {
    let faults = run.faults.as_ref()?;
    let windows = ObjectiveWindows::of(run);
    let ends = faults.faults.iter().skip(1).map(|fault| fault.at_ns);
    let ends = ends.chain([run.timeline.end_ns()]);
    let effects = faults.faults.iter().zip(ends);
    Some(FaultSummary {
        seed: faults.seed,
        faults: effects
            .map(|(fault, end_ns)| effect(run, fault, end_ns, windows.as_ref()))
            .collect(),
        writes: faults.writes.clone(),
    })
}

fn effect(
    run: &Run,
    fault: &Fault,
    end_ns: u64,
    windows: Option<&ObjectiveWindows>,
) -> FaultEffect {
    let rows = run.timeline.rows.iter();
    // The second of the fault belongs to it.
    let rows: Vec<&Row> = rows
        .filter(|row| row.end_ns() > fault.at_ns && row.start_ns < end_ns)
        .collect();
    let sum = |of: fn(&Row) -> u64| rows.iter().map(|row| of(row)).sum::<u64>();
    let time = |ns: u64| i64::try_from(ns).unwrap_or(i64::MAX);
    FaultEffect {
        fault: fault.clone(),
        ended: sum(|row| row.reads + row.writes + row.failed + row.dropped),
        lost: sum(|row| row.failed + row.dropped),
        slow: windows.map(|windows| windows.outside(time(fault.at_ns), time(end_ns)).slow),
        without_reads_s: longest_s(&rows, |row| row.reads),
        without_writes_s: longest_s(&rows, |row| row.writes),
    }
}

/// Returns the longest time in a row without any of what is counted.
fn longest_s(rows: &[&Row], of: fn(&Row) -> u64) -> f64 {
    let stretches = rows.split(|row| of(row) > 0);
    let lengths = stretches.map(|rows| rows.iter().map(|row| row.duration_ns).sum::<u64>());
    lengths.max().unwrap_or(0) as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use tenfold_run_dir::faults::Faults;

    use super::*;
    use crate::synthetic::MadeUp;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn attributes_a_stall_to_the_fault_before_it() {
        let mut run = MadeUp {
            rules: vec!["p99 < 250ms".to_owned()],
            ..MadeUp::stall_oracle()
        }
        .play();
        assert_eq!(faults(&run), None);
        let fault = |victim: &str, at_s: u64| Fault {
            victim: victim.to_owned(),
            boxes: Vec::new(),
            at_ns: at_s * SECOND,
            repaired_ns: None,
            up_ns: None,
            error: None,
        };
        run.faults = Some(Faults {
            seed: 7,
            faults: vec![fault("web-1", 3), fault("zone-a", 8), fault("cache", 14)],
            writes: None,
        });
        let effects = faults(&run).unwrap().faults;
        let slow: Vec<u64> = effects.iter().map(|own| own.slow.unwrap()).collect();
        assert_eq!((slow[0], slow[2]), (0, 0));
        assert!((1_700..1_800).contains(&slow[1]), "{slow:?}");
        // Nothing is answered between 8 s and 10 s.
        assert!(effects[1].without_reads_s >= 1.0, "{:?}", effects[1]);
        assert_eq!(effects[0].without_reads_s, 0.0);
        assert_eq!(effects[2].lost, 0);
    }
}
