//! Integration tests of the generator: one binary, one module per subject.

mod abort;
mod captures_and_bounds;
mod connections;
mod cookies;
mod delivery;
mod language;
mod nginx;
mod outcomes;
mod paired;
mod redirects;
mod stall_oracle;
mod support;
