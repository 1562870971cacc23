//! A profile, folded: each distinct stack with its number of samples.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::io::Read;

use flate2::read::MultiGzDecoder;
use tenfold_profile_proto::{self as proto, Message};
use tenfold_run_dir::FoldedStacks;

use crate::ProbeError;

/// Largest profile that is decompressed, in bytes.
const BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Most frames of a stack. Go keeps 128, and JFR 64 unless configured otherwise.
const STACK_FRAMES_MAX: usize = 16 * 1024;

/// Most memory for all distinct stacks with their names, in bytes. A location stands for any number of frames, so that a
/// profile of a few kilobytes could exceed all memory.
const STACKS_BYTES_MAX: usize = 512 * 1024 * 1024;

/// A CPU profile, folded.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Profile {
    /// Names of the functions that [`Stack::frames`] refers to, demangled.
    pub functions: Vec<String>,
    /// All distinct stacks, sorted by the names of their functions.
    pub stacks: Vec<Stack>,
    /// Length of the capture, in nanoseconds. `None` if the profile does not state it.
    pub duration_ns: Option<u64>,
    /// Samples per CPU second. `None` if the profile does not state it.
    pub hz: Option<f64>,
}

/// A stack and its number of samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    /// Indices of the functions, root first.
    pub frames: Vec<u32>,
    /// Number of samples.
    pub samples: u64,
}

impl Profile {
    /// Decodes a gzipped `profile.proto`. `source` names it in errors.
    ///
    /// Only equal stacks are merged. Inlined functions get frames of their own. A frame without a name gets the name of its
    /// library in brackets, and an empty stack becomes `[unknown]`.
    ///
    /// # Errors
    /// If the bytes are not a gzipped `profile.proto`, decompress to more than 256 MiB, have too many frames, or have no
    /// values that count or time samples.
    pub fn decode(source: &str, encoded: &[u8]) -> Result<Self, ProbeError> {
        let profile = decompressed(source, encoded)?;
        fold(&profile, None)
            .map(Option::unwrap_or_default)
            .map_err(|reason| malformed(source, reason))
    }

    /// As [`Profile::decode`], but for the first value with one of these names instead of samples. `None` without such a value.
    ///
    /// # Errors
    /// As [`Profile::decode`].
    pub(super) fn decode_value(
        source: &str,
        encoded: &[u8],
        names: &[&str],
    ) -> Result<Option<Self>, ProbeError> {
        let profile = decompressed(source, encoded)?;
        fold(&profile, Some(names)).map_err(|reason| malformed(source, reason))
    }

    /// Number of samples in the profile.
    pub fn samples(&self) -> u64 {
        self.stacks
            .iter()
            .fold(0, |sum, stack| sum.saturating_add(stack.samples))
    }

    /// The stacks with the names of their functions, for the run directory.
    pub fn folded(&self) -> FoldedStacks {
        let mut folded = FoldedStacks::default();
        for stack in &self.stacks {
            folded.add(self.names(stack), stack.samples);
        }
        folded
    }

    /// Names of the functions of a stack, root first.
    pub fn names<'a>(&'a self, stack: &'a Stack) -> impl Iterator<Item = &'a str> {
        stack
            .frames
            .iter()
            .map(|frame| self.functions[*frame as usize].as_str())
    }
}

fn malformed(source: &str, reason: String) -> ProbeError {
    ProbeError::NotProfile {
        source_name: source.to_owned(),
        reason,
    }
}

/// Decompresses and parses a profile.
fn decompressed(source: &str, encoded: &[u8]) -> Result<proto::Profile, ProbeError> {
    if !encoded.starts_with(&[0x1f, 0x8b]) {
        return Err(malformed(source, "it is not gzip".into()));
    }
    let mut bytes = Vec::new();
    MultiGzDecoder::new(encoded)
        .take(BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| malformed(source, error.to_string()))?;
    if bytes.len() as u64 > BYTES_MAX {
        let reason = format!("it decompresses to more than {BYTES_MAX} bytes");
        return Err(malformed(source, reason));
    }
    proto::Profile::decode(bytes.as_slice()).map_err(|error| malformed(source, error.to_string()))
}

