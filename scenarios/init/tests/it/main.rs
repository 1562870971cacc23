//! Integration tests of first scenarios: one binary, a module a subject.

mod address;
mod openapi;
