//! Listen queues that overflow: connections that the service does not accept in time.

use super::bottleneck::Bottleneck;
use super::load::Load;
use super::next_step::NextStep;
use super::resource::Resource;
use crate::findings::listen_queue::overflows;
use crate::format;
use crate::summary::finding::Confidence;

/// Overflows above the knee, as a multiple of those at low load, from which they grow with the load.
const GROWS: u64 = 2;

/// Returns the bottleneck of a service whose listen queue overflows above the knee. `None` if it does not, or does as much at low
/// load. `evidence` comes first.
pub(super) fn listen_queue(
    low: &Load<'_>,
    above: &Load<'_>,
    mut evidence: Vec<String>,
) -> Option<Bottleneck> {
    let count = overflows(above.run)?;
    if overflows(low.run).is_some_and(|before| count < GROWS * before) {
        return None;
    }
    let connections = above.summary.connections.as_ref();
    evidence.push(format!(
        "connections found a listen queue full {} times; the kernel drops such a connection, and its client tries again after 1 s",
        format::count(count)
    ));
    evidence.extend(connections.map(|own| {
        format!(
            "{} connections were opened; one took {} at p99",
            format::count(own.opened),
            format::duration(own.opening_ns.p99)
        )
    }));
    Some(Bottleneck {
        resource: Resource::ListenQueue,
        title: format!(
            "The listen queue overflows: the service accepted connections too slowly {} times",
            format::count(count)
        ),
        place: None,
        part: None,
        short_box: None,
        evidence,
        // The counter is that of all listeners of the machine.
        confidence: Confidence::Medium,
        expected_gain: None,
        next_step: NextStep::of(Resource::ListenQueue, None),
    })
}

#[cfg(test)]
mod tests {
    use tenfold_run_dir::Run;
    use tenfold_run_dir::host_timeline::HostResources;

    use super::*;
    use crate::summarise;
    use crate::synthetic::MadeUp;

    /// A run with so many overflows each second.
    fn run(each: u64) -> Run {
        let mut run = MadeUp::default().play();
        run.manifest.shared_host = Some(true);
        for sample in &mut run.host.samples {
            sample.resources = Some(HostResources {
                listen_overflows: Some(each),
                ..HostResources::default()
            });
        }
        run
    }

    fn found(low: u64, above: u64) -> Option<Bottleneck> {
        let (low, above) = (run(low), run(above));
        let summaries = [&low, &above].map(summarise);
        let loads = [(&low, &summaries[0]), (&above, &summaries[1])].map(Load::of);
        listen_queue(&loads[0], &loads[1], Vec::new())
    }

    #[test]
    fn names_overflows_that_grow_with_the_load() {
        let own = found(0, 5).unwrap();
        assert_eq!(own.resource, Resource::ListenQueue);
        assert!(found(4, 5).is_none(), "as many at low load");
        assert!(found(0, 0).is_none());
    }
}
