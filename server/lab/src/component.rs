//! The components of stages: one file for each kind of box.

pub(crate) mod alertmanager;
pub(crate) mod arcadedb;
pub(crate) mod blackbox;
pub(crate) mod bugsink;
pub(crate) mod cassandra;
pub(crate) mod clickhouse;
pub(crate) mod galera;
pub(crate) mod goaccess;
pub(crate) mod haproxy;
pub(crate) mod keepalived;
pub(crate) mod mariadb;
pub(crate) mod mtail;
pub(crate) mod nats;
pub(crate) mod nginx;
pub(crate) mod object_store;
pub(crate) mod powerdns;
pub(crate) mod prometheus;
pub(crate) mod redis;
pub(crate) mod redis_cluster;
pub(crate) mod replica;
pub(crate) mod service;
pub(crate) mod varnish;

use std::path::{Path, PathBuf};

use crate::LabError;
use crate::directory::{plain_path, private_directory};

/// Creates the directory of a box.
fn own_directory(name: &str, directory: &Path) -> Result<PathBuf, LabError> {
    let own = plain_path(directory)?.join(name);
    private_directory(&own).map_err(|source| LabError::Directory {
        path: own.clone(),
        source,
    })?;
    Ok(own)
}
