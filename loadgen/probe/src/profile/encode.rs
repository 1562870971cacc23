//! Encoding of stacks as `profile.proto`.

use std::collections::HashMap;
use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use tenfold_profile_proto::{Function, Line, Location, Message, Profile, Sample, ValueType};
use tenfold_run_dir::FoldedStacks;

/// Encodes the stacks of a CPU profile, in samples at `hz` per CPU second over `duration`, as a gzipped `profile.proto`,
/// which `go tool pprof` and speedscope read.
///
/// Stacks have names only, so each function has one location.
///
/// # Errors
/// If the compression fails.
pub fn encode(stacks: &FoldedStacks, hz: f64, duration: Duration) -> std::io::Result<Vec<u8>> {
    let mut strings = Strings::default();
    let mut value_type = |kind, unit| ValueType {
        r#type: strings.index(kind),
        unit: strings.index(unit),
    };
    let samples = value_type("samples", "count");
    let cpu = value_type("cpu", "nanoseconds");
    #[expect(clippy::cast_possible_truncation, reason = "a float is clamped")]
    let period = if hz > 0.0 {
        (1e9 / hz).round() as i64
    } else {
        0
    };
    let mut functions: HashMap<&str, u64> = HashMap::new();
    let mut profile = Profile {
        sample_type: vec![samples, cpu],
        duration_nanos: i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX),
        period_type: Some(cpu),
        period,
        ..Profile::default()
    };
    for (frames, count) in stacks.iter() {
        let ids = frames.iter().rev().map(|name| {
            let next = functions.len() as u64 + 1;
            let id = *functions.entry(name).or_insert(next);
            if id == next {
                let name = strings.index(name);
                profile.function.push(Function {
                    id,
                    name,
                    system_name: name,
                    filename: 0,
                });
                profile.location.push(Location {
                    id,
                    mapping_id: 0,
                    line: vec![Line {
                        function_id: id,
                        line: 0,
                    }],
                });
            }
            id
        });
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        profile.sample.push(Sample {
            location_id: ids.collect(),
            value: vec![count, count.saturating_mul(period)],
            label: Vec::new(),
        });
    }
    profile.string_table = strings.all;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&profile.encode_to_vec())?;
    encoder.finish()
}

/// The strings of a profile. The first is empty.
struct Strings {
    all: Vec<String>,
    indices: HashMap<String, i64>,
}

impl Default for Strings {
    fn default() -> Self {
        Self {
            all: vec![String::new()],
            indices: HashMap::new(),
        }
    }
}

impl Strings {
    fn index(&mut self, text: &str) -> i64 {
        if let Some(index) = self.indices.get(text) {
            return *index;
        }
        let index = i64::try_from(self.all.len()).unwrap_or(i64::MAX);
        self.all.push(text.to_owned());
        self.indices.insert(text.to_owned(), index);
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_to_the_same_stacks() {
        let text = "main 4\nmain;walk;walk;leaf 10\nmain;work 35\nworker;walk;leaf_[k] 2\n";
        let stacks: FoldedStacks = text.parse().unwrap();
        let encoded = encode(&stacks, 99.0, Duration::from_secs(10)).unwrap();
        let decoded = crate::Profile::decode("here", &encoded).unwrap();
        assert_eq!(decoded.folded(), stacks);
        assert_eq!(decoded.duration_ns, Some(10_000_000_000));
        assert!((decoded.hz.unwrap() - 99.0).abs() < 1e-6);
        let nothing = encode(&FoldedStacks::default(), 99.0, Duration::ZERO).unwrap();
        let nothing = crate::Profile::decode("here", &nothing).unwrap();
        assert_eq!(nothing.samples(), 0);
    }
}
