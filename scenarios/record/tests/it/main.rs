//! Integration tests of recording: one binary, a module a subject.

mod access_log;
mod har;
mod record;
