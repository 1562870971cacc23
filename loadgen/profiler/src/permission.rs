//! Permissions to profile, and the settings that grant them.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};

/// Setting of the kernel that permits profiling: -1 to 3, or 4 on some distributions.
const PARANOID: &str = "/proc/sys/kernel/perf_event_paranoid";

/// Returns whether an error means that the kernel denies profiling to this user, or has no support for it.
pub(crate) fn is_denied(error: &io::Error) -> bool {
    let numbers = [
        rustix::io::Errno::ACCESS,
        rustix::io::Errno::PERM,
        // No `perf_event_open` in this kernel, or a sandbox that hides it.
        rustix::io::Errno::NOSYS,
        rustix::io::Errno::OPNOTSUPP,
    ];
    numbers
        .iter()
        .any(|number| error.raw_os_error() == Some(number.raw_os_error()))
}

/// Returns whether the kernel hides the addresses of its functions from this user, and so their names.
pub(crate) fn hides_kernel_names() -> bool {
    let mut first = String::new();
    let read =
        File::open("/proc/kallsyms").and_then(|file| BufReader::new(file).read_line(&mut first));
    read.is_err() || is_hidden(&first)
}

/// Returns whether a line of kallsyms has no address.
fn is_hidden(line: &str) -> bool {
    let address = line.split(' ').next().unwrap_or_default();
    address.bytes().all(|byte| byte == b'0')
}

/// Returns what to set so that the kernel permits profiles with stacks on and off the CPU.
pub(crate) fn advice() -> String {
    let paranoid = fs::read_to_string(PARANOID).unwrap_or_default();
    advice_for(paranoid.trim(), rustix::process::geteuid().is_root())
}

fn advice_for(paranoid: &str, root: bool) -> String {
    if root {
        return "this user is root, so a sandbox denies it: start the container with `--cap-add PERFMON --cap-add SYS_PTRACE` and a \
                seccomp profile that allows perf_event_open"
            .to_owned();
    }
    let setting = if paranoid.is_empty() {
        "this kernel has no perf events".to_owned()
    } else {
        format!("kernel.perf_event_paranoid is {paranoid}")
    };
    format!(
        "{setting}: run as root, give the program the capabilities with `setcap cap_perfmon,cap_sys_ptrace+ep FILE`, or run `sysctl \
         kernel.perf_event_paranoid=0 kernel.kptr_restrict=0` for processes of the same user"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_names_the_setting() {
        let user = advice_for("2", false);
        assert!(
            user.starts_with("kernel.perf_event_paranoid is 2: run as root"),
            "{user}"
        );
        assert!(advice_for("", false).contains("no perf events"));
        assert!(advice_for("2", true).contains("--cap-add PERFMON"));
    }

    #[test]
    fn tells_hidden_addresses() {
        assert!(is_hidden("0000000000000000 T _stext\n"));
        assert!(is_hidden(""));
        assert!(!is_hidden("ffffffff81000000 T _stext\n"));
    }

    #[test]
    fn tells_denial_from_other_errors() {
        let errors = [rustix::io::Errno::ACCESS, rustix::io::Errno::NOSYS];
        assert!(errors.into_iter().all(|error| is_denied(&error.into())));
        assert!(!is_denied(&rustix::io::Errno::SRCH.into()));
        assert!(!is_denied(&io::Error::other("no number")));
    }
}
