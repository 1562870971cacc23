//! Functions with most of the CPU time of a service, and waits of most of its threads, from the profiles of a run.
//!
//! A function stands out if much of the time passes in it and what it calls. The most specific of them is named: what that calls
//! no longer stands out. Functions of runtimes and of the kernel are on most stacks and
//! name no cause, so they are left out.

use std::collections::{BTreeMap, BTreeSet};

use tenfold_run_dir::off_cpu::{Idleness, WaitKind, wait_frame};
use tenfold_run_dir::{Flamegraph, FoldedStacks, Run};

use crate::findings::limit::Limit;
use crate::format;

/// Share of the time from which a function stands out.
const STANDS_OUT: f64 = 0.4;

/// Share of its time that a function spends itself, from which its parts say nothing.
const OWN_MIN: f64 = 0.5;

/// Share of all time from which a part of a function is named.
const PART_MIN: f64 = 0.05;

/// Parts of a function that are named.
const PARTS_MAX: usize = 3;

/// Minimum number of samples of a CPU profile: the share of a function is known within 10 points then.
const SAMPLES_MIN: u64 = 100;

/// Threads that wait on average from which a wait is named.
const THREADS_MIN: f64 = 0.3;

/// Share of the blocked threads from which one kind of wait is named.
const KIND_MIN: f64 = 0.5;

/// Beginnings of the names of functions of languages and their runtimes, without leading `<` and `&`.
const RUNTIMES: &[&str] = &[
    // C and the start of threads.
    "[",
    "__libc_start",
    "__GI_",
    "__clone",
    "__syscall",
    "start_thread",
    // Rust and its runtimes.
    "__rust",
    "alloc::",
    "axum::",
    "axum_core::",
    "core::",
    "dyn ",
    "futures::",
    "futures_",
    "h2::",
    "hyper::",
    "hyper_util::",
    "mio::",
    "std::",
    "tokio::",
    "tokio_util::",
    "tower::",
    "tower_http::",
    "tower_service::",
    // Go.
    "net/http.",
    "runtime.",
    // Python.
    "_Py",
    "Py",
    "_PyEval",
    "cfunction_",
    "builtin_",
    "method_vectorcall",
    "pymain",
    "py_trampoline",
    "py::<module>",
    "py::_bootstrap",
    "py::Thread.",
    "py::_run_code",
    "py::_run_module",
    "thread_run",
    "pythread_wrapper",
    "slot_tp_",
    "type_call",
    "vectorcall",
    "object_vacall",
    "cfunction",
    "gen_iternext",
    "gen_send",
    "context_run",
    "lock_Py",
    "lock___",
    "py::acquire:",
    "py::Semaphore.",
    "py::Condition.",
    "py::wait:",
    // Node.
    "Builtins_",
    "node::",
    "uv_",
    "uv__",
    "v8::",
    // The JVM.
    "Interpreter",
    "JavaCalls::",
    "JavaMain",
    "JavaThread::",
    "Thread::call_run",
    "call_stub",
    "java.lang.Thread.",
    "java.util.concurrent.ThreadPoolExecutor",
    "thread_native_entry",
];

/// Functions of the C library that start a program or pass a call on to the kernel. Their neighbours say more.
const SYSTEM_CALLS: &[&str] = &[
    "_start",
    "accept",
    "accept4",
    "clock_nanosleep",
    "clone",
    "clone3",
    "connect",
    "epoll_wait",
    "fdatasync",
    "fsync",
    "main",
    "nanosleep",
    "poll",
    "ppoll",
    "pread64",
    "pwrite64",
    "read",
    "recv",
    "recvfrom",
    "recvmsg",
    "select",
    "send",
    "sendmsg",
    "sendto",
    "syscall",
    "usleep",
    "write",
    "writev",
];

/// Parts of names of functions that take a lock or wait on a condition.
const LOCKS: &[&str] = &[
    "lock_contended",
    "lll_lock_wait",
    "pthread_mutex",
    "pthread_cond",
    "pthread_rwlock",
    "parking_lot",
    "acquire_timed",
    "PyThread_acquire",
    "lock_acquire",
    "take_gil",
    "sem_wait",
    "futex",
];

