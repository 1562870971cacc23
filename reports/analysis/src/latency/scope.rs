//! Which requests a distribution is of.

use tenfold_run_dir::Run;

/// Which requests a distribution is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// All of them.
    All,
    /// The reads.
    Reads,
    /// The writes.
    Writes,
    /// One, as an index into the scenario's requests.
    Request(usize),
}

impl Scope {
    /// All requests, and the two kinds apart.
    pub const KINDS: [Scope; 3] = [Scope::All, Scope::Reads, Scope::Writes];

    /// The word for it in files.
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
