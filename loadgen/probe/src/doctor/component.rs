//! The real components that the stages are made of, and where they are.

use std::path::PathBuf;

use serde::Serialize;

use super::find_program;

/// A program that a stage or a test starts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Component {
    /// The program.
    pub program: &'static str,
    /// The Debian package that holds it.
    pub package: &'static str,
    /// What it is needed for.
    pub used_for: &'static str,
    /// Where it is; none where it was not found.
    pub path: Option<PathBuf>,
}

/// The programs: name, other names, Debian package, what for.
const PROGRAMS: &[(&str, &[&str], &str, &str)] = &[
    (
        "mariadbd",
        &["mysqld"],
        "mariadb-server",
        "SQL database, from stage separated on",
    ),
    (
        "haproxy",
        &[],
        "haproxy",
        "load balancer, from stage balanced on",
    ),
    ("nginx", &[], "nginx", "web server to compare with"),
    (
        "redis-server",
        &[],
        "redis-server",
        "memory cache, from stage cached on",
    ),
    (
        "nats-server",
        &[],
        "nats-server",
        "queue, stage partitioned",
    ),
    (
        "prometheus",
        &[],
        "prometheus",
        "monitoring, stage autoscaled",
    ),
    (
        "chromium",
        &["chromium-browser", "google-chrome"],
        "chromium",
        "tests of the report",
    ),
    ("go", &[], "golang-go", "go tool pprof, to read profiles"),
];

pub(super) fn all() -> Vec<Component> {
    PROGRAMS
        .iter()
        .map(|&(program, others, package, used_for)| Component {
            program,
            package,
            used_for,
            path: find_program(program)
                .or_else(|| others.iter().find_map(|other| find_program(other))),
        })
        .collect()
}
