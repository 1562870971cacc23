//! The messages of profile.proto, as far as they are used here.
//!
//! Source: `proto/profile.proto` of github.com/google/pprof.

use prost::Message;

/// A profile.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Profile {
    /// What the values of a sample are.
    #[prost(message, repeated, tag = "1")]
    pub(crate) sample_type: Vec<ValueType>,
    /// The samples.
    #[prost(message, repeated, tag = "2")]
    pub(crate) sample: Vec<Sample>,
    /// The places in the code.
    #[prost(message, repeated, tag = "4")]
    pub(crate) location: Vec<Location>,
    /// The functions.
    #[prost(message, repeated, tag = "5")]
    pub(crate) function: Vec<Function>,
    /// The strings that all others point to; the first is empty.
    #[prost(string, repeated, tag = "6")]
    pub(crate) string_table: Vec<String>,
    /// When it began, in nanoseconds since 1970.
    #[prost(int64, tag = "9")]
    pub(crate) time_nanos: i64,
    /// How long it took, in nanoseconds.
    #[prost(int64, tag = "10")]
    pub(crate) duration_nanos: i64,
    /// What there is one sample for each so many of.
    #[prost(message, optional, tag = "11")]
    pub(crate) period_type: Option<ValueType>,
    /// How many of the period's type there are between two samples.
    #[prost(int64, tag = "12")]
    pub(crate) period: i64,
}

/// A kind of value and its unit.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ValueType {
    /// The string that names it.
    #[prost(int64, tag = "1")]
    pub(crate) r#type: i64,
    /// The string that names its unit.
    #[prost(int64, tag = "2")]
    pub(crate) unit: i64,
}

/// A stack and how often it was seen.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Sample {
    /// The locations, leaf first.
    #[prost(uint64, repeated, tag = "1")]
    pub(crate) location_id: Vec<u64>,
    /// The values, as many as there are types.
    #[prost(int64, repeated, tag = "2")]
    pub(crate) value: Vec<i64>,
    /// What else is known.
    #[prost(message, repeated, tag = "3")]
    pub(crate) label: Vec<Label>,
}

/// A word about a sample.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Label {
    /// The string that names it.
    #[prost(int64, tag = "1")]
    pub(crate) key: i64,
    /// The string that is its value.
    #[prost(int64, tag = "2")]
    pub(crate) str: i64,
}

/// A place in the code: a function and those inlined into it.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Location {
    /// Its number, from 1.
    #[prost(uint64, tag = "1")]
    pub(crate) id: u64,
    /// The lines, the innermost inlined one first.
    #[prost(message, repeated, tag = "4")]
    pub(crate) line: Vec<Line>,
}

/// A line of a function.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Line {
    /// The function.
    #[prost(uint64, tag = "1")]
    pub(crate) function_id: u64,
    /// The number of the line in its file.
    #[prost(int64, tag = "2")]
    pub(crate) line: i64,
}

/// A function.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Function {
    /// Its number, from 1.
    #[prost(uint64, tag = "1")]
    pub(crate) id: u64,
    /// The string that is its name, for people.
    #[prost(int64, tag = "2")]
    pub(crate) name: i64,
    /// The string that is its name in the binary.
    #[prost(int64, tag = "3")]
    pub(crate) system_name: i64,
    /// The string that is its file.
    #[prost(int64, tag = "4")]
    pub(crate) filename: i64,
}
