//! Boxes that were throttled by their CPU allowance.

use tenfold_run_dir::Run;
use tenfold_run_dir::box_use::{BoxUse, role_of};

use crate::format;
use crate::summary::finding::{Confidence, Finding};

/// Share of throttled CPU periods from which a box is short of CPU.
const SHARE_MIN: f64 = 0.5;

/// Maximum number of boxes in the evidence.
const EVIDENCE_MAX: usize = 4;

/// Reports the box that was throttled most, in a run that saturated.
pub(super) fn box_throttled(run: &Run) -> Option<Finding> {
    let mut throttled: Vec<(&BoxUse, f64)> = run
        .boxes
        .iter()
        .filter_map(|own| Some((own, own.held_back?)))
        .collect();
    throttled.sort_by(|one, other| other.1.total_cmp(&one.1));
    let (worst, share) = *throttled.first().filter(|(_, share)| *share >= SHARE_MIN)?;
    let evidence = throttled.iter().take(EVIDENCE_MAX).map(|(own, share)| {
        format!(
            "{}: {} cores on average, throttled in {} of its CPU periods",
            own.name,
            format::significant(own.cores_used()),
            format::percent(*share)
        )
    });
    Some(Finding {
        title: format!(
            "The {} box used up its CPU allowance: throttled in {} of its CPU periods",
            worst.name,
            format::percent(share)
        ),
        evidence: evidence.collect(),
        // With a second box that is nearly as short of CPU, the bottleneck is uncertain.
        confidence: match throttled.get(1) {
            Some((_, next)) if *next > 0.8 * share => Confidence::Medium,
            _ => Confidence::High,
        },
        advice: format!(
            "Choose a bigger box (--box {}=...), more boxes, or a stage that offloads this one.",
            role_of(&worst.name)
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::MadeUp;

    fn used(name: &str, held_back: Option<f64>) -> BoxUse {
        BoxUse {
            name: name.to_owned(),
            over_s: 10.0,
            cpu_s: 1.9,
            held_back,
            memory_bytes: 1 << 20,
            counted: None,
        }
    }

    #[test]
    fn names_the_most_throttled_box() {
        let mut run = MadeUp::default().play();
        assert_eq!(box_throttled(&run), None);
        run.boxes = vec![used("app-1", Some(0.2)), used("web", None)];
        assert_eq!(box_throttled(&run), None);
        run.boxes.push(used("sql-2", Some(0.87)));
        let finding = box_throttled(&run).unwrap();
        assert_eq!(
            finding.title,
            "The sql-2 box used up its CPU allowance: throttled in 87.0% of its CPU periods"
        );
        assert_eq!(finding.confidence, Confidence::High);
        assert!(
            finding.advice.contains("--box sql=..."),
            "{}",
            finding.advice
        );
        assert_eq!(
            finding.evidence,
            [
                "sql-2: 0.190 cores on average, throttled in 87.0% of its CPU periods",
                "app-1: 0.190 cores on average, throttled in 20.0% of its CPU periods",
            ]
        );
    }
}
