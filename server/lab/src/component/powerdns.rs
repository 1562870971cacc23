//! PowerDNS boxes: answer for the name of a service with the first balancer that is up.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use super::own_directory;
use crate::LabError;
use crate::boxes::box_plan::BoxPlan;
use crate::boxes::readiness::Listening;
use crate::directory::write_private;
use crate::program;

/// Zone of the name.
const ZONE: &str = "lab.test";

/// Name of the service.
pub(crate) const NAME: &str = "www.lab.test";

/// Path at which a balancer answers 200 over plain HTTP while it has a healthy server.
pub(crate) const HEALTH_PATH: &str = "/door-health";

/// A name server, and the balancers that it sends clients to.
#[derive(Debug)]
pub(crate) struct PowerDns<'a> {
    /// Name of the box.
    pub(crate) name: &'a str,
    /// Role of the box.
    pub(crate) role: &'static str,
    /// Address of its service, over UDP and TCP.
    pub(crate) listen: SocketAddr,
    /// Plain HTTP of each balancer, the preferred one first. The ports are the same.
    pub(crate) balancers: [SocketAddr; 2],
    /// Time for which clients may use an answer, in whole seconds.
    pub(crate) ttl: Duration,
}

impl PowerDns<'_> {
    /// Plans the box.
    pub(crate) fn plan(&self, directory: &Path) -> Result<BoxPlan, LabError> {
        let program = program::PDNS.find()?;
        let own = own_directory(self.name, directory)?;
        write_private(&own.join("lab.test.zone"), &self.zone())?;
        write_private(
            &own.join("named.conf"),
            &format!(
                "zone \"{ZONE}\" {{ type master; file \"{}/lab.test.zone\"; }};\n",
                own.display()
            ),
        )?;
        write_private(
            &own.join("pdns.conf"),
            &format!(
                "launch=bind\n\
                 bind-config={own}/named.conf\n\
                 local-address={ip}\n\
                 local-port={port}\n\
                 socket-dir={own}\n\
                 enable-lua-records=yes\n\
                 lua-health-checks-interval=1\n\
                 cache-ttl=0\n\
                 query-cache-ttl=0\n\
                 negquery-cache-ttl=0\n\
                 guardian=no\n\
                 daemon=no\n\
                 disable-syslog=yes\n\
                 security-poll-suffix=\n\
                 receiver-threads=1\n\
                 distributor-threads=1\n",
                own = own.display(),
                ip = self.listen.ip(),
                port = self.listen.port(),
            ),
        )?;
        let listening = Listening::at(self.listen);
        Ok(BoxPlan::program(self.name, self.role, program, listening)
            .with([format!("--config-dir={}", own.display())]))
    }

    /// The first group of addresses with one that is up is the answer.
    fn zone(&self) -> String {
        let [first, second] = self.balancers;
        let ttl = self.ttl.as_secs();
        format!(
            "$ORIGIN {ZONE}.\n\
             $TTL {ttl}\n\
             @ IN SOA ns.{ZONE}. hostmaster.{ZONE}. 1 60 60 600 {ttl}\n\
             @ IN NS ns.{ZONE}.\n\
             ns IN A {own}\n\
             www IN LUA A \"ifurlup('http://{NAME}:{port}{HEALTH_PATH}', {{{{'{one}'}},{{'{two}'}}}})\"\n",
            own = self.listen.ip(),
            port = first.port(),
            one = first.ip(),
            two = second.ip(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zone_prefers_first_balancer() {
        let dns = PowerDns {
            name: "dns",
            role: "dns",
            listen: "127.0.0.1:5353".parse().unwrap(),
            balancers: ["127.0.0.1:8000", "127.0.0.2:8000"].map(|text| text.parse().unwrap()),
            ttl: Duration::from_secs(5),
        };
        let zone = dns.zone();
        let record = "www IN LUA A \"ifurlup('http://www.lab.test:8000/door-health', {{'127.0.0.1'},{'127.0.0.2'}})\"";
        assert!(zone.contains(record), "{zone}");
        assert!(zone.contains("$TTL 5\n"), "{zone}");
    }
}
