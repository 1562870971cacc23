//! Reads from the disk that holds a directory, past the kernel's cache.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

use rustix::fs::{OFlags, fstatfs, major, minor};

use super::{PAGE_BYTES, SEQUENTIAL_BYTES, times};

/// Sequential reads.
const READS: usize = 64;

/// Random reads of a page.
const RANDOM_READS: usize = 1000;

/// Type of a file system in memory (`TMPFS_MAGIC` of `linux/magic.h`).
const TMPFS: u64 = 0x0102_1994;

/// Times of reads from a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// Kind of the disk, as the kernel calls it.
    pub kind: DiskKind,
    /// Sequential reads of a megabyte.
    pub sequential: Vec<Duration>,
    /// Reads of 4 KiB at random places.
    pub random: Vec<Duration>,
}

/// Kind of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskKind {
    /// Without moving parts.
    SolidState,
    /// With rotating platters, or a disk that a virtual machine presents as such.
    Rotating,
    /// The kernel does not say.
    Unknown,
}

/// Times reads of a new file in a directory, past the kernel's cache. A cache of the disk, or of the machine's host, may still
/// answer them. The file has 64 MiB and is removed.
///
/// # Errors
/// If the file can't be written or read so, with the reason.
pub fn disk(folder: &Path) -> Result<Disk, String> {
    let reason = |error: io::Error| format!("{}: {error}", folder.display());
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|error| {
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        format!("can't write to {}: {}", folder.display(), error.kind())
    })?;
    let statistics = fstatfs(&file).map_err(|error| reason(error.into()))?;
    if statistics.f_type as u64 == TMPFS {
        return Err(format!("{} is in memory", folder.display()));
    }
    let written: Vec<u8> = (0..SEQUENTIAL_BYTES).map(|at| (at % 251) as u8).collect();
    for _ in 0..READS {
        file.write_all(&written).map_err(reason)?;
    }
    file.as_file().sync_all().map_err(reason)?;
    let direct = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::DIRECT.bits() as i32)
        .open(file.path())
        .map_err(|error| match error.raw_os_error() {
            Some(code) if code == rustix::io::Errno::INVAL.raw_os_error() => {
                "the file system has no reads past its cache".to_owned()
            }
            _ => reason(error),
        })?;
    let mut buffer = vec![0; SEQUENTIAL_BYTES + PAGE_BYTES];
    let start = buffer.as_ptr().align_offset(PAGE_BYTES);
    let buffer = &mut buffer[start..start + SEQUENTIAL_BYTES];
    let sequential = times(READS, |index| {
        direct.read_exact_at(buffer, (index * SEQUENTIAL_BYTES) as u64)
    });
    let pages = READS * SEQUENTIAL_BYTES / PAGE_BYTES;
    let random = times(RANDOM_READS, |index| {
        // Visits distinct pages in no order: a step by the golden ratio (Weyl's sequence).
        let page = (index as f64 * 0.618_033_988_749_895).fract() * pages as f64;
        direct.read_exact_at(&mut buffer[..PAGE_BYTES], page as u64 * PAGE_BYTES as u64)
    });
    Ok(Disk {
        kind: kind(file.as_file()),
        sequential: sequential.map_err(reason)?,
        random: random.map_err(reason)?,
    })
}

/// Returns the kind of the disk that holds a file.
fn kind(file: &File) -> DiskKind {
    let Ok(metadata) = file.metadata() else {
        return DiskKind::Unknown;
    };
    let device = format!("{}:{}", major(metadata.dev()), minor(metadata.dev()));
    // A partition has no queue of its own, but its disk has.
    let places = ["queue/rotational", "../queue/rotational"];
    let told = places
        .iter()
        .find_map(|place| fs::read_to_string(format!("/sys/dev/block/{device}/{place}")).ok());
    match told.as_deref().map(str::trim) {
        Some("0") => DiskKind::SolidState,
        Some("1") => DiskKind::Rotating,
        _ => DiskKind::Unknown,
    }
}
