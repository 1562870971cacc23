//! Where boxes listen, and which of them can reach each other.

mod ports;
mod private_network;
pub(crate) mod site;

pub(crate) use private_network::{Flow, Network, Subnet, path_of, within};
