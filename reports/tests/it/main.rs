//! Integration tests of reports: one binary, a module per subject.

mod browser;
mod exports;
mod gate;
mod history;
mod index;
mod k6;
mod ladder;
mod page;
mod samples;
mod scaling;
mod server_time;
mod support;
mod travel;
mod wording;
