//! Addresses of boxes, and the network between them.

mod answer;
mod ports;
mod private_network;
pub(crate) mod site;

pub(crate) use answer::read_answer;
pub(crate) use private_network::{Flow, Network, Subnet, path_of, within};
