//! The planted bottlenecks.

use tenfold_analysis::diagnosis::Resource;

/// A service with one bottleneck.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Planted {
    /// Name of the bottleneck.
    pub(crate) name: &'static str,
    /// The service.
    pub(crate) service: Service,
    /// Component behind the service.
    pub(crate) behind: Behind,
    /// Flags of `tenfold profile` that any user could give.
    pub(crate) flags: &'static [&'static str],
    /// Resources that name it rightly.
    pub(crate) right: &'static [Resource],
    /// Texts, separated by `|`, one of which the title or the evidence of a full answer contains. Empty if there is none.
    pub(crate) place: &'static str,
}

/// A service that is started for a diagnosis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    /// `planted/server.py` with this argument.
    Python(&'static str),
    /// The same, which may open this many files.
    PythonWithFiles(&'static str, u64),
    /// `planted/behind.py` with this argument, and with the port of the component behind it.
    PythonBehind(&'static str),
    /// `planted/server.py` with this argument twice, behind a balancer that sends nearly everything to the first.
    Unbalanced(&'static str),
    /// `planted/server.js` with this argument, and with the port of the peer behind it.
    Node(&'static str),
    /// `planted/server.go` with this argument.
    Go(&'static str),
    /// `planted/Server.java` with this argument, and these flags of the virtual machine.
    Java(&'static str, &'static [&'static str]),
    /// The reference service as `tenfold profile` starts it, of this scenario.
    Reference(&'static str),
    /// The reference service as its own process, with a delay of one component, in microseconds.
    Delayed(&'static str, u64),
    /// A bare handler in Rust, and a generator that has to share one processor with two busy loops.
    WeakGenerator,
}

/// A component behind a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behind {
    /// None.
    Nothing,
    /// `planted/server.py` with this argument. The diagnosis does not get its address.
    Peer(&'static str),
    /// MariaDB. The diagnosis gets its address.
    Database,
    /// MariaDB. The diagnosis does not get its address.
    UnknownDatabase,
    /// MariaDB, to which the reference service may open this many connections. The diagnosis does not get its address.
    HiddenDatabase(u32),
    /// MariaDB and a replica that is 30 s behind. The diagnosis gets the addresses of both.
    LateReplica,
    /// Redis with this much memory. The diagnosis gets its address.
    Cache(&'static str),
}

impl Planted {
    /// Returns whether nothing is planted.
    pub(crate) fn is_nothing(&self) -> bool {
        self.right == [Resource::NotReached]
    }

    /// Returns whether the service is the reference service.
    pub(crate) fn is_own(&self) -> bool {
        matches!(
            self.service,
            Service::Reference(_) | Service::Delayed(..) | Service::WeakGenerator
        )
    }
}

/// Flags of a virtual machine whose server keeps connections alive and answers at once.
const JAVA: [&str; 2] = [
    "-Dsun.net.httpserver.nodelay=true",
    "-Dsun.net.httpserver.maxIdleConnections=100000",
];

const fn planted(
    name: &'static str,
    service: Service,
    right: &'static [Resource],
    place: &'static str,
) -> Planted {
    Planted {
        name,
        service,
        behind: Behind::Nothing,
        flags: &[],
        right,
        place,
    }
}

const fn with(planted: Planted, flags: &'static [&'static str]) -> Planted {
    Planted { flags, ..planted }
}

const fn behind(planted: Planted, behind: Behind) -> Planted {
    Planted { behind, ..planted }
}

const NOTHING: &[Resource] = &[Resource::NotReached];
const CPU: &[Resource] = &[Resource::Cpu, Resource::SharedCpu];
/// With two processors, one busy thread and a busy machine are close.
const COMPUTES: &[Resource] = &[Resource::OneThread, Resource::Cpu, Resource::SharedCpu];
const LOCK: &[Resource] = &[Resource::Lock];
const POOL: &[Resource] = &[Resource::Lock, Resource::AtATime];
const PEER: &[Resource] = &[Resource::Lock, Resource::Network, Resource::AtATime];
const WORKERS: &[Resource] = &[Resource::AtATime, Resource::Pause];

/// All bottlenecks.
pub(crate) const PLANTED: &[Planted] = &[
    // Services that are not ours.
    planted(
        "hot handler (Python)",
        Service::Python("hot-handler"),
        &[Resource::OneThread],
        "render",
    ),
    planted(
        "slow serialisation (Python)",
        Service::Python("slow-serialisation"),
        COMPUTES,
        "JSON",
    ),
    planted(
        "stampede (Python)",
        Service::Python("stampede"),
        COMPUTES,
        "load_value",
    ),
    planted(
        "pool of 4 (Python)",
        Service::Python("small-pool"),
        POOL,
        "small_pool",
    ),
    planted(
        "lock across work (Python)",
        Service::Python("lock-across-work"),
        LOCK,
        "lock_across_work",
    ),
    planted(
        "slow disk sync (Python)",
        Service::Python("slow-disk"),
        &[Resource::Disk, Resource::Lock],
        "slow_disk",
    ),
    planted(
        "slow peer behind a pool (Python)",
        Service::Python("slow-peer"),
        PEER,
        "slow_peer_handler",
    ),
    planted(
        "network delay (Python)",
        Service::Python("network-delay"),
        PEER,
        "network_delay",
    ),
    planted(
        "two workers (Python)",
        Service::Python("few-workers"),
        WORKERS,
        "",
    ),
    planted(
        "blocking call on an event loop (Python)",
        Service::Python("blocking-call"),
        &[Resource::Pause, Resource::AtATime, Resource::OneThread],
        "blocking_call",
    ),
    planted(
        "64 open files (Python)",
        Service::PythonWithFiles("open-files", 64),
        &[Resource::OpenFiles],
        "64",
    ),
    planted(
        "listen queue of 8 (Python)",
        Service::Python("listen-queue"),
        &[Resource::ListenQueue],
        "",
    ),
    with(
        planted(
            "TLS handshake for each request (Python)",
            Service::Python("handshakes"),
            COMPUTES,
            "TLS handshake",
        ),
        &["--insecure"],
    ),
    behind(
        planted(
            "missing index (Python, MariaDB)",
            Service::PythonBehind("missing-index"),
            &[Resource::Network],
            "FROM post",
        ),
        Behind::Database,
    ),
    behind(
        planted(
            "busy database, unknown (Python, MariaDB)",
            Service::PythonBehind("missing-index"),
            &[Resource::Network],
            "mariadbd",
        ),
        Behind::UnknownDatabase,
    ),
    behind(
        planted(
            "N+1 queries (Python, MariaDB)",
            Service::PythonBehind("many-statements"),
            &[Resource::Network],
            "FROM post",
        ),
        Behind::Database,
    ),
    behind(
        planted(
            "one hot row (Python, MariaDB)",
            Service::PythonBehind("hot-row"),
            LOCK,
            "UPDATE visits",
        ),
        Behind::Database,
    ),
    behind(
        planted(
            "slow cache (Python, Redis)",
            Service::PythonBehind("slow-cache"),
            &[Resource::Network],
            "keys",
        ),
        Behind::Cache("64mb"),
    ),
    behind(
        planted(
            "cache too small (Python, Redis)",
            Service::PythonBehind("small-cache"),
            &[Resource::Memory],
            "too small",
        ),
        Behind::Cache("3mb"),
    ),
    planted(
        "all to one server (HAProxy)",
        Service::Unbalanced("small-pool"),
        &[Resource::AtATime],
        "web-1",
    ),
    with(
        planted(
            "too few users (Python)",
            Service::Python("few-users"),
            &[Resource::Generator],
            "users",
        ),
        &["--users", "4"],
    ),
    planted(
        "blocked event loop (Node)",
        Service::Node("blocked-loop"),
        &[Resource::OneThread],
        "render",
    ),
    planted(
        "queue of 4 (Node)",
        Service::Node("small-queue"),
        &[Resource::AtATime],
        "",
    ),
    behind(
        planted(
            "slow dependency without a bound (Node)",
            Service::Node("slow-dependency"),
            PEER,
            "",
        ),
        Behind::Peer("small-pool"),
    ),
    planted(
        "lock across work (Go)",
        Service::Go("lock-across-work"),
        POOL,
        "",
    ),
    planted(
        "allocation storm (Go)",
        Service::Go("allocation-storm"),
        COMPUTES,
        "allocating memory|garbage collection",
    ),
    planted(
        "small thread pool (Java)",
        Service::Java("small-pool", &["-Xmx128m"]),
        WORKERS,
        "",
    ),
    planted(
        "lock across work (Java)",
        Service::Java("lock-across-work", &["-Xmx128m"]),
        POOL,
        "",
    ),
    planted(
        "small heap (Java)",
        Service::Java("small-heap", &["-Xmx24m", "-XX:+UseSerialGC"]),
        COMPUTES,
        "garbage collection",
    ),
    with(
        planted("nothing (Python)", Service::Python("nothing"), NOTHING, ""),
        &["--max", "100/s"],
    ),
    with(
        planted("nothing (Node)", Service::Node("nothing"), NOTHING, ""),
        &["--max", "200/s"],
    ),
    with(
        planted("nothing (Go)", Service::Go("nothing"), NOTHING, ""),
        &["--max", "200/s"],
    ),
    // The reference service.
    with(
        planted(
            "busy processors (reference)",
            Service::Reference("steady"),
            CPU,
            "",
        ),
        &["--rate", "4k/s"],
    ),
    with(
        planted(
            "throttled box (reference)",
            Service::Reference("steady"),
            &[Resource::BoxCpu],
            "",
        ),
        &["--rate", "200/s", "--box", "web=0.2"],
    ),
    with(
        planted(
            "memory near its limit (reference)",
            Service::Reference("steady"),
            &[Resource::Memory],
            "",
        ),
        &["--rate", "200/s", "--box", "web=2,64MiB"],
    ),
    planted(
        "slow serialisation (reference)",
        Service::Delayed("serialize", 2_000),
        CPU,
        "serialize",
    ),
    behind(
        planted(
            "pool of 2 connections (reference)",
            Service::Delayed("store.point", 10_000),
            &[Resource::AtATime],
            "pool",
        ),
        Behind::HiddenDatabase(2),
    ),
    behind(
        planted(
            "late replica (reference)",
            Service::Delayed("store.point", 40_000),
            &[Resource::Network],
            "behind its primary",
        ),
        Behind::LateReplica,
    ),
    planted(
        "generator too weak",
        Service::WeakGenerator,
        &[Resource::Generator, Resource::OtherProcesses],
        "",
    ),
    with(
        planted(
            "nothing (reference)",
            Service::Reference("steady"),
            NOTHING,
            "",
        ),
        &["--max", "100/s"],
    ),
];

impl Service {
    /// Returns the flags of the virtual machine. Empty for other services.
    pub(crate) fn java_flags(self) -> Vec<&'static str> {
        match self {
            Self::Java(_, flags) => JAVA.iter().chain(flags).copied().collect(),
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_answers_are_known() {
        let mut names: Vec<&str> = PLANTED.iter().map(|own| own.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), PLANTED.len());
        assert!(PLANTED.iter().all(|own| !own.right.is_empty()));
    }

    #[test]
    fn most_services_are_not_ours() {
        let others = PLANTED.iter().filter(|own| !own.is_own());
        assert!(others.filter(|own| !own.is_nothing()).count() >= 6);
        assert!(PLANTED.iter().filter(|own| own.is_nothing()).count() >= 3);
    }
}
