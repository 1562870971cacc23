//! What a thread waits for, by the functions on its stack.

use tenfold_run_dir::off_cpu::{Idleness, WaitKind};

/// Kernel functions by kind. The first row that has a function of the stack decides.
const KERNEL: &[(WaitKind, &[&str])] = &[
    (WaitKind::Throttled, &["throttle_cfs_rq_work"]),
    (
        WaitKind::Disk,
        &[
            "io_schedule",
            "io_schedule_timeout",
            "folio_wait_bit_common",
            "folio_wait_writeback",
            "wait_on_page_bit",
            "bit_wait_io",
            "submit_bio_wait",
            "blkdev_issue_flush",
            "jbd2_log_wait_commit",
            "log_wait_commit",
            "ext4_sync_file",
            "xfs_log_force_seq",
            "btrfs_sync_file",
            "vfs_fsync_range",
            "balance_dirty_pages",
            "fuse_simple_request",
            "rpc_wait_bit_killable",
        ],
    ),
    (
        WaitKind::Lock,
        &[
            "futex_lock_pi",
            "__mutex_lock",
            "rwsem_down_read_slowpath",
            "rwsem_down_write_slowpath",
            "fcntl_setlk",
            "flock_lock_inode_wait",
        ],
    ),
    (
        WaitKind::Memory,
        &[
            "try_to_free_pages",
            "do_swap_page",
            "mem_cgroup_handle_over_high",
            "__mem_cgroup_handle_over_high",
            "try_charge_memcg",
            "do_user_addr_fault",
            "handle_mm_fault",
            "asm_exc_page_fault",
        ],
    ),
    (
        WaitKind::Events,
        &["ep_poll", "do_epoll_wait", "io_cqring_wait", "read_events"],
    ),
    (
        WaitKind::Poll,
        &["do_poll", "do_sys_poll", "do_select", "core_sys_select"],
    ),
    (
        WaitKind::Accept,
        &[
            "inet_csk_accept",
            "inet_csk_wait_for_connect",
            "unix_accept",
        ],
    ),
    (
        WaitKind::Condition,
        &[
            "futex_wait",
            "__futex_wait",
            "do_futex",
            "futex_wait_queue",
            "futex_do_wait",
            "futex_wait_requeue_pi",
            "do_semtimedop",
        ],
    ),
    (
        WaitKind::Network,
        &[
            "tcp_recvmsg",
            "tcp_recvmsg_locked",
            "tcp_sendmsg",
            "sk_wait_data",
            "sk_stream_wait_memory",
            "inet_stream_connect",
            "inet_wait_for_connect",
            "unix_stream_read_generic",
            "unix_stream_data_wait",
            "unix_dgram_recvmsg",
            "__skb_wait_for_more_packets",
            "udp_recvmsg",
            "sock_alloc_send_pskb",
            "inet_recvmsg",
            "unix_stream_recvmsg",
            "netlink_recvmsg",
            "vsock_connectible_recvmsg",
        ],
    ),
    (
        WaitKind::Pipe,
        &[
            "pipe_read",
            "anon_pipe_read",
            "pipe_write",
            "anon_pipe_write",
            "eventfd_read",
            "n_tty_read",
            "wait_for_partner",
        ],
    ),
    (
        WaitKind::Sleep,
        &["hrtimer_nanosleep", "do_nanosleep", "common_nsleep"],
    ),
    (
        WaitKind::Process,
        &[
            "do_wait",
            "kernel_wait4",
            "do_sigtimedwait",
            "sigsuspend",
            "do_pause",
            "ptrace_stop",
            "do_signal_stop",
            "wait_for_vfork_done",
        ],
    ),
];

/// The scheduler's own functions, by how their names begin. The function below them is what blocks.
const SCHEDULER: &[&str] = &[
    "schedule",
    "__schedule",
    "io_schedule",
    "preempt_schedule",
    "__cond_resched",
    "perf_",
    "__perf_",
    "prepare_task_switch",
    "wait_woken",
    "do_wait_for_common",
    "__wait_for_common",
    "wait_for_completion",
    "bit_wait",
    "__wait_on_bit",
    "out_of_line_wait_on_bit",
    "finish_task_switch",
    "__traceiter_",
    "context_switch",
    "prepare_to_wait",
];

