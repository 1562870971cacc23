//! Errors of the profiler.

use std::io;

/// Failure to profile a process or to find one.
#[derive(Debug, thiserror::Error)]
pub enum ProfilerError {
    /// The process is not there.
    #[error(
        "could not profile process {pid}: it does not exist, or has ended; `ps -e` lists the processes of this machine"
    )]
    NoProcess {
        /// Its id.
        pid: u32,
    },
    /// No process of this machine listens on the address, or its owner can't be seen.
    #[error("could not find the process that listens on {address}: {reason}")]
    NoListener {
        /// The address, the port, or the path of the socket.
        address: String,
        /// The reason, and what to do.
        reason: String,
    },
    /// The kernel refuses to profile the process.
    #[error("could not profile process {pid}: {source}; {advice}")]
    Denied {
        /// Its id.
        pid: u32,
        /// Error of the kernel.
        source: io::Error,
        /// The setting that permits it.
        advice: String,
    },
    /// The kernel fails for another reason.
    #[error("could not profile process {pid}: {action} failed: {source}")]
    Kernel {
        /// Its id.
        pid: u32,
        /// The operation.
        action: &'static str,
        /// Error of the kernel.
        source: io::Error,
    },
    /// An option is out of its bounds.
    #[error("could not profile: {0}")]
    Options(String),
}
