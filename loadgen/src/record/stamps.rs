//! The stamps of one request, from which every latency is a difference.

/// When what happened to a request, in nanoseconds since the start of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamps {
    /// When it was due.
    pub(crate) intended: u64,
    /// How long it waited for an idle user; none where one was idle.
    pub(crate) blocked: Option<u64>,
    /// When a user began to send it.
    pub(crate) sent: u64,
    /// When the first byte of the answer had arrived; none where none came whole.
    pub(crate) first_byte: Option<u64>,
    /// When the last byte of the answer had arrived, or it had failed.
    pub(crate) done: u64,
    /// How long that byte lay there before it was read; none where nobody tells.
    pub(crate) read_lag: Option<u64>,
}

impl Stamps {
    /// `done - intended`: what a user feels.
    pub(crate) fn response(&self) -> u64 {
        self.done.saturating_sub(self.intended)
    }

    /// `done - sent`.
    pub(crate) fn service(&self) -> u64 {
        self.done.saturating_sub(self.sent)
    }

    /// `done - intended - lag`: what the response time would be, had the generator been on time.
    pub(crate) fn unlagged(&self) -> u64 {
        self.response().saturating_sub(self.lag())
    }

    /// `sent - intended - blocked`: the generator's own lateness.
    pub(crate) fn lag(&self) -> u64 {
        lag(self.intended, self.blocked, self.sent)
    }
}

/// How late the generator itself was with a request.
pub(crate) fn lag(intended: u64, blocked: Option<u64>, sent: u64) -> u64 {
    sent.saturating_sub(intended)
        .saturating_sub(blocked.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_is_lag_blocked_and_service() {
        let stamps = Stamps {
            intended: 100,
            blocked: Some(30),
            sent: 150,
            first_byte: Some(190),
            done: 200,
            read_lag: None,
        };
        assert_eq!(
            (stamps.response(), stamps.service(), stamps.lag()),
            (100, 50, 20)
        );
        assert_eq!(stamps.response(), stamps.lag() + 30 + stamps.service());
        assert_eq!(stamps.unlagged(), 30 + stamps.service());
    }
}
