//! Limits of the service's processes that are used up: open files, memory.

use tenfold_run_dir::Run;
use tenfold_run_dir::host_timeline::TargetLimits;

use super::bottleneck::Bottleneck;
use super::load::Load;
use super::next_step::NextStep;
use super::resource::Resource;
use crate::format;
use crate::summary::finding::Confidence;

/// Share of the files that a process may open from which none is left: a few are opened and closed all the time.
const FILES_FULL: f64 = 0.95;

/// Share of its memory from which a control group has none left. Caches of files count, so that it is often reached without harm.
const MEMORY_FULL: f64 = 0.9;

/// Page faults from disk for each answer from which requests wait for memory.
const FAULTS_EACH_MIN: f64 = 0.2;

/// Page faults from disk from which they are no accident, per second.
const FAULTS_PER_SECOND_MIN: f64 = 20.0;

/// Returns the bottleneck of a service that can open no more files. `evidence` comes first.
pub(super) fn open_files(above: &Load<'_>, mut evidence: Vec<String>) -> Option<Bottleneck> {
    let (open, allowed) = fullest(above.run)?;
    evidence.push(format!(
        "a process had {} of {} files open; each connection is one",
        format::count(open),
        format::count(allowed)
    ));
    Some(Bottleneck {
        resource: Resource::OpenFiles,
        title: format!(
            "The service can open no more files: {} of {} are open",
            format::count(open),
            format::count(allowed)
        ),
        place: None,
        part: None,
        short_box: None,
        evidence,
        confidence: Confidence::High,
        expected_gain: None,
        next_step: NextStep::of(Resource::OpenFiles, None),
    })
}

/// Returns the open files of the process that was nearest to its limit, and the limit. `None` if it had some left.
fn fullest(run: &Run) -> Option<(u64, u64)> {
    let share = |(open, allowed): &(u64, u64)| *open as f64 / (*allowed).max(1) as f64;
    let pairs = limits(run).filter_map(|own| own.open_files.zip(own.open_files_allowed));
    let fullest = pairs.max_by(|one, other| share(one).total_cmp(&share(other)))?;
    (share(&fullest) >= FILES_FULL).then_some(fullest)
}

/// Returns the bottleneck of a service whose memory is read from the disk again and again. `evidence` comes first.
pub(super) fn memory(above: &Load<'_>, mut evidence: Vec<String>) -> Option<Bottleneck> {
    let last = limits(above.run).last()?;
    let (used, allowed) = last.memory_bytes.zip(last.memory_allowed_bytes)?;
    // Samples of the warm-up count as well: they are as long as the run has been.
    let covered_s: f64 = samples_s(above.run);
    let faults: u64 = limits(above.run).filter_map(|own| own.major_faults).sum();
    let per_second = faults as f64 / covered_s.max(1e-9);
    let each = per_second / above.rate.max(1e-9);
    let is_full = used as f64 >= MEMORY_FULL * allowed as f64;
    if !is_full || per_second < FAULTS_PER_SECOND_MIN || each < FAULTS_EACH_MIN {
        return None;
    }
    evidence.push(format!(
        "its control group used {} of the {} that it may, caches of files included",
        format::bytes(used),
        format::bytes(allowed)
    ));
    evidence.push(format!(
        "{} pages a second were read from the disk again, {} for each answer (major page faults)",
        format::significant(per_second),
        format::significant(each)
    ));
    Some(Bottleneck {
        resource: Resource::Memory,
        title: format!(
            "The service is short of memory: it uses all of its {}, and reads {} pages a second from the disk again",
            format::bytes(allowed),
            format::significant(per_second)
        ),
        place: None,
        part: None,
        short_box: None,
        evidence,
        confidence: Confidence::High,
        expected_gain: None,
        next_step: NextStep::of(Resource::Memory, None),
    })
}

fn limits(run: &Run) -> impl Iterator<Item = &TargetLimits> {
    let samples = run.host.samples.iter();
    samples.filter_map(|sample| sample.target_limits.as_ref())
}

fn samples_s(run: &Run) -> f64 {
    let samples = run.host.samples.iter();
    let with = samples.filter(|sample| sample.target_limits.is_some());
    with.map(|sample| sample.duration_ns as f64 / 1e9).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summarise;
    use crate::synthetic::MadeUp;

    fn run(limits: TargetLimits) -> Run {
        let mut run = MadeUp::default().play();
        for sample in &mut run.host.samples {
            sample.target_limits = Some(limits);
        }
        run
    }

    #[test]
    fn names_used_up_files() {
        let of = |open| {
            let run = run(TargetLimits {
                open_files: Some(open),
                open_files_allowed: Some(64),
                ..TargetLimits::default()
            });
            let summary = summarise(&run);
            open_files(&Load::of((&run, &summary)), Vec::new())
        };
        let found = of(63).unwrap();
        assert_eq!(found.resource, Resource::OpenFiles);
        assert!(found.title.ends_with("63 of 64 are open"), "{found:?}");
        assert_eq!(of(40), None);
    }

    #[test]
    fn names_memory_that_is_read_again() {
        let of = |used, major_faults| {
            let run = run(TargetLimits {
                major_faults: Some(major_faults),
                memory_bytes: Some(used),
                memory_allowed_bytes: Some(64 << 20),
                ..TargetLimits::default()
            });
            let summary = summarise(&run);
            memory(&Load::of((&run, &summary)), Vec::new())
        };
        let found = of(63 << 20, 5_000).unwrap();
        assert_eq!(found.resource, Resource::Memory);
        assert!(found.title.contains("5,000 pages a second"), "{found:?}");
        // A full cache of files alone, or faults alone, are no shortage.
        assert_eq!(of(63 << 20, 3), None);
        assert_eq!(of(20 << 20, 5_000), None);
    }
}
