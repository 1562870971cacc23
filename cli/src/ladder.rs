//! The steps of a ladder: those of the reference service, or those of a file.

pub(crate) mod prices;
pub(crate) mod road;
pub(crate) mod steps_file;
