//! A private network for a lab: each box in a network namespace, behind a router that allows only the listed
//! connections.
//!
//! ```text
//! this machine -- outside [ router ] -- public subnet:  reachable from outside
//!                                    -- private subnet: reachable from boxes only
//! ```
//!
//! All traffic passes the router, also between boxes, so that its rules always apply. Removing the namespaces
//! removes everything; in this machine's own network the lab adds only one link and one route.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::LabError;
use crate::network::site::port::{DNS, SSH};
use crate::program;

/// Maximum number of boxes: four addresses for each link, in a subnet of 256.
const BOXES_MAX: usize = 63;

/// Second octets to try for the network 10.N.0.0/16; rarely used by others.
const NETWORKS: std::ops::Range<u8> = 77..127;

/// Third octet of the link to this machine.
const LINK_OCTET: u8 = 255;

/// Last octet of the address that moves between the boxes at the door.
const FLOATING: u8 = 200;

/// Number of networks that this process has planned.
static NETWORKS_PLANNED: AtomicU32 = AtomicU32::new(0);

/// Subnet of a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subnet {
    /// Reachable from outside, at the listed ports.
    Public,
    /// Reachable from other boxes only.
    Private,
    /// As the public one, but its boxes share a link, so that an address can move between them.
    Door,
}

/// An allowed connection. The router rejects all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flow {
    /// Box that opens it. `None` for clients outside.
    pub(crate) from: Option<String>,
    /// Address that it is opened to.
    pub(crate) to: SocketAddr,
}

impl Flow {
    /// Allows clients outside to connect to an address.
    pub(crate) fn from_outside(to: SocketAddr) -> Self {
        Self { from: None, to }
    }

    /// Allows a box to connect to an address.
    pub(crate) fn between(from: &str, to: SocketAddr) -> Self {
        Self {
            from: Some(from.to_owned()),
            to,
        }
    }
}

/// The network of a lab. Dropping it removes it.
#[derive(Debug)]
pub(crate) struct Network {
    ip: PathBuf,
    nft: PathBuf,
    /// Prefix of the names of its namespaces, and name of the link.
    name: String,
    /// Second octet of its addresses, 10.N.x.x.
    number: u8,
    boxes: BTreeMap<String, Slot>,
    is_made: bool,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    subnet: Subnet,
    index: usize,
}

impl Network {
    /// Chooses a network that is not in use. Creates nothing yet.
    ///
    /// # Errors
    /// Returns an error if `ip` or `nft` is missing, or every network is in use.
    pub(crate) fn plan() -> Result<Self, LabError> {
        let (ip, nft) = (program::IP.find()?, program::NFT.find()?);
        let used = output(Command::new(&ip).args(["-4", "-o", "route", "show", "table", "all"]))?;
        let is_used = |number: &u8| used.contains(&format!("10.{number}."));
        let number = NETWORKS
            .into_iter()
            .find(|number| !is_used(number))
            .ok_or_else(|| failed("every network from 10.77.0.0 to 10.126.0.0 is in use"))?;
        // At most 15 bytes, the limit for a link's name.
        let name = format!(
            "tfl{}-{}",
            std::process::id(),
            NETWORKS_PLANNED.fetch_add(1, Ordering::Relaxed)
        );
        Ok(Self {
            ip,
            nft,
            name,
            number,
            boxes: BTreeMap::new(),
            is_made: false,
        })
    }

    /// Returns the address of a box, and allocates it on the first call.
    pub(crate) fn address(
        &mut self,
        name: &str,
        subnet: Subnet,
        port: u16,
    ) -> Result<SocketAddr, LabError> {
        let index = self.boxes.len();
        if index >= BOXES_MAX {
            return Err(failed("the stage has more than 63 boxes"));
        }
        let slot = *self
            .boxes
            .entry(name.to_owned())
            .or_insert(Slot { subnet, index });
        Ok(SocketAddr::new(self.own(slot), port))
    }

