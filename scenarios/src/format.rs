//! Reading of a scenario's TOML: fields and their types, units, and errors with line and column.

pub(crate) mod byte_order_mark;
pub(crate) mod clip;
pub(crate) mod error;
pub(crate) mod fields;
pub(crate) mod nearest;
pub(crate) mod position;
pub(crate) mod rate;
pub(crate) mod regular_file;
pub mod toml_text;
pub(crate) mod units;
