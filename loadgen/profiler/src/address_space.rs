//! The code in a process's memory, and unwinding of its stacks.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use framehop::Unwinder as _;

use crate::code_place::{CodePlaces, Frame, PlaceId};
use crate::python_trampoline;
use crate::record::{CONTEXT_KERNEL, CONTEXT_MAX, CONTEXT_USER, Mapping, Sample};
use crate::registers;

/// Most mappings of code of one process.
const MAPPINGS_MAX: usize = 64 * 1024;

/// Shortest time between two reads of the mappings of one process.
const REFRESH: Duration = Duration::from_secs(1);

/// Most frames of a stack that are unwound from a copy of it.
const FRAMES_MAX: usize = 512;

/// The code in a process's memory.
#[derive(Clone, Default)]
pub(crate) struct AddressSpace {
    mappings: BTreeMap<u64, Code>,
    /// Time at which `/proc/PID/maps` was read.
    read: Option<Instant>,
    unwinder: registers::Unwinder<Arc<[u8]>>,
}

#[derive(Debug, Clone, Copy)]
struct Code {
    end: u64,
    offset: u64,
    place: PlaceId,
    /// Addresses count from the start of the file rather than of memory.
    is_file: bool,
}

impl AddressSpace {
    /// Reads the mappings of a process. Empty if it has ended.
    pub(crate) fn of_process(pid: u32, places: &mut CodePlaces) -> Self {
        let mut space = Self::default();
        space.refresh(pid, places);
        space
    }

    /// Reads the mappings of a process again. Memory that becomes executable later, as code that a runtime generates, is in no
    /// record of the kernel.
    pub(crate) fn refresh(&mut self, pid: u32, places: &mut CodePlaces) {
        self.read = Some(Instant::now());
        let maps = fs::read(format!("/proc/{pid}/maps")).unwrap_or_default();
        for mapping in String::from_utf8_lossy(&maps)
            .lines()
            .filter_map(executable)
        {
            let known = self.mappings.get(&mapping.start);
            if known.is_none_or(|code| code.end != mapping.end || code.offset != mapping.offset) {
                self.add(pid, &mapping, places);
            }
        }
    }

    /// Returns whether the mappings may have changed since they were read.
    pub(crate) fn is_stale(&self) -> bool {
        self.read.is_none_or(|read| read.elapsed() > REFRESH)
    }

    /// Adds a mapping. It replaces those it covers.
    pub(crate) fn add(&mut self, pid: u32, mapping: &Mapping, places: &mut CodePlaces) {
        if mapping.end <= mapping.start || self.mappings.len() >= MAPPINGS_MAX {
            return;
        }
        let covered: Vec<u64> = self
            .mappings
            .range(..mapping.end)
            .rev()
            .take_while(|(_, code)| code.end > mapping.start)
            .map(|(start, _)| *start)
            .collect();
        for start in covered {
            self.mappings.remove(&start);
            self.unwinder.remove_module(start);
        }
        let place = places.of_mapping(pid, mapping);
        let image = places.image(place);
        let range = mapping.start..mapping.end;
        let module = match image {
            Some(image) => image.module(range, mapping.offset),
            None if places.is_generated(place) => python_trampoline::module(pid, range),
            None => None,
        };
        if let Some(module) = module {
            self.unwinder.add_module(module);
        }
        let code = Code {
            end: mapping.end,
            offset: mapping.offset,
            place,
            is_file: image.is_some(),
        };
        self.mappings.insert(mapping.start, code);
    }

    /// Returns the stack of a sample, innermost frame first: first the kernel's frames, then the process's.
    ///
    /// The process's frames come from the copy of the stack, by DWARF where a file has it, else by frame pointers. Beyond
    /// the copy, the kernel's own walk along frame pointers continues them.
    pub(crate) fn stack(&self, sample: &Sample, cache: &mut registers::Cache) -> Vec<Frame> {
        let (kernel, walked) = split(&sample.chain);
        let (unwound, complete) = self.unwind(sample, cache);
        let user = join(unwound, complete, walked);
        let kernel = kernel.into_iter().map(|address| Frame {
            place: PlaceId::KERNEL,
            address,
        });
        kernel
            .chain(user.into_iter().map(|address| self.frame(address)))
            .collect()
    }

    fn frame(&self, address: u64) -> Frame {
        let code = self.mappings.range(..=address).next_back();
        match code {
            Some((start, code)) if address < code.end => Frame {
                place: code.place,
                address: if code.is_file {
                    (address - start).saturating_add(code.offset)
                } else {
                    address
                },
            },
            _ => Frame {
                place: PlaceId::UNKNOWN,
                address: 0,
            },
        }
    }

    /// Unwinds the copy of a stack. Returns addresses, innermost first, and whether the outermost frame was reached.
    fn unwind(&self, sample: &Sample, cache: &mut registers::Cache) -> (Vec<u64>, bool) {
        let Some((ip, sp, registers)) = registers::of_sample(&sample.registers) else {
            return (Vec::new(), false);
        };
        let mut read = |address: u64| {
            let offset = usize::try_from(address.checked_sub(sp).ok_or(())?).map_err(|_| ())?;
            let bytes = sample.stack.get(offset..).and_then(<[u8]>::first_chunk);
            bytes.map(|bytes| u64::from_ne_bytes(*bytes)).ok_or(())
        };
        let mut addresses = Vec::new();
        let mut frames = self.unwinder.iter_frames(ip, registers, cache, &mut read);
        loop {
            match frames.next() {
                Ok(Some(frame)) if addresses.len() < FRAMES_MAX => {
                    addresses.push(frame.address_for_lookup());
                }
                Ok(None) => return (addresses, true),
                Ok(Some(_)) | Err(_) => return (addresses, false),
            }
        }
    }
}

