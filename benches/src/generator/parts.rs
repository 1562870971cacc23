//! Parts of the comparison, each of which can run alone.

pub(crate) mod idle_users;
pub(crate) mod maximum;
pub(crate) mod memory;
pub(crate) mod precision;
pub(crate) mod scale;
pub(crate) mod table;
