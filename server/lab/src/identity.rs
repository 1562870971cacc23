//! Certificates and secrets of the boxes.

mod authority;
mod secret;

pub(crate) use authority::{Authority, Identity};
pub(crate) use secret::{new_secret, secret, store_secret};
