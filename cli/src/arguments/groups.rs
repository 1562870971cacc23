//! Groups of flags that several subcommands share.

pub(crate) mod agents;
pub(crate) mod builds;
pub(super) mod cache;
pub(super) mod connections;
pub(super) mod data_set;
pub(super) mod edges;
pub(super) mod feeds;
pub(super) mod host_permission;
pub(super) mod load;
pub(super) mod output;
pub(super) mod queue;
pub(crate) mod search;
pub(crate) mod service;
pub(super) mod services;
pub(super) mod store;
pub(super) mod telemetry;
pub(super) mod warehouse;
