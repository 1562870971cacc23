//! Recommended change for a bottleneck.

use serde::{Deserialize, Serialize};

use super::resource::Resource;

/// Recommended change for a bottleneck.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextStep {
    /// The step, in a sentence or two.
    pub text: String,
    /// Heading of `docs/diagnose.md` about the step and its price.
    pub topic: String,
}

impl NextStep {
    /// Returns a step whose text is known.
    pub(super) fn with_text(resource: Resource, text: String) -> Self {
        Self {
            text,
            topic: topic(resource).to_owned(),
        }
    }

    /// Returns the step for a resource. `place` is a function or a part of the service, in backticks.
    pub(super) fn of(resource: Resource, place: Option<&str>) -> Self {
        let of_place = place.map_or(String::new(), |place| format!(" in {place}"));
        let text = match resource {
            Resource::Cpu | Resource::SharedCpu => format!(
                "Do less work a request{of_place}: cache what the hot reads compute, or answer with less. Otherwise use a \
                 bigger machine, or a second one behind a balancer."
            ),
            Resource::BoxCpu => format!(
                "Do less work a request{of_place}, or raise the CPU allowance (--box). A second box behind a balancer does \
                 the same for stateless work."
            ),
            Resource::OtherProcesses => {
                "Stop the other processes, or move the service, and diagnose again: these figures describe the machine rather than \
                 the service."
                    .to_owned()
            }
            Resource::OneThread => format!(
                "Spread the work of that thread{of_place} over several: more workers or processes, or work moved off an event \
                 loop."
            ),
            Resource::AtATime => format!(
                "Find the pool, the workers or the lock that lets so many through{of_place}. Enlarge it if what is behind it \
                 has room, or shorten the work in it."
            ),
            Resource::Lock => format!(
                "Hold the lock{of_place} for less time, split it by key, or read without it: a copy, a cache, a replica."
            ),
            Resource::Disk => format!(
                "Sync fewer times{of_place}: group the commits. Serve the reads from memory or a cache, split writes from reads, \
                 or take a faster disk."
            ),
            Resource::Network => format!(
                "Ask the slow peer less often{of_place}: cache its answers, ask for several things at once, or read from a \
                 replica. Bound each wait by a timeout."
            ),
            Resource::Memory => {
                "Give the service more memory, or keep less in it: a smaller cache, smaller pages, fewer connections.".to_owned()
            }
            Resource::Pause => format!(
                "Find why the service sleeps{of_place}: a limit of the rate, a retry with a pause, a timer."
            ),
            Resource::OpenFiles => {
                "Raise the limit of open files (`ulimit -n`, LimitNOFILE= of the service manager), and find what keeps them open: \
                 idle connections, files or sockets that are not closed."
                    .to_owned()
            }
            Resource::ListenQueue => {
                "Accept connections without a pause, in a thread of its own. Raise the backlog of the listener and \
                 net.core.somaxconn for the peaks, or keep connections alive."
                    .to_owned()
            }
            Resource::Generator => {
                "Send the load from another machine, or from several, and merge the runs (`tenfold merge`)."
                    .to_owned()
            }
            Resource::NotReached => {
                "Raise --max, or use a scenario with more work in a request.".to_owned()
            }
            Resource::Unknown => {
                "Give Tenfold more to see: run it as root on the machine of the service, name the process with --pid, or give \
                 --admin and send Server-Timing headers."
                    .to_owned()
            }
        };
        Self {
            text,
            topic: topic(resource).to_owned(),
        }
    }
}

/// Returns the anchor of the heading about a resource.
fn topic(resource: Resource) -> &'static str {
    match resource {
        Resource::Cpu | Resource::SharedCpu | Resource::BoxCpu => "processor",
        Resource::OneThread => "one-thread",
        Resource::AtATime | Resource::Lock => "a-lock-or-a-pool",
        Resource::Disk => "disk",
        Resource::Network => "a-slow-peer",
        Resource::Memory => "memory",
        Resource::OpenFiles | Resource::ListenQueue => "connections",
        Resource::OtherProcesses | Resource::Generator => "not-the-service",
        Resource::Pause | Resource::NotReached | Resource::Unknown => "unknown",
    }
}
