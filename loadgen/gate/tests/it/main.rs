//! Integration tests of the gate: one binary, a module a subject.

mod gate;
mod support;
