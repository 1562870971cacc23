//! The processes that a run profiles.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::PathBuf;

use tenfold_lab::{Lab, LabBox};
use tenfold_profiler::ProfilerError;

use crate::Endpoint;

/// Programs that may only pass requests on to the service.
const FORWARDERS: &[&str] = &[
    "docker-proxy",
    "rootlesskit",
    "slirp4netns",
    "pasta",
    "haproxy",
    "nginx",
    "envoy",
    "traefik",
    "caddy",
    "varnishd",
    "socat",
    "ssh",
    "sshd",
    "kubectl",
];

/// Processes to profile, and the way to find them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ProfiledProcesses {
    /// By their ids.
    Ids(Vec<u32>),
    /// They listen on the first of these addresses of this machine that has a listener.
    Addresses(Vec<SocketAddr>),
    /// They listen on a Unix domain socket.
    Socket(PathBuf),
    /// They are on another machine.
    Remote,
}

impl ProfiledProcesses {
    /// Returns the process that the user names, the boxes of the lab, or those that listen on the address of the target.
    pub(crate) fn of(named: Option<u32>, lab: Option<&Lab>, endpoint: &Endpoint) -> Self {
        if let Some(pid) = named {
            return Self::Ids(vec![pid]);
        }
        let boxes: Vec<u32> = lab
            .map(Lab::boxes)
            .unwrap_or_default()
            .iter()
            .filter_map(LabBox::pid)
            .collect();
        if !boxes.is_empty() {
            return Self::Ids(boxes);
        }
        if let Some(path) = endpoint.target.socket() {
            return Self::Socket(path.to_owned());
        }
        // A name that can't be resolved fails the run with a better message.
        let mut addresses = endpoint.target.resolve().unwrap_or_default();
        addresses.retain(|address| is_own(address.ip()));
        if addresses.is_empty() {
            return Self::Remote;
        }
        Self::Addresses(addresses)
    }

    /// Finds the processes, without this one. `None` if they are on another machine.
    ///
    /// # Errors
    /// If there are none, with the reason for people.
    pub(crate) fn find(&self) -> Result<Option<Vec<u32>>, String> {
        let text = |error: ProfilerError| error.to_string();
        let (mut found, address) = match self {
            Self::Remote => return Ok(None),
            Self::Ids(pids) => (pids.clone(), None),
            Self::Socket(path) => {
                let found = tenfold_profiler::listeners_of_socket(path).map_err(text)?;
                (found, Some(path.display().to_string()))
            }
            Self::Addresses(addresses) => {
                let mut error = None;
                let found =
                    addresses.iter().find_map(|address| {
                        match tenfold_profiler::listeners_at(*address) {
                            Ok(found) => Some((found, Some(address.to_string()))),
                            Err(cause) => {
                                error.get_or_insert(cause);
                                None
                            }
                        }
                    });
                match (found, error) {
                    (Some(found), _) => found,
                    (None, Some(error)) => return Err(error.to_string()),
                    (None, None) => return Ok(None),
                }
            }
        };
        let own = std::process::id();
        found.retain(|pid| *pid != own);
        if found.is_empty() {
            return Err(match address {
                Some(address) => format!("the generator's own process listens on {address}"),
                None => {
                    format!("process {own} is the generator itself; give the pid of the service")
                }
            });
        }
        Ok(Some(found))
    }

    /// Returns the processes whose use of CPU is that of the service. Empty if they are unknown, or only pass requests on.
    pub(crate) fn measurable(&self) -> Vec<u32> {
        let mut found = self.find().ok().flatten().unwrap_or_default();
        // With socket activation, the first process listens. All others are its descendants.
        found.retain(|pid| *pid != 1);
        let name = |pid: &u32| {
            let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            name.trim_end().to_owned()
        };
        let names: Vec<String> = found.iter().map(name).collect();
        match self.doubt(&names) {
            Some(_) => Vec::new(),
            None => found,
        }
    }

    /// Returns a sentence if the profiled processes, by their names, may not be the service but pass requests on to it.
    pub(crate) fn doubt(&self, names: &[String]) -> Option<String> {
        let by_address = matches!(self, Self::Addresses(_) | Self::Socket(_));
        let forwards = |name: &String| FORWARDERS.contains(&name.as_str());
        (by_address && names.iter().all(forwards)).then(|| {
            format!(
                "the profile is of {}, which may pass requests on to the service; to profile that, give its process with --pid",
                names.first().map_or("a program", String::as_str)
            )
        })
    }
}

/// Returns whether an address is one of this machine: sockets can be bound to it.
fn is_own(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn endpoint(url: &str) -> Endpoint {
        Endpoint {
            target: url.parse().unwrap(),
            admin: None,
            pid: None,
        }
    }

    fn by(url: &str) -> ProfiledProcesses {
        ProfiledProcesses::of(None, None, &endpoint(url))
    }

    #[test]
    fn knows_processes_by_id_address_or_socket() {
        let named = ProfiledProcesses::of(Some(7), None, &endpoint("http://127.0.0.1:80"));
        assert_eq!(named, ProfiledProcesses::Ids(vec![7]));
        assert_eq!(named.find(), Ok(Some(vec![7])));
        let local = "127.0.0.1:80".parse().unwrap();
        assert_eq!(
            by("http://127.0.0.1:80"),
            ProfiledProcesses::Addresses(vec![local])
        );
        assert_eq!(
            by("unix:/run/app.sock"),
            ProfiledProcesses::Socket("/run/app.sock".into())
        );
        // An address for documentation.
        assert_eq!(by("http://192.0.2.1:80"), ProfiledProcesses::Remote);
        assert_eq!(by("http://192.0.2.1:80").find(), Ok(None));
    }

    #[test]
    fn never_finds_the_generator() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let found = by(&format!("http://{address}")).find();
        let reason = format!("the generator's own process listens on {address}");
        assert_eq!(found, Err(reason));
        let own = ProfiledProcesses::Ids(vec![std::process::id()]).find();
        assert!(own.unwrap_err().contains("the generator itself"));
        drop(listener);
        let nobody = by(&format!("http://{address}")).find().unwrap_err();
        assert!(nobody.contains("no socket"), "{nobody}");
    }

    #[test]
    fn doubts_programs_that_forward() {
        let names = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| (*name).to_owned()).collect()
        };
        let local = by("http://127.0.0.1:80");
        let doubt = local.doubt(&names(&["haproxy", "haproxy"])).unwrap();
        assert!(
            doubt.contains("of haproxy") && doubt.contains("--pid"),
            "{doubt}"
        );
        assert_eq!(local.doubt(&names(&["python3"])), None);
        assert_eq!(local.doubt(&names(&["nginx", "php-fpm"])), None);
        let named = ProfiledProcesses::Ids(vec![7]);
        assert_eq!(named.doubt(&names(&["haproxy"])), None);
    }
}
