//! A lab that is up, as other processes see it: the socket in its directory, and its status.

pub(crate) mod socket;
pub(crate) mod status;
