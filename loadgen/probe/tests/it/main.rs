//! Integration tests of the probe, one module per subject.

mod admin_listener;
