//! Profiles any process of this machine with its children, on and off the CPU, without its cooperation. Linux only.
//!
//! [`profile`] samples the threads of a process tree by perf events:
//!
//! - on the CPU by the software event `cpu-clock` of each CPU, 99 times a CPU second;
//! - off the CPU by the software event `context-switches` of each thread, each with the stack that waits. The records of
//!   switches time the wait.
//!
//! Stacks are unwound from a copy by DWARF or frame pointers, and continued by the kernel's own walk. Functions are named by
//! symbol tables and debug information, by `/proc/kallsyms`, and by perf maps of runtimes that generate code.
//! [`WaitKind`](tenfold_run_dir::off_cpu::WaitKind) and [`Idleness`](tenfold_run_dir::off_cpu::Idleness) classify what a thread waits for.
//!
//! Memory is bounded. Samples that are lost or dropped are counted.
//!
//! Without the permission for perf events, the states of threads in `/proc` show less: [`Profile::limits`] lists the gaps
//! and the settings that close them.

mod address_space;
mod code_place;
mod earlier_waits;
mod elf_image;
mod error;
#[doc(hidden)]
#[cfg(fuzzing)]
pub mod fuzzing;
mod named_stacks;
mod options;
mod perf_map;
mod permission;
mod port;
mod process;
mod profile;
mod profiling;
mod python_trampoline;
mod record;
mod recorder;
mod registers;
mod rings;
mod stack;
mod stack_table;
mod states;
mod symbols;
mod thread_pools;
mod wait_kind;
mod waits;

pub use error::ProfilerError;
pub use options::{Method, Options};
pub use port::{listeners, listeners_at, listeners_of_socket};
pub use process::process_tree;
pub use profile::{OffCpu, OnCpu, Profile, Wait};
pub use profiling::{Recording, profile, record};
