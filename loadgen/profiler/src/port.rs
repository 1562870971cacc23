//! The processes that listen on an address of this machine.

use std::collections::HashSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use crate::ProfilerError;

/// State of a listening socket in `/proc/net/tcp`.
const LISTEN: &str = "0A";

/// Flag of a listening socket in `/proc/net/unix`.
const ACCEPTS: u32 = 1 << 16;

/// A listening TCP socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Listener {
    address: SocketAddr,
    inode: u64,
}

/// Returns the processes that listen on a TCP port of this machine, sorted by id. Workers that inherited the socket from
/// their parent are among them.
///
/// Sees sockets of its own network namespace only. The sockets of other users' processes are visible to root.
///
/// # Errors
/// If no socket listens on the port, or its process belongs to another user.
pub fn listeners(port: u16) -> Result<Vec<u32>, ProfilerError> {
    let listening = all_listeners().into_iter();
    let of_port = listening.filter(|listener| listener.address.port() == port);
    let inodes: HashSet<u64> = of_port.map(|listener| listener.inode).collect();
    holders(&format!("port {port}"), &inodes)
}

/// Like [`listeners`], of the sockets that get the connections to one address: those bound to it, or else those of all
/// addresses. Other processes may listen on the same port of other addresses.
///
/// # Errors
/// As for [`listeners`].
pub fn listeners_at(address: SocketAddr) -> Result<Vec<u32>, ProfilerError> {
    holders(&address.to_string(), &inodes_at(&all_listeners(), address))
}

/// Like [`listeners`], of a Unix domain socket.
///
/// # Errors
/// As for [`listeners`], and if the socket was bound under another path.
pub fn listeners_of_socket(path: &Path) -> Result<Vec<u32>, ProfilerError> {
    let whole = path.canonicalize();
    let paths: Vec<&str> = [Some(path), whole.as_deref().ok()]
        .into_iter()
        .filter_map(|path| path?.to_str())
        .collect();
    let table = fs::read_to_string("/proc/net/unix").unwrap_or_default();
    let inodes = unix_listening(&table, &paths).collect();
    holders(&path.display().to_string(), &inodes)
}

/// Inodes of the sockets that get the connections to an address.
fn inodes_at(listeners: &[Listener], address: SocketAddr) -> HashSet<u64> {
    // A connection to all addresses goes to this machine.
    let ip = match address.ip().to_canonical() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let bound_to = |is: &dyn Fn(IpAddr) -> bool| -> HashSet<u64> {
        let of_port = listeners
            .iter()
            .filter(|listener| listener.address.port() == address.port());
        of_port
            .filter(|listener| is(listener.address.ip()))
            .map(|listener| listener.inode)
            .collect()
    };
    // The order in which the kernel looks for a listener. A socket of all IPv6 addresses also gets connections by IPv4.
    let exact = bound_to(&|own| own.to_canonical() == ip);
    let of_family = bound_to(&|own| own.is_unspecified() && own.is_ipv4() == ip.is_ipv4());
    let of_all = bound_to(&|own| own.is_unspecified() && own.is_ipv6());
    let found = [exact, of_family, of_all].into_iter();
    let mut found = found.filter(|inodes| !inodes.is_empty());
    found.next().unwrap_or_default()
}

/// Processes that hold one of the sockets of an address.
fn holders(address: &str, inodes: &HashSet<u64>) -> Result<Vec<u32>, ProfilerError> {
    let error = |reason: &str| ProfilerError::NoListener {
        address: address.to_owned(),
        reason: reason.to_owned(),
    };
    if inodes.is_empty() {
        return Err(error(
            "no socket of this network namespace listens on it; `ss -ltnp` lists those that do, and a process in a container \
             is named by its pid",
        ));
    }
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut found: Vec<u32> = processes
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| holds(*pid, inodes))
        .collect();
    found.sort_unstable();
    if found.is_empty() {
        return Err(error(
            "a socket listens on it, but the process that holds it is not visible to this user; run as root or as that user, or \
             name the process by its pid",
        ));
    }
    Ok(found)
}

/// The listening TCP sockets of this network namespace.
fn all_listeners() -> Vec<Listener> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let texts = tables.map(|table| fs::read_to_string(table).unwrap_or_default());
    texts.iter().flat_map(|text| listening(text)).collect()
}

/// Sockets that listen, in the format of `/proc/net/tcp` and `tcp6`.
fn listening(table: &str) -> impl Iterator<Item = Listener> {
    table.lines().skip(1).filter_map(move |line| {
        let mut fields = line.split_ascii_whitespace();
        let (ip, port) = fields.nth(1)?.rsplit_once(':')?;
        let state = fields.nth(1)?;
        let inode = fields.nth(5)?.parse().ok()?;
        let port = u16::from_str_radix(port, 16).ok()?;
        let address = SocketAddr::new(address(ip)?, port);
        (state == LISTEN).then_some(Listener { address, inode })
    })
}

/// Parses an address: one or four words of this machine's byte order, in hexadecimal.
fn address(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| -> Option<[u8; 4]> {
        let digits = hex.get(at * 8..at * 8 + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    match hex.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let mut bytes = [0; 16];
            for (index, chunk) in bytes.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(index)?);
            }
            Some(Ipv6Addr::from(bytes).into())
        }
        _ => None,
    }
}

