//! First scenarios: a commented scenario for a service that has none yet.
//!
//! [`from_address`] makes one with a single request, [`from_openapi`] one with a request for each
//! operation of an OpenAPI document. Both return text that is a valid scenario; the caller writes the
//! file. Logs and HAR files are the matter of `tenfold-record`; [`SourceKind`] tells them apart.

mod address;
mod error;
mod first_scenario;
mod heading;
mod openapi;
mod source_kind;

pub use address::from_address;
pub use error::InitError;
pub use first_scenario::{FirstScenario, InitOptions};
pub use openapi::document::{DOCUMENT_BYTES_MAX, Document};
pub use openapi::{Selection, from_openapi};
pub use source_kind::SourceKind;
