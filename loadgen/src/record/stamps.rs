//! The stamps of one request. Every latency is a difference of two stamps.

/// The stamps of one request, in nanoseconds since the start of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamps {
    /// When it was due.
    pub(crate) intended: u64,
    /// Time it waited for an idle user. `None` if one was idle.
    pub(crate) blocked: Option<u64>,
    /// When a user began to send it.
    pub(crate) sent: u64,
    /// When the first byte of the answer arrived. `None` without a complete answer.
    pub(crate) first_byte: Option<u64>,
    /// When the last byte of the answer arrived, or the request failed.
    pub(crate) done: u64,
    /// Delay between that arrival and our read. `None` without a kernel timestamp.
    pub(crate) read_lag: Option<u64>,
}

impl Stamps {
    /// `done - intended`: the response time that a user experiences.
    pub(crate) fn response(&self) -> u64 {
        self.done.saturating_sub(self.intended)
    }

    /// `done - sent`: the service time.
    pub(crate) fn service(&self) -> u64 {
        self.done.saturating_sub(self.sent)
    }

    /// `done - intended - lag`: the response time without the generator's lag.
    pub(crate) fn unlagged(&self) -> u64 {
        self.response().saturating_sub(self.lag())
    }

    /// `sent - intended - blocked`: the generator's own lateness.
    pub(crate) fn lag(&self) -> u64 {
        self.sent
            .saturating_sub(self.intended)
            .saturating_sub(self.blocked.unwrap_or(0))
    }
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
