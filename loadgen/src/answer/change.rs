//! Changes that a journey written in Rust makes to a request of the scenario.

use http::{HeaderName, HeaderValue};
use tenfold_scenarios::Rendered;

use crate::answer::reply::Reply;

/// A check that a call makes of its answer.
type Test = Box<dyn Fn(&Reply) -> bool + Send + Sync>;

/// How a call differs from the request of the scenario that it is recorded as.
#[derive(Default)]
pub(crate) struct Change {
    pub(crate) path: Option<String>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) checks: Vec<(String, Test)>,
}

impl Change {
    /// Puts the changes into what the scenario has rendered.
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
