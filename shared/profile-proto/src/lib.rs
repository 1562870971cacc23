//! The messages of `profile.proto`, the format that `go tool pprof` reads, as far as Tenfold writes or reads them.
//!
//! Written by hand, because the format is small and frozen. Field numbers are those of
//! <https://github.com/google/pprof/blob/main/proto/profile.proto>. Fields named after a string hold its index in
//! [`Profile::string_table`].

pub use prost::Message;

/// A profile.
#[derive(Clone, PartialEq, Message)]
pub struct Profile {
    /// Kinds of the values of each sample, in order.
    #[prost(message, repeated, tag = "1")]
    pub sample_type: Vec<ValueType>,
    /// The samples.
    #[prost(message, repeated, tag = "2")]
    pub sample: Vec<Sample>,
    /// The binaries and libraries that addresses are in.
    #[prost(message, repeated, tag = "3")]
    pub mapping: Vec<Mapping>,
    /// The addresses that samples refer to.
    #[prost(message, repeated, tag = "4")]
    pub location: Vec<Location>,
    /// The functions that locations refer to.
    #[prost(message, repeated, tag = "5")]
    pub function: Vec<Function>,
    /// All strings. The first is empty.
    #[prost(string, repeated, tag = "6")]
    pub string_table: Vec<String>,
    /// Start of the capture, in nanoseconds since 1970.
    #[prost(int64, tag = "9")]
    pub time_nanos: i64,
    /// Length of the capture, in nanoseconds.
    #[prost(int64, tag = "10")]
    pub duration_nanos: i64,
    /// Kind and unit of [`Profile::period`].
    #[prost(message, optional, tag = "11")]
    pub period_type: Option<ValueType>,
    /// Number of units between two samples.
    #[prost(int64, tag = "12")]
    pub period: i64,
}

/// Kind and unit of a value.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct ValueType {
    /// Its kind, such as `cpu`.
    #[prost(int64, tag = "1")]
    pub r#type: i64,
    /// Its unit, such as `nanoseconds`.
    #[prost(int64, tag = "2")]
    pub unit: i64,
}

/// A stack and its values.
#[derive(Clone, PartialEq, Message)]
pub struct Sample {
    /// Ids of the locations, leaf first.
    #[prost(uint64, repeated, tag = "1")]
    pub location_id: Vec<u64>,
    /// One value for each [`Profile::sample_type`].
    #[prost(int64, repeated, tag = "2")]
    pub value: Vec<i64>,
    /// Names and values that describe the sample, such as its thread.
    #[prost(message, repeated, tag = "3")]
    pub label: Vec<Label>,
}

/// A name and a value that describe a sample.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Label {
    /// The name.
    #[prost(int64, tag = "1")]
    pub key: i64,
    /// The value.
    #[prost(int64, tag = "2")]
    pub str: i64,
}

/// A binary or library.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Mapping {
    /// Its id, from 1.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// Its path.
    #[prost(int64, tag = "5")]
    pub filename: i64,
}

/// An address.
#[derive(Clone, PartialEq, Message)]
pub struct Location {
    /// Its id, from 1.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// Id of the mapping that it is in. 0 if unknown.
    #[prost(uint64, tag = "2")]
    pub mapping_id: u64,
    /// Its function, preceded by those inlined there, innermost first.
    #[prost(message, repeated, tag = "4")]
    pub line: Vec<Line>,
}

/// A line of a function.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Line {
    /// Id of the function.
    #[prost(uint64, tag = "1")]
    pub function_id: u64,
    /// Line number in the source file.
    #[prost(int64, tag = "2")]
    pub line: i64,
}

/// A function.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Function {
    /// Its id, from 1.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// Its name, for people.
    #[prost(int64, tag = "2")]
    pub name: i64,
    /// Its name in the binary.
    #[prost(int64, tag = "3")]
    pub system_name: i64,
    /// Its source file.
    #[prost(int64, tag = "4")]
    pub filename: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writer and reader share these messages, so only bytes made by hand can show a wrong field number.
    #[test]
    fn bytes_are_those_of_the_format() {
        let value_type = ValueType { r#type: 1, unit: 2 };
        let profile = Profile {
            sample_type: vec![value_type],
            sample: vec![Sample {
                location_id: vec![1],
                value: vec![5],
                label: vec![Label { key: 1, str: 2 }],
            }],
            mapping: vec![Mapping { id: 1, filename: 6 }],
            location: vec![Location {
                id: 1,
                mapping_id: 1,
                line: vec![Line {
                    function_id: 1,
                    line: 7,
                }],
            }],
            function: vec![Function {
                id: 1,
                name: 1,
                system_name: 2,
                filename: 3,
            }],
            string_table: vec![String::new(), "cpu".to_owned()],
            time_nanos: 9,
            duration_nanos: 10,
            period_type: Some(value_type),
            period: 12,
        };
        let bytes: &[&[u8]] = &[
            b"\x0a\x04\x08\x01\x10\x02",
            b"\x12\x0c\x0a\x01\x01\x12\x01\x05\x1a\x04\x08\x01\x10\x02",
            b"\x1a\x04\x08\x01\x28\x06",
            b"\x22\x0a\x08\x01\x10\x01\x22\x04\x08\x01\x10\x07",
            b"\x2a\x08\x08\x01\x10\x01\x18\x02\x20\x03",
            b"\x32\x00\x32\x03cpu",
            b"\x48\x09\x50\x0a",
            b"\x5a\x04\x08\x01\x10\x02",
            b"\x60\x0c",
        ];
        assert_eq!(profile.encode_to_vec(), bytes.concat());
        assert_eq!(Profile::decode(&*bytes.concat()), Ok(profile));
    }
}
