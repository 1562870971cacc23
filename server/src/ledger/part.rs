//! Parts of a request's time.

/// Part of a request's time in the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Part {
    /// Waiting for a thread: from accept or wake-up to the poll, and in the queue of the blocking threads.
    Sched,
    /// Running code of no other part. Includes times when the kernel ran another thread instead.
    Cpu,
    /// Receiving the body of the request.
    Body,
    /// Waiting for a connection to the database, or for a permit to read it.
    Pool,
    /// Running statements.
    Sql,
    /// Waiting for a commit, which other writes may share.
    Commit,
    /// Looking up and updating caches, in the process and shared.
    Cache,
    /// Waiting for another request's load of the same value.
    Lock,
    /// Waiting in a bounded queue: writes, password hashes, photos.
    Queue,
    /// Reading and writing files.
    Files,
    /// Serialising the response.
    Serialize,
    /// Pausing before a retry.
    Retry,
    /// Waiting for anything else: the unattributed rest.
    Rest,
}

impl Part {
    /// All parts, in the order of the header.
    pub(crate) const ALL: [Self; 13] = [
        Self::Sched,
        Self::Cpu,
        Self::Body,
        Self::Pool,
        Self::Sql,
        Self::Commit,
        Self::Cache,
        Self::Lock,
        Self::Queue,
        Self::Files,
        Self::Serialize,
        Self::Retry,
        Self::Rest,
    ];

    /// Returns the name in `Server-Timing`. `None` for the rest, which is the total minus all parts.
    pub(crate) fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::Sched => "sched",
            Self::Cpu => "cpu",
            Self::Body => "body",
            Self::Pool => "pool",
            Self::Sql => "sql",
            Self::Commit => "commit",
            Self::Cache => "cache",
            Self::Lock => "lock",
            Self::Queue => "queue",
            Self::Files => "files",
            Self::Serialize => "serialize",
            Self::Retry => "retry",
            Self::Rest => return None,
        })
    }
}
