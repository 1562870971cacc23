//! A network namespace for one test, in which limits can be reached without harm to the machine.

use std::process::Command;

use nix::sched::{CloneFlags, unshare};

use super::skip;

/// Runs `test` on a thread with a network of its own, whose loopback interface is up. Threads and processes
/// that it starts share that network. Skips the test if the system forbids namespaces.
///
/// # Panics
/// If the test does.
pub(crate) fn in_namespace(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::spawn(move || {
        if unshare(CloneFlags::CLONE_NEWNET).is_err() {
            return skip("permission to make a network namespace");
        }
        if !ip(&["link", "set", "lo", "up"]) {
            return skip("the command ip");
        }
        test();
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Runs `ip` in the namespace of this thread. Returns whether it succeeded.
pub(crate) fn ip(arguments: &[&str]) -> bool {
    let status = Command::new("ip").args(arguments).status();
    status.is_ok_and(|status| status.success())
}

/// Sets a limit of the kernel's network in the namespace of this thread.
pub(crate) fn set(name: &str, value: &str) {
    std::fs::write(format!("/proc/sys/net/ipv4/{name}"), value).unwrap();
}
