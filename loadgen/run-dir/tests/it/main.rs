//! Integration tests of the run directory, one module per subject.

mod hour;
