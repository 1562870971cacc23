//! `tenfold generator`: one generator of several, as a child of `tenfold run` or `tenfold agent`.

use std::io;

use tenfold_loadgen::HostGuard;

use crate::arguments::agent::GeneratorArguments;
use crate::exit::Exit;
use crate::interrupt;
use crate::permission::host_guard;

/// Takes a job from standard input, and reports on standard output. Prints no error: the parent does.
pub(crate) fn generator(arguments: &GeneratorArguments) -> anyhow::Result<Exit> {
    interrupt::fail_writes_beyond_limit()?;
    let done = match arguments.of_agent {
        false => tenfold_measure::generate(
            io::stdin(),
            io::stdout(),
            host_guard::guard_redirects,
            false,
        ),
        // What the run permits does not count.
        true => {
            let judge = host_guard::judge_of_operator(arguments.allowed_hosts.clone());
            tenfold_measure::generate(io::stdin(), io::stdout(), |_| HostGuard::new(judge), true)
        }
    };
    Ok(match done {
        Ok(()) => Exit::Met,
        Err(error) => Exit::Code(crate::exit::code_of_measure(&error)),
    })
}
