//! Databases, caches and balancers that hold a service back, by their own counters.
//!
//! One definition serves the findings of a run and the diagnosis of a service.

mod balancer;
mod cache;
mod database;
mod replica;
mod web_server;

use tenfold_run_dir::Run;

use crate::summary::finding::Confidence;

/// Kind of wait or of excess work in a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CauseKind {
    /// A statement reads many rows for each one that it needs.
    MissingIndex,
    /// Statements wait for row locks.
    RowLock,
    /// Commits wait for the disk, or for the other members of a cluster.
    Commit,
    /// A request executes the same statement many times.
    ManyStatements,
    /// One statement takes most of the time.
    SlowStatement,
    /// The cache is too small for its keys.
    Eviction,
    /// The thread that runs the commands of a cache is busy.
    BusyCache,
    /// A replica is behind its primary.
    ReplicaLag,
    /// One server gets nearly all requests.
    OneServer,
    /// Requests wait in the queue of a balancer.
    Queue,
    /// Connections are refused.
    Refused,
}

/// A component that holds the service back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ComponentCause {
    pub(crate) kind: CauseKind,
    /// Name of the component: a box or an address.
    pub(crate) component: String,
    /// The cause, in a sentence.
    pub(crate) title: String,
    /// Statement, key space or server. `None` if none stands out.
    pub(crate) place: Option<String>,
    /// Figures that support it, one sentence each.
    pub(crate) evidence: Vec<String>,
    /// Confidence in it, provided that the service is slow.
    pub(crate) confidence: Confidence,
    /// Recommended action.
    pub(crate) advice: String,
    /// Number of requests that it concerns at a time, or a comparable weight. The causes are ordered by it.
    pub(crate) weight: f64,
}

impl CauseKind {
    /// Returns whether it is an error of the setting even if no request was slow.
    pub(crate) fn is_always_wrong(self) -> bool {
        matches!(self, Self::Refused)
    }
}

/// Returns the causes that the components of a run show, the strongest first.
pub(crate) fn component_causes(run: &Run) -> Vec<ComponentCause> {
    let mut found = Vec::new();
    let rows = run.timeline.rows.iter();
    let answered = rows.map(|row| row.reads + row.writes).sum();
    for own in &run.components {
        use tenfold_run_dir::component_use::ComponentFigures::{Cache, Database, WebServer};
        match &own.figures {
            Some(Database(figures)) => {
                found.extend(database::causes(own, figures, answered));
                found.extend(replica::cause(own, figures));
            }
            Some(Cache(figures)) => found.extend(cache::causes(own, figures)),
            Some(WebServer(figures)) => found.extend(web_server::cause(own, figures)),
            None => {}
        }
    }
    for own in &run.balancers {
        found.extend(balancer::causes(own));
    }
    found.sort_by(|one, other| other.weight.total_cmp(&one.weight));
    found
}

/// Returns a text in backticks, for a title: not too long, and without backticks of its own.
fn quoted(text: &str) -> String {
    const CHARS_MAX: usize = 120;
    let text = text.replace('`', "'");
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}
