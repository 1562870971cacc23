//! What a field of a log's line holds.

/// What a field holds, after the directives of Apache's LogFormat and the variables of nginx.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Directive {
    RequestLine,
    Method,
    /// `%U`, `%U%q`, `$request_uri`.
    Target,
    /// `$host$request_uri`: a target with its host before it.
    HostedTarget,
    /// `%q`, which begins with a question mark where there is a query.
    Query,
    /// `$args`, the query without its question mark.
    Arguments,
    /// `$host`, of no use but for what may follow it.
    Host,
    Status,
    Bytes,
    CommonTime,
    PatternTime(String),
    /// Since 1970, with the units in a second.
    EpochTime(i64),
    /// Seconds since 1970 with a decimal point.
    EpochSeconds,
    FractionOfSecond,
    Ignored,
}

impl Directive {
    /// Returns what to call the field in messages.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::RequestLine => "request line",
            Self::Method => "method",
            Self::Target | Self::HostedTarget => "target",
            Self::Query | Self::Arguments => "query",
            Self::Status => "status",
            Self::Bytes => "size",
            Self::CommonTime
            | Self::PatternTime(_)
            | Self::EpochTime(_)
            | Self::EpochSeconds
            | Self::FractionOfSecond => "time",
            Self::Host | Self::Ignored => "next field",
        }
    }

    /// Says whether it tells when.
    pub(super) fn is_time(&self) -> bool {
        matches!(
            self,
            Self::CommonTime | Self::PatternTime(_) | Self::EpochTime(_) | Self::EpochSeconds
        )
    }

    /// Says whether it tells what was asked for.
    pub(super) fn is_target(&self) -> bool {
        matches!(self, Self::RequestLine | Self::Target | Self::HostedTarget)
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