    fn own(&self, slot: Slot) -> IpAddr {
        self.at(slot, 2)
    }

    /// Address on the link of a box: 1 is the router, 2 the box.
    fn at(&self, slot: Slot, offset: usize) -> IpAddr {
        let (subnet, last) = match slot.subnet {
            Subnet::Public => (0, 4 * slot.index + offset),
            Subnet::Private => (1, 4 * slot.index + offset),
            Subnet::Door if offset == 1 => (2, 1),
            Subnet::Door => (2, 2 + slot.index),
        };
        let last = u8::try_from(last).unwrap_or(u8::MAX);
        Ipv4Addr::new(10, self.number, subnet, last).into()
    }

    /// Returns the address that moves between the boxes at the door.
    pub(crate) fn floating(&self) -> IpAddr {
        Ipv4Addr::new(10, self.number, 2, FLOATING).into()
    }

    fn has_door(&self) -> bool {
        self.boxes.values().any(|slot| slot.subnet == Subnet::Door)
    }

    /// Returns the namespace of a box. `None` if it has no address.
    pub(crate) fn namespace(&self, name: &str) -> Option<String> {
        self.boxes
            .contains_key(name)
            .then(|| format!("{}-{name}", self.name))
    }

    /// Returns all of its namespaces.
    pub(crate) fn namespaces(&self) -> Vec<String> {
        let boxes = self.boxes.keys().filter_map(|name| self.namespace(name));
        boxes.chain([self.router()]).collect()
    }

    fn router(&self) -> String {
        format!("{}-router", self.name)
    }

    /// Creates the network with its rules, before any box starts.
    ///
    /// # Errors
    /// Returns an error if this account may not do so, or the kernel lacks a feature.
    pub(crate) fn make(&mut self, flows: &[Flow], ssh_from: &[IpAddr]) -> Result<(), LabError> {
        self.is_made = true;
        let batch = |namespace: Option<&str>, text: &str| {
            let mut command = Command::new(&self.ip);
            command.args(namespace.iter().flat_map(|namespace| ["-n", namespace]));
            run_with_input(command.args(["-batch", "-"]), text)
        };
        batch(None, &self.links())?;
        batch(Some(&self.router()), &self.links_of_router())?;
        for (name, slot) in &self.boxes {
            let namespace = format!("{}-{name}", self.name);
            batch(Some(&namespace), &self.links_of(*slot))?;
        }
        batch(None, &self.route())?;
        // A new namespace starts with forwarding off.
        within(&self.router(), || {
            fs::write("/proc/sys/net/ipv4/ip_forward", "1")
        })
        .map_err(|error| {
            failed(&format!(
                "could not enable forwarding in the router: {error}"
            ))
        })?;
        let router = self.router();
        run_with_input(
            Command::new(&self.ip)
                .args(["netns", "exec", &router])
                .arg(&self.nft)
                .args(["-f", "-"]),
            &self.rules(flows, ssh_from),
        )
    }

    /// Input of `ip -batch` for this machine's network: namespaces, and the links into them.
    fn links(&self) -> String {
        let (router, number, link) = (self.router(), self.number, &self.name);
        let mut text = String::new();
        for namespace in self.namespaces() {
            let _ = writeln!(text, "netns add {namespace}");
        }
        for (name, slot) in &self.boxes {
            let _ = writeln!(
                text,
                "link add box{} netns {router} type veth peer name eth0 netns {}-{name}",
                slot.index, self.name
            );
        }
        let _ = write!(
            text,
            "link add {link} type veth peer name outside netns {router}\n\
             addr add 10.{number}.{LINK_OCTET}.1/30 dev {link}\n\
             link set {link} up\n"
        );
        text
    }

