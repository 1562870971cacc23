//! Redis clusters: keys spread over several boxes, and on the disk of each.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use super::own_directory;
use crate::LabError;
use crate::boxes::box_plan::BoxPlan;
use crate::boxes::readiness::Listening;
use crate::directory::write_private;
use crate::identity::Authority;
use crate::identity::secret;
use crate::network::Flow;
use crate::network::site::{Site, port};
use crate::program;

/// Number of boxes: the smallest cluster that outlives one of them.
const BOXES: usize = 3;

/// Number of slots, over which a cluster spreads its keys.
const SLOTS: usize = 16_384;

/// A Redis cluster, before its boxes are started.
#[derive(Debug)]
pub(crate) struct RedisCluster {
    role: &'static str,
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    name: String,
    /// Address for clients.
    listen: SocketAddr,
    /// Address for the other members.
    bus: SocketAddr,
}

impl RedisCluster {
    /// Allocates the addresses of its boxes.
    pub(crate) fn new(role: &'static str, site: &mut Site) -> Result<Self, LabError> {
        let members = (1..=BOXES).map(|number| {
            let name = format!("{role}-{number}");
            Ok(Member {
                listen: site.private(&name, port::REDIS)?,
                bus: site.private(&name, port::REDIS_BUS)?,
                name,
            })
        });
        Ok(Self {
            role,
            members: members.collect::<Result<_, LabError>>()?,
        })
    }

    /// Returns the addresses for clients.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.members.iter().map(|own| own.listen).collect()
    }

    /// Returns the connections between its boxes.
    pub(crate) fn flows(&self) -> impl Iterator<Item = Flow> {
        self.members.iter().flat_map(|from| {
            let others = self.members.iter().filter(|to| to.name != from.name);
            others.map(|to| Flow::between(&from.name, to.bus))
        })
    }

    /// Plans its boxes, and returns the URL of the cluster.
    pub(crate) fn plan(
        &self,
        directory: &Path,
        authority: &Authority,
    ) -> Result<(Vec<BoxPlan>, String), LabError> {
        let program = program::REDIS.find()?;
        let password = secret(directory, "redis-cluster-password")?;
        let addresses: Vec<_> = self.addresses().iter().map(ToString::to_string).collect();
        let url = format!(
            "rediss-cluster://:{password}@{}?ca={}",
            addresses.join(","),
            authority.certificate().display()
        );
        let mut plans = Vec::new();
        for (index, member) in self.members.iter().enumerate() {
            let own = own_directory(&member.name, directory)?;
            let identity = authority.issue(&member.name, &[member.listen.ip()])?;
            write_private(&own.join("nodes.conf"), &self.nodes(index))?;
            let settings = own.join("redis.conf");
            // Members take the address of a connection for that of its other end, unless it is announced. On loopback, connections
            // come from 127.0.0.1, where no member listens: after a restart, the others would not find it, nor clients.
            write_private(
                &settings,
                &format!(
                    "bind {ip}\n\
                     bind-source-addr {ip}\n\
                     cluster-announce-ip {ip}\n\
                     cluster-announce-tls-port {port}\n\
                     cluster-announce-bus-port {bus}\n\
                     port 0\n\
                     tls-port {port}\n\
                     cluster-port {bus}\n\
                     tls-cluster yes\n\
                     tls-ca-cert-file {ca}\n\
                     tls-cert-file {certificate}\n\
                     tls-key-file {key}\n\
                     tls-auth-clients no\n\
                     requirepass {password}\n\
                     cluster-enabled yes\n\
                     cluster-require-full-coverage no\n\
                     dir {own}\n\
                     maxmemory-policy noeviction\n\
                     save \"\"\n\
                     appendonly yes\n\
                     appendfsync always\n\
                     tcp-backlog 1024\n",
                    ip = member.listen.ip(),
                    port = member.listen.port(),
                    bus = member.bus.port(),
                    ca = identity.ca.display(),
                    certificate = identity.certificate.display(),
                    key = identity.key.display(),
                    own = own.display(),
                ),
            )?;
            let listening = Listening::at(member.listen);
            let mut plan =
                BoxPlan::program(member.name.as_str(), self.role, program.clone(), listening)
                    .with([settings]);
            plan.url = Some(url.clone());
            plans.push(plan);
        }
        Ok((plans, url))
    }

    /// Returns what a member knows of the cluster. It is written before each start, as addresses change; who has which slots never does.
    fn nodes(&self, index: usize) -> String {
        let mut text = String::new();
        for (other, member) in self.members.iter().enumerate() {
            let flags = match other == index {
                true => "myself,master",
                false => "master",
            };
            let first = SLOTS * other / BOXES;
            let last = SLOTS * (other + 1) / BOXES - 1;
            let _ = writeln!(
                text,
                "{id:040x} {listen}@{bus} {flags} - 0 0 {id} connected {first}-{last}",
                id = other + 1,
                listen = member.listen,
                bus = member.bus.port(),
            );
        }
        let _ = writeln!(text, "vars currentEpoch {BOXES} lastVoteEpoch 0");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_agree_on_all_slots() {
        let cluster = RedisCluster::new("redis-cluster", &mut Site::loopback()).unwrap();
        let mut next = 0;
        for line in cluster.nodes(1).lines().take(BOXES) {
            let (_, slots) = line.rsplit_once(' ').unwrap();
            let (first, last) = slots.split_once('-').unwrap();
            assert_eq!(first.parse(), Ok(next));
            next = last.parse::<usize>().unwrap() + 1;
        }
        assert_eq!(next, SLOTS);
        let without_self = |index| cluster.nodes(index).replace("myself,", "");
        assert_eq!(without_self(0), without_self(2));
        assert_eq!(cluster.flows().count(), BOXES * (BOXES - 1));
    }
}
