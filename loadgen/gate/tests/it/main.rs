//! Integration tests of the gate.

mod gate;
mod support;