/// Folds the value with one of these names, or else samples. `None` without a value of these names.
fn fold(
    profile: &proto::Profile,
    names_of_value: Option<&[&str]>,
) -> Result<Option<Profile>, String> {
    let text = |index: i64| {
        usize::try_from(index)
            .ok()
            .and_then(|index| profile.string_table.get(index))
            .map_or("", String::as_str)
    };
    if profile.sample_type.is_empty() {
        return Err("it does not state what its samples count".into());
    }
    let counter = match names_of_value {
        None => Counter::of(profile, &text)?,
        Some(names) => match Counter::of_value(profile, names, &text) {
            Some(counter) => counter,
            None => return Ok(None),
        },
    };

    // Many samples share a location, so each is resolved once.
    let mut names = Names::default();
    let functions: HashMap<u64, u32> = profile
        .function
        .iter()
        .map(|function| {
            let name = match text(function.name) {
                "" => text(function.system_name),
                name => name,
            };
            (function.id, names.index(&demangle(name)))
        })
        .collect();
    let mappings: HashMap<u64, &str> = profile
        .mapping
        .iter()
        .map(|mapping| (mapping.id, text(mapping.filename)))
        .collect();
    let mut locations: HashMap<u64, Vec<u32>> = HashMap::with_capacity(profile.location.len());
    for location in &profile.location {
        // Outermost first, in the order of stacks.
        let mut frames: Vec<u32> = location
            .line
            .iter()
            .rev()
            .filter_map(|line| functions.get(&line.function_id).copied())
            .collect();
        if frames.is_empty() {
            frames.push(names.index(&unnamed(mappings.get(&location.mapping_id).copied())));
        }
        locations.insert(location.id, frames);
    }
    let unknown = names.index("[unknown]");

    let mut stacks: HashMap<Vec<u32>, u64> = HashMap::new();
    let mut bytes_left = STACKS_BYTES_MAX;
    for sample in &profile.sample {
        let samples = counter.samples(sample);
        if samples == 0 {
            continue;
        }
        let mut frames: Vec<u32> = Vec::new();
        for id in sample.location_id.iter().rev() {
            match locations.get(id) {
                Some(location) => frames.extend(location),
                None => frames.push(unknown),
            }
            if frames.len() > STACK_FRAMES_MAX {
                return Err(format!("a stack has more than {STACK_FRAMES_MAX} frames"));
            }
        }
        if frames.is_empty() {
            frames.push(unknown);
        }
        match stacks.entry(frames) {
            Entry::Occupied(mut known) => {
                let total = known.get_mut();
                *total = total.saturating_add(samples);
            }
            Entry::Vacant(new) => {
                let frames = new.key().iter();
                let bytes = frames.map(|frame| names.bytes_of(*frame));
                bytes_left = bytes_left
                    .checked_sub(bytes.sum())
                    .ok_or_else(|| format!("its stacks take more than {STACKS_BYTES_MAX} bytes"))?;
                new.insert(samples);
            }
        }
    }

    let functions = names.names;
    let mut stacks: Vec<Stack> = stacks
        .into_iter()
        .map(|(frames, samples)| Stack { frames, samples })
        .collect();
    let key = |stack: &Stack| -> Vec<&str> {
        stack
            .frames
            .iter()
            .map(|frame| functions[*frame as usize].as_str())
            .collect()
    };
    stacks.sort_by_cached_key(|stack| key(stack).join("\0"));
    Ok(Some(Profile {
        functions,
        stacks,
        duration_ns: u64::try_from(profile.duration_nanos)
            .ok()
            .filter(|duration| *duration > 0),
        hz: counter.hz,
    }))
}

/// The value of a sample that counts samples, and its unit.
struct Counter {
    value: usize,
    /// CPU time of one sample in nanoseconds, if the value is CPU time; else 1.
    divisor: u64,
    hz: Option<f64>,
}

