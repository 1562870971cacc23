//! Integration tests of the probe: one binary, a module a subject.

mod admin_listener;