/// Inodes of the sockets that listen at one of these paths, in the format of `/proc/net/unix`.
fn unix_listening(table: &str, paths: &[&str]) -> impl Iterator<Item = u64> {
    table.lines().skip(1).filter_map(move |line| {
        let mut fields = line.split_ascii_whitespace();
        let flags = u32::from_str_radix(fields.nth(3)?, 16).ok()?;
        let inode = fields.nth(2)?;
        // The path may hold spaces.
        let at = line.find(&format!(" {inode} "))? + inode.len() + 2;
        let path = line.get(at..)?.trim_start();
        let listens = flags & ACCEPTS != 0 && paths.contains(&path);
        listens.then(|| inode.parse().ok())?
    })
}

/// Returns whether a process has one of the sockets open.
fn holds(pid: u32, inodes: &HashSet<u64>) -> bool {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd"));
    let mut links = descriptors
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|descriptor| fs::read_link(descriptor.path()).ok());
    links.any(|link| {
        let inode = link.to_str().and_then(socket_inode);
        inode.is_some_and(|inode| inodes.contains(&inode))
    })
}

/// Inode in the link of a socket's descriptor: `socket:[12345]`.
fn socket_inode(link: &str) -> Option<u64> {
    link.strip_prefix("socket:[")?
        .strip_suffix(']')?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn finds_its_own_listener() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(address) else {
                assert!(
                    std::env::var_os("CI").is_none_or(|set| set.is_empty()),
                    "tests must not be skipped in CI: no address {address}"
                );
                println!("skipped: no address {address}");
                continue;
            };
            let port = listener.local_addr().unwrap().port();
            assert_eq!(listeners(port).unwrap(), [std::process::id()]);
            drop(listener);
            let error = listeners(port).unwrap_err().to_string();
            assert!(error.contains("no socket"), "{error}");
        }
    }

    #[test]
    fn finds_the_listener_of_an_address() {
        let own = [std::process::id()];
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        assert_eq!(listeners_at(at).unwrap(), own);
        let other = SocketAddr::new("127.0.0.2".parse().unwrap(), at.port());
        let error = listeners_at(other).unwrap_err().to_string();
        assert!(error.contains("listens on 127.0.0.2:"), "{error}");
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a socket");
        let unix = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert_eq!(listeners_of_socket(&path).unwrap(), own);
        drop(unix);
        assert!(listeners_of_socket(&path).is_err());
    }

    #[test]
    fn reads_listening_sockets_only() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
             0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 0 100 0 0 10 0\n   \
             1: 0100007F:1F90 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 4243 1 0 20 4 30 10 -1\n   \
             2: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4244 1 0 100 0 0 10 0\n";
        let inodes: Vec<u64> = listening(table).map(|listener| listener.inode).collect();
        assert_eq!(inodes, [4242, 4244]);
        if cfg!(target_endian = "little") {
            let first = listening(table).next().unwrap();
            assert_eq!(first.address, "127.0.0.1:8080".parse().unwrap());
            let loopback = address("00000000000000000000000001000000");
            assert_eq!(loopback, Some(Ipv6Addr::LOCALHOST.into()));
        }
        assert_eq!(socket_inode("socket:[77]"), Some(77));
        assert_eq!(socket_inode("pipe:[77]"), None);
        let table = "Num       RefCount Protocol Flags    Type St Inode Path\n\
             0000000000000000: 00000002 00000000 00010000 0001 01 5151 /run/an app.sock\n\
             0000000000000000: 00000003 00000000 00000000 0001 03 5152 /run/an app.sock\n\
             0000000000000000: 00000002 00000000 00010000 0001 01 5153\n";
        let inodes: Vec<u64> = unix_listening(table, &["/run/an app.sock"]).collect();
        assert_eq!(inodes, [5151]);
    }

    #[test]
    fn exact_address_precedes_all_addresses() {
        let listener = |address: &str, inode| Listener {
            address: address.parse().unwrap(),
            inode,
        };
        let listeners = [
            listener("0.0.0.0:80", 1),
            listener("127.0.0.1:80", 2),
            listener("[::]:81", 3),
            listener("[::1]:80", 4),
            listener("[::ffff:127.0.0.1]:82", 5),
        ];
        let at = |address: &str| {
            let found = inodes_at(&listeners, address.parse().unwrap());
            let mut found: Vec<u64> = found.into_iter().collect();
            found.sort_unstable();
            found
        };
        assert_eq!(at("127.0.0.1:80"), [2]);
        assert_eq!(at("0.0.0.0:80"), [2]);
        assert_eq!(at("10.0.0.1:80"), [1]);
        assert_eq!(at("127.0.0.1:81"), [3]);
        assert_eq!(at("[::1]:81"), [3]);
        assert_eq!(at("[::1]:80"), [4]);
        assert_eq!(at("127.0.0.1:82"), [5]);
        assert!(at("[2001:db8::1]:80").is_empty());
        assert!(at("127.0.0.1:83").is_empty());
    }

    proptest! {
        #[test]
        fn any_table_is_read(text: String) {
            let _ = (listening(&text).count(), socket_inode(&text), address(&text));
            let _ = unix_listening(&text, &["/a"]).count();
        }
    }
}
