//! Random choices for a request: which request, which key, which user.

/// Random choices for a request: which request, which key, which user.
///
/// [`Request::render`](crate::Request::render) depends only on the draw and the variables, so the same
/// draw gives the same bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Draw {
    /// Index into [`Scenario::requests`](crate::Scenario::requests).
    pub request: usize,
    /// Key for `{key}`; in a trace, the index of the entry.
    pub key: u64,
    /// Popularity rank of the key, 0 for the most popular; 0 if the request has no keys.
    pub rank: u64,
    /// User of the service for whom the request is made, from 0.
    pub user: u64,
    /// Seed of all other random content of the request, such as `{text:N}`.
    pub entropy: u64,
    /// Number of arrivals, or journeys, before it; selects rows of sequential data.
    pub turn: u64,
}
