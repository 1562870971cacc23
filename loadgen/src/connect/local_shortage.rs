//! Connection errors that the generator's own machine causes.

use std::io;

use rustix::io::Errno;

use crate::failure::Failure;

/// Returns the class of an error that the generator's machine causes, and what to do about it. `None` if the
/// service or the network may have caused it.
///
/// `is_unix` is true for a Unix domain socket: there, `EAGAIN` means that the queue of the service is full,
/// and `EACCES` that its file may not be used.
pub(crate) fn local_shortage(error: &io::Error, is_unix: bool) -> Option<(Failure, &'static str)> {
    let errno = Errno::from_raw_os_error(error.raw_os_error()?);
    Some(match errno {
        Errno::ADDRNOTAVAIL | Errno::ADDRINUSE if !is_unix => (
            Failure::LocalPorts,
            "no local port is left: keep connections alive, use fewer users or a lower rate, widen \
             net.ipv4.ip_local_port_range, or send from several machines",
        ),
        Errno::MFILE => (
            Failure::OpenFiles,
            "raise the limit of open files with `ulimit -n`, or use fewer users",
        ),
        Errno::NFILE => (
            Failure::OpenFiles,
            "raise the machine's limit of open files, fs.file-max, or use fewer users",
        ),
        Errno::NOBUFS | Errno::NOMEM => (
            Failure::LocalMemory,
            "the kernel has no memory for another connection: raise net.ipv4.tcp_mem and the memory limit of \
             the generator's control group, or use fewer users",
        ),
        // epoll_ctl(2): the limit on watched files.
        Errno::NOSPC => (
            Failure::LocalMemory,
            "the limit on watched files is reached: raise fs.epoll.max_user_watches, or use fewer users",
        ),
        // connect(2): "insufficient entries in the routing cache".
        Errno::AGAIN if !is_unix => (
            Failure::LocalMemory,
            "the kernel has no room for another route: raise net.ipv6.route.max_size, or use fewer users",
        ),
        Errno::NETUNREACH | Errno::NETDOWN | Errno::AFNOSUPPORT => (
            Failure::LocalNetwork,
            "this machine has no route to that address: check its interfaces and `ip route get ADDRESS`",
        ),
        Errno::ACCESS | Errno::PERM if is_unix => (
            Failure::LocalDenied,
            "the user that runs the generator may not use the socket: check its permissions",
        ),
        Errno::ACCESS | Errno::PERM => (
            Failure::LocalDenied,
            "a firewall rule or a policy of this machine forbids the connection",
        ),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(errno: Errno, is_unix: bool) -> Option<Failure> {
        let error = io::Error::from_raw_os_error(errno.raw_os_error());
        local_shortage(&error, is_unix).map(|(failure, _)| failure)
    }

    #[test]
    fn shortages_of_this_machine_have_classes() {
        for (errno, failure) in [
            (Errno::ADDRNOTAVAIL, Failure::LocalPorts),
            (Errno::ADDRINUSE, Failure::LocalPorts),
            (Errno::MFILE, Failure::OpenFiles),
            (Errno::NFILE, Failure::OpenFiles),
            (Errno::NOBUFS, Failure::LocalMemory),
            (Errno::NOMEM, Failure::LocalMemory),
            (Errno::AGAIN, Failure::LocalMemory),
            (Errno::NOSPC, Failure::LocalMemory),
            (Errno::NETUNREACH, Failure::LocalNetwork),
            (Errno::NETDOWN, Failure::LocalNetwork),
            (Errno::PERM, Failure::LocalDenied),
            (Errno::ACCESS, Failure::LocalDenied),
        ] {
            assert_eq!(class(errno, false), Some(failure), "{errno:?}");
        }
    }

    #[test]
    fn errors_of_the_service_have_none() {
        for errno in [
            Errno::CONNREFUSED,
            Errno::CONNRESET,
            Errno::TIMEDOUT,
            Errno::HOSTUNREACH,
            Errno::PIPE,
        ] {
            assert_eq!(class(errno, false), None, "{errno:?}");
        }
        // The queue of a service that accepts too slowly is full.
        assert_eq!(class(Errno::AGAIN, true), None);
        assert_eq!(class(Errno::ACCESS, true), Some(Failure::LocalDenied));
        assert!(local_shortage(&io::Error::other("certificate"), false).is_none());
    }
}
