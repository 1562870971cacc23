//! The status of a call, from its trailers.

use http::{HeaderMap, HeaderValue};
use percent_encoding::percent_decode;

use crate::http::GRPC_STATUS;

/// The highest status of gRPC.
const STATUS_MAX: u16 = 16;

/// The status of an answer whose own status is not known to gRPC.
const UNKNOWN: u16 = 2;

/// The longest message of a status that is kept, in bytes.
const MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// The outcome of a call.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AnswerStatus {
    /// Its status; 0 is `OK`.
    pub(super) code: u16,
    /// The explanation of the service; empty without one.
    pub(super) message: String,
}

impl AnswerStatus {
    /// Reads the status of an answer. `trailers` is `None` if we ended the answer, which then is `OK`.
    ///
    /// # Errors
    /// The reason, if the service ended the answer without a status.
    pub(super) fn of(headers: &HeaderMap, trailers: Option<&HeaderMap>) -> Result<Self, String> {
        // An answer without messages may have its status in the only headers that it has.
        let find = |name: &str| {
            let trailer = trailers.and_then(|trailers| trailers.get(name));
            trailer.or_else(|| headers.get(name))
        };
        let Some(status) = find(GRPC_STATUS) else {
            return match trailers {
                None => Ok(Self {
                    code: 0,
                    message: String::new(),
                }),
                Some(_) => Err("the service ended the answer without a grpc-status".to_owned()),
            };
        };
        let number = status.to_str().ok();
        let number = number.and_then(|text| text.trim().parse::<u64>().ok());
        let code = match number {
            None => {
                let shown = String::from_utf8_lossy(status.as_bytes());
                let shown: String = shown.chars().take(20).collect();
                return Err(format!("the grpc-status `{shown}` is not a number"));
            }
            Some(number) => match u16::try_from(number) {
                Ok(code @ 0..=STATUS_MAX) => code,
                // The protocol has clients treat it so.
                _ => UNKNOWN,
            },
        };
        Ok(Self {
            code,
            message: find("grpc-message").map(text_of).unwrap_or_default(),
        })
    }
}

/// Decodes a message, which is percent-encoded.
fn text_of(value: &HeaderValue) -> String {
    let bytes = value.as_bytes();
    let bytes = &bytes[..bytes.len().min(MESSAGE_BYTES_MAX)];
    percent_decode(bytes).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            let name = http::HeaderName::from_static(name);
            (name, HeaderValue::from_str(value).unwrap())
        });
        pairs.collect()
    }

    fn read(
        own: &[(&'static str, &str)],
        trailers: Option<HeaderMap>,
    ) -> Result<(u16, String), String> {
        let status = AnswerStatus::of(&headers(own), trailers.as_ref())?;
        Ok((status.code, status.message))
    }

    #[test]
    fn status_is_in_trailers_or_in_the_only_headers() {
        let trailers = headers(&[("grpc-status", "5"), ("grpc-message", "no caf%C3%A9%21")]);
        assert_eq!(read(&[], Some(trailers)), Ok((5, "no café!".to_owned())));
        let own = [("grpc-status", "12")];
        assert_eq!(read(&own, Some(HeaderMap::new())), Ok((12, String::new())));
    }

    #[test]
    fn missing_status_is_ok_only_if_we_ended_the_answer() {
        assert_eq!(read(&[], None), Ok((0, String::new())));
        assert!(read(&[], Some(HeaderMap::new())).is_err());
        let wrong = headers(&[("grpc-status", "fine")]);
        assert!(read(&[], Some(wrong)).unwrap_err().contains("`fine`"));
    }

    #[test]
    fn statuses_of_later_versions_are_unknown() {
        for status in ["17", "99999999999"] {
            let trailers = headers(&[("grpc-status", status)]);
            assert_eq!(read(&[], Some(trailers)), Ok((UNKNOWN, String::new())));
        }
    }
}
