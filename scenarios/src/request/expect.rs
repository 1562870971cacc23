//! Accepted statuses of a response.

use std::fmt;

use super::grpc_status::{GRPC_STATUSES, status_text};
use crate::format::error::ScenarioError;
use crate::format::fields::Value;

/// Accepted statuses: single ones and whole classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expect {
    /// First and last status of each range.
    ranges: Vec<(u16, u16)>,
}

impl Default for Expect {
    /// Any 2xx.
    fn default() -> Self {
        Self {
            ranges: vec![(200, 299)],
        }
    }
}

/// Formats it as in `200, 201`, `2xx` or `0 OK`.
impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (first, last)) in self.ranges.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            match first == last {
                true => f.write_str(&status_text(*first))?,
                false => write!(f, "{}xx", first / 100)?,
            }
        }
        Ok(())
    }
}

impl Expect {
    /// Only 101, the answer to a WebSocket handshake.
    pub(crate) fn upgrade() -> Self {
        Self {
            ranges: vec![(101, 101)],
        }
    }

    /// Only `OK` of gRPC.
    pub(crate) fn grpc() -> Self {
        Self {
            ranges: vec![(0, 0)],
        }
    }

    /// Reads statuses of gRPC: `["OK", "NOT_FOUND"]` or `[0, 5]`.
    pub(crate) fn read_grpc(value: &Value<'_>) -> Result<Self, ScenarioError> {
        let codes = value.list()?;
        if codes.is_empty() {
            return Err(value
                .error("`expect` is empty, so every response would fail")
                .hint("leave it out to accept OK"));
        }
        let ranges = codes.iter().map(|code| {
            let code = match code.is_integer() {
                true => code.count(0..=16)? as u16,
                false => code.choice(&GRPC_STATUSES)?,
            };
            Ok((code, code))
        });
        let ranges = ranges.collect::<Result<_, ScenarioError>>()?;
        Ok(Self { ranges })
    }

    /// Reads `[200, 201]` or `["2xx", 304]`.
    pub(crate) fn read(value: &Value<'_>) -> Result<Self, ScenarioError> {
        let list = value.list()?;
        if list.is_empty() {
            return Err(value
                .error("`expect` is empty, so every response would fail")
                .hint("leave it out to accept any 2xx"));
        }
        let ranges = list.iter().map(Self::range).collect::<Result<_, _>>()?;
        Ok(Self { ranges })
    }

    /// Returns whether a status is accepted.
    pub fn accepts(&self, status: u16) -> bool {
        self.ranges
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&status))
    }

    fn range(value: &Value<'_>) -> Result<(u16, u16), ScenarioError> {
        if value.is_integer() {
            let status = value.count(100..=599)? as u16;
            return Ok((status, status));
        }
        match value.text()?.as_bytes() {
            [class @ b'1'..=b'5', b'x' | b'X', b'x' | b'X'] => {
                let first = u16::from(class - b'0') * 100;
                Ok((first, first + 99))
            }
            _ => Err(value
                .error("not a status")
                .hint("write 200, or \"2xx\" for a whole class")),
        }
    }
}
