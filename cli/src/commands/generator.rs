//! `tenfold generator`: one generator of several, as a child of `tenfold run`.

use std::io;

use crate::exit::Exit;
use crate::interrupt;
use crate::permission::host_guard;

/// Takes a job from standard input, and reports on standard output. Prints no error: the parent does.
pub(crate) fn generator() -> anyhow::Result<Exit> {
    interrupt::fail_writes_beyond_limit()?;
    let done = tenfold_measure::generate(io::stdin(), io::stdout(), host_guard::guard_redirects);
    Ok(match done {
        Ok(()) => Exit::Met,
        Err(error) => Exit::Code(crate::exit::code_of_measure(&error)),
    })
}
