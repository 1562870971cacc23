//! What came of a gate, in a module for each format.

mod beside;
mod export;
pub(crate) mod figures;
pub mod github;
pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod terminal;

pub use beside::{Beside, GateFlamegraphs};
pub use export::{Export, Format};
