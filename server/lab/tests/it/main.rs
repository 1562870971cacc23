//! Integration tests of the lab: one binary, a module a subject.

mod life_cycle;
