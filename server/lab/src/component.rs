//! The components of stages: one file for each kind of box.

pub(crate) mod galera;
pub(crate) mod haproxy;
pub(crate) mod mariadb;
pub(crate) mod nginx;
pub(crate) mod object_store;
pub(crate) mod prometheus;
pub(crate) mod redis;
pub(crate) mod replica;
pub(crate) mod service;
