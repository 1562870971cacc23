//! Profiles of the CPU and the heap: capture, folding, comparison, encoding.
//!
//! The format is `profile.proto`, which Go's `net/http/pprof` serves and `go tool pprof` reads:
//! <https://github.com/google/pprof/blob/main/proto/profile.proto>.

mod capture;
mod change;
mod encode;
mod fold;
mod heap;
mod top;

pub use capture::{Captured, capture};
pub use change::{FunctionChange, changes};
pub use encode::encode;
pub use fold::{Profile, Stack};
pub use heap::Heap;
pub use top::{TopFunction, top};
