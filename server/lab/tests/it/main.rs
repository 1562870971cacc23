//! Integration tests of the lab: one binary with a module for each subject.

mod directories;
mod life_cycle;
mod starting;
mod support;
