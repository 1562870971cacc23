//! Service with planted faults, as a build to try `tenfold gate` on. The tests of the gate start it too.
//!
//! ```text
//! cargo build --example planted -p tenfold-gate
//! tenfold gate --baseline 'PLANTED_PORT={port} PLANTED_STATUS=200 target/debug/examples/planted' \
//!     --candidate 'PLANTED_PORT={port} PLANTED_STATUS=200 PLANTED_WORK=90000 target/debug/examples/planted'
//! ```

#[allow(
    dead_code,
    reason = "tests include this module too, and use the parts that build commands"
)]
mod service;

fn main() {
    service::Planted::serve_from_environment();
}
