//! Namespaces for one test, in which limits can be reached without harm to the machine.

use std::path::Path;
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use super::skip;

/// Runs `test` on a thread with network and mounts of its own. Threads and processes that it starts share
/// them. Skips the test if the system forbids namespaces.
///
/// # Panics
/// Panics if the test does.
pub(crate) fn in_namespace(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::spawn(move || {
        let own = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS;
        if unshare(own).is_err() {
            return skip("namespaces are not permitted");
        }
        // Mounts made here must not appear outside.
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount::<str, str, str, str>(None, "/", None, private, None).unwrap();
        if !ip("link set lo up") {
            return skip("the command ip is missing");
        }
        test();
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Runs `ip` in the network of this thread. Returns whether it succeeded.
pub(crate) fn ip(arguments: &str) -> bool {
    let status = Command::new("ip").args(arguments.split(' ')).status();
    status.is_ok_and(|status| status.success())
}

/// Sets a limit of the network of this thread.
pub(crate) fn set(name: &str, value: &str) {
    std::fs::write(format!("/proc/sys/net/ipv4/{name}"), value).unwrap();
}

/// Mounts a disk of 256 KiB at a directory.
pub(crate) fn mount_small_disk(directory: &Path) {
    std::fs::create_dir_all(directory).unwrap();
    mount(
        Some("tmpfs"),
        directory,
        Some("tmpfs"),
        MsFlags::empty(),
        Some("size=256k"),
    )
    .unwrap();
}
