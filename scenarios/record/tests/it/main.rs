//! Integration tests of recording: one binary, a module a subject.

mod access_log;
mod arrivals;
mod har;
mod record;
mod several_files;
mod visit;