impl Counter {
    /// Returns the value with one of these names, as it is.
    fn of_value<'a>(
        profile: &proto::Profile,
        names: &[&str],
        text: &impl Fn(i64) -> &'a str,
    ) -> Option<Self> {
        let mut types = profile.sample_type.iter();
        let value = types.position(|kind| names.contains(&text(kind.r#type)))?;
        Some(Self {
            value,
            divisor: 1,
            hz: None,
        })
    }

    fn of<'a>(profile: &proto::Profile, text: &impl Fn(i64) -> &'a str) -> Result<Self, String> {
        let types: Vec<(&str, &str)> = profile
            .sample_type
            .iter()
            .map(|kind| (text(kind.r#type), text(kind.unit)))
            .collect();
        let period = u64::try_from(profile.period).unwrap_or(0);
        let period_ns = match profile.period_type.map(|kind| text(kind.unit)) {
            Some("nanoseconds") => period,
            Some("microseconds") => period.saturating_mul(1_000),
            Some("milliseconds") => period.saturating_mul(1_000_000),
            _ => 0,
        };
        let hz = (period_ns > 0).then(|| 1e9 / period_ns as f64);
        if let Some(value) = types.iter().position(|(_, unit)| *unit == "count") {
            return Ok(Self {
                value,
                divisor: 1,
                hz,
            });
        }
        match types.iter().position(|(_, unit)| *unit == "nanoseconds") {
            Some(value) if period_ns > 0 => Ok(Self {
                value,
                divisor: period_ns,
                hz,
            }),
            _ => Err(format!(
                "its samples are neither counted nor timed ({})",
                types
                    .iter()
                    .map(|(kind, unit)| format!("{kind}/{unit}"))
                    .collect::<Vec<_>>()
                    .join(", ")
            )),
        }
    }

    fn samples(&self, sample: &proto::Sample) -> u64 {
        let value = sample.value.get(self.value).copied().unwrap_or(0);
        let value = u64::try_from(value).unwrap_or(0);
        // Rounded, because CPU time is the count times the period, with rounding errors.
        value.saturating_add(self.divisor / 2) / self.divisor
    }
}

/// Names with their indices.
#[derive(Default)]
struct Names {
    names: Vec<String>,
    indices: BTreeMap<String, u32>,
}

impl Names {
    fn index(&mut self, name: &str) -> u32 {
        if let Some(index) = self.indices.get(name) {
            return *index;
        }
        // A profile of 256 MiB can't contain more names than fit.
        let index = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(name.to_owned());
        self.indices.insert(name.to_owned(), index);
        index
    }

    /// Memory of a copy of a name, in bytes.
    fn bytes_of(&self, index: u32) -> usize {
        size_of::<String>() + self.names[index as usize].len()
    }
}

/// Demangles a Rust symbol and removes its hash, which merges the instances of a function.
fn demangle(name: &str) -> String {
    if name.is_empty() {
        return "[unknown]".into();
    }
    let name = format!("{:#}", rustc_demangle::demangle(name));
    // If the target demangled the name, it may have kept the hash.
    let hash_at = name
        .len()
        .checked_sub(19)
        .filter(|at| name.is_char_boundary(*at));
    match hash_at.map(|at| name.split_at(at)) {
        Some((bare, hash))
            if !bare.is_empty()
                && hash.starts_with("::h")
                && hash[3..].bytes().all(|byte| byte.is_ascii_hexdigit()) =>
        {
            bare.to_owned()
        }
        _ => name,
    }
}

/// Names a frame without a name after its file.
fn unnamed(file: Option<&str>) -> String {
    let name = file.map(|file| file.rsplit('/').next().unwrap_or(file));
    match name {
        Some(name) if !name.is_empty() => format!("[{}]", name.trim_matches(['[', ']'])),
        _ => "[unknown]".into(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    /// Encodes a profile as a target does.
    fn encode(profile: &proto::Profile) -> Vec<u8> {
        gzip(&profile.encode_to_vec())
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// Returns a profile at 100 Hz with known stacks: `main` calls `work`, which inlines `inner`, and a library without
    /// names.
    fn by_hand() -> proto::Profile {
        let strings = [
            "",
            "samples",
            "count",
            "cpu",
            "nanoseconds",
            "main",
            "_ZN4work17h0123456789abcdefE",
            "<inner as core::ops::Fn<[u8; 4]>>::call::h0123456789abcdef",
            "/lib/libc.so.6",
        ];
        let value_type = |kind, unit| proto::ValueType { r#type: kind, unit };
        let function = |id, name| proto::Function {
            id,
            name,
            ..proto::Function::default()
        };
        let location = |id, mapping_id, functions: &[u64]| proto::Location {
            id,
            mapping_id,
            line: functions
                .iter()
                .map(|function_id| proto::Line {
                    function_id: *function_id,
                    ..proto::Line::default()
                })
                .collect(),
        };
        let sample = |locations: &[u64], count: i64| proto::Sample {
            location_id: locations.to_vec(),
            value: vec![count, count * 10_000_000],
            label: Vec::new(),
        };
        proto::Profile {
            sample_type: vec![value_type(1, 2), value_type(3, 4)],
            sample: vec![
                sample(&[2, 1], 30),
                sample(&[3, 1], 10),
                // The same stack again, as from another thread.
                sample(&[2, 1], 5),
                sample(&[1], 4),
                sample(&[], 1),
                sample(&[99, 1], 2),
                sample(&[1], 0),
                sample(&[1], -7),
            ],
            mapping: vec![proto::Mapping { id: 1, filename: 8 }],
            location: vec![
                location(1, 0, &[1]),
                location(2, 0, &[3, 2]),
                location(3, 1, &[]),
            ],
            function: vec![function(1, 5), function(2, 6), function(3, 7)],
            string_table: strings.map(str::to_owned).to_vec(),
            duration_nanos: 2_000_000_000,
            period_type: Some(value_type(3, 4)),
            period: 10_000_000,
            ..proto::Profile::default()
        }
    }

    fn folded(profile: &Profile) -> Vec<(String, u64)> {
        profile
            .stacks
            .iter()
            .map(|stack| {
                (
                    profile.names(stack).collect::<Vec<_>>().join(">"),
                    stack.samples,
                )
            })
            .collect()
    }

    #[test]
    fn folds_a_known_profile() {
        let profile = Profile::decode("here", &encode(&by_hand())).unwrap();
        let expected = [
            ("[unknown]", 1),
            ("main", 4),
            ("main>[libc.so.6]", 10),
            ("main>[unknown]", 2),
            ("main>work><inner as core::ops::Fn<[u8; 4]>>::call", 35),
        ];
        let expected = expected.map(|(stack, samples)| (stack.to_owned(), samples));
        assert_eq!(folded(&profile), expected);
        assert_eq!(profile.samples(), 52);
        assert_eq!(
            profile.folded().to_string(),
            "[unknown] 1\nmain 4\nmain;[libc.so.6] 10\nmain;[unknown] 2\n\
             main;work;<inner as core::ops::Fn<[u8, 4]>>::call 35\n"
        );
        assert_eq!(profile.hz, Some(100.0));
        assert_eq!(profile.duration_ns, Some(2_000_000_000));
    }

    #[test]
    fn counts_timed_samples_by_the_period() {
        let mut timed = by_hand();
        timed.sample_type.remove(0);
        for sample in &mut timed.sample {
            sample.value.remove(0);
        }
        let timed = Profile::decode("here", &encode(&timed)).unwrap();
        assert_eq!(timed.samples(), 52);

        let mut neither = by_hand();
        neither.sample_type = vec![proto::ValueType { r#type: 5, unit: 5 }];
        let error = Profile::decode("here", &encode(&neither)).unwrap_err();
        assert!(error.to_string().contains("main/main"), "{error}");
    }

    #[test]
    fn refuses_other_bytes() {
        let whole = encode(&by_hand());
        let html = b"<html>not found</html>";
        for (bytes, reason) in [
            (&html[..], "not gzip"),
            (&[][..], "not gzip"),
            (&gzip(html)[..], ""),
            (&gzip(b"")[..], "does not state"),
            (&whole[..whole.len() / 2], ""),
        ] {
            let error = Profile::decode("here", bytes).unwrap_err().to_string();
            assert!(
                error.starts_with("here is not a gzipped profile.proto"),
                "{error}"
            );
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn refuses_a_decompression_bomb() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let megabyte = vec![0_u8; 1 << 20];
        for _ in 0..=BYTES_MAX >> 20 {
            encoder.write_all(&megabyte).unwrap();
        }
        let error = Profile::decode("here", &encoder.finish().unwrap()).unwrap_err();
        assert!(
            error.to_string().contains("decompresses to more"),
            "{error}"
        );
    }

    #[test]
    fn refuses_too_many_frames() {
        let deep = |lines: usize, locations: usize, samples: i64| {
            let mut profile = by_hand();
            let line = profile.location[0].line[0];
            profile.location[0].line = vec![line; lines];
            // Each stack ends in other locations, so that all are distinct.
            profile.sample = (0..samples)
                .map(|sample| {
                    let ends = (0..13).map(|bit| 2 + u64::from(sample >> bit & 1 == 1));
                    proto::Sample {
                        location_id: ends.chain(vec![1; locations]).collect(),
                        value: vec![1, 10_000_000],
                        label: Vec::new(),
                    }
                })
                .collect();
            Profile::decode("here", &encode(&profile))
        };
        assert!(deep(100, 100, 1).is_ok());
        let error = deep(10_000, 10_000, 1).unwrap_err().to_string();
        assert!(error.contains("a stack has more than"), "{error}");
        let error = deep(16_000, 1, 1_300).unwrap_err().to_string();
        assert!(error.contains("its stacks take more than"), "{error}");
    }

    #[test]
    fn demangles_names() {
        for (mangled, name) in [
            ("_ZN4core3ptr4read17h0123456789abcdefE", "core::ptr::read"),
            ("_RNvCs1234_7mycrate3foo", "mycrate::foo"),
            ("runtime.mallocgc", "runtime.mallocgc"),
            ("a::b::h0123456789abcdef", "a::b"),
            ("a::b::h0123456789abcdeg", "a::b::h0123456789abcdeg"),
            ("::h0123456789abcdef", "::h0123456789abcdef"),
            ("", "[unknown]"),
            ("日本語日本語日本語日本語", "日本語日本語日本語日本語"),
        ] {
            assert_eq!(demangle(mangled), name);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_fail(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = Profile::decode("here", &bytes);
            let _ = Profile::decode("here", &gzip(&bytes));
        }

        #[test]
        fn damaged_profile_decodes_or_fails(at in any::<prop::sample::Index>(), byte: u8) {
            let mut bytes = by_hand().encode_to_vec();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(profile) = Profile::decode("here", &gzip(&bytes)) {
                assert_eq!(profile.folded().samples(), profile.samples());
                super::super::top(&profile, 10);
            }
        }
    }
}
