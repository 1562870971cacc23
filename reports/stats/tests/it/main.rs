//! Integration tests of the statistics: one binary, one module per subject.

mod change_points;