/// Work that has a name of its own, by parts of names of functions in small letters.
const KINDS_OF_WORK: &[(&str, &[&str])] = &[
    (
        "garbage collection",
        &[
            "gcbgmarkworker",
            "gcdrain",
            "gctaskthread",
            "g1 ",
            "g1parscan",
            "psscavenge",
            "v8::internal::heap",
            "markcompact",
            "scavenger",
            "gc_collect",
        ],
    ),
    (
        "allocating memory",
        &[
            "malloc",
            "calloc",
            "realloc",
            "mi_free",
            "cfree",
            "_int_free",
            "mi_heap",
            "mallocgc",
            "je_arena",
        ],
    ),
    (
        "TLS handshakes",
        &[
            "rsa",
            "ecdsa",
            "p256",
            "p384",
            "x25519",
            "bn_mul_mont",
            "handshake",
        ],
    ),
    (
        "turning values into JSON and back",
        &[
            "serde_json",
            "json_encode",
            "json.encoder",
            "jsonparser",
            "jsonstringify",
        ],
    ),
    (
        "compressing responses",
        &["deflate", "gzip", "brotli", "zstd_compress"],
    ),
    (
        "hashing passwords",
        &["argon2", "bcrypt", "scrypt", "pbkdf2"],
    ),
];

/// Functions and waits that stand out in the profiles of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct HotSpots {
    /// In the CPU time.
    pub(crate) cpu: Option<HotFunction>,
    /// In the time of threads that had work, but no CPU: by what they waited for, the most threads first.
    pub(crate) waits: Vec<HotWait>,
}

/// A function in which much of the time passes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HotFunction {
    /// Its name.
    pub(crate) name: String,
    /// The function of another part of the program that calls it most often.
    pub(crate) caller: Option<String>,
    /// Share of the time in it and what it calls.
    pub(crate) share: f64,
    /// The largest parts of it, each with its share of the time, if it does little itself.
    pub(crate) parts: Vec<(String, f64)>,
    /// The kind of work that takes most of the time, with its share, if it has a name.
    pub(crate) work: Option<(&'static str, f64)>,
}

/// A wait of threads that had work to do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HotWait {
    /// Object of the wait.
    pub(crate) kind: WaitKind,
    /// Threads that wait for it on average.
    pub(crate) threads: f64,
    /// The function that most of them wait in.
    pub(crate) function: Option<HotFunction>,
}

impl HotSpots {
    /// Finds the functions and waits that stand out in the profiles of a run.
    pub(crate) fn of(run: &Run) -> Self {
        let cpu = match &run.flamegraph {
            Some(Flamegraph::Stacks(stacks)) if stacks.samples() >= SAMPLES_MIN => {
                hot_function(stacks, &[])
            }
            _ => None,
        };
        Self {
            cpu,
            waits: hot_waits(run),
        }
    }

    /// Returns the wait that most of the blocked threads are in. `None` if they wait for many things.
    pub(crate) fn wait(&self) -> Option<&HotWait> {
        let all: f64 = self.waits.iter().map(|wait| wait.threads).sum();
        self.waits
            .first()
            .filter(|wait| wait.threads >= KIND_MIN * all)
    }

    /// Returns what stands out for a service with this limit: CPU time if CPU is short, waits otherwise.
    pub(crate) fn evidence(&self, limit: Limit) -> Option<String> {
        match limit {
            Limit::Waiting | Limit::Unknown => self.wait().map(HotWait::sentence),
            Limit::OtherProcesses => None,
            Limit::Cpu | Limit::Box | Limit::SharedHost | Limit::OneThread => {
                self.cpu.as_ref().map(|hot| hot.sentence("CPU time"))
            }
        }
    }
}

