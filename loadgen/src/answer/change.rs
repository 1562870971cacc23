//! Changes that a journey written in Rust makes to a request of the scenario.

use http::{HeaderName, HeaderValue};
use tenfold_scenarios::Rendered;

use crate::answer::reply::Reply;

/// A check of an answer, written in Rust.
type CodeCheck = Box<dyn Fn(&Reply) -> bool + Send + Sync>;

/// The differences between a call and the scenario's request that it is recorded as.
#[derive(Default)]
pub(crate) struct Change {
    /// Replaces the path.
    pub(crate) path: Option<String>,
    /// Replace or add headers.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// Replaces the body.
    pub(crate) body: Option<Vec<u8>>,
    /// Additional checks, with their names.
    pub(crate) checks: Vec<(String, CodeCheck)>,
}

impl Change {
    /// Applies the changes to a rendered request.
    pub(crate) fn apply(&self, rendered: &mut Rendered) {
        if let Some(path) = &self.path {
            rendered.path.clone_from(path);
        }
        for (name, value) in &self.headers {
            rendered.headers.retain(|(known, _)| known != name);
            rendered.headers.push((name.clone(), value.clone()));
        }
        if let Some(body) = &self.body {
            rendered.body.clone_from(body);
        }
    }
}
