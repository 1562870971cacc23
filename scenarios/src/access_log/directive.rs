//! What a field of a log's line holds.

/// What a field holds, after the directives of Apache's LogFormat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Directive {
    RequestLine,
    Method,
    /// `%U`, and `%U%q`.
    Target,
    Query,
    Status,
    Bytes,
    CommonTime,
    PatternTime(String),
    /// Since 1970, with the units in a second.
    EpochTime(i64),
    FractionOfSecond,
    Ignored,
}

impl Directive {
    /// Returns what to call the field in messages.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::RequestLine => "request line",
            Self::Method => "method",
            Self::Target => "target",
            Self::Query => "query",
            Self::Status => "status",
            Self::Bytes => "size",
            Self::CommonTime
            | Self::PatternTime(_)
            | Self::EpochTime(_)
            | Self::FractionOfSecond => "time",
            Self::Ignored => "next field",
        }
    }

    /// Reads what stands in the braces of `%{...}t`.
    pub(super) fn time(argument: &str) -> Self {
        let pattern = argument
            .strip_prefix("begin:")
            .or(argument.strip_prefix("end:"))
            .unwrap_or(match argument {
                "begin" | "end" => "",
                other => other,
            });
        match pattern {
            "" if argument.is_empty() => Self::CommonTime,
            // `%{begin}t` is the common time without its brackets.
            "" => Self::PatternTime("%d/%b/%Y:%H:%M:%S %z".to_owned()),
            "sec" => Self::EpochTime(1),
            "msec" => Self::EpochTime(1_000),
            "usec" => Self::EpochTime(1_000_000),
            "msec_frac" | "usec_frac" => Self::FractionOfSecond,
            pattern => Self::PatternTime(pattern.to_owned()),
        }
    }
}