impl HotFunction {
    /// Returns the function and its share: "62.0% of the CPU time is in `parse`, called by `handle`".
    pub(crate) fn sentence(&self, time: &str) -> String {
        let caller = match &self.caller {
            Some(caller) => format!(", called by `{caller}`"),
            None => String::new(),
        };
        let work = match &self.work {
            Some((work, share)) => format!("; {} is {work}", format::percent(*share)),
            None => String::new(),
        };
        let parts: Vec<String> = self
            .parts
            .iter()
            .map(|(name, share)| format!("`{name}` ({})", format::percent(*share)))
            .collect();
        let parts = match parts.is_empty() {
            true => String::new(),
            false => format!("; below it: {}", parts.join(", ")),
        };
        format!(
            "{} of the {time} is in `{}`{caller}{parts}{work}",
            format::percent(self.share),
            self.name
        )
    }

    /// Returns the end of a title: ", 62.0% of it in `parse`".
    pub(crate) fn clause(&self) -> String {
        match &self.work {
            Some((work, share)) if *share >= STANDS_OUT => {
                format!(", {} of it {work}", format::percent(*share))
            }
            _ => {
                let (name, share) = self.focus();
                format!(", {} of it in `{name}`", format::percent(share))
            }
        }
    }

    /// Returns where to begin, and its share of the time: the largest part or, without parts, the function.
    pub(crate) fn focus(&self) -> (&str, f64) {
        match self.parts.first() {
            Some((name, share)) => (name, *share),
            None => (&self.name, self.share),
        }
    }
}

impl HotWait {
    /// Returns the wait in a sentence.
    pub(crate) fn sentence(&self) -> String {
        let threads = format::significant(self.threads);
        let what = what(self.kind);
        match &self.function {
            Some(function) => format!(
                "{threads} threads wait {what} on average, {} of the time in `{}`",
                format::percent(function.share),
                function.name
            ),
            None => format!("{threads} threads wait {what} on average"),
        }
    }

    /// Returns the end of a title: " for a lock, in `Cache::get`".
    pub(crate) fn clause(&self) -> String {
        match &self.function {
            Some(function) => format!(" {}, in `{}`", what(self.kind), function.name),
            None => format!(" {}", what(self.kind)),
        }
    }
}

/// Returns the object of a wait, for a sentence.
fn what(kind: WaitKind) -> &'static str {
    match kind {
        WaitKind::RunQueue => "for a CPU",
        WaitKind::Throttled => "for the CPU allowance of the next period",
        WaitKind::Lock => "for a lock",
        WaitKind::Condition => "for another thread",
        WaitKind::Events | WaitKind::Poll => "for events",
        WaitKind::Accept => "for a connection",
        WaitKind::Network => "for a peer on the network",
        WaitKind::Pipe => "for a pipe",
        WaitKind::Disk => "for the disk",
        WaitKind::Memory => "for memory",
        WaitKind::Sleep => "in a sleep",
        WaitKind::Process => "for another process",
        WaitKind::Other => "for something unknown",
    }
}

/// Returns the waits that many threads are in, the most threads first.
fn hot_waits(run: &Run) -> Vec<HotWait> {
    let Some(profile) = &run.off_cpu else {
        return Vec::new();
    };
    // A shortage of CPU is known from its use.
    let blocked = profile.info.waits.iter().filter(|wait| {
        wait.idleness == Idleness::Blocked
            && !matches!(wait.kind, WaitKind::RunQueue | WaitKind::Throttled)
    });
    let waits = blocked.map(|wait| {
        let frame = wait_frame(wait.kind, Idleness::Blocked);
        let mut own = FoldedStacks::default();
        for (frames, ns) in profile.stacks.iter() {
            if frames.last() == Some(&frame) {
                own.add(frames.iter().map(String::as_str), ns);
            }
        }
        HotWait {
            kind: wait.kind,
            threads: wait.ns as f64 / profile.info.duration_ns.max(1) as f64,
            function: hot_function(&own, LOCKS).map(|own| HotFunction { work: None, ..own }),
        }
    });
    let mut waits: Vec<HotWait> = waits.filter(|wait| wait.threads >= THREADS_MIN).collect();
    waits.sort_by(|one, other| other.threads.total_cmp(&one.threads));
    waits
}