/// Splits a call chain of the kernel into addresses of the kernel and of the process, as they are looked up.
fn split(chain: &[u64]) -> (Vec<u64>, Vec<u64>) {
    let (mut kernel, mut user) = (Vec::new(), Vec::new());
    let mut context = 0;
    let mut first = true;
    for &entry in chain {
        if entry >= CONTEXT_MAX {
            (context, first) = (entry, true);
            continue;
        }
        // A return address is behind its call, which may be the last instruction of its function.
        let address = if first {
            entry
        } else {
            entry.saturating_sub(1)
        };
        first = false;
        match context {
            CONTEXT_KERNEL => kernel.push(address),
            CONTEXT_USER => user.push(address),
            _ => {}
        }
    }
    (kernel, user)
}

/// Joins the frames unwound from a copy of the stack with those that the kernel walked, both innermost first.
fn join(unwound: Vec<u64>, complete: bool, walked: Vec<u64>) -> Vec<u64> {
    if complete {
        return unwound;
    }
    for (index, address) in unwound.iter().enumerate().rev() {
        if let Some(same) = walked.iter().position(|walked| walked == address)
            && walked.len() - same > unwound.len() - index
        {
            return [&unwound[..index], &walked[same..]].concat();
        }
    }
    if unwound.len() >= walked.len() {
        unwound
    } else {
        walked
    }
}

/// Reads a line of `/proc/PID/maps`. `None` if the memory holds no code.
fn executable(line: &str) -> Option<Mapping> {
    let (range, rest) = line.split_once(' ')?;
    let (start, end) = range.split_once('-')?;
    let (permissions, rest) = rest.split_once(' ')?;
    let (offset, rest) = rest.split_once(' ')?;
    // Device and inode.
    let name = rest.splitn(3, ' ').nth(2).unwrap_or_default();
    let number = |text| u64::from_str_radix(text, 16).ok();
    let mapping = Mapping {
        start: number(start)?,
        end: number(end)?,
        offset: number(offset)?,
        name: name.trim().to_owned(),
    };
    permissions.contains('x').then_some(mapping)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_code_of_maps() {
        let line =
            "7f10-7f20 r-xp 00000a00 fd:01 1234                       /usr/lib/a b.so (deleted)";
        let expected = Mapping {
            start: 0x7f10,
            end: 0x7f20,
            offset: 0xa00,
            name: "/usr/lib/a b.so (deleted)".to_owned(),
        };
        assert_eq!(executable(line), Some(expected));
        assert_eq!(executable("7f10-7f20 rw-p 00000000 00:00 0 "), None);
        assert_eq!(
            executable("7f10-7f20 r-xp 00000000 00:00 0").unwrap().name,
            ""
        );
        assert_eq!(executable("junk"), None);
    }

    #[test]
    fn splits_chains_by_context() {
        let chain = [CONTEXT_KERNEL, 100, 90, CONTEXT_USER, 20, 10];
        assert_eq!(split(&chain), (vec![100, 89], vec![20, 9]));
        assert_eq!(split(&[5, 6]), (vec![], vec![]));
    }

    #[test]
    fn continues_cut_stacks_with_the_walk_of_the_kernel() {
        // A leaf without a frame pointer: its caller is missing in the walk.
        assert_eq!(
            join(vec![1, 2, 3], false, vec![1, 3, 4, 5]),
            [1, 2, 3, 4, 5]
        );
        assert_eq!(join(vec![1, 2, 3], true, vec![1, 3, 4, 5]), [1, 2, 3]);
        assert_eq!(join(vec![1, 2, 3], false, vec![9]), [1, 2, 3]);
        // The kernel found less.
        assert_eq!(join(vec![1, 2, 3], false, vec![1]), [1, 2, 3]);
        assert_eq!(join(vec![], false, vec![1, 2]), [1, 2]);
        assert_eq!(join(vec![7], false, vec![1, 2]), [1, 2]);
    }

    #[test]
    fn newer_mappings_replace_older() {
        let mut places = CodePlaces::default();
        let mut space = AddressSpace::default();
        let mut map = |space: &mut AddressSpace, start, end| {
            let mapping = Mapping {
                start,
                end,
                ..Mapping::default()
            };
            space.add(1, &mapping, &mut places);
        };
        map(&mut space, 0x1000, 0x2000);
        map(&mut space, 0x2000, 0x3000);
        map(&mut space, 0x1800, 0x2800);
        let known = |address| space.frame(address).place != PlaceId::UNKNOWN;
        assert!(known(0x1800) && known(0x27ff));
        assert!(!known(0x1000) && !known(0x2800));
        map(&mut space, 5, 5);
        assert_eq!(space.mappings.len(), 1);
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_refused(line: String) {
            let _ = executable(&line);
        }

        #[test]
        fn any_sample_unwinds(
            chain in proptest::collection::vec(any::<u64>(), 0..20),
            registers in proptest::collection::vec(any::<u64>(), 0..5),
            stack in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            thread_local! {
                static OWN: AddressSpace = AddressSpace::of_process(std::process::id(), &mut CodePlaces::default());
            }
            let mut cache = registers::Cache::default();
            let sample = Sample { chain, registers, stack };
            let frames = OWN.with(|space| space.stack(&sample, &mut cache).len());
            prop_assert!(frames <= FRAMES_MAX + 40);
        }
    }
}
