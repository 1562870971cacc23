//! Integration tests of the profiler, one module per subject.

mod off_cpu;
mod on_cpu;
mod runtimes;
mod support;
mod target;
mod without_permission;
