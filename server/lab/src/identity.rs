//! Who the boxes are: their certificates, and their secrets.

mod authority;
mod secret;

pub(crate) use authority::{Authority, Identity};
pub(crate) use secret::secret;
