//! Names of functions.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use blazesym::MaybeDefault;
use blazesym::symbolize::source::{Elf, Kernel, Source};
use blazesym::symbolize::{Input, Symbolized, Symbolizer};

use crate::code_place::{CodePlace, CodePlaces, Frame, PlaceId};
use crate::perf_map;
use crate::stack::Stack;

/// Largest file whose debug information is read, in bytes. Larger ones are named by their symbol tables.
const DEBUG_BYTES_MAX: u64 = 2 << 30;

/// Names of the functions of frames.
pub(crate) struct Symbols {
    symbolizer: Symbolizer,
    /// Functions at each frame, innermost first: more than one where some were inlined.
    names: HashMap<Frame, Arc<[Arc<str>]>>,
}

impl Default for Symbols {
    fn default() -> Self {
        Self {
            symbolizer: Symbolizer::builder().enable_code_info(false).build(),
            names: HashMap::new(),
        }
    }
}

impl Symbols {
    /// Looks up the names of all frames of these stacks.
    pub(crate) fn learn(&mut self, stacks: &[Stack], places: &CodePlaces) {
        let mut addresses: BTreeMap<PlaceId, BTreeSet<u64>> = BTreeMap::new();
        for frame in stacks.iter().flat_map(|stack| stack.frames.iter()) {
            let of_place = addresses.entry(frame.place).or_default();
            of_place.insert(frame.address);
        }
        for (place, addresses) in addresses {
            let addresses: Vec<u64> = addresses.into_iter().collect();
            let names = names(&self.symbolizer, places.get(place), &addresses);
            let frames = addresses
                .into_iter()
                .map(|address| Frame { place, address });
            self.names.extend(frames.zip(names));
        }
    }

    /// Functions at a frame, innermost first.
    pub(crate) fn names(&self, frame: Frame) -> &[Arc<str>] {
        self.names.get(&frame).map_or(&[], |names| names)
    }

    /// Forgets all names, to free memory.
    pub(crate) fn forget(&mut self) {
        self.names = HashMap::new();
    }
}

fn names(symbolizer: &Symbolizer, code: &CodePlace, addresses: &[u64]) -> Vec<Arc<[Arc<str>]>> {
    let one = |name: &str| Arc::from([Arc::from(name)]);
    let all = |name: &str| vec![one(name); addresses.len()];
    match code {
        CodePlace::Unknown => all("[unknown]"),
        CodePlace::Named(name) => all(name),
        CodePlace::Generated(pid) => {
            let names = perf_map::names(*pid, addresses);
            let name = |address| names.get(address).map_or("[generated code]", |name| name);
            addresses.iter().map(|address| one(name(address))).collect()
        }
        CodePlace::Kernel => {
            let kernel = Kernel {
                vmlinux: MaybeDefault::None,
                debug_syms: false,
                ..Kernel::default()
            };
            let found = symbolizer.symbolize(&Source::from(kernel), Input::AbsAddr(addresses));
            found.map_or_else(|_| all("[kernel]"), |found| functions(&found, "[kernel]"))
        }
        CodePlace::File(image, name) => {
            let path = image.readable_path();
            let small = path
                .metadata()
                .is_ok_and(|metadata| metadata.len() <= DEBUG_BYTES_MAX);
            let look_up = |debug_syms| {
                let mut elf = Elf::new(&path);
                elf.debug_syms = debug_syms;
                symbolizer
                    .symbolize(&Source::from(elf), Input::FileOffset(addresses))
                    .map(|found| functions(&found, name))
            };
            // Damaged debug information does not spoil the symbol table.
            look_up(small)
                .or_else(|_| look_up(false))
                .unwrap_or_else(|_| all(name))
        }
    }
}

fn functions(found: &[Symbolized<'_>], unknown: &str) -> Vec<Arc<[Arc<str>]>> {
    let names = found.iter().map(|found| {
        let Some(symbol) = found.as_sym() else {
            return Arc::from([Arc::from(unknown)]);
        };
        let inlined = symbol.inlined.iter().rev().map(|inlined| &inlined.name);
        let all = inlined.chain([&symbol.name]);
        all.map(|name| Arc::from(without_hash(name))).collect()
    });
    names.collect()
}

/// Name of a Rust function without the hash that a compiler adds: `a::b` of `a::b::h0123456789abcdef`.
fn without_hash(name: &str) -> &str {
    match name.rsplit_once("::h") {
        Some((function, hash))
            if !function.is_empty()
                && hash.len() == 16
                && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) =>
        {
            function
        }
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removes_hashes_of_rust() {
        assert_eq!(without_hash("a::b::h0123456789abcdef"), "a::b");
        assert_eq!(
            without_hash("a::b::h0123456789abcdeg"),
            "a::b::h0123456789abcdeg"
        );
        assert_eq!(without_hash("::h0123456789abcdef"), "::h0123456789abcdef");
        assert_eq!(without_hash("main"), "main");
    }

    #[test]
    fn names_what_has_no_symbols() {
        let symbolizer = Symbolizer::new();
        for (place, expected) in [
            (CodePlace::Unknown, "[unknown]"),
            (CodePlace::Named("[vdso]".to_owned()), "[vdso]"),
            (CodePlace::Generated(u32::MAX), "[generated code]"),
        ] {
            let names = names(&symbolizer, &place, &[1, 2]);
            assert_eq!(names.len(), 2);
            assert_eq!(&*names[1][0], expected);
        }
    }
}
