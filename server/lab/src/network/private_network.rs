//! A network of a lab's own: each box in a network namespace, behind a router that lets through what is listed and
//! refuses the rest.
//!
//! ```text
//! this machine -- outside [ router ] -- a public subnet:  what is reached from outside
//!                                    -- a private subnet: what is not
//! ```
//!
//! Boxes are reached through the router alone, also by each other, so that its rules hold between any two of them. All
//! of it goes with its namespaces: nothing of this machine's own network is changed but for one link and one route.

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
use crate::program;

/// Boxes that a subnet of 256 addresses has room for, with four for each link.
const BOXES_MOST: usize = 63;

/// The second numbers of the addresses that are tried, 10.N.0.0/16: seldom used by others.
const NUMBERS: std::ops::Range<u8> = 77..127;

/// The third number of the addresses of the link to this machine.
const OUTSIDE: u8 = 255;

/// The labs of this process that have had a network.
static MADE: AtomicU32 = AtomicU32::new(0);

/// Where a box is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subnet {
    /// Reached from outside, at the ports that are listed.
    Public,
    /// Not.
    Private,
}

/// A connection that a stage is made with: all others are refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flow {
    /// The box that opens it; none for whoever is outside.
    pub(crate) from: Option<String>,
    /// What it is opened to.
    pub(crate) to: SocketAddr,
}

impl Flow {
    /// From whoever is outside.
    pub(crate) fn from_outside(to: SocketAddr) -> Self {
        Self { from: None, to }
    }

    /// From a box.
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
    /// What its namespaces' names begin with, and the link's.
    name: String,
    /// Its addresses are 10.N.x.x.
    number: u8,
    boxes: BTreeMap<String, Place>,
    is_made: bool,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    subnet: Subnet,
    index: usize,
}

