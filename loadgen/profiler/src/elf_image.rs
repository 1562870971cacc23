//! An ELF file: what unwinding needs of it, and a handle by which its names are read later.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use framehop::{ExplicitModuleSectionInfo, Module};
use object::read::ReadCache;
use object::{Object, ObjectSection, ObjectSegment};

/// Largest section that is kept, in bytes.
const SECTION_BYTES_MAX: u64 = 128 << 20;

/// An ELF file.
#[derive(Debug, Clone)]
pub(crate) struct ElfImage {
    /// The open file: it stays readable if it is deleted, or if the process with its file system ends.
    file: Arc<File>,
    /// Path in the process's file system.
    path: PathBuf,
    segments: Arc<[Segment]>,
    unwind: Unwind,
}

/// A part of the file that is mapped as code.
#[derive(Debug, Clone)]
struct Segment {
    file: Range<u64>,
    address: u64,
}

/// Sections with unwind information.
#[derive(Debug, Clone, Default)]
struct Unwind {
    eh_frame: Option<(Range<u64>, Arc<[u8]>)>,
    eh_frame_hdr: Option<(Range<u64>, Arc<[u8]>)>,
    debug_frame: Option<Arc<[u8]>>,
    text: Option<Range<u64>>,
    got: Option<Range<u64>>,
}

impl ElfImage {
    /// Opens the file that a process mapped from `path`.
    ///
    /// # Errors
    /// If it can't be read or is not ELF.
    pub(crate) fn open(pid: u32, mapped: &Range<u64>, path: &str) -> io::Result<Self> {
        let file = open(pid, mapped, path)?;
        let invalid = |error: object::Error| io::Error::new(io::ErrorKind::InvalidData, error);
        let cache = ReadCache::new(&file);
        let object = object::File::parse(&cache).map_err(invalid)?;
        let code = object
            .segments()
            .filter(|segment| segment.permissions().executable());
        let segments = code.map(|segment| {
            let (start, size) = segment.file_range();
            Segment {
                file: start..start.saturating_add(size),
                address: segment.address(),
            }
        });
        let segments = segments.collect();
        let range = |name: &str| {
            let section = object.section_by_name(name)?;
            Some(section.address()..section.address().checked_add(section.size())?)
        };
        let data = |name: &str| {
            let section = object.section_by_name(name)?;
            if section.size() > SECTION_BYTES_MAX {
                return None;
            }
            let data = section.data().ok()?;
            (!data.is_empty()).then(|| Arc::from(data))
        };
        let unwind = Unwind {
            eh_frame: range(".eh_frame").zip(data(".eh_frame")),
            eh_frame_hdr: range(".eh_frame_hdr").zip(data(".eh_frame_hdr")),
            debug_frame: data(".debug_frame"),
            text: range(".text"),
            got: range(".got"),
        };
        Ok(Self {
            file: Arc::new(file),
            path: PathBuf::from(path),
            segments,
            unwind,
        })
    }

    /// Returns the file as a module that is mapped at `mapped` from `offset` on. `None` if no segment is there.
    pub(crate) fn module(&self, mapped: Range<u64>, offset: u64) -> Option<Module<Arc<[u8]>>> {
        // A mapping begins at the page in which its segment begins, or at a later one. The page may hold the end of another
        // segment.
        let page = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
        let first_page = |segment: &&Segment| segment.file.start & !(page - 1);
        let candidates = self.segments.iter();
        let segment = candidates
            .filter(|segment| first_page(segment) <= offset && offset < segment.file.end)
            .max_by_key(first_page)?;
        let address = segment
            .address
            .wrapping_add(offset.wrapping_sub(segment.file.start));
        let base = mapped.start.wrapping_sub(address);
        let unwind = &self.unwind;
        let part = |section: &Option<(Range<u64>, Arc<[u8]>)>| match section {
            Some((range, data)) => (Some(range.clone()), Some(Arc::clone(data))),
            None => (None, None),
        };
        let (eh_frame_svma, eh_frame) = part(&unwind.eh_frame);
        let (eh_frame_hdr_svma, eh_frame_hdr) = part(&unwind.eh_frame_hdr);
        let sections = ExplicitModuleSectionInfo {
            base_svma: 0,
            text_svma: unwind.text.clone(),
            got_svma: unwind.got.clone(),
            eh_frame_svma,
            eh_frame,
            eh_frame_hdr_svma,
            eh_frame_hdr,
            debug_frame: unwind.debug_frame.clone(),
            ..ExplicitModuleSectionInfo::default()
        };
        let name = self.path.to_string_lossy().into_owned();
        Some(Module::new(name, mapped, base, sections))
    }

    /// Path by which this process can read the file.
    pub(crate) fn readable_path(&self) -> PathBuf {
        let same = |path: &Path| {
            let (ours, theirs) = (self.file.metadata().ok()?, path.metadata().ok()?);
            Some(ours.dev() == theirs.dev() && ours.ino() == theirs.ino())
        };
        // A file has its debug file beside its real path.
        if same(&self.path) == Some(true) {
            return self.path.clone();
        }
        PathBuf::from(format!("/proc/self/fd/{}", self.file.as_raw_fd()))
    }
}

/// Opens a mapped file: in the process's own file system, or through its mapping if it was deleted.
fn open(pid: u32, mapped: &Range<u64>, path: &str) -> io::Result<File> {
    let regular = |path: String| {
        let file = File::open(path)?;
        // A device or pipe of this name must not be read.
        if file.metadata()?.is_file() {
            Ok(file)
        } else {
            Err(io::Error::from(io::ErrorKind::InvalidInput))
        }
    };
    let mapping = || {
        let Range { start, end } = mapped;
        regular(format!("/proc/{pid}/map_files/{start:x}-{end:x}"))
    };
    if path.ends_with(" (deleted)") {
        return mapping();
    }
    regular(format!("/proc/{pid}/root{path}"))
        .or_else(|_| mapping())
        .or_else(|_| regular(path.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn reads_its_own_executable() {
        let path = std::env::current_exe().unwrap();
        let own = std::process::id();
        let image = ElfImage::open(own, &(0..0), path.to_str().unwrap()).unwrap();
        assert!(image.unwind.eh_frame.is_some() && image.unwind.eh_frame_hdr.is_some());
        assert_eq!(image.readable_path(), path);
        let segment = image.segments[0].clone();
        let module = image
            .module(0x10_0000..0x20_0000, segment.file.start)
            .unwrap();
        assert_eq!(
            module.base_avma(),
            0x10_0000_u64.wrapping_sub(segment.address)
        );
        assert!(image.module(0x10_0000..0x20_0000, u64::MAX / 2).is_none());
    }

    #[test]
    fn keeps_deleted_files_readable() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("program");
        fs::copy(std::env::current_exe().unwrap(), &path).unwrap();
        let own = std::process::id();
        let image = ElfImage::open(own, &(0..0), path.to_str().unwrap()).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(image.readable_path().starts_with("/proc/self/fd"));
        assert!(fs::metadata(image.readable_path()).is_ok());
    }

    #[test]
    fn refuses_what_is_not_elf() {
        let own = std::process::id();
        for path in ["/proc/self/status", "/dev/null", "/no/such/file"] {
            assert!(ElfImage::open(own, &(0..0), path).is_err(), "{path}");
        }
    }
}
