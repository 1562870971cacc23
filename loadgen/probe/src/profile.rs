//! CPU profiles: capturing, folding, drawing.
//!
//! The format is `profile.proto`, which Go's `net/http/pprof` serves and `go tool pprof` reads:
//! <https://github.com/google/pprof/blob/main/proto/profile.proto>.

mod capture;
mod change;
mod flamegraph;
mod fold;
mod proto;
mod top;

pub use capture::{Captured, capture};
pub use change::{FunctionChange, changes};
pub use flamegraph::{difference_svg, flamegraph_svg};
pub use fold::{Profile, Stack};
pub use top::{TopFunction, top};
