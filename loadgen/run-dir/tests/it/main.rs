//! Integration tests of the run directory: one binary, a module a subject.

mod hour;