    /// Input of `ip -batch` for the router.
    fn links_of_router(&self) -> String {
        let mut text = format!(
            "link set lo up\n\
             addr add 10.{}.{LINK_OCTET}.2/30 dev outside\n\
             link set outside up\n",
            self.number
        );
        if self.has_door() {
            let _ = write!(
                text,
                "link add door type bridge\naddr add 10.{}.2.1/24 dev door\nlink set door up\n",
                self.number
            );
        }
        for slot in self.boxes.values() {
            let link = format!("box{}", slot.index);
            let _ = match slot.subnet {
                Subnet::Door => writeln!(text, "link set {link} master door"),
                _ => writeln!(text, "addr add {}/30 dev {link}", self.at(*slot, 1)),
            };
            let _ = writeln!(text, "link set {link} up");
        }
        text
    }

    /// Input of `ip -batch` for a box.
    fn links_of(&self, slot: Slot) -> String {
        let bits = match slot.subnet {
            Subnet::Door => 24,
            Subnet::Public | Subnet::Private => 30,
        };
        format!(
            "link set lo up\n\
             addr add {}/{bits} dev eth0\n\
             link set eth0 up\n\
             route add default via {}\n",
            self.own(slot),
            self.at(slot, 1)
        )
    }

    /// Input of `ip -batch` for this machine once the router exists.
    ///
    /// Covers the private subnet as well: the router's rules keep it private.
    fn route(&self) -> String {
        let number = self.number;
        format!("route add 10.{number}.0.0/22 via 10.{number}.{LINK_OCTET}.2\n")
    }

    /// Input of `nft -f` for the router.
    fn rules(&self, flows: &[Flow], ssh_from: &[IpAddr]) -> String {
        let mut text = String::from(
            "table inet tenfold {\n\
             chain input { type filter hook input priority 0; policy drop; }\n\
             chain forward {\n\
             type filter hook forward priority 0; policy drop;\n\
             ct state established,related accept\n",
        );
        for flow in flows {
            let from = match &flow.from {
                None => "iifname \"outside\"".to_owned(),
                Some(name) => match self.boxes.get(name) {
                    Some(slot) => format!("ip saddr {}", self.own(*slot)),
                    None => continue,
                },
            };
            let (to, port) = (flow.to.ip(), flow.to.port());
            let _ = writeln!(text, "{from} ip daddr {to} tcp dport {port} accept");
            if port == DNS {
                let _ = writeln!(text, "{from} ip daddr {to} udp dport {port} accept");
            }
        }
        if self.has_door() {
            // Some kernels filter what a bridge passes on as well.
            text.push_str("ip daddr 224.0.0.18 ip protocol 112 accept\n");
        }
        for from in ssh_from.iter().filter(|from| from.is_ipv4()) {
            let _ = writeln!(
                text,
                "iifname \"outside\" ip saddr {from} ip daddr 10.{}.0.0/22 tcp dport {SSH} accept",
                self.number
            );
        }
        text.push_str("meta l4proto tcp reject with tcp reset\n}\n}\n");
        text
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if !self.is_made {
            return;
        }
        for namespace in self.namespaces() {
            let mut delete = Command::new(&self.ip);
            delete.args(["netns", "delete", &namespace]);
            let _ = delete
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
        }
    }
}

/// Returns the file of a namespace.
pub(crate) fn path_of(namespace: &str) -> PathBuf {
    Path::new("/run/netns").join(namespace)
}

/// Runs a closure inside a namespace, on a thread of its own.
pub(crate) fn within<T: Send>(
    namespace: &str,
    work: impl FnOnce() -> std::io::Result<T> + Send,
) -> std::io::Result<T> {
    let namespace = File::open(path_of(namespace))?;
    let enter = || {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
        work()
    };
    std::thread::scope(|scope| {
        scope
            .spawn(enter)
            .join()
            .unwrap_or_else(|_| Err(std::io::Error::other("its thread panicked")))
    })
}

fn failed(reason: &str) -> LabError {
    LabError::Network {
        reason: reason.to_owned(),
    }
}

