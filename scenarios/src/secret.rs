//! What may be a secret, and what stands in its place: one mask for the samples of a run, for what is
//! kept of a scenario, and for what is recorded from logs.
//!
//! What a name tells is judged by [`is_secret`]; the rest takes apart what names and values stand
//! in. Rather one too many is masked: what is masked in vain is put back by hand, what is stored in
//! vain is not.

mod credential;
mod header;
mod json;
mod markup;
mod name;
mod pairs;
mod quoted;
mod scenario_text;
mod several_words;
mod text;

pub use header::masked_header;
pub use name::is_secret;
pub use quoted::{is_secret_place, masked_value};
pub use scenario_text::masked_scenario;
pub use text::masked_text;

pub(crate) use json::mask_json;
pub(crate) use name::{is_secret_pair, may_hold_secret};
pub(crate) use pairs::{masked_pairs, masked_target};

/// What stands in place of a secret.
pub const MASK: &str = "***";