/// Functions of a process that wait for a lock: parts of their names.
const LOCKS: &[&str] = &[
    "pthread_mutex_lock",
    "pthread_mutex_timedlock",
    "pthread_mutex_clocklock",
    "lll_lock_wait",
    "pthread_rwlock_",
    "pthread_spin_lock",
    "Mutex::lock",
    "mutex::Mutex::lock",
    "RwLock",
    "lock_contended",
    "lock_slow",
    "lock_shared_slow",
    "lock_exclusive_slow",
    "ReentrantLock",
    "std::mutex::lock",
    "mutex_lock",
    "ObjectMonitor::enter",
    "ObjectSynchronizer::enter",
    "runtime.lock",
    "sync.(*Mutex)",
    "sync.(*RWMutex)",
    "runtime.semacquire",
    "take_gil",
    "PyThread_acquire_lock",
    "PyMutex_Lock",
    "uv_mutex_lock",
    "absl::Mutex",
];

/// Functions of a process that wait for a condition: parts of their names.
const CONDITIONS: &[&str] = &[
    "cond_wait",
    "cond_timedwait",
    "cond_clockwait",
    "Condvar",
    "condition_variable",
    "ConditionObject",
];

/// Frames near the system call that tell a lock from a condition: `std`'s locks have the most.
const NEAR_FRAMES: usize = 8;

/// Functions in which workers of known runtimes wait for work: parts of their names.
const IDLE_WORKERS: &[&str] = &[
    "tokio::runtime::scheduler",
    "tokio::runtime::blocking::pool",
    "rayon_core::sleep",
    "crossbeam_channel::waker",
    "async_std::task::executor",
    "uv__work",
    "worker(void",
    "DefaultWorkerThreadsTaskRunner",
    "WorkerThreadsTaskRunner",
    "PlatformWorkerThread",
    "DelayedTaskScheduler",
    "TaskQueue<",
    "ThreadPoolExecutor.getTask",
    "ForkJoinPool.awaitWork",
    "GCTaskManager",
    "WorkerThreads",
    "WorkGang",
    "VMThread::",
    "CompileQueue::get",
    "CompileBroker::",
    "ServiceThread::",
    "WatcherThread::",
    "ReferenceHandler",
    "FinalizerThread",
    "SignalDispatcher",
    "os::signal_wait",
    "signal_wait",
    "runtime.findRunnable",
    "runtime.findrunnable",
    "runtime.stopm",
    "runtime.sysmon",
    "runtime.mPark",
    "runtime.templateThread",
    "runtime.netpoll",
    "concurrent/futures/thread.py",
    "multiprocessing/queues.py",
    "g1ServiceThread",
    "G1ServiceThread",
    "G1ConcurrentRefine",
    "G1YoungGC",
    "ConcurrentG1",
    "MonitorDeflationThread",
    "srv_worker_thread",
    "os_event::wait",
    "tpool_wait",
];

/// Returns what a wait is for, by the functions on its stack, innermost first in both lists.
pub(crate) fn kind_of(kernel: &[&str], process: &[&str]) -> WaitKind {
    let kind = KERNEL
        .iter()
        .find(|(_, names)| kernel.iter().any(|function| names.contains(function)))
        .map_or(WaitKind::Other, |(kind, _)| *kind);
    if kind != WaitKind::Condition {
        return kind;
    }
    let near = || process.iter().take(NEAR_FRAMES);
    // A condition variable takes its lock again at its end.
    let condition = near().any(|name| contains_any(name, CONDITIONS));
    if !condition && near().any(|name| contains_any(name, LOCKS)) {
        return WaitKind::Lock;
    }
    kind
}