/// Returns the most specific function that stands out: follows the calls with the most samples from the root as long as
/// they have enough. Names with one of `others` are left out, as are those of runtimes.
fn hot_function(stacks: &FoldedStacks, others: &[&str]) -> Option<HotFunction> {
    let all = stacks.samples() as f64;
    let names =
        |name: &str| is_of_the_program(name) && !others.iter().any(|own| name.contains(own));
    // The first frame is the name of the threads, or the root.
    let every: Vec<Below<'_>> = stacks
        .iter()
        .filter_map(|(frames, samples)| Some((frames.get(1..)?, samples)))
        .collect();
    let (name, total, below) = descend(every, STANDS_OUT * all, &names)?;
    let own: u64 = below
        .iter()
        .filter(|(frames, _)| !frames.iter().any(|frame| names(frame)))
        .map(|(_, samples)| samples)
        .sum();
    Some(HotFunction {
        name: plain(name),
        caller: caller(stacks, name, total, &names),
        share: total as f64 / all,
        parts: match own as f64 >= OWN_MIN * total as f64 {
            true => Vec::new(),
            false => parts(below, all, &names),
        },
        work: kind_of_work(stacks, stacks.samples()),
    })
}

/// Frames below a function, root first, and their samples.
type Below<'a> = (&'a [String], u64);

/// Follows the calls with the most samples while these are at least `least`. Returns the last function, its samples, and what
/// is below it. `None` if none has so many.
fn descend<'a>(
    mut below: Vec<Below<'a>>,
    least: f64,
    names: &impl Fn(&str) -> bool,
) -> Option<(&'a str, u64, Vec<Below<'a>>)> {
    let mut found = None;
    while let Some((name, total)) =
        most_called(&below, names).filter(|(_, total)| *total > 0 && *total as f64 >= least)
    {
        found = Some((name, total));
        // Below the last one, so that recursion ends.
        below = below
            .into_iter()
            .filter_map(|(frames, samples)| {
                let last = frames.iter().rposition(|frame| frame == name)?;
                Some((&frames[last + 1..], samples))
            })
            .collect();
    }
    let (name, total) = found?;
    Some((name, total, below))
}

/// Returns the function with the most samples, the one closest to the root of several, and its samples.
fn most_called<'a>(below: &[Below<'a>], names: &impl Fn(&str) -> bool) -> Option<(&'a str, u64)> {
    let mut times = BTreeMap::<&str, (u64, usize)>::new();
    for (frames, samples) in below {
        let mut seen = BTreeSet::new();
        for (depth, name) in frames.iter().enumerate() {
            if names(name) && seen.insert(name) {
                let (total, least) = times.entry(name).or_insert((0, depth));
                *total += samples;
                *least = depth.min(*least);
            }
        }
    }
    let most = times
        .into_iter()
        .max_by_key(|(_, (total, depth))| (*total, std::cmp::Reverse(*depth)));
    most.map(|(name, (total, _))| (name, total))
}

/// Returns the largest functions below another that have no samples in common, each as specific as half of its samples allow,
/// with its share of `all` samples.
fn parts(mut below: Vec<Below<'_>>, all: f64, names: &impl Fn(&str) -> bool) -> Vec<(String, f64)> {
    let mut found = Vec::new();
    while found.len() < PARTS_MAX
        && let Some((top, total)) = most_called(&below, names)
        && total as f64 >= PART_MIN * all
    {
        let has = |frames: &[String]| frames.iter().any(|frame| frame == top);
        let (own, others): (Vec<_>, Vec<_>) =
            below.into_iter().partition(|(frames, _)| has(frames));
        if let Some((name, samples, _)) = descend(own, total as f64 / 2.0, names) {
            found.push((plain(name), samples as f64 / all));
        }
        below = others;
    }
    found
}

