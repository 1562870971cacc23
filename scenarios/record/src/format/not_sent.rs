//! Reasons why a line of a log is not sent.

/// Reason why a line of a log has no request that can be sent to an origin server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotSent {
    /// `-` or nothing: the connection timed out or was closed.
    Missing,
    /// Bytes of another protocol, such as TLS or RTSP.
    NotHttp,
    /// CONNECT, which only a proxy accepts.
    Connect,
    /// `OPTIONS *`, which is about the server as a whole.
    Asterisk,
    /// A switch to another protocol, such as WebSocket.
    Upgrade,
    /// The target has no leading slash.
    NotPath,
    /// The target is longer than a trace may hold.
    TooLong,
    /// The log has more methods than are kept.
    TooManyMethods,
}

impl NotSent {
    /// All reasons, in the order of the report.
    pub(crate) const ALL: [Self; 8] = [
        Self::Missing,
        Self::NotHttp,
        Self::Connect,
        Self::Asterisk,
        Self::Upgrade,
        Self::NotPath,
        Self::TooLong,
        Self::TooManyMethods,
    ];

    /// Returns the reason as text.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Missing => "the connection ended before one",
            Self::NotHttp => "not HTTP, such as TLS or RTSP",
            Self::Connect => "CONNECT, which only a proxy accepts",
            Self::Asterisk => "OPTIONS *, which has no path",
            Self::Upgrade => "a switch to WebSocket or another protocol",
            Self::NotPath => "a target that is not a path",
            Self::TooLong => "a target longer than 60,000 bytes",
            Self::TooManyMethods => "one of more than 200 methods",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_reasons_in_declaration_order() {
        for (position, reason) in NotSent::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, position);
        }
    }
}
