//! Memory that the service allocated during the run.

use tenfold_analysis::{Summary, format};
use tenfold_run_dir::{HeapProfile, Run};

use crate::document::{Block, Fact, Section};
use crate::flamegraph::{Measure, flamegraph, frames_of};

/// Returns the section. `None` if the service offers no heap profile.
pub(super) fn section(run: &Run, summary: &Summary) -> Option<Section> {
    let heap = run.heap.as_ref()?;
    let mut blocks = vec![Block::Facts(facts(heap, answered(summary)))];
    if let Some(frames) = frames_of(&heap.allocated, Measure::Bytes) {
        blocks.extend([
            Block::Heading("Allocated bytes by stack".to_owned()),
            flamegraph(
                &frames,
                Measure::Bytes,
                "flame-allocated",
                "Flamegraph of allocated bytes",
            ),
        ]);
    }
    if let Some(frames) = frames_of(&heap.grown, Measure::Bytes) {
        blocks.extend([
            Block::Heading("Growth by stack: bytes that were not in use before the run".to_owned()),
            flamegraph(
                &frames,
                Measure::Bytes,
                "flame-grown",
                "Flamegraph of the growth of the heap",
            ),
        ]);
    }
    Some(Section::new(
        "heap",
        "Heap",
        "From the service's own heap profiles, before the first request and after the last. It samples its allocations, so \
         that all figures are estimates.",
        blocks,
    ))
}

/// Requests that were answered, warm-up included, like the allocations.
fn answered(summary: &Summary) -> u64 {
    summary.arrivals.completed + summary.warm_up.completed
}

fn facts(heap: &HeapProfile, answered: u64) -> Vec<Fact> {
    let info = &heap.info;
    let grown = info.grown_bytes();
    let direction = match grown < 0 {
        true => "shrank by",
        false => "grew by",
    };
    let mut facts = Vec::new();
    match info.allocated_bytes {
        Some(bytes) => facts.push(Fact::new("Allocated", format::bytes(bytes))),
        None => facts.push(Fact::new(
            "Allocated",
            "not reported: the profile has only what is in use",
        )),
    }
    if let Some(bytes) = info.bytes_per_request(answered) {
        facts.push(Fact::new(
            "Allocated per request",
            format::bytes(bytes as u64),
        ));
    }
    facts.extend([
        Fact::new(
            "In use at the end",
            format!(
                "{}; {direction} {} in {}",
                format::bytes(info.in_use_after_bytes),
                format::bytes(grown.unsigned_abs()),
                format::duration(info.duration_ns)
            ),
        ),
        Fact::new("Source", &info.source),
    ]);
    facts
}

#[cfg(test)]
mod tests {
    use tenfold_analysis::summarise;
    use tenfold_analysis::synthetic::MadeUp;
    use tenfold_run_dir::HeapInfo;

    use super::*;

    #[test]
    fn shows_allocations_per_request_and_growth() {
        let mut run = MadeUp::default().play();
        let summary = summarise(&run);
        assert!(section(&run, &summary).is_none());
        let allocated = answered(&summary) * 2_048;
        run.heap = Some(HeapProfile {
            info: HeapInfo {
                source: "http://here/debug/pprof/heap".to_owned(),
                duration_ns: 9_000_000_000,
                allocated_bytes: Some(allocated),
                in_use_before_bytes: 3 << 20,
                in_use_after_bytes: 1 << 20,
            },
            allocated: format!("main;parse {allocated}\n").parse().unwrap(),
            grown: String::new().parse().unwrap(),
        });
        let text = format!("{:?}", section(&run, &summary).unwrap());
        assert!(text.contains("shrank by"), "{text}");
        assert!(text.contains(&format::bytes(2_048)), "{text}");
        assert!(text.contains("flame-allocated") && !text.contains("flame-grown"));
    }
}
