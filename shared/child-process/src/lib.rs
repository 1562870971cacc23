//! Child processes in a process group of their own, which end with this program.
//!
//! [`ProcessGroup`] kills a child and everything that the child has started once it is dropped. A program that
//! is killed drops nothing; two means cover that case. A [`Guard`] is a shell that cleans up when its standard
//! input closes, and [`killed_with_parent`] has the kernel kill the child.
//!
//! All calls block.

mod command;
mod exit;
mod guard;
mod log_tail;
mod process_group;
mod program;

pub use command::{killed_with_parent, wrapped};
pub use exit::describe_exit;
pub use guard::Guard;
pub use log_tail::log_tail;
pub use process_group::ProcessGroup;
pub use program::{find_program, is_program};
pub use rustix::process::Signal;
