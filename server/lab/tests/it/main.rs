//! Integration tests of the lab: one binary with a module for each subject.

mod life_cycle;