/// Returns whether a wait of this kind is one for work, by the functions of the process, innermost first.
pub(crate) fn idleness_of(kind: WaitKind, process: &[&str]) -> Idleness {
    let idle_worker = || process.iter().any(|name| contains_any(name, IDLE_WORKERS));
    match kind {
        WaitKind::Events | WaitKind::Accept | WaitKind::Process => Idleness::Idle,
        WaitKind::Condition | WaitKind::Poll | WaitKind::Pipe if idle_worker() => Idleness::Idle,
        // A thread for each connection also reads the next request.
        WaitKind::Condition | WaitKind::Poll | WaitKind::Network | WaitKind::Other => {
            Idleness::Unknown
        }
        WaitKind::RunQueue
        | WaitKind::Throttled
        | WaitKind::Lock
        | WaitKind::Pipe
        | WaitKind::Disk
        | WaitKind::Memory
        | WaitKind::Sleep => Idleness::Blocked,
    }
}

/// The kernel function that blocks: the innermost one that is not the scheduler's own. Its index in `kernel`, innermost first.
pub(crate) fn blocking_function(kernel: &[&str]) -> Option<usize> {
    let own = |name: &str| SCHEDULER.iter().any(|start| name.starts_with(start));
    kernel.iter().position(|name| !own(name))
}

fn contains_any(name: &str, parts: &[&str]) -> bool {
    parts.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_locks_from_conditions() {
        let futex = [
            "schedule",
            "futex_wait_queue",
            "futex_do_wait",
            "__futex_wait",
            "futex_wait",
            "do_futex",
        ];
        assert_eq!(blocking_function(&futex), Some(1));
        let kind = |process: &[&str]| kind_of(&futex, process);
        assert_eq!(
            kind(&["__lll_lock_wait", "___pthread_mutex_lock", "handler"]),
            WaitKind::Lock
        );
        assert_eq!(
            kind(&[
                "syscall",
                "std::sys::sync::mutex::futex::Mutex::lock_contended"
            ]),
            WaitKind::Lock
        );
        assert_eq!(
            kind(&[
                "__futex_abstimed_wait",
                "pthread_cond_wait",
                "f",
                "Mutex::lock"
            ]),
            WaitKind::Condition
        );
        assert_eq!(kind(&["syscall", "pool.get"]), WaitKind::Condition);
        let outer = ["a", "b", "c", "d", "e", "f", "g", "h", "Mutex::lock"];
        assert_eq!(
            kind(&outer),
            WaitKind::Condition,
            "too far from the system call"
        );
    }

    #[test]
    fn tells_idle_workers_from_work() {
        let parked = [
            "syscall",
            "parking_lot::condvar::wait",
            "tokio::runtime::scheduler::multi_thread::park::Inner::park",
        ];
        assert_eq!(idleness_of(WaitKind::Condition, &parked), Idleness::Idle);
        assert_eq!(
            idleness_of(WaitKind::Condition, &["syscall", "r2d2::Pool::get"]),
            Idleness::Unknown
        );
        assert_eq!(idleness_of(WaitKind::Lock, &parked), Idleness::Blocked);
        assert_eq!(idleness_of(WaitKind::Events, &[]), Idleness::Idle);
        assert_eq!(idleness_of(WaitKind::Sleep, &[]), Idleness::Blocked);
        assert_eq!(idleness_of(WaitKind::Network, &[]), Idleness::Unknown);
    }

    #[test]
    fn first_row_decides() {
        let kind = |kernel: &[&str]| kind_of(kernel, &[]);
        assert_eq!(
            kind(&[
                "schedule",
                "io_schedule",
                "folio_wait_bit_common",
                "filemap_fault",
                "handle_mm_fault"
            ]),
            WaitKind::Disk
        );
        assert_eq!(
            kind(&["schedule", "anon_pipe_read", "vfs_read"]),
            WaitKind::Pipe
        );
        assert_eq!(
            kind(&["do_nanosleep", "hrtimer_nanosleep"]),
            WaitKind::Sleep
        );
        assert_eq!(
            kind(&["schedule_hrtimeout_range", "ep_poll", "do_epoll_wait"]),
            WaitKind::Events
        );
        assert_eq!(kind(&["new_function"]), WaitKind::Other);
        assert_eq!(kind(&[]), WaitKind::Other);
    }

    #[test]
    fn no_function_has_two_kinds() {
        let mut all: Vec<&str> = KERNEL
            .iter()
            .flat_map(|(_, names)| *names)
            .copied()
            .collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
