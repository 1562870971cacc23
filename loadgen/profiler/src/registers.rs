//! Registers that unwinding begins with, by architecture: `perf_regs.h` of the kernel.

#[cfg(target_arch = "aarch64")]
pub(crate) use arm::*;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86::*;

#[cfg(target_arch = "x86_64")]
mod x86 {
    use framehop::x86_64::{CacheX86_64, UnwindRegsX86_64, UnwinderX86_64};

    /// Registers to sample: `bp`, `sp`, `ip`.
    pub(crate) const MASK: u64 = 1 << 6 | 1 << 7 | 1 << 8;

    /// Unwinder of this architecture.
    pub(crate) type Unwinder<D> = UnwinderX86_64<D>;

    /// Cache of unwind rules.
    pub(crate) type Cache = CacheX86_64;

    /// Instruction pointer, stack pointer, and all of them for the unwinder, from those of a sample.
    pub(crate) fn of_sample(registers: &[u64]) -> Option<(u64, u64, UnwindRegsX86_64)> {
        let &[bp, sp, ip] = registers else {
            return None;
        };
        Some((ip, sp, UnwindRegsX86_64::new(ip, sp, bp)))
    }
}

#[cfg(target_arch = "aarch64")]
mod arm {
    use framehop::aarch64::{CacheAarch64, UnwindRegsAarch64, UnwinderAarch64};

    /// Registers to sample: `x29` (frame pointer), `lr`, `sp`, `pc`.
    pub(crate) const MASK: u64 = 1 << 29 | 1 << 30 | 1 << 31 | 1 << 32;

    /// Unwinder of this architecture.
    pub(crate) type Unwinder<D> = UnwinderAarch64<D>;

    /// Cache of unwind rules.
    pub(crate) type Cache = CacheAarch64;

    /// Instruction pointer, stack pointer, and all of them for the unwinder, from those of a sample.
    pub(crate) fn of_sample(registers: &[u64]) -> Option<(u64, u64, UnwindRegsAarch64)> {
        let &[fp, lr, sp, pc] = registers else {
            return None;
        };
        Some((pc, sp, UnwindRegsAarch64::new(lr, sp, fp)))
    }
}
