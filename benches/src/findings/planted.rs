//! The planted bottlenecks.

use tenfold_analysis::diagnosis::Resource;

/// A service with one bottleneck.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Planted {
    /// Name of the bottleneck.
    pub(crate) name: &'static str,
    /// The service.
    pub(crate) service: Service,
    /// Resources that name it rightly.
    pub(crate) right: &'static [Resource],
    /// Text that the title or the place of a full answer contains. Empty if there is none.
    pub(crate) place: &'static str,
}

/// A service that is started for a diagnosis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    /// `planted/server.py` with this argument.
    Python(&'static str),
    /// The same, with a highest rate below its capacity.
    PythonBelow(&'static str, &'static str),
    /// `planted/server.js` with this argument.
    Node(&'static str),
    /// The reference service, with these flags of `tenfold profile`.
    Reference(&'static [&'static str]),
}

impl Planted {
    /// Returns whether nothing is planted.
    pub(crate) fn is_nothing(&self) -> bool {
        self.right == [Resource::NotReached]
    }

    /// Returns whether the service is the reference service.
    pub(crate) fn is_own(&self) -> bool {
        matches!(self.service, Service::Reference(_))
    }
}

/// All bottlenecks.
pub(crate) const PLANTED: &[Planted] = &[
    Planted {
        name: "hot handler (Python)",
        service: Service::Python("hot-handler"),
        right: &[Resource::OneThread],
        place: "render",
    },
    Planted {
        name: "pool of 4 (Python)",
        service: Service::Python("small-pool"),
        right: &[Resource::Lock, Resource::AtATime],
        place: "small_pool",
    },
    Planted {
        name: "lock across work (Python)",
        service: Service::Python("lock-across-work"),
        right: &[Resource::Lock],
        place: "lock_across_work",
    },
    Planted {
        name: "slow disk sync (Python)",
        service: Service::Python("slow-disk"),
        right: &[Resource::Disk, Resource::Lock],
        place: "slow_disk",
    },
    Planted {
        name: "slow peer behind a pool (Python)",
        service: Service::Python("slow-peer"),
        right: &[Resource::Lock, Resource::Network, Resource::AtATime],
        place: "slow_peer_handler",
    },
    Planted {
        name: "two workers (Python)",
        service: Service::Python("few-workers"),
        right: &[Resource::AtATime, Resource::Pause],
        place: "",
    },
    Planted {
        name: "nothing (Python)",
        service: Service::PythonBelow("nothing", "100/s"),
        right: &[Resource::NotReached],
        place: "",
    },
    Planted {
        name: "blocked event loop (Node)",
        service: Service::Node("blocked-loop"),
        right: &[Resource::OneThread],
        place: "render",
    },
    Planted {
        name: "queue of 4 (Node)",
        service: Service::Node("small-queue"),
        right: &[Resource::AtATime],
        place: "",
    },
    Planted {
        name: "busy processors (reference)",
        service: Service::Reference(&["steady", "--rate", "4k/s"]),
        right: &[Resource::Cpu, Resource::SharedCpu],
        place: "",
    },
    Planted {
        name: "throttled box (reference)",
        service: Service::Reference(&["steady", "--rate", "200/s", "--box", "web=0.2"]),
        right: &[Resource::BoxCpu],
        place: "",
    },
];
