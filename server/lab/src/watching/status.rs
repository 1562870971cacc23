//! Status of what watches a stage.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::FiringAlert;

/// Programs that watch a stage, and the alerts that fire.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct WatchingStatus {
    /// Alerts that fire.
    pub alerts: Vec<FiringAlert>,
    /// Pages and figures to look at.
    pub pages: Vec<Page>,
    /// Missing optional programs, each in a sentence with its package.
    pub missing: Vec<String>,
}

/// A page or a list of figures, to be opened in a browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Name of the box that serves it.
    pub name: String,
    /// Address.
    pub url: String,
    /// Contents, in a few words.
    pub shows: String,
}

/// Writes the alerts that fire, and the missing programs.
pub(crate) fn write_alerts(f: &mut fmt::Formatter<'_>, status: &WatchingStatus) -> fmt::Result {
    writeln!(f)?;
    if status.alerts.is_empty() {
        writeln!(f, "no alert fires")?;
    }
    for alert in &status.alerts {
        writeln!(f, "{alert}")?;
    }
    for missing in &status.missing {
        writeln!(f, "{missing}")?;
    }
    Ok(())
}