/// Returns the function of another part of the program from which most calls of a function come. `None` if no single one
/// calls it most often.
fn caller(
    stacks: &FoldedStacks,
    name: &str,
    total: u64,
    names: &impl Fn(&str) -> bool,
) -> Option<String> {
    let part = part_of_program(name);
    let mut callers = BTreeMap::<&str, u64>::new();
    for (frames, samples) in stacks.iter() {
        let Some(at) = frames.iter().position(|frame| frame == name) else {
            continue;
        };
        let above = frames.iter().take(at).skip(1).rev();
        let mut above = above.filter(|frame| names(frame) && part_of_program(frame) != part);
        if let Some(caller) = above.next() {
            *callers.entry(caller).or_default() += samples;
        }
    }
    let (caller, calls) = callers.into_iter().max_by_key(|(_, calls)| *calls)?;
    (2 * calls > total).then(|| plain(caller))
}

/// Returns the named kind of work with the most samples, and its share.
fn kind_of_work(stacks: &FoldedStacks, all: u64) -> Option<(&'static str, f64)> {
    let mut sums = vec![0_u64; KINDS_OF_WORK.len()];
    for (frames, samples) in stacks.iter() {
        let has = |parts: &[&str]| {
            frames.iter().skip(1).any(|frame| {
                let frame = frame.to_ascii_lowercase();
                !frame.ends_with("_[k]") && parts.iter().any(|part| has_word(&frame, part))
            })
        };
        for (sum, (_, parts)) in sums.iter_mut().zip(KINDS_OF_WORK) {
            if has(parts) {
                *sum += samples;
            }
        }
    }
    let (sum, (work, _)) = sums
        .into_iter()
        .zip(KINDS_OF_WORK)
        .max_by_key(|(sum, _)| *sum)?;
    let share = sum as f64 / all.max(1) as f64;
    (share >= STANDS_OUT / 2.0).then_some((work, share))
}

/// Returns whether a word of a text begins with `word`, both in small letters: `conversation` has no `rsa`.
pub(crate) fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        !before.is_some_and(|c| c.is_ascii_alphanumeric())
    })
}

/// Returns whether a function may name a cause: it is of the program or of a library it uses.
fn is_of_the_program(name: &str) -> bool {
    let bare = name.trim_start_matches(['<', '&', '*']);
    !name.ends_with("_[k]")
        && !SYSTEM_CALLS.contains(&name)
        && !RUNTIMES.iter().any(|runtime| bare.starts_with(runtime))
}

/// Returns the part of the program that a function belongs to: its crate, package or file, or the beginning of a name in C.
fn part_of_program(name: &str) -> &str {
    if let Some(python) = name.strip_prefix("py::") {
        return python.split_once(':').map_or(python, |(_, file)| file);
    }
    let bare = name.trim_start_matches(['<', '&', '*']);
    let end = bare
        .find("::")
        .or_else(|| bare.find(['.', '/']))
        .or_else(|| bare.find(|c: char| !c.is_ascii_lowercase()))
        .unwrap_or(bare.len());
    &bare[..end]
}

/// Returns the name of a function of Node, which writes `JS:*parse /srv/app/views.js:12:7`, with its file and line. The sign says
/// how it was compiled. `None` for any other function.
fn javascript(name: &str) -> Option<String> {
    let (function, place) = name.strip_prefix("JS:")?.split_once(' ')?;
    let function = match function.trim_start_matches(['*', '^', '~', '+']) {
        "" => "anonymous function",
        named => named,
    };
    let place = place.rsplit('/').next().unwrap_or(place);
    let place = place
        .rsplit_once(':')
        .map_or(place, |(place, _column)| place);
    Some(format!("{function} ({place})"))
}

