//! Databases, caches and balancers that hold the service back.

use tenfold_run_dir::Run;

use crate::component_cause::component_causes;
use crate::summary::finding::Finding;

/// Most components that are reported.
const FINDINGS_MAX: usize = 3;

/// Reports the components that hold the service back. Those of a service that is not slow are reported only if they failed.
pub(super) fn components(run: &Run, is_slow: bool) -> Vec<Finding> {
    let causes = component_causes(run).into_iter();
    let shown = causes.filter(|cause| is_slow || cause.kind.is_always_wrong());
    let found = shown.take(FINDINGS_MAX).map(|cause| Finding {
        title: cause.title,
        evidence: cause.evidence,
        confidence: cause.confidence,
        advice: cause.advice,
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use tenfold_run_dir::component_use::{
        ComponentFigures, ComponentUse, DatabaseUse, StatementUse,
    };

    use super::*;
    use crate::synthetic::MadeUp;

    #[test]
    fn names_statement_of_slow_service_only() {
        let mut run = MadeUp::default().play();
        run.components = vec![ComponentUse {
            name: "sql".to_owned(),
            over_s: 10.0,
            gaps: Vec::new(),
            figures: Some(ComponentFigures::Database(DatabaseUse {
                statements_s: Some(40.0),
                statements: vec![StatementUse {
                    text: "SELECT a FROM b".to_owned(),
                    count: 10,
                    time_s: 39.0,
                    rows_examined: 100_000,
                    rows_sent: 10,
                    ..StatementUse::default()
                }],
                ..DatabaseUse::default()
            })),
        }];
        let [found] = &components(&run, true)[..] else {
            panic!()
        };
        assert!(found.title.contains("`SELECT a FROM b`"), "{found:?}");
        assert_eq!(components(&run, false), []);
    }
}
