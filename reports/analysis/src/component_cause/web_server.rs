//! Web servers that drop connections.

use tenfold_run_dir::component_use::{ComponentUse, WebServerUse};

use super::{CauseKind, ComponentCause};
use crate::format;
use crate::summary::finding::Confidence;

/// Reports dropped connections. `None` without any.
pub(super) fn cause(own: &ComponentUse, figures: &WebServerUse) -> Option<ComponentCause> {
    (figures.dropped > 0).then(|| ComponentCause {
        kind: CauseKind::Refused,
        component: own.name.clone(),
        title: format!(
            "The web server `{}` dropped {} of {} connections: a limit was reached",
            own.name,
            format::count(figures.dropped),
            format::count(figures.accepted)
        ),
        place: None,
        evidence: vec![format!(
            "{} connections were seen open, {} of them with a request in progress",
            format::count(figures.connections_max),
            format::count(figures.waiting_max)
        )],
        confidence: Confidence::High,
        advice: "Raise `worker_connections`, and the limit of open files with it.".to_owned(),
        weight: figures.dropped as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_dropped_connections() {
        let own = ComponentUse {
            name: "web-1".to_owned(),
            over_s: 10.0,
            gaps: Vec::new(),
            figures: None,
        };
        let mut figures = WebServerUse {
            accepted: 2_000,
            ..WebServerUse::default()
        };
        assert_eq!(cause(&own, &figures), None);
        figures.dropped = 8;
        let found = cause(&own, &figures).unwrap();
        assert!(found.title.contains("dropped 8 of 2,000 connections"));
    }
}
