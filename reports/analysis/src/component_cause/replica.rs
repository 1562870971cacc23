//! Replicas that are behind their primary.

use tenfold_run_dir::component_use::{ComponentUse, DatabaseUse};

use super::{CauseKind, ComponentCause};
use crate::format;
use crate::summary::finding::Confidence;

/// Lag from which readers notice, in seconds.
const BEHIND_S_MIN: u64 = 5;

/// Reports a replica that is far behind its primary, or no longer follows it. `None` for any other database.
pub(super) fn cause(own: &ComponentUse, figures: &DatabaseUse) -> Option<ComponentCause> {
    let replication = figures.replication?;
    let behind_s = replication.behind_s_max.unwrap_or(0);
    if behind_s < BEHIND_S_MIN && !replication.stopped {
        return None;
    }
    let (title, evidence) = match replication.stopped {
        true => (
            format!("The replica `{}` no longer follows its primary", own.name),
            "a thread of its replication was seen stopped".to_owned(),
        ),
        false => (
            format!(
                "The replica `{}` is {behind_s} s behind its primary",
                own.name
            ),
            format!("it was up to {behind_s} s behind, as it reports itself"),
        ),
    };
    let questions = figures.questions as f64 / own.over_s.max(1e-9);
    Some(ComponentCause {
        kind: CauseKind::ReplicaLag,
        component: own.name.clone(),
        title,
        place: None,
        evidence: vec![
            evidence,
            format!(
                "it was sent {} statements a second: reads that must not be old go to the primary",
                format::significant(questions)
            ),
        ],
        confidence: Confidence::Medium,
        advice: "Find what delays it: long transactions of the primary, few threads that apply them, a slow disk, a delay that is set. \
                 Or let readers accept older data."
            .to_owned(),
        weight: 1.0,
    })
}

#[cfg(test)]
mod tests {
    use tenfold_run_dir::component_use::Replication;

    use super::*;

    fn found(replication: Option<Replication>) -> Option<ComponentCause> {
        let own = ComponentUse {
            name: "replica".to_owned(),
            over_s: 10.0,
            gaps: Vec::new(),
            figures: None,
        };
        let figures = DatabaseUse {
            replication,
            ..DatabaseUse::default()
        };
        cause(&own, &figures)
    }

    #[test]
    fn names_replica_that_is_behind() {
        let of = |behind_s_max, stopped| {
            found(Some(Replication {
                behind_s_max,
                stopped,
            }))
        };
        let late = of(Some(30), false).unwrap();
        assert_eq!(
            late.title,
            "The replica `replica` is 30 s behind its primary"
        );
        assert!(of(None, true).unwrap().title.contains("no longer follows"));
        assert_eq!(of(Some(1), false), None);
        assert_eq!(found(None), None, "no replica");
    }
}
