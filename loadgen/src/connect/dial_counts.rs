//! Statistics of the connections that a run opens.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use rustls::HandshakeKind;
use tenfold_run_dir::DurationSummary;
use tenfold_run_dir::durations::{self, Durations, RunDurations};

use crate::clock::nanoseconds;
use crate::connect::traffic::Traffic;
use crate::failure::Failure;

/// The longest error message that is kept, in characters.
const MESSAGE_CHARS_MAX: usize = 400;

/// Statistics of the connections that a run opens.
#[derive(Debug)]
pub(crate) struct DialCounts {
    state: Mutex<State>,
    /// Bytes sent and received over them.
    pub(crate) traffic: Arc<Traffic>,
}

/// The counts.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) opened: u64,
    pub(crate) failed: u64,
    pub(crate) fell_back: u64,
    pub(crate) users_each: u64,
    pub(crate) version: String,
    pub(crate) cipher: String,
    pub(crate) full: u64,
    pub(crate) resumed: u64,
    pub(crate) first_errors: BTreeMap<String, String>,
    opening: Histogram<u64>,
    connecting: Histogram<u64>,
    handshake: Histogram<u64>,
}

impl Default for DialCounts {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                opened: 0,
                failed: 0,
                fell_back: 0,
                users_each: 0,
                version: String::new(),
                cipher: String::new(),
                full: 0,
                resumed: 0,
                first_errors: BTreeMap::new(),
                opening: durations::duration_histogram(),
                connecting: durations::duration_histogram(),
                handshake: durations::duration_histogram(),
            }),
            traffic: Arc::default(),
        }
    }
}

impl DialCounts {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // Changes are complete before the lock is released, even by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resets the counts, but keeps the negotiated TLS version and cipher.
    pub(crate) fn reset(&self) {
        self.traffic.reset();
        let mut state = self.state();
        let (version, cipher) = (state.version.clone(), state.cipher.clone());
        *state = State {
            version,
            cipher,
            ..Self::default()
                .state
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner)
        };
    }

    /// Counts a connection and the time it took to open, including TLS.
    pub(crate) fn opened(&self, took: Duration) {
        let mut state = self.state();
        state.opened += 1;
        state.opening.saturating_record(nanoseconds(took));
    }

    /// Records the time it took to connect, without TLS.
    pub(crate) fn connected(&self, took: Duration) {
        let mut state = self.state();
        state.connecting.saturating_record(nanoseconds(took));
    }

    /// Counts a TLS handshake and the time it took.
    pub(crate) fn shook_hands(
        &self,
        took: Duration,
        connection: &rustls::client::ClientConnection,
    ) {
        let mut state = self.state();
        state.handshake.saturating_record(nanoseconds(took));
        if connection.handshake_kind() == Some(HandshakeKind::Resumed) {
            state.resumed += 1;
        } else {
            state.full += 1;
        }
        if state.version.is_empty() {
            state.version = connection
                .protocol_version()
                .and_then(|version| version.as_str())
                .unwrap_or("TLS")
                .replace('_', ".");
            state.cipher = connection
                .negotiated_cipher_suite()
                .and_then(|suite| suite.suite().as_str())
                .unwrap_or("unknown")
                .replace("TLS13_", "TLS_");
        }
    }

    /// Counts a connection that could not be opened.
    pub(crate) fn failed(&self, failure: Failure, reason: &str) {
        self.state().failed += 1;
        self.keep_error(failure, reason);
    }

    /// Counts a connection that used another address, because the one whose turn it was failed or was slow.
    pub(crate) fn fell_back(&self) {
        self.state().fell_back += 1;
    }

    /// Keeps the reason of the first failure of each class.
    pub(crate) fn keep_error(&self, failure: Failure, reason: &str) {
        let mut state = self.state();
        if !state.first_errors.contains_key(failure.name()) {
            let reason = reason.chars().take(MESSAGE_CHARS_MAX).collect();
            state.first_errors.insert(failure.name().to_owned(), reason);
        }
    }

    /// Forgets the reasons of earlier failures.
    pub(crate) fn forget_errors(&self) {
        self.state().first_errors.clear();
    }

    /// Records that `users` users share one connection.
    pub(crate) fn shared_by(&self, users: usize) {
        let mut state = self.state();
        state.users_each = state.users_each.max(users as u64);
    }
}

impl State {
    /// Time to open connections, including TLS.
    pub(crate) fn opening_ns(&self) -> DurationSummary {
        DurationSummary::of(&self.opening)
    }

    /// Time to connect, without TLS.
    pub(crate) fn connecting_ns(&self) -> DurationSummary {
        DurationSummary::of(&self.connecting)
    }

    /// Duration of TLS handshakes.
    pub(crate) fn handshake_ns(&self) -> DurationSummary {
        DurationSummary::of(&self.handshake)
    }

    /// All durations, for the run directory.
    pub(crate) fn durations(&self) -> RunDurations {
        RunDurations {
            opening: Durations::of(&self.opening),
            connecting: Durations::of(&self.connecting),
            handshake: Durations::of(&self.handshake),
            ..RunDurations::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_first_error_of_each_class() {
        let dials = DialCounts::default();
        dials.failed(Failure::Tls, "one");
        dials.failed(Failure::Tls, "two");
        dials.failed(Failure::Connect, &"x".repeat(5_000));
        let state = dials.state();
        assert_eq!(state.first_errors["tls"], "one");
        assert_eq!(state.first_errors["connect"].len(), MESSAGE_CHARS_MAX);
        assert_eq!(state.failed, 3);
    }

    #[test]
    fn reset_keeps_only_negotiated_tls() {
        let dials = DialCounts::default();
        dials.opened(Duration::from_millis(3));
        dials.connected(Duration::from_millis(1));
        dials.traffic.sent(7);
        assert_eq!(dials.traffic.counted().sent_bytes, 7);
        dials.state().version = "TLSv1.3".to_owned();
        assert_eq!(dials.state().opening_ns().count, 1);
        dials.reset();
        let state = dials.state();
        assert_eq!(
            (state.opened, state.opening_ns()),
            (0, DurationSummary::default())
        );
        assert_eq!(state.durations(), RunDurations::default());
        assert_eq!(dials.traffic.counted().sent_bytes, 0);
        assert_eq!(state.version, "TLSv1.3");
    }
}
