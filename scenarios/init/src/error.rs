//! Errors of first scenarios.

/// A source from which no scenario can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InitError {
    /// The document is neither JSON nor YAML.
    #[error("could not read {origin}: {reason}")]
    Syntax {
        /// Name of the document.
        origin: String,
        /// Position and problem.
        reason: String,
    },
    /// The document is not an OpenAPI document of a supported version.
    #[error("could not use {origin}: {reason}")]
    Version {
        /// Name of the document.
        origin: String,
        /// Its version and the remedy.
        reason: String,
    },
    /// The document has no operation that can be sent.
    #[error("{origin} has no operation that can be sent{left_out}; {advice}")]
    NoOperation {
        /// Name of the document.
        origin: String,
        /// Operations that were left out, and why; may be empty.
        left_out: String,
        /// Advice to the user.
        advice: String,
    },
    /// The address is not an HTTP URL.
    #[error("could not use `{address}` as an address: {reason}")]
    Address {
        /// The address.
        address: String,
        /// Why it is not usable.
        reason: String,
    },
}
