//! Which box of a stage gave out.

use tenfold_run_dir::Run;
use tenfold_run_dir::box_use::BoxUse;

use crate::format;
use crate::summary::finding::{Confidence, Finding};

/// The share of its periods from which a box that was held back in them was short of its processor.
const SHORT: f64 = 0.5;

/// Boxes that are told of, those that were held back most.
const TOLD: usize = 4;

/// Tells which box used its processor time up, where one did: of a run in which something gave out.
pub(super) fn box_held_back(run: &Run) -> Option<Finding> {
    let mut held: Vec<(&BoxUse, f64)> = run
        .boxes
        .iter()
        .filter_map(|own| Some((own, own.held_back?)))
        .collect();
    held.sort_by(|one, other| other.1.total_cmp(&one.1));
    let (worst, share) = *held.first().filter(|(_, share)| *share >= SHORT)?;
    let evidence = held.iter().take(TOLD).map(|(own, share)| {
        format!(
            "{}: {} processors on average, held back in {} of its periods",
            own.name,
            format::significant(own.cores_used()),
            format::percent(*share)
        )
    });
    Some(Finding {
        title: format!(
            "The {} box used its processor time up: it was held back in {} of its periods",
            worst.name,
            format::percent(share)
        ),
        evidence: evidence.collect(),
        // A second box that is as short makes it a guess which of them is the one.
        confidence: match held.get(1) {
            Some((_, next)) if *next > 0.8 * share => Confidence::Medium,
            _ => Confidence::High,
        },
        advice: format!(
            "Choose a bigger box (--box {}=...), more of them, or a stage that takes work from it.",
            role_of(&worst.name)
        ),
    })
}

/// What a box is for: its name without a number.
fn role_of(name: &str) -> &str {
    name.trim_end_matches(|c: char| c.is_ascii_digit())
        .trim_end_matches('-')
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
        }
    }

    #[test]
    fn the_box_that_was_held_back_most_is_named() {
        let mut run = MadeUp::default().play();
        assert_eq!(box_held_back(&run), None);
        run.boxes = vec![used("app-1", Some(0.2)), used("web", None)];
        assert_eq!(box_held_back(&run), None);
        run.boxes.push(used("sql-2", Some(0.87)));
        let finding = box_held_back(&run).unwrap();
        assert_eq!(
            finding.title,
            "The sql-2 box used its processor time up: it was held back in 87.0% of its periods"
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
                "sql-2: 0.190 processors on average, held back in 87.0% of its periods",
                "app-1: 0.190 processors on average, held back in 20.0% of its periods",
            ]
        );
    }
}
