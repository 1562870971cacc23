//! Heap profiles of this process, compatible with Go's `/debug/pprof/heap`: jemalloc samples one allocation in 512 KiB.

use std::collections::HashMap;
use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::ptr::without_provenance_mut;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::process::setpriority_process;
use tempfile::NamedTempFile;
use tenfold_profile_proto::{Function, Line, Location, Profile, Sample, ValueType};
use tikv_jemalloc_ctl::{Access, AsName};

use super::cpu_profile::{NICE, Strings, compress, nanos};
use super::heap_dump::{self, HeapStack};

/// Beginning of the names of jemalloc's own functions, which are on top of all stacks.
const ALLOCATOR: &str = "_rjem_";

/// Failure to capture a profile.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HeapError {
    /// The allocator does not sample.
    #[error(
        "the allocator of this program does not sample allocations; start `tenfold-heap-profiled`, if need be with \
         _RJEM_MALLOC_CONF=prof:true,prof_accum:true"
    )]
    Off,
    /// The allocator refused.
    #[error("could not write a heap profile: {0}")]
    Allocator(#[from] tikv_jemalloc_ctl::Error),
    /// A file could not be used.
    #[error("could not write a heap profile: {0}")]
    File(#[from] io::Error),
    /// The dump is not in the known format.
    #[error("could not read the heap profile of the allocator")]
    Dump,
}

impl HeapError {
    /// Returns whether this build, or this start of it, has no heap profiles.
    pub(crate) fn is_off(&self) -> bool {
        matches!(self, Self::Off)
    }
}

/// A file that the allocator dumps into, and its path as the allocator wants it: for as long as the process lives.
struct DumpFile {
    file: NamedTempFile,
    path: &'static [u8],
}

/// Captures the allocations since the start of the process, and the memory in use, as a gzipped `profile.proto`.
///
/// # Errors
/// If the allocator does not sample, or the dump can't be written or read.
pub(crate) async fn capture() -> Result<Vec<u8>, HeapError> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    // Symbolising reads debug information: on a thread of low priority, as for a profile of the CPU.
    std::thread::Builder::new()
        .name("profile".to_owned())
        .spawn(move || {
            let _ = setpriority_process(None, NICE);
            let _ = sender.send(capture_here());
        })?;
    receiver.await.unwrap_or(Err(HeapError::Dump))
}

fn capture_here() -> Result<Vec<u8>, HeapError> {
    let is_on: bool = b"opt.prof\0".name().read().unwrap_or(false);
    if !is_on {
        return Err(HeapError::Off);
    }
    let stacks = heap_dump::parse(&dump()?).ok_or(HeapError::Dump)?;
    if stacks.is_empty() {
        // Another allocator serves this program.
        return Err(HeapError::Off);
    }
    Ok(compress(&profile(&stacks))?)
}

/// Lets the allocator write a dump, and returns it.
fn dump() -> Result<String, HeapError> {
    static FILE: OnceLock<Mutex<Option<DumpFile>>> = OnceLock::new();
    let mut known = FILE
        .get_or_init(Mutex::default)
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let own = match known.take() {
        Some(own) => own,
        None => {
            let file = NamedTempFile::new()?;
            let path = CString::new(file.path().as_os_str().as_bytes());
            let path = path.map_err(|_| HeapError::Dump)?;
            // Once for each process.
            let path: &'static [u8] = Vec::leak(path.into_bytes_with_nul());
            DumpFile { file, path }
        }
    };
    let written = b"prof.dump\0".name().write(own.path);
    let text = std::fs::read_to_string(own.file.path());
    *known = Some(own);
    written?;
    Ok(text?)
}

/// Encodes stacks with the names of their functions.
fn profile(stacks: &[HeapStack]) -> Profile {
    let mut strings = Strings::default();
    strings.index("");
    let mut value_type = |name| ValueType {
        r#type: strings.index(name),
        unit: strings.index("bytes"),
    };
    let sample_type = vec![value_type("alloc_space"), value_type("inuse_space")];
    let mut profile = Profile {
        sample_type,
        time_nanos: nanos(
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
        ),
        ..Profile::default()
    };
    let mut functions = HashMap::new();
    // By address. `None` for addresses of the allocator.
    let mut locations: HashMap<usize, Option<u64>> = HashMap::new();
    for stack in stacks {
        let mut location_id = Vec::with_capacity(stack.addresses.len());
        for address in &stack.addresses {
            let id = *locations.entry(*address).or_insert_with(|| {
                let names = names(*address);
                let is_own = names.iter().any(|name| name.starts_with(ALLOCATOR));
                if names.is_empty() || is_own {
                    return None;
                }
                let line = names.into_iter().map(|name| {
                    let name = strings.index(&name);
                    let function_id = *functions.entry(name).or_insert_with(|| {
                        let id = profile.function.len() as u64 + 1;
                        profile.function.push(Function {
                            id,
                            name,
                            system_name: name,
                            ..Function::default()
                        });
                        id
                    });
                    Line {
                        function_id,
                        ..Line::default()
                    }
                });
                let id = profile.location.len() as u64 + 1;
                let line = line.collect();
                profile.location.push(Location {
                    id,
                    line,
                    ..Location::default()
                });
                Some(id)
            });
            location_id.extend(id);
        }
        profile.sample.push(Sample {
            location_id,
            value: [stack.allocated_bytes, stack.in_use_bytes]
                .map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX))
                .to_vec(),
            label: Vec::new(),
        });
    }
    profile.string_table = strings.into_table();
    profile
}

/// Returns the function that calls before a return address, preceded by those inlined there, innermost first.
fn names(address: usize) -> Vec<String> {
    let mut names = Vec::new();
    // The address is that of the instruction after the call.
    let call = without_provenance_mut(address.saturating_sub(1));
    backtrace::resolve(call, |symbol| {
        names.extend(symbol.name().map(|name| format!("{name:#}")));
    });
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_functions_and_both_sums() {
        // Some bytes into the function, as a return address is.
        let here = encodes_functions_and_both_sums as fn() as usize + 8;
        let stack = |allocated_bytes| HeapStack {
            addresses: vec![here, 0],
            allocated_bytes,
            in_use_bytes: 7,
        };
        let profile = profile(&[stack(900), stack(100)]);
        let kind = |index: usize| {
            let name = profile.sample_type[index].r#type;
            profile.string_table[usize::try_from(name).unwrap()].as_str()
        };
        assert_eq!((kind(0), kind(1)), ("alloc_space", "inuse_space"));
        assert_eq!(profile.sample[0].value, [900, 7]);
        // Both share one location. An address without a function has no location.
        assert_eq!(profile.location.len(), 1);
        assert_eq!(profile.sample[0].location_id, [1]);
        assert!(
            profile
                .string_table
                .iter()
                .any(|name| name.contains("encodes_functions"))
        );
    }

    #[tokio::test]
    async fn another_allocator_has_no_profile() {
        let error = capture().await.unwrap_err();
        assert!(error.to_string().contains("_RJEM_MALLOC_CONF"), "{error}");
    }
}