impl Network {
    /// Chooses its addresses. Makes nothing yet.
    ///
    /// # Errors
    /// Where what makes it is not on this machine, or all addresses are in use.
    pub(crate) fn plan() -> Result<Self, LabError> {
        let (ip, nft) = (program::IP.find()?, program::NFT.find()?);
        let used = output(Command::new(&ip).args(["-4", "-o", "route", "show", "table", "all"]))?;
        let is_used = |number: &u8| used.contains(&format!("10.{number}."));
        let number = NUMBERS
            .into_iter()
            .find(|number| !is_used(number))
            .ok_or_else(|| failed("every address from 10.77.0.0 to 10.126.0.0 is in use"))?;
        // No longer than a link's name may be.
        let name = format!(
            "tfl{}-{}",
            std::process::id(),
            MADE.fetch_add(1, Ordering::Relaxed)
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

    /// The address of a box, which is given one when it is first asked for.
    pub(crate) fn address(
        &mut self,
        name: &str,
        subnet: Subnet,
        port: u16,
    ) -> Result<SocketAddr, LabError> {
        let index = self.boxes.len();
        if index >= BOXES_MOST {
            return Err(failed("a network has room for 63 boxes"));
        }
        let place = *self
            .boxes
            .entry(name.to_owned())
            .or_insert(Place { subnet, index });
        Ok(SocketAddr::new(self.own(place), port))
    }

    fn own(&self, place: Place) -> IpAddr {
        self.at(place, 2)
    }

    fn at(&self, place: Place, offset: usize) -> IpAddr {
        let subnet = match place.subnet {
            Subnet::Public => 0,
            Subnet::Private => 1,
        };
        let last = u8::try_from(4 * place.index + offset).unwrap_or(u8::MAX);
        Ipv4Addr::new(10, self.number, subnet, last).into()
    }

    /// The namespace of a box; none where it has no address.
    pub(crate) fn namespace(&self, name: &str) -> Option<String> {
        self.boxes
            .contains_key(name)
            .then(|| format!("{}-{name}", self.name))
    }

    /// All of its namespaces.
    pub(crate) fn namespaces(&self) -> Vec<String> {
        let boxes = self.boxes.keys().filter_map(|name| self.namespace(name));
        boxes.chain([self.router()]).collect()
    }

    fn router(&self) -> String {
        format!("{}-router", self.name)
    }

    /// Makes it, with its rules, before any box is in it.
    ///
    /// # Errors
    /// Where this account may not, or the kernel lacks a part.
    pub(crate) fn make(&mut self, flows: &[Flow]) -> Result<(), LabError> {
        self.is_made = true;
        let batch = |namespace: Option<&str>, text: &str| {
            let mut command = Command::new(&self.ip);
            command.args(namespace.iter().flat_map(|namespace| ["-n", namespace]));
            feed(command.args(["-batch", "-"]), text)
        };
        batch(None, &self.links())?;
        batch(Some(&self.router()), &self.links_of_router())?;
        for (name, place) in &self.boxes {
            let namespace = format!("{}-{name}", self.name);
            batch(Some(&namespace), &self.links_of(*place))?;
        }
        batch(None, &self.route())?;
        // Namespaces have settings of their own; in a new one nothing is forwarded.
        within(&self.router(), || {
            fs::write("/proc/sys/net/ipv4/ip_forward", "1")
        })
        .map_err(|error| failed(&format!("could not have its router forward: {error}")))?;
        let router = self.router();
        feed(
            Command::new(&self.ip)
                .args(["netns", "exec", &router])
                .arg(&self.nft)
                .args(["-f", "-"]),
            &self.rules(flows),
        )
    }

    /// What `ip -batch` makes in this machine's own network: namespaces, and the links that lead into them.
    fn links(&self) -> String {
        let (router, number, link) = (self.router(), self.number, &self.name);
        let mut text = String::new();
        for namespace in self.namespaces() {
            let _ = writeln!(text, "netns add {namespace}");
        }
        for (name, place) in &self.boxes {
            let _ = writeln!(
                text,
                "link add box{} netns {router} type veth peer name eth0 netns {}-{name}",
                place.index, self.name
            );
        }
        let _ = write!(
            text,
            "link add {link} type veth peer name outside netns {router}\n\
             addr add 10.{number}.{OUTSIDE}.1/30 dev {link}\n\
             link set {link} up\n"
        );
        text
    }

    /// What it makes in the router.
    fn links_of_router(&self) -> String {
        let mut text = format!(
            "link set lo up\n\
             addr add 10.{}.{OUTSIDE}.2/30 dev outside\n\
             link set outside up\n",
            self.number
        );
        for place in self.boxes.values() {
            let link = format!("box{}", place.index);
            let _ = write!(
                text,
                "addr add {}/30 dev {link}\nlink set {link} up\n",
                self.at(*place, 1)
            );
        }
        text
    }

    /// What it makes in a box.
    fn links_of(&self, place: Place) -> String {
        format!(
            "link set lo up\n\
             addr add {}/30 dev eth0\n\
             link set eth0 up\n\
             route add default via {}\n",
            self.own(place),
            self.at(place, 1)
        )
    }

    /// What it makes here once the router is there.
    ///
    /// The private subnet has a route too: that it is not reached is for the rules to see to.
    fn route(&self) -> String {
        let number = self.number;
        format!("route add 10.{number}.0.0/23 via 10.{number}.{OUTSIDE}.2\n")
    }

    /// What `nft -f` makes the router's rules from.
    fn rules(&self, flows: &[Flow]) -> String {
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
                    Some(place) => format!("ip saddr {}", self.own(*place)),
                    None => continue,
                },
            };
            let (to, port) = (flow.to.ip(), flow.to.port());
            let _ = writeln!(text, "{from} ip daddr {to} tcp dport {port} accept");
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

/// Where a namespace of a name is.
pub(crate) fn path_of(namespace: &str) -> PathBuf {
    Path::new("/run/netns").join(namespace)
}

/// Does something within a namespace, on a thread that ends with it.
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

/// Runs a command with a text as its standard input.
fn feed(command: &mut Command, text: &str) -> Result<(), LabError> {
    let mut run = || -> std::io::Result<std::process::Output> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // One that refuses what it reads may end before it has read all of it.
            let _ = stdin.write_all(text.as_bytes());
        }
        child.wait_with_output()
    };
    let output = run().map_err(|error| failed(&error.to_string()))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(failed(&format!(
            "{}; it takes root, or the right to administer networks",
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
    fn boxes_have_addresses_of_their_own() {
        let mut network = network();
        let web = network.address("web", Subnet::Public, 443).unwrap();
        let sql = network.address("sql", Subnet::Private, 3306).unwrap();
        assert_eq!(web.to_string(), "10.77.0.2:443");
        assert_eq!(sql.to_string(), "10.77.1.6:3306");
        // Where it was first said to be.
        let admin = network.address("web", Subnet::Private, 9100).unwrap();
        assert_eq!(admin.to_string(), "10.77.0.2:9100");
        for index in 2..BOXES_MOST {
            network
                .address(&format!("box-{index}"), Subnet::Private, 1)
                .unwrap();
        }
        assert!(network.address("one-more", Subnet::Private, 1).is_err());
        assert_eq!(network.namespaces().len(), BOXES_MOST + 1);
    }

    #[test]
    fn only_what_is_listed_is_let_through() {
        let mut network = network();
        let web = network.address("web", Subnet::Public, 443).unwrap();
        let sql = network.address("sql", Subnet::Private, 3306).unwrap();
        let flows = [Flow::from_outside(web), Flow::between("web", sql)];
        let rules = network.rules(&flows);
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
            ]
        );
        assert_eq!(rules.matches("policy drop").count(), 2);
    }
}
