//! Reasons why the bytes of a service can't be read as an answer.

use thiserror::Error;

use crate::failure::Failure;
use crate::http::limits::{
    EMPTY_LINES_BYTES_MAX, EVENT_BYTES_MAX, HEAD_BYTES_MAX, HEADERS_MAX, LINE_BYTES_MAX,
    MESSAGE_BYTES_MAX,
};

/// Why an answer can't be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Unreadable {
    /// It has no HTTP version, or one that is unknown.
    #[error("the answer does not begin with `HTTP/1.0` or `HTTP/1.1`")]
    Version,
    /// Its status is not a number of three digits from 100 to 999, or the text after it is invalid.
    #[error("invalid status line")]
    Status,
    /// The name of a header has an invalid character, is empty or has no colon.
    #[error("invalid header name")]
    HeaderName,
    /// The value of a header has an invalid character.
    #[error("invalid header value")]
    HeaderValue,
    /// A line of the head does not end as it should.
    #[error("invalid line end in the head")]
    LineEnd,
    /// Empty lines without a head.
    #[error("more than {EMPTY_LINES_BYTES_MAX} bytes of empty lines before the head")]
    EmptyLines,
    /// A length that is no number, or too large for one.
    #[error("invalid content-length")]
    ContentLength,
    /// Lengths that differ.
    #[error("two values of content-length that differ")]
    ContentLengthTwice,
    /// A transfer coding, which HTTP/1.0 does not have.
    #[error("transfer-encoding in an HTTP/1.0 answer")]
    TransferEncoding,
    /// The size of a chunk is no number, or too large for one, or its line does not end with CR LF.
    #[error("invalid chunk size")]
    ChunkSize,
    /// A chunk is longer than its size, or does not end with CR LF.
    #[error("no line end after the data of a chunk")]
    ChunkEnd,
    /// A trailer has an invalid character, or does not end with CR LF.
    #[error("invalid trailer")]
    Trailer,
    /// More headers than are read.
    #[error("the answer has more than {HEADERS_MAX} headers")]
    TooManyHeaders,
    /// A longer head than is read.
    #[error("the head of the answer is longer than {} KiB", HEAD_BYTES_MAX / 1024)]
    HeadLength,
    /// Longer lines between the data of two chunks than are read.
    #[error("the chunk extensions or trailers of the answer are longer than {} KiB", LINE_BYTES_MAX / 1024)]
    LineLength,
    /// A longer event than is read.
    #[error("an event of the stream is longer than {} MiB", EVENT_BYTES_MAX >> 20)]
    EventLength,
    /// The answer is no stream of events, or an incomplete one; in words.
    #[error("{0}")]
    EventStream(String),
    /// A longer message of gRPC than is kept.
    #[error("a message of the answer is longer than {} MiB", MESSAGE_BYTES_MAX >> 20)]
    MessageLength,
    /// The answer breaks the rules of gRPC; in words.
    #[error("{0}")]
    Grpc(String),
}

impl Unreadable {
    /// The class of the failure.
    pub(crate) fn failure(&self) -> Failure {
        match self {
            Self::Version
            | Self::Status
            | Self::HeaderName
            | Self::HeaderValue
            | Self::LineEnd
            | Self::EmptyLines
            | Self::ContentLength
            | Self::ContentLengthTwice
            | Self::TransferEncoding
            | Self::ChunkSize
            | Self::ChunkEnd
            | Self::Trailer => Failure::Malformed,
            Self::TooManyHeaders
            | Self::HeadLength
            | Self::LineLength
            | Self::EventLength
            | Self::MessageLength => Failure::GeneratorLimit,
            Self::EventStream(_) => Failure::EventStream,
            Self::Grpc(_) => Failure::Grpc,
        }
    }
}

impl From<httparse::Error> for Unreadable {
    fn from(error: httparse::Error) -> Self {
        match error {
            httparse::Error::Version => Self::Version,
            httparse::Error::Status | httparse::Error::Token => Self::Status,
            httparse::Error::HeaderName => Self::HeaderName,
            httparse::Error::HeaderValue => Self::HeaderValue,
            httparse::Error::NewLine => Self::LineEnd,
            httparse::Error::TooManyHeaders => Self::TooManyHeaders,
        }
    }
}
