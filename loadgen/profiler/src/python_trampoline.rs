//! Unwinding of the trampolines that CPython 3.12 and later put between Python functions with `-X perf`.
//!
//! On x86-64, a trampoline is `sub rsp, 8; call rcx; add rsp, 8; ret`: it sets no frame pointer and has no unwind information.
//! `Python/asm_trampoline.S` of CPython.

use std::ops::Range;
use std::sync::Arc;

use framehop::{ExplicitModuleSectionInfo, Module};

use crate::perf_map;

/// Returns a module with the unwind rule of trampolines, if generated code of a process consists of them. `None` on other
/// architectures, where they set a frame pointer.
pub(crate) fn module(pid: u32, mapped: Range<u64>) -> Option<Module<Arc<[u8]>>> {
    if !cfg!(target_arch = "x86_64") || !perf_map::is_of_python(pid) {
        return None;
    }
    let length = mapped.end.checked_sub(mapped.start)?;
    let eh_frame = eh_frame(length);
    let end = length.checked_add(u64::try_from(eh_frame.len()).ok()?)?;
    let sections = ExplicitModuleSectionInfo {
        base_svma: 0,
        text_svma: Some(0..length),
        eh_frame_svma: Some(length..end),
        eh_frame: Some(eh_frame),
        ..ExplicitModuleSectionInfo::default()
    };
    let base = mapped.start;
    Some(Module::new("python".to_owned(), mapped, base, sections))
}

/// Call frame information for `length` bytes of code from address 0: the caller's frame begins 16 bytes above the stack pointer,
/// and the return address is just below.
fn eh_frame(length: u64) -> Arc<[u8]> {
    // Version, augmentation, alignments of code and data, register of the return address, encoding of addresses: absolute.
    let common: &[u8] = b"\x01zR\0\x01\x78\x10\x01\x00";
    // CFA = rsp + 16; the return address is at CFA - 8.
    let rules: &[u8] = &[0x0c, 7, 16, 0x90, 1];
    let mut bytes = Vec::new();
    entry(&mut bytes, 0, &[common, rules].concat());
    let function = [&0_u64.to_le_bytes()[..], &length.to_le_bytes(), &[0]].concat();
    // Distance from this field back to the common entry.
    let distance = u32::try_from(bytes.len() + 4).unwrap_or_default();
    entry(&mut bytes, distance, &function);
    bytes.extend([0; 4]);
    bytes.into()
}

/// Appends an entry: its length, its id, its contents, and instructions without effect up to a multiple of 8 bytes.
fn entry(bytes: &mut Vec<u8>, id: u32, contents: &[u8]) {
    let length = (4 + contents.len()).next_multiple_of(8) + 4;
    bytes.extend(u32::try_from(length).unwrap_or_default().to_le_bytes());
    bytes.extend(id.to_le_bytes());
    bytes.extend(contents);
    bytes.resize(bytes.len() + length - 4 - contents.len(), 0);
}

#[cfg(test)]
#[cfg(target_arch = "x86_64")]
mod tests {
    use framehop::Unwinder as _;
    use framehop::x86_64::{CacheX86_64, UnwindRegsX86_64, UnwinderX86_64};

    use super::*;

    #[test]
    fn finds_the_caller_of_a_trampoline() {
        let mapped = 0x7000_0000..0x7001_0000;
        let eh_frame = eh_frame(0x1_0000);
        let sections = ExplicitModuleSectionInfo {
            text_svma: Some(0..0x1_0000),
            eh_frame_svma: Some(0x1_0000..0x1_0000 + eh_frame.len() as u64),
            eh_frame: Some(eh_frame),
            ..ExplicitModuleSectionInfo::default()
        };
        let mut unwinder: UnwinderX86_64<Arc<[u8]>> = UnwinderX86_64::new();
        unwinder.add_module(Module::new(String::new(), mapped, 0x7000_0000, sections));
        let mut cache = CacheX86_64::<_>::new();
        // 8 bytes of alignment, then the return address.
        let stack = [0_u64, 0x1234];
        let mut read = |address: u64| {
            let index = address.checked_sub(0x9000).ok_or(())? / 8;
            stack.get(index as usize).copied().ok_or(())
        };
        let registers = UnwindRegsX86_64::new(0x7000_0bab, 0x9000, 0xdead);
        let mut frames = unwinder.iter_frames(0x7000_0bab, registers, &mut cache, &mut read);
        frames.next().unwrap();
        let caller = frames.next().unwrap().unwrap();
        assert_eq!(caller.address(), 0x1234);
    }
}
