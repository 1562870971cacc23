//! Boxes that ran without their allowances.

use tenfold_run_dir::Run;

use crate::summary::finding::{Confidence, Finding};

/// Reports boxes whose allowances could not be enforced.
pub(super) fn unconfined(run: &Run) -> Option<Finding> {
    let reason = run.manifest.unconfined_because.as_ref()?;
    let names = run.manifest.boxes.iter().map(|own| own.name.as_str());
    Some(Finding {
        title: "The boxes were not confined: they may have used the whole host".to_owned(),
        evidence: vec![
            format!("boxes: {}", names.collect::<Vec<_>>().join(", ")),
            reason.clone(),
        ],
        confidence: Confidence::High,
        advice:
            "Do not compare this run with runs of confined boxes. Make control groups available, and \
                 repeat the run."
                .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use tenfold_run_dir::manifest::BoxInfo;

    use super::*;
    use crate::synthetic::MadeUp;

    #[test]
    fn reports_only_boxes_that_should_be_confined() {
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
