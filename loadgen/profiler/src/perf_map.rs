//! `/tmp/perf-PID.map`: names of the code that a runtime generates.
//!
//! Node writes it with `--perf-basic-prof`, CPython 3.12 and later with `-X perf`, the JVM by an agent or `jcmd PID
//! Compiler.perfmap`. Format: `jit-interface.txt` of the kernel's `perf`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;

use crate::process;

/// Longest map that is read, in bytes.
const BYTES_MAX: u64 = 1 << 30;

/// Longest line of a map, in bytes. Names beyond it are cut.
const LINE_BYTES_MAX: u64 = 4096;

/// Returns names of addresses by the map of a process. Addresses without a name are left out.
pub(crate) fn names(pid: u32, addresses: &[u64]) -> BTreeMap<u64, Arc<str>> {
    // What was read before an error is of use.
    open(pid).map_or_else(BTreeMap::new, |map| read(map, addresses))
}

/// Whether CPython wrote the map of a process.
pub(crate) fn is_of_python(pid: u32) -> bool {
    /// CPython names no other code.
    const LINES: usize = 16;
    let Some(mut map) = open(pid) else {
        return false;
    };
    let mut line = Vec::new();
    (0..LINES).any(|_| {
        matches!(next_line(&mut map, &mut line), Ok(true))
            && parse(&line).is_some_and(|(_, _, name)| name.starts_with(b"py::"))
    })
}

/// Opens the map of a process. `None` if it has none.
fn open(pid: u32) -> Option<impl BufRead> {
    let own = process::pid_in_namespace(pid);
    let paths = [
        format!("/proc/{pid}/root/tmp/perf-{own}.map"),
        format!("/tmp/perf-{pid}.map"),
    ];
    paths.into_iter().find_map(|path| {
        let file = File::open(path).ok()?;
        let is_file = file.metadata().ok()?.is_file();
        is_file.then(|| BufReader::new(file.take(BYTES_MAX)))
    })
}

/// Reads a map. Of two functions at one address, the later is the one that ran last.
pub(crate) fn read(mut map: impl BufRead, addresses: &[u64]) -> BTreeMap<u64, Arc<str>> {
    let mut sorted = addresses.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let mut names = BTreeMap::new();
    let mut line = Vec::new();
    while let Ok(true) = next_line(&mut map, &mut line) {
        let Some((start, size, name)) = parse(&line) else {
            continue;
        };
        let first = sorted.partition_point(|address| *address < start);
        let covered = sorted[first..]
            .iter()
            .take_while(|address| **address - start < size);
        let name: Arc<str> = String::from_utf8_lossy(name).into();
        for address in covered {
            names.insert(*address, Arc::clone(&name));
        }
    }
    names
}

/// Reads the next line, and skips what exceeds the longest.
fn next_line(map: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let read = map.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', line)?;
    if read > 0 && line.last() != Some(&b'\n') {
        map.skip_until(b'\n')?;
    }
    Ok(read > 0)
}

/// Reads `START SIZE NAME`, both numbers in hexadecimal.
fn parse(line: &[u8]) -> Option<(u64, u64, &[u8])> {
    let mut parts = line.trim_ascii().splitn(3, |byte| *byte == b' ');
    let mut number = || {
        let text = str::from_utf8(parts.next()?).ok()?;
        let text = text.strip_prefix("0x").unwrap_or(text);
        u64::from_str_radix(text, 16).ok()
    };
    let (start, size) = (number()?, number()?);
    let name = parts.next()?.trim_ascii();
    (!name.is_empty()).then_some((start, size, name))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn look_up(map: &str, addresses: &[u64]) -> Vec<(u64, String)> {
        let names = read(map.as_bytes(), addresses);
        names
            .into_iter()
            .map(|(address, name)| (address, name.to_string()))
            .collect()
    }

    #[test]
    fn finds_names_by_range() {
        let map =
            "1000 20 py::outer:/srv/a b.py\n0x1020 10 inner\njunk\n2000 zz bad\n1000 4 newer\n";
        let named = [
            (0x1000, "newer".to_owned()),
            (0x101f, "py::outer:/srv/a b.py".to_owned()),
            (0x1020, "inner".to_owned()),
        ];
        assert_eq!(
            look_up(map, &[0x1020, 0x1000, 0x101f, 0x1030, 0xfff]),
            named
        );
    }

    #[test]
    fn cuts_long_lines() {
        let map = format!("1000 10 {}\n2000 10 next\n", "x".repeat(10_000));
        let names = look_up(&map, &[0x1000, 0x2000]);
        assert_eq!(
            names[0].1.len() as u64,
            LINE_BYTES_MAX - "1000 10 ".len() as u64
        );
        assert_eq!(names[1].1, "next");
    }

    proptest! {
        #[test]
        fn any_map_is_read(bytes in proptest::collection::vec(any::<u8>(), 0..500), address: u64) {
            let _ = read(&bytes[..], &[address]);
        }

        #[test]
        fn covered_addresses_have_names(start in 0..u64::MAX / 2, size in 1_u64..1000, at in 0_u64..1000) {
            let names = look_up(&format!("{start:x} {size:x} f\n"), &[start + at]);
            prop_assert_eq!(!names.is_empty(), at < size);
        }
    }
}
