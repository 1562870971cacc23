//! Contents of a field.

use super::time_unit::TimeUnit;

/// Contents of a field, as in Apache's LogFormat directives and nginx's variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Directive {
    RequestLine,
    Method,
    /// `%U`, `%U%q`, `$request_uri`.
    Target,
    /// `$uri`: the target after internal redirects, used if there is no other.
    RewrittenTarget,
    /// `$host$request_uri`: a target preceded by its host.
    HostedTarget,
    /// `%q`: the query with its question mark, or nothing.
    Query,
    /// `$args`: the query without its question mark.
    Arguments,
    /// Host of the request. Of several, the one with the highest rank is used.
    Host(HostRank),
    Status,
    Bytes,
    /// Duration of the request, logged as a number of units.
    Duration(TimeUnit),
    CommonTime,
    /// `2018-07-02T22:23:00.186Z`.
    IsoTime,
    PatternTime(String),
    /// Time since 1970, with the number of units in a second.
    EpochTime(i64),
    /// Seconds since 1970 with a decimal point.
    EpochSeconds,
    FractionOfSecond,
    Ignored,
}

/// Precision of a field that names the host, in ascending order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum HostRank {
    /// Name of the virtual host that served the request: `%v`, `$server_name`.
    Server,
    /// The server's choice of the two: `%V`, `$host`.
    Canonical,
    /// The header of the request: `%{Host}i`, `$http_host`.
    Header,
}

/// End of a request to which a logged time belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Start,
    End,
}

impl Directive {
    /// Returns the name of the field in messages.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::RequestLine => "request line",
            Self::Method => "method",
            Self::Target | Self::RewrittenTarget | Self::HostedTarget => "target",
            Self::Query | Self::Arguments => "query",
            Self::Status => "status",
            Self::Bytes => "size",
            Self::Duration(_) => "duration",
            Self::CommonTime
            | Self::IsoTime
            | Self::PatternTime(_)
            | Self::EpochTime(_)
            | Self::EpochSeconds
            | Self::FractionOfSecond => "time",
            Self::Host(_) | Self::Ignored => "next field",
        }
    }

    /// Returns whether the field contains a time.
    pub(super) fn is_time(&self) -> bool {
        matches!(
            self,
            Self::CommonTime
                | Self::IsoTime
                | Self::PatternTime(_)
                | Self::EpochTime(_)
                | Self::EpochSeconds
        )
    }

    /// Returns whether the field contains a target.
    pub(super) fn is_target(&self) -> bool {
        matches!(
            self,
            Self::RequestLine | Self::Target | Self::RewrittenTarget | Self::HostedTarget
        )
    }

    /// Parses the argument of Apache's `%{...}t`. Without `end:`, it is the time when the request was received.
    pub(super) fn time(argument: &str) -> (Self, Moment) {
        let (pattern, moment) = match argument {
            "begin" => (None, Moment::Start),
            "end" => (None, Moment::End),
            _ => match argument.strip_prefix("end:") {
                Some(pattern) => (Some(pattern), Moment::End),
                None => (
                    Some(argument.strip_prefix("begin:").unwrap_or(argument)),
                    Moment::Start,
                ),
            },
        };
        let directive = match pattern {
            Some("") if argument.is_empty() => Self::CommonTime,
            // `%{begin}t` is the common time without brackets.
            None | Some("") => Self::PatternTime("%d/%b/%Y:%H:%M:%S %z".to_owned()),
            Some("sec") => Self::EpochTime(1),
            Some("msec") => Self::EpochTime(1_000),
            Some("usec") => Self::EpochTime(1_000_000),
            Some("msec_frac" | "usec_frac") => Self::FractionOfSecond,
            Some(pattern) => Self::PatternTime(pattern.to_owned()),
        };
        (directive, moment)
    }

    /// Parses the argument of Apache's `%{...}T`; `None` for a unit that Apache does not know.
    pub(super) fn duration(argument: &str) -> Option<Self> {
        match argument {
            "" => Some(Self::Duration(TimeUnit::Seconds)),
            "s" | "ms" | "us" => TimeUnit::parse(argument).map(Self::Duration),
            _ => None,
        }
    }
}