fn output(command: &mut Command) -> Result<String, LabError> {
    let run = command.stdin(Stdio::null()).output();
    let output = run.map_err(|error| failed(&error.to_string()))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(failed(String::from_utf8_lossy(&output.stderr).trim())),
    }
}

/// Runs a command with `text` as its standard input.
fn run_with_input(command: &mut Command, text: &str) -> Result<(), LabError> {
    let mut run = || -> std::io::Result<std::process::Output> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // On an error the command may exit before it has read everything.
            let _ = stdin.write_all(text.as_bytes());
        }
        child.wait_with_output()
    };
    let output = run().map_err(|error| failed(&error.to_string()))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(failed(&format!(
            "{}; run as root, or with the capability CAP_NET_ADMIN",
            String::from_utf8_lossy(&output.stderr).trim()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network() -> Network {
        Network {
            ip: "ip".into(),
            nft: "nft".into(),
            name: "tfl1-0".to_owned(),
            number: 77,
            boxes: BTreeMap::new(),
            is_made: false,
        }
    }

    #[test]
    fn allocates_one_address_per_box() {
        let mut network = network();
        let web = network.address("web", Subnet::Public, 443).unwrap();
        let sql = network.address("sql", Subnet::Private, 3306).unwrap();
        assert_eq!(web.to_string(), "10.77.0.2:443");
        assert_eq!(sql.to_string(), "10.77.1.6:3306");
        // The first call decides the subnet.
        let admin = network.address("web", Subnet::Private, 9100).unwrap();
        assert_eq!(admin.to_string(), "10.77.0.2:9100");
        for index in 2..BOXES_MAX {
            network
                .address(&format!("box-{index}"), Subnet::Private, 1)
                .unwrap();
        }
        assert!(network.address("one-more", Subnet::Private, 1).is_err());
        assert_eq!(network.namespaces().len(), BOXES_MAX + 1);
    }

    #[test]
    fn boxes_at_the_door_share_a_link() {
        let mut network = network();
        let first = network.address("balancer", Subnet::Door, 443).unwrap();
        let second = network.address("balancer-2", Subnet::Door, 443).unwrap();
        assert_eq!(first.to_string(), "10.77.2.2:443");
        assert_eq!(second.to_string(), "10.77.2.3:443");
        assert_eq!(network.floating().to_string(), "10.77.2.200");
        let links = network.links_of_router();
        assert!(
            links.contains("addr add 10.77.2.1/24 dev door\n"),
            "{links}"
        );
        assert!(links.contains("link set box1 master door\n"), "{links}");
        let own = network.links_of(network.boxes["balancer"]);
        assert!(own.contains("addr add 10.77.2.2/24 dev eth0\n"), "{own}");
        assert!(own.contains("route add default via 10.77.2.1\n"), "{own}");
    }

    #[test]
    fn rules_allow_only_listed_flows() {
        let mut network = network();
        let web = network.address("web", Subnet::Public, 443).unwrap();
        let sql = network.address("sql", Subnet::Private, 3306).unwrap();
        let flows = [Flow::from_outside(web), Flow::between("web", sql)];
        let operator = "10.1.2.3".parse().unwrap();
        let rules = network.rules(&flows, &[operator]);
        let accepted: Vec<_> = rules
            .lines()
            .filter(|line| line.ends_with("accept"))
            .collect();
        assert_eq!(
            accepted,
            [
                "ct state established,related accept",
                "iifname \"outside\" ip daddr 10.77.0.2 tcp dport 443 accept",
                "ip saddr 10.77.0.2 ip daddr 10.77.1.6 tcp dport 3306 accept",
                "iifname \"outside\" ip saddr 10.1.2.3 ip daddr 10.77.0.0/22 tcp dport 22 accept",
            ]
        );
        assert_eq!(rules.matches("policy drop").count(), 2);
    }
}
