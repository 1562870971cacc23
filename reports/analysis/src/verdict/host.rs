//! Objections to a noisy or busy host.

use tenfold_run_dir::Run;

use crate::format;
use crate::summary::Summary;
use crate::verdict::objection::{Objection, suspect};

/// Maximum share of stolen CPU time, above which the host counts as noisy.
const STOLEN_MAX: f64 = 0.05;

/// Maximum share of the cores in use by other processes, above which the host counts as busy.
const USED_BY_OTHERS_MAX: f64 = 0.25;

/// Objects to a host that lost CPU time to other virtual machines.
pub(super) fn noisy_host(run: &Run, summary: &Summary) -> Option<Objection> {
    let stolen = summary.host_usage.as_ref()?.cores_stolen?;
    let share = stolen / run.manifest.host.cores.max(1) as f64;
    if share <= STOLEN_MAX {
        return None;
    }
    suspect(format!(
        "the host is noisy: {} of its CPU time went to other virtual machines (steal)",
        format::percent(share)
    ))
}

/// Objects to a host whose CPU other processes used.
pub(super) fn busy_host(summary: &Summary) -> Option<Objection> {
    let host = summary.host_usage.as_ref()?;
    let others = host.cores_used_by_others?;
    if others <= USED_BY_OTHERS_MAX * host.cores as f64 {
        return None;
    }
    suspect(format!(
        "the host was busy: processes other than generator and service used {} of its {} cores",
        format::significant(others),
        host.cores
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summarise;
    use crate::summary::verdict::MeasurementVerdict::Suspect;
    use crate::verdict::brief_run;

    #[test]
    fn more_than_a_twentieth_of_the_time_stolen_is_suspect() {
        let mut run = brief_run();
        let mut summary = summarise(&run);
        run.manifest.host.cores = 4;
        for (stolen, is_suspect) in [(0.0, false), (0.2, false), (0.21, true), (4.0, true)] {
            let host = summary.host_usage.as_mut().unwrap();
            host.cores_stolen = Some(stolen);
            let objection = noisy_host(&run, &summary);
            assert_eq!(objection.is_some(), is_suspect, "{stolen}");
            assert!(objection.is_none_or(|objection| objection.grade == Suspect));
        }
        summary.host_usage.as_mut().unwrap().cores_stolen = None;
        assert!(noisy_host(&run, &summary).is_none());
    }

    #[test]
    fn more_than_a_quarter_of_the_cores_used_by_others_is_suspect() {
        let mut summary = summarise(&brief_run());
        for (used, is_suspect) in [(0.0, false), (2.0, false), (2.01, true), (8.0, true)] {
            let host = summary.host_usage.as_mut().unwrap();
            (host.cores, host.cores_used_by_others) = (8, Some(used));
            let objection = busy_host(&summary);
            assert_eq!(objection.is_some(), is_suspect, "{used}");
            assert!(objection.is_none_or(|objection| objection.grade == Suspect));
        }
        summary.host_usage.as_mut().unwrap().cores_used_by_others = None;
        assert!(busy_host(&summary).is_none());
    }
}
