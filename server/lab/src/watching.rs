//! What watches a stage: alerts, the log of incidents, and the pages where its figures can be seen.

mod alerts;
mod firing_alert;
mod incident_log;
mod request_log;
mod request_page;
mod status;

use std::path::{Path, PathBuf};

pub(crate) use alerts::rules;
pub use firing_alert::FiringAlert;
pub(crate) use firing_alert::firing;
pub use incident_log::IncidentLog;
pub use request_log::RequestLog;
pub use request_page::request_page;
pub(crate) use status::write_alerts;
pub use status::{Page, WatchingStatus};

/// Name of the log of incidents in the lab's directory.
const INCIDENTS: &str = "incidents.jsonl";

/// Path of the log of incidents in a lab's directory.
pub fn incidents_path(directory: &Path) -> PathBuf {
    directory.join(INCIDENTS)
}

/// Pages of a stage, and the programs that it does without.
#[derive(Debug, Clone, Default)]
pub(crate) struct WatchingPlan {
    /// Pages and figures to look at.
    pub(crate) pages: Vec<Page>,
    /// Missing optional programs, each in a sentence with its package.
    pub(crate) missing: Vec<String>,
}
