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
            "gcstart",
            "gctaskthread",
            "gc thread",
            "g1 ",
            "vm thread",
            "zworker",
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
            "json/encoder.py",
            "json/decoder.py",
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
    let of_runtime = |name: &str| {
        let bare = name.trim_start_matches(['<', '&', '*', '(']);
        RUNTIMES.iter().any(|runtime| bare.starts_with(runtime))
    };
    match Inlined::of(name) {
        Some(Inlined { argument: "", .. }) => false,
        Some(Inlined { argument, .. }) => !of_runtime(argument),
        None => !name.ends_with("_[k]") && !SYSTEM_CALLS.contains(&name) && !of_runtime(name),
    }
}

/// A function of Rust that the compiler inlined. Debug information without types has its name and type arguments, but not its path:
/// `poll<app::Handler>`, `{async_block#0}<app::Store>`.
struct Inlined<'a> {
    name: &'a str,
    /// The first type argument. Empty if there is none.
    argument: &'a str,
}

impl<'a> Inlined<'a> {
    /// Returns `None` for other functions. An inlined one without type arguments is one only if its name is in braces.
    fn of(name: &'a str) -> Option<Self> {
        let (own, arguments) = match name.split_once('<') {
            Some((own, rest)) => (own, rest.strip_suffix('>')?),
            None => (name, ""),
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let in_braces = own.starts_with('{') && own.ends_with('}') && !own.starts_with("{{");
        let is_identifier = !own.is_empty() && own.chars().all(is_plain);
        if !in_braces && (arguments.is_empty() || !is_identifier) {
            return None;
        }
        let mut depth = 0_usize;
        let end = arguments.find(|c| {
            match c {
                '<' | '(' | '[' => depth += 1,
                '>' | ')' | ']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            c == ',' && depth == 0
        });
        Some(Self {
            name: own,
            argument: &arguments[..end.unwrap_or(arguments.len())],
        })
    }

    /// Returns the last part of the argument's path, without its own arguments.
    fn type_name(&self) -> &'a str {
        let bare = self.argument.trim_start_matches(['<', '&', '*', '(']);
        let path = bare.split(['<', '>', ',', ' ']).next().unwrap_or(bare);
        path.rsplit("::").next().unwrap_or(path)
    }

    /// Returns the name for people: "async block of Store".
    fn plain(&self) -> String {
        let braced = self
            .name
            .strip_prefix('{')
            .and_then(|own| own.strip_suffix('}'));
        match (braced, self.type_name()) {
            (Some(kind), of) => {
                let kind = kind.split('#').next().unwrap_or(kind).replace('_', " ");
                match of {
                    "" => kind,
                    of => format!("{kind} of {of}"),
                }
            }
            (None, of) => format!("{}<{of}>", self.name),
        }
    }
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
        None => match (javascript(name), Inlined::of(name)) {
            (Some(named), _) => named,
            (None, Some(inlined)) => inlined.plain(),
            (None, None) => name.to_owned(),
        },
    };
    name.replace("::{{closure}}", "")
        .replace("{{vtable.shim}}", "")
        .replace('`', "'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inlined_functions_belong_to_their_type_argument() {
        for (name, of_program, expected) in [
            (
                "poll<axum::handler::Future<alloc::boxed::Box<dyn core::x>>, core::Never>",
                false,
                "poll<Future>",
            ),
            (
                "{async_block#0}<app::store::sqlite::Store>",
                true,
                "async block of Store",
            ),
            ("{closure#0}<&app::Row, std::x>", true, "closure of Row"),
            ("{closure#1}", false, "closure"),
            ("parse<app::Json<app::Row>>", true, "parse<Json>"),
            ("each<(app::A, app::B), core::x>", true, "each<A>"),
            // Not inlined, or not of Rust.
            ("app::parse<app::Row>", true, "app::parse<app::Row>"),
            (
                "<app::Row as app::Parse>::parse",
                true,
                "<app::Row as app::Parse>::parse",
            ),
            ("sqlite3_step", true, "sqlite3_step"),
            ("operator<", true, "operator<"),
        ] {
            assert_eq!(is_of_the_program(name), of_program, "{name}");
            assert_eq!(plain(name), expected);
        }
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
}
