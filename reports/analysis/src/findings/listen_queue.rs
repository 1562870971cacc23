//! Listen queues that overflowed.

use tenfold_run_dir::Run;

use crate::format;
use crate::summary::finding::{Confidence, Finding};

/// Overflows from which they are no accident.
const OVERFLOWS_MIN: u64 = 10;

/// Returns the overflows of listen queues on the machine of the service. `None` if there were few, or it is another machine.
pub(crate) fn overflows(run: &Run) -> Option<u64> {
    let samples = run.host.samples.iter();
    let sum: u64 = samples
        .filter_map(|sample| sample.resources.as_ref()?.listen_overflows)
        .sum();
    (run.manifest.shared_host == Some(true) && sum >= OVERFLOWS_MIN).then_some(sum)
}

/// Reports overflows of listen queues. `None` if there were few, or it is another machine.
pub(super) fn listen_queue(run: &Run) -> Option<Finding> {
    overflows(run).map(|overflows| Finding {
        title: format!(
            "A listen queue overflowed {} times: the service accepts connections too slowly",
            format::count(overflows)
        ),
        evidence: vec![
            "the kernel drops a connection that finds the queue full; its client tries again after 1 s"
                .to_owned(),
        ],
        // The counter is that of all listeners of the machine.
        confidence: Confidence::Medium,
        advice: "Raise the backlog of the listener (and net.core.somaxconn), accept in more threads, or keep connections \
                 alive."
            .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use tenfold_run_dir::host_timeline::HostResources;

    use super::*;
    use crate::synthetic::MadeUp;

    #[test]
    fn counts_overflows_on_the_machine_of_the_service() {
        let mut run = MadeUp::default().play();
        run.manifest.shared_host = Some(true);
        assert_eq!(listen_queue(&run), None);
        for sample in run.host.samples.iter_mut().take(2) {
            sample.resources = Some(HostResources {
                listen_overflows: Some(700),
                ..HostResources::default()
            });
        }
        let finding = listen_queue(&run).unwrap();
        assert!(
            finding.title.contains("overflowed 1,400 times"),
            "{finding:?}"
        );
        run.manifest.shared_host = Some(false);
        assert_eq!(listen_queue(&run), None);
    }
}
