//! The real programs that boxes run: where they are found, and what they come in.

use std::path::PathBuf;

/// A program that a box runs and that is not part of this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Program {
    /// Its name on the `PATH`.
    pub name: &'static str,
    /// What it is there for.
    pub purpose: &'static str,
    /// How it is had.
    pub source: Source,
    /// The stages that need it, by name, and all after them.
    pub since: &'static str,
}

/// How a program is had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// In a package of Debian's.
    Debian(&'static str),
    /// Built from crates.io: the crate, its version, the feature that has the program.
    Crate(&'static str, &'static str, &'static str),
}

/// MariaDB's server.
pub(crate) const MARIADBD: Program = Program {
    name: "mariadbd",
    purpose: "SQL database",
    source: Source::Debian("mariadb-server"),
    since: "separated",
};

/// What makes MariaDB's data directory.
pub(crate) const MARIADB_INSTALL_DB: Program = Program {
    name: "mariadb-install-db",
    purpose: "the SQL database's first tables",
    source: Source::Debian("mariadb-server"),
    since: "separated",
};

/// An object store that keeps its objects in a folder.
pub(crate) const S3S_FS: Program = Program {
    name: "s3s-fs",
    purpose: "object store that speaks S3",
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

/// The web servers before the application servers.
pub(crate) const NGINX: Program = Program {
    name: "nginx",
    purpose: "web server",
    source: Source::Debian("nginx-light"),
    since: "balanced",
};

/// The third voice where two databases agree on who is the primary.
pub(crate) const GARBD: Program = Program {
    name: "garbd",
    purpose: "arbitrator of the SQL cluster",
    source: Source::Debian("galera-arbitrator-4"),
    since: "balanced",
};

/// What asks a replica how far behind it is.
pub(crate) const MARIADB: Program = Program {
    name: "mariadb",
    purpose: "the balancer's check of SQL replicas",
    source: Source::Debian("mariadb-client"),
    since: "cached",
};

/// What asks a database whether it answers.
pub(crate) const MARIADB_ADMIN: Program = Program {
    name: "mariadb-admin",
    purpose: "the SQL cluster's first state",
    source: Source::Debian("mariadb-client"),
    since: "balanced",
};

/// What joins databases to a cluster; a library that MariaDB loads.
pub(crate) const GALERA: Program = Program {
    name: "libgalera_smm.so",
    purpose: "the SQL databases' cluster",
    source: Source::Debian("galera-4"),
    since: "balanced",
};

/// What a database that was away for long is filled from.
pub(crate) const MARIADB_BACKUP: Program = Program {
    name: "mariabackup",
    purpose: "state transfer within the SQL cluster",
    source: Source::Debian("mariadb-backup"),
    since: "balanced",
};

/// What [`MARIADB_BACKUP`] is sent over.
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

/// Where Debian and others keep servers, and libraries that those load.
const OUTSIDE_PATH: &[&str] = &[
    "/usr/sbin",
    "/usr/local/sbin",
    "/sbin",
    "/usr/lib/galera",
    "/usr/lib64/galera-4",
    "/usr/lib64/galera",
];

/// What makes network namespaces and links.
pub(crate) const IP: Program = Program {
    name: "ip",
    purpose: "a network of the lab's own, with --network",
    source: Source::Debian("iproute2"),
    since: "single-box",
};

/// What makes the rules of the router there.
pub(crate) const NFT: Program = Program {
    name: "nft",
    purpose: "what is let through there",
    source: Source::Debian("nftables"),
    since: "single-box",
};

/// Every program, in the order of the stages.
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
    MARIADB,
    IP,
    NFT,
];

impl Program {
    /// Returns where it is: the first of its name on the `PATH`, or where such things are kept.
    pub fn path(&self) -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let cargo = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo/bin"));
        std::env::split_paths(&path)
            .chain(OUTSIDE_PATH.iter().map(PathBuf::from))
            .chain(cargo)
            .map(|directory| directory.join(self.name))
            .find(|program| program.is_file())
    }

    /// As [`Program::path`].
    ///
    /// # Errors
    /// [`MissingProgram`] if it is nowhere.
    pub(crate) fn find(&self) -> Result<PathBuf, MissingProgram> {
        self.path().ok_or(MissingProgram { program: *self })
    }

    /// What a person types to have it.
    pub fn remedy(&self) -> String {
        match self.source {
            Source::Debian(package) => format!("apt-get install {package}"),
            Source::Crate(name, version, feature) => {
                format!("cargo install --locked --version {version} --features {feature} {name}")
            }
        }
    }
}

/// A program that is not on this machine.
#[derive(Debug, thiserror::Error)]
#[error(
    "could not find {} ({}) on the PATH; install it with `{}`, or look at all of them with `tenfold doctor`",
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
    fn a_missing_program_says_how_it_is_had() {
        let none = Program {
            name: "no-such-program",
            ..HAPROXY
        };
        let error = none.find().unwrap_err().to_string();
        assert_eq!(
            error,
            "could not find no-such-program (load balancer) on the PATH; install it with `apt-get install \
             haproxy`, or look at all of them with `tenfold doctor`"
        );
        assert!(S3S_FS.remedy().contains("--features binary s3s-fs"));
    }
}