/// Returns a name without marks of closures and compilers, safe inside backticks.
fn plain(name: &str) -> String {
    // Python names its functions `py::parse:/srv/app/views.py`.
    let name = match name
        .strip_prefix("py::")
        .and_then(|own| own.split_once(':'))
    {
        Some((function, file)) => {
            let function = function.split(".<locals>").next().unwrap_or(function);
            let file = file.rsplit('/').next().unwrap_or(file);
            format!("{function} ({file})")
        }
        None => javascript(name).unwrap_or_else(|| name.to_owned()),
    };
    name.replace("::{{closure}}", "")
        .replace("{{vtable.shim}}", "")
        .replace('`', "'")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hot(stacks: &str) -> Option<HotFunction> {
        hot_function(&stacks.parse().unwrap(), &[])
    }

    #[test]
    fn names_the_most_specific_function_and_its_caller() {
        let stacks = "t;start_thread;tokio::run;app::feed;app::rows;sqlite3_step;sqlite3VdbeExec 50\n\
                      t;start_thread;tokio::run;app::feed;app::rows;sqlite3_step 5\n\
                      t;start_thread;tokio::run;app::user;app::write;tcp_sendmsg_[k] 45\n";
        let found = hot(stacks).unwrap();
        assert_eq!(found.name, "sqlite3VdbeExec");
        assert_eq!(found.caller.as_deref(), Some("app::rows"));
        assert!((found.share - 0.5).abs() < 1e-9);
        assert_eq!(
            found.sentence("CPU time"),
            "50.0% of the CPU time is in `sqlite3VdbeExec`, called by `app::rows`"
        );
    }

    #[test]
    fn a_function_that_only_calls_has_parts() {
        let stacks = "t;app::respond;app::feed;sql::step 22\nt;app::respond;app::feed;sql::parse 10\n\
                      t;app::respond;app::user;json::write 18\nt;app::respond;app::x 2\nt;app::log 30\n";
        let found = hot(stacks).unwrap();
        assert_eq!(found.name, "app::respond");
        let names: Vec<&str> = found.parts.iter().map(|part| part.0.as_str()).collect();
        assert_eq!(names, ["sql::step", "json::write"]);
        assert_eq!(found.focus().0, "sql::step");
    }

    #[test]
    fn recursion_counts_once() {
        let found = hot("t;main;walk;walk;walk 60\nt;main;other 40\n").unwrap();
        assert_eq!((found.name.as_str(), found.share), ("walk", 0.6));
    }

    #[test]
    fn nothing_stands_out_in_a_flat_profile_or_in_runtimes() {
        assert_eq!(hot("t;a 34\nt;b 33\nt;c 33\n"), None);
        assert_eq!(
            hot("t;start_thread;tokio::run;std::x;tcp_sendmsg_[k] 100\n"),
            None
        );
        assert_eq!(hot(""), None);
    }

    #[test]
    fn functions_of_python_have_their_file() {
        let stacks = "python;_PyEval_EvalFrame;py::<module>:/srv/app.py;py::view.<locals>.inner:/srv/app.py;gen_iternext 9\n";
        assert_eq!(hot(stacks).unwrap().name, "view (app.py)");
    }

    #[test]
    fn words_begin_at_a_boundary() {
        for (text, word, expected) in [
            ("ring_core::rsa_sign", "rsa", true),
            ("conversation::list", "rsa", false),
            ("async", "sync", false),
            ("disk_sync", "sync", true),
        ] {
            assert_eq!(has_word(text, word), expected, "{word} in {text}");
        }
    }

    #[test]
    fn functions_of_node_have_their_file_and_line() {
        for (name, expected) in [
            ("JS:*render /srv/app/views.js:12:7", "render (views.js:12)"),
            (
                "JS:* /srv/app/views.js:30:34",
                "anonymous function (views.js:30)",
            ),
        ] {
            assert_eq!(hot(&format!("node;{name} 9\n")).unwrap().name, expected);
        }
    }

    #[test]
    fn work_with_a_name_of_its_own_is_named() {
        let stacks = "t;app::serve;serde_json::ser::to_vec 30\nt;app::serve 70\n";
        let (work, share) = hot(stacks).unwrap().work.unwrap();
        assert_eq!((work, share), ("turning values into JSON and back", 0.3));
    }
}
