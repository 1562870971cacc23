//! The directory of a lab, and files in it.

pub(crate) mod found_lab;
pub(crate) mod lock;
mod plain_path;
mod private_file;

pub(crate) use plain_path::plain_path;
pub(crate) use private_file::{private_directory, write_private};
