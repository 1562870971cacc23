//! Names of functions: which of them may name a cause, and how they are written for people.

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
pub(super) const LOCKS: &[&str] = &[
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
pub(super) const KINDS_OF_WORK: &[(&str, &[&str])] = &[
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

/// Returns whether a word of a text begins with `word`, both in small letters: `conversation` has no `rsa`.
pub(crate) fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        !before.is_some_and(|c| c.is_ascii_alphanumeric())
    })
}

/// Returns whether a function may name a cause: it is of the program or of a library it uses.
pub(super) fn is_of_the_program(name: &str) -> bool {
    let bare = name.trim_start_matches(['<', '&', '*']);
    !name.ends_with("_[k]")
        && !SYSTEM_CALLS.contains(&name)
        && !RUNTIMES.iter().any(|runtime| bare.starts_with(runtime))
}

/// Returns the part of the program that a function belongs to: its crate, package or file, or the beginning of a name in C.
pub(super) fn part_of_program(name: &str) -> &str {
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
pub(super) fn plain(name: &str) -> String {
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
}
