//! Faults under load: parts of a lab are killed and started again, while users read and write; afterwards every acknowledged write is
//! read back.

mod faults;
mod moving_users;
mod written_posts;

pub(crate) use faults::{Breaking, break_parts, disk_of};
pub(crate) use moving_users::MovingUsers;
pub(crate) use written_posts::{WrittenPosts, load, reading_back};
