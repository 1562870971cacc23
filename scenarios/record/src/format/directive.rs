//! Contents of a field.

/// Contents of a field, as in Apache's LogFormat directives and nginx's variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Directive {
    RequestLine,
    Method,
    /// `%U`, `%U%q`, `$request_uri`.
    Target,
    /// `$host$request_uri`: a target preceded by its host.
    HostedTarget,
    /// `%q`: the query with its question mark, or nothing.
    Query,
    /// `$args`: the query without its question mark.
    Arguments,
    /// `$host`: ignored, except before a target.
    Host,
    Status,
    Bytes,
    CommonTime,
    PatternTime(String),
    /// Time since 1970, with the number of units in a second.
    EpochTime(i64),
    /// Seconds since 1970 with a decimal point.
    EpochSeconds,
    FractionOfSecond,
    Ignored,
}

impl Directive {
    /// Returns the name of the field in messages.
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

    /// Returns whether the field contains a time.
    pub(super) fn is_time(&self) -> bool {
        matches!(
            self,
            Self::CommonTime | Self::PatternTime(_) | Self::EpochTime(_) | Self::EpochSeconds
        )
    }

    /// Returns whether the field contains a target.
    pub(super) fn is_target(&self) -> bool {
        matches!(self, Self::RequestLine | Self::Target | Self::HostedTarget)
    }

    /// Parses the argument of `%{...}t`.
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
            // `%{begin}t` is the common time without brackets.
            "" => Self::PatternTime("%d/%b/%Y:%H:%M:%S %z".to_owned()),
            "sec" => Self::EpochTime(1),
            "msec" => Self::EpochTime(1_000),
            "usec" => Self::EpochTime(1_000_000),
            "msec_frac" | "usec_frac" => Self::FractionOfSecond,
            pattern => Self::PatternTime(pattern.to_owned()),
        }
    }
}
