//! CPU profiles: capturing, folding, drawing.
//!
//! The format is `profile.proto`, which Go's `net/http/pprof` serves and `go tool pprof` reads:
//! <https://github.com/google/pprof/blob/main/proto/profile.proto>.

mod capture;
mod flamegraph;
mod fold;
mod proto;
mod top;

pub use capture::{Captured, capture};
pub use flamegraph::flamegraph_svg;
pub use fold::{Profile, Stack};
pub use top::{TopFunction, top};
