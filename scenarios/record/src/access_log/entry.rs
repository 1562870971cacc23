//! Lines of a log, as stored.

/// One line of a log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// Logged time; once the log is complete, the time at which the request arrived.
    pub(super) at_us: i64,
    pub(super) bytes: u64,
    /// Duration to subtract from the time, in microseconds.
    pub(super) took_us: u64,
    /// `NONE` without a request.
    pub(super) target: u32,
    /// Number of the line in its file.
    pub(super) line: u32,
    pub(super) host: Option<u16>,
    pub(super) method: u16,
    /// 0 if not logged.
    pub(super) status: u16,
}

/// Further data of an entry of a HAR file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    pub(super) headers: u32,
    /// `NONE` without a body.
    pub(super) body: u32,
}

pub(super) const NONE: u32 = u32::MAX;
/// Stands for all hosts beyond the limit.
pub(super) const OTHER_HOSTS: u16 = u16::MAX;
/// Maximum number of different hosts.
pub(super) const HOSTS_MAX: usize = 10_000;
