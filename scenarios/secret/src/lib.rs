//! Detection and masking of secrets in requests, responses, scenarios and logs.
//!
//! [`is_secret`] judges a name and its value. The other functions find names and values in JSON,
//! queries, headers, markup, log lines and TOML. When in doubt they mask: a false positive can be
//! restored by hand, a leak cannot be undone.

mod credential;
mod header;
mod json;
mod markup;
mod multipart;
mod name;
mod pairs;
mod quoted;
mod run;
mod scenario_text;
mod several_words;
mod text;

pub use header::masked_header;
pub use name::is_secret;
pub use quoted::{is_secret_location, masked_json_value, masked_value};
pub use scenario_text::masked_scenario;
pub use text::masked_text;

pub use json::mask_json;
pub use name::{is_secret_pair, may_hold_secret};
pub use pairs::{masked_pairs, masked_target};

/// Replacement for a secret.
pub const MASK: &str = "***";
