//! Boxes that were to have a size, and had none.

use tenfold_run_dir::Run;

use crate::summary::finding::{Confidence, Finding};

/// Tells that boxes were not held to their allowances, where they were to be.
pub(super) fn unconfined(run: &Run) -> Option<Finding> {
    let reason = run.manifest.unconfined_because.as_ref()?;
    let names = run.manifest.boxes.iter().map(|own| own.name.as_str());
    Some(Finding {
        title: "The boxes were not confined: they may have used all of the machine".to_owned(),
        evidence: vec![
            format!("boxes: {}", names.collect::<Vec<_>>().join(", ")),
            reason.clone(),
        ],
        confidence: Confidence::High,
        advice:
            "Don't compare with runs whose boxes had a size; make control groups possible, and run \
                 it again."
                .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use tenfold_run_dir::manifest::BoxInfo;

    use super::*;
    use crate::synthetic::MadeUp;

    #[test]
    fn only_boxes_that_were_to_be_confined_are_told() {
        let mut run = MadeUp::default().play();
        assert_eq!(unconfined(&run), None);
        run.manifest.boxes = vec![BoxInfo {
            name: "web".to_owned(),
            cpu: None,
            memory_bytes: None,
        }];
        assert_eq!(unconfined(&run), None);
        run.manifest.unconfined_because = Some("no control groups are mounted".to_owned());
        let finding = unconfined(&run).unwrap();
        assert_eq!(
            finding.evidence,
            ["boxes: web", "no control groups are mounted"]
        );
    }
}
