//! The requests that a distribution covers.

use tenfold_run_dir::Run;

/// The requests that a distribution covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// All requests.
    All,
    /// The reads.
    Reads,
    /// The writes.
    Writes,
    /// One request, by its index in the scenario.
    Request(usize),
}

impl Scope {
    /// All requests, the reads, and the writes.
    pub const KINDS: [Scope; 3] = [Scope::All, Scope::Reads, Scope::Writes];

    /// Returns the name of the scope in files.
    pub fn name(self) -> &'static str {
        match self {
            Scope::All => "all",
            Scope::Reads => "reads",
            Scope::Writes => "writes",
            Scope::Request(_) => "request",
        }
    }

    pub(crate) fn holds(self, run: &Run, request: usize) -> bool {
        let is = |kind: &str| {
            let request = run.manifest.requests.get(request);
            request.is_some_and(|request| request.kind == kind)
        };
        match self {
            Scope::All => true,
            Scope::Reads => is("read"),
            Scope::Writes => is("write"),
            Scope::Request(index) => index == request,
        }
    }
}
