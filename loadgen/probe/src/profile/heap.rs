//! Heap profiles: what a service allocated between two of them.
//!
//! Go's path `/debug/pprof/heap` answers with a gzipped `profile.proto`, whose values are sums since the start of the process
//! (`alloc_space`) and what is in use (`inuse_space`), in bytes. Others serve the same format for Node.js, the JVM and Rust.

use std::time::{Duration, Instant};

use tenfold_run_dir::FoldedStacks;
use tenfold_run_dir::heap::{HeapInfo, HeapProfile};

use super::Profile;
use crate::{AdminListener, ProbeError, http};

/// Time limit of a profile. A runtime may collect garbage first.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Longest response that is read, in bytes.
const BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Names of the value that sums allocations since the start of the process.
const ALLOCATED: [&str; 2] = ["alloc_space", "allocated_space"];

/// Names of the value that is in use.
const IN_USE: [&str; 3] = ["inuse_space", "space", "live_space"];

/// The heap of a service at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Heap {
    source: String,
    at: Instant,
    /// `None` if it is not reported.
    allocated: Option<FoldedStacks>,
    in_use: FoldedStacks,
}

impl Heap {
    /// Captures the heap from an admin listener.
    ///
    /// # Errors
    /// If there is no response within 10 s, the status is not 200, or the response is no gzipped `profile.proto` with bytes in
    /// use.
    pub fn capture(admin: &AdminListener) -> Result<Self, ProbeError> {
        let listener = admin.join("/debug/pprof/heap");
        let client = http::client(admin, TIMEOUT);
        let answer = http::get(&client, listener.url(), TIMEOUT, BYTES_MAX)?;
        Self::decode(listener.url(), &answer.body)
    }

    /// Decodes a heap profile that was taken now.
    fn decode(source: &str, encoded: &[u8]) -> Result<Self, ProbeError> {
        let decoded = |names| Profile::decode_value(source, encoded, names);
        let in_use = decoded(&IN_USE)?.ok_or_else(|| ProbeError::NotProfile {
            source_name: source.to_owned(),
            reason: "it has no bytes in use (inuse_space)".to_owned(),
        })?;
        Ok(Self {
            source: source.to_owned(),
            at: Instant::now(),
            allocated: decoded(&ALLOCATED)?.map(|profile| profile.folded()),
            in_use: in_use.folded(),
        })
    }

    /// Returns the allocations since an earlier moment. `None` if the process was restarted in between: then its sums have
    /// shrunk.
    pub fn since(&self, before: &Self) -> Option<HeapProfile> {
        let allocated = match (&before.allocated, &self.allocated) {
            (Some(before), Some(after)) => {
                let is_restarted = after.samples() < before.samples();
                Some(growth(before, after)).filter(|_| !is_restarted)
            }
            _ => None,
        };
        if allocated.is_none() && self.allocated.is_some() {
            return None;
        }
        let duration = self.at.saturating_duration_since(before.at);
        Some(HeapProfile {
            info: HeapInfo {
                source: self.source.clone(),
                duration_ns: u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX),
                allocated_bytes: allocated.as_ref().map(FoldedStacks::samples),
                in_use_before_bytes: before.in_use.samples(),
                in_use_after_bytes: self.in_use.samples(),
            },
            allocated: allocated.unwrap_or_default(),
            grown: growth(&before.in_use, &self.in_use),
        })
    }
}

/// Returns by how much each stack grew. Stacks that shrank are left out.
fn growth(before: &FoldedStacks, after: &FoldedStacks) -> FoldedStacks {
    let mut grown = FoldedStacks::default();
    for (frames, bytes) in after.iter() {
        let more = bytes.saturating_sub(before.samples_of(frames));
        grown.add(frames.iter().map(String::as_str), more);
    }
    grown
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tenfold_profile_proto::{Function, Line, Location, Message, Profile, Sample, ValueType};

    use super::*;

    /// Encodes a heap with two functions, as Go does: `alloc_space` if `has_sums`, then `inuse_space`.
    fn heap(has_sums: bool, values: [(i64, i64); 2]) -> Vec<u8> {
        let strings = ["", "alloc_space", "inuse_space", "bytes", "parse", "cache"];
        let value_type = |index| ValueType {
            r#type: index,
            unit: 3,
        };
        let mut profile = Profile {
            sample_type: match has_sums {
                true => vec![value_type(1), value_type(2)],
                false => vec![value_type(2)],
            },
            string_table: strings.map(str::to_owned).to_vec(),
            ..Profile::default()
        };
        for (id, (allocated, in_use)) in (1..).zip(values) {
            profile.function.push(Function {
                id,
                name: 3 + i64::try_from(id).unwrap(),
                ..Function::default()
            });
            profile.location.push(Location {
                id,
                line: vec![Line {
                    function_id: id,
                    line: 0,
                }],
                ..Location::default()
            });
            profile.sample.push(Sample {
                location_id: vec![id],
                value: match has_sums {
                    true => vec![allocated, in_use],
                    false => vec![in_use],
                },
                label: Vec::new(),
            });
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&profile.encode_to_vec()).unwrap();
        encoder.finish().unwrap()
    }

    fn decoded(encoded: &[u8]) -> Heap {
        Heap::decode("here", encoded).unwrap()
    }

    #[test]
    fn reckons_what_was_allocated_in_between() {
        let before = decoded(&heap(true, [(1_000, 100), (500, 500)]));
        let after = decoded(&heap(true, [(9_000, 50), (500, 700)]));
        let profile = after.since(&before).unwrap();
        assert_eq!(profile.info.allocated_bytes, Some(8_000));
        assert_eq!(profile.allocated.to_string(), "parse 8000\n");
        assert_eq!(profile.grown.to_string(), "cache 200\n");
        assert_eq!(profile.info.grown_bytes(), 150);
        // Sums that shrink are those of another process.
        assert_eq!(before.since(&after), None);
    }

    #[test]
    fn service_may_report_only_what_is_in_use() {
        let before = decoded(&heap(false, [(0, 100), (0, 500)]));
        let after = decoded(&heap(false, [(0, 90), (0, 800)]));
        let profile = after.since(&before).unwrap();
        assert_eq!(profile.info.allocated_bytes, None);
        assert_eq!(profile.allocated, FoldedStacks::default());
        assert_eq!(profile.info.grown_bytes(), 290);
        assert_eq!(profile.grown.to_string(), "cache 300\n");
    }

    #[test]
    fn refuses_profile_of_the_cpu() {
        let cpu = crate::profile::encode(&"main 3\n".parse().unwrap(), 99.0, Duration::ZERO);
        let error = Heap::decode("here", &cpu.unwrap()).unwrap_err().to_string();
        assert!(error.contains("inuse_space"), "{error}");
    }
}
