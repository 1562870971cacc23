//! CPU time and memory of this process.

use std::fs;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::time::{ClockId, clock_gettime};

/// Threads of this process whose CPU time is not the generator's.
static OTHERS: Mutex<Others> = Mutex::new(Others {
    threads: Vec::new(),
    ended_ns: 0,
});

struct Others {
    /// Ids of the threads, and the CPU time of each before.
    threads: Vec<(i32, u64)>,
    /// CPU time of those that have ended.
    ended_ns: u64,
}

/// Keeps the CPU time of the thread that creates it out of the generator's, until it is dropped.
///
/// For work beside the generator in the same process, such as a profiler of the target.
#[derive(Debug)]
pub struct OtherThread {
    /// CPU time of the thread before.
    before_ns: u64,
    id: i32,
    /// Must be dropped on its thread.
    not_send: PhantomData<*const ()>,
}

impl OtherThread {
    /// Keeps the CPU time of this thread out of the generator's from now on.
    #[expect(clippy::new_without_default, reason = "it acts on the thread")]
    pub fn new() -> Self {
        let id = rustix::thread::gettid().as_raw_nonzero().get();
        let mut others = OTHERS.lock().unwrap_or_else(PoisonError::into_inner);
        let before_ns = thread_cpu_ns();
        others.threads.push((id, before_ns));
        Self {
            before_ns,
            id,
            not_send: PhantomData,
        }
    }
}

impl Drop for OtherThread {
    fn drop(&mut self) {
        let mut others = OTHERS.lock().unwrap_or_else(PoisonError::into_inner);
        others.threads.retain(|(id, _)| *id != self.id);
        others.ended_ns += thread_cpu_ns().saturating_sub(self.before_ns);
    }
}

/// User and system CPU time of the threads of this process, in nanoseconds, without [`OtherThread`]s. It never decreases.
pub(crate) fn process_cpu_ns() -> u64 {
    /// The latest result: times of other threads are read a moment before that of the process.
    static LAST_NS: AtomicU64 = AtomicU64::new(0);
    let others_ns = {
        let others = OTHERS.lock().unwrap_or_else(PoisonError::into_inner);
        let threads = others.threads.iter();
        let ns = threads.map(|(id, before_ns)| running_cpu_ns(*id).saturating_sub(*before_ns));
        others.ended_ns + ns.sum::<u64>()
    };
    let ns = read(ClockId::ProcessCPUTime).saturating_sub(others_ns);
    LAST_NS.fetch_max(ns, Ordering::Relaxed).max(ns)
}

/// CPU time of another thread of this process, in nanoseconds. 0 if the system does not report it.
fn running_cpu_ns(id: i32) -> u64 {
    let times = fs::read_to_string(format!("/proc/self/task/{id}/schedstat"));
    let times = times.unwrap_or_default();
    let ns = times.split_ascii_whitespace().next();
    ns.and_then(|ns| ns.parse().ok()).unwrap_or(0)
}

/// User and system CPU time of this thread, in nanoseconds.
pub(crate) fn thread_cpu_ns() -> u64 {
    read(ClockId::ThreadCPUTime)
}

fn read(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000
        + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// Peak resident memory of this process, in bytes; 0 if the system does not report it.
pub(crate) fn peak_memory_bytes() -> u64 {
    fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix("VmHWM:"))?;
            line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
        })
        .map_or(0, |kilobytes| kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_shows_as_cpu_time() {
        let (before, before_here) = (process_cpu_ns(), thread_cpu_ns());
        let started = std::time::Instant::now();
        let mut sum = 0_u64;
        while started.elapsed().as_millis() < 20 {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(process_cpu_ns() > before && thread_cpu_ns() > before_here);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn leaves_out_other_threads() {
        let spin = || {
            let before = thread_cpu_ns();
            while thread_cpu_ns() - before < 60_000_000 {
                std::hint::spin_loop();
            }
        };
        let (ready, started) = std::sync::mpsc::channel();
        let (finish, finished) = std::sync::mpsc::channel::<()>();
        let before = process_cpu_ns();
        let thread = std::thread::spawn(move || {
            let other = OtherThread::new();
            spin();
            ready.send(()).unwrap();
            finished.recv().unwrap();
            drop(other);
        });
        started.recv().unwrap();
        let while_running = OTHERS.lock().unwrap().threads.len();
        finish.send(()).unwrap();
        thread.join().unwrap();
        assert_eq!(while_running, 1);
        assert!(OTHERS.lock().unwrap().ended_ns >= 50_000_000);
        let after = process_cpu_ns();
        spin();
        assert!(after >= before && process_cpu_ns() - after >= 50_000_000);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn reports_peak_memory() {
        assert!(peak_memory_bytes() > 1_000_000);
    }
}
