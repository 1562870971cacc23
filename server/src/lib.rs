//! The reference service, from one box to tens of millions of users.

pub mod data_set;
pub mod model;
pub mod store;
