//! No load for whoever does not expect it.
//!
//! A load test is an attack on a host that nobody has agreed to have tested. So a target or an admin
//! listener with an address beyond this machine and private networks, or one of a cloud's own, needs permission by name, given
//! once with `--i-may-test-this-host`. Names are resolved here and nowhere later: the addresses that
//! were judged are the ones that are connected to.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use tenfold_loadgen::{DialOptions, Target};
use tenfold_probe::AdminListener;

use crate::exit::Misuse;
use crate::permitted_hosts::PermittedHosts;
use crate::print;

/// A target and its admin listener that may be sent to, settled at the addresses that were judged.
///
/// Only [`clear`] and [`Cleared::loopback`] make one, so nothing is sent to a host that has not been
/// judged.
#[derive(Debug, Clone)]
pub(crate) struct Cleared {
    target: Target,
    admin: Option<AdminListener>,
}

impl Cleared {
    /// Clears the reference service, which listens on loopback; by TLS where there is a certificate to trust.
    pub(crate) fn loopback(
        address: SocketAddr,
        admin: Option<SocketAddr>,
        dial: DialOptions,
    ) -> anyhow::Result<Self> {
        let scheme = match dial.tls.ca {
            Some(_) => "https",
            None => "http",
        };
        clear(
            format!("{scheme}://{address}")
                .parse::<Target>()?
                .with(dial)?,
            admin.map(|admin| format!("http://{admin}")).as_deref(),
            &[],
        )
    }

    /// What is sent to.
    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// What is asked for metrics and profiles.
    pub(crate) fn admin(&self) -> Option<&AdminListener> {
        self.admin.as_ref()
    }
}

/// Resolves a target and its admin listener and judges every address of theirs. Sends nothing.
///
/// `granted` are the hosts that the command line gives permission for. Those that needed it are
/// kept.
///
/// # Errors
/// Refuses hosts that need permission and have none, permissions that name neither host, and
/// wildcards.
pub(crate) fn clear(
    target: Target,
    admin: Option<&str>,
    granted: &[String],
) -> anyhow::Result<Cleared> {
    let granted = plain_hosts(granted)?;
    let admin = admin.map(AdminListener::from);
    let mut hosts = vec![Host {
        name: target.host().to_owned(),
        addresses: target.resolve()?,
    }];
    if let Some(admin) = &admin {
        let addresses = admin.resolve().map_err(|error| {
            Misuse(format!(
                "{error}; give --admin the URL of the target's admin listener"
            ))
        })?;
        hosts.push(Host {
            name: admin.host().unwrap_or_default(),
            addresses,
        });
    }
    if let Some(stranger) = granted
        .iter()
        .find(|granted| !hosts.iter().any(|host| is_same(&host.name, granted)))
    {
        return Err(Misuse(format!(
            "--i-may-test-this-host names {stranger}, but the host to be tested is {}; give its name \
             exactly as the URL has it",
            hosts[0].name
        ))
        .into());
    }
    let place = PermittedHosts::place();
    for host in &hosts {
        host.admit(&granted, place.as_deref())?;
    }
    let mut addresses = hosts.into_iter().map(|host| host.addresses);
    Ok(Cleared {
        target: target.at(addresses.next().unwrap_or_default()),
        admin: admin
            .zip(addresses.next())
            .map(|(admin, addresses)| admin.with_addresses(addresses)),
    })
}

/// Judges what a target and its admin listener tell of their hosts by themselves: those that are given
/// as addresses. Resolves no name, and keeps no permission.
///
/// # Errors
/// Refuses addresses that need permission and have none, and permissions that are no host's name.
pub(crate) fn judge_literals(
    target: &Target,
    admin: Option<&str>,
    granted: &[String],
) -> anyhow::Result<()> {
    let granted = plain_hosts(granted)?;
    let mut hosts = Vec::new();
    if target.host().parse::<IpAddr>().is_ok() {
        hosts.push(Host {
            name: target.host().to_owned(),
            addresses: target.resolve()?,
        });
    }
    let admin = admin.and_then(|admin| AdminListener::from(admin).host());
    if let Some(name) = admin
        && let Ok(address) = name.parse::<IpAddr>()
    {
        let addresses = vec![SocketAddr::new(address, 0)];
        hosts.push(Host { name, addresses });
    }
    let place = PermittedHosts::place();
    let is_granted = |host: &Host| granted.iter().any(|granted| is_same(&host.name, granted));
    let mut unsaid = hosts.iter().filter(|host| !is_granted(host));
    unsaid.try_for_each(|host| host.admit(&[], place.as_deref()))
}

/// Tells whether an address is of somebody who may not expect load.
///
/// This machine and private networks are free: loopback, the unspecified address (which the system
/// takes for this machine), RFC 1918 and unique local addresses (RFC 4193). The shared space of
/// carriers, 100.64.0.0/10 (RFC 6598), is not: what answers there may be another customer of the same
/// provider. Nor is where clouds answer, see [`is_of_cloud`]. An IPv4 address within IPv6
/// (`::ffff:a.b.c.d`) is judged as what it is.
fn needs_permission(address: IpAddr) -> bool {
    if is_of_cloud(address) {
        return true;
    }
    match address.to_canonical() {
        IpAddr::V4(address) => {
            !(address.is_loopback() || address.is_unspecified() || address.is_private())
        }
        IpAddr::V6(address) => {
            !(address.is_loopback() || address.is_unspecified() || address.is_unique_local())
        }
    }
}

/// Tells whether an address is one at which clouds serve a machine its metadata, credentials, names and
/// time: link-local addresses, 169.254.169.254 and fe80::a9fe:a9fe among them, and those of Amazon
/// (fd00:ec2::/32) and Google (fd20:ce::254) among the unique local ones.
fn is_of_cloud(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => {
            address.is_unicast_link_local()
                || address.segments()[..2] == [0xfd00, 0xec2]
                || address.segments() == [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254]
        }
    }
}

/// A host and all addresses that its name stands for.
struct Host {
    name: String,
    addresses: Vec<SocketAddr>,
}

impl Host {
    /// Lets the host pass where it needs no permission or has it; keeps a permission that is new.
    fn admit(&self, granted: &[String], place: Option<&Path>) -> anyhow::Result<()> {
        let Some(address) = self
            .addresses
            .iter()
            .map(SocketAddr::ip)
            .find(|address| needs_permission(*address))
        else {
            return Ok(());
        };
        let has = |hosts: &[String]| hosts.iter().any(|host| is_same(&self.name, host));
        if !has(granted) {
            let permitted = place.map(PermittedHosts::read).transpose()?;
            if permitted.is_some_and(|permitted| has(permitted.hosts())) {
                return Ok(());
            }
            return Err(Misuse(self.refusal(address, place)).into());
        }
        let kept = match place {
            Some(place) => PermittedHosts::read(place)?.keep(&self.name).map(|new| {
                new.then(|| {
                    format!(
                        "note: {} may be tested from now on; kept in {}",
                        self.name,
                        place.display()
                    )
                })
            }),
            None => Ok(Some(format!(
                "note: {} may be tested this time; set HOME or XDG_CONFIG_HOME for it to be kept",
                self.name
            ))),
        };
        match kept {
            Ok(None) => {}
            Ok(Some(note)) => print::note(&note),
            // The permission was given; that it will have to be given again stops nobody.
            Err(error) => print::note(&format!(
                "note: {} may be tested this time: {error:#}",
                self.name
            )),
        }
        Ok(())
    }

    fn refusal(&self, address: IpAddr, place: Option<&Path>) -> String {
        let Self { name, .. } = self;
        let is = match name.parse::<IpAddr>() {
            Ok(_) => "which is".to_owned(),
            Err(_) => format!("which is at {address},"),
        };
        let kind = match is_of_cloud(address) {
            true => "where a cloud serves machines their metadata and credentials",
            false => "neither this machine nor in a private network",
        };
        let kept = match place {
            Some(place) => format!("; it is asked once, and kept in {}", place.display()),
            None => String::new(),
        };
        format!(
            "did not send anything to {name}, {is} {kind}: a load test is an attack on whoever does not expect it; if you may test it, add \
             --i-may-test-this-host {name}{kept}"
        )
    }
}

fn plain_hosts(given: &[String]) -> Result<Vec<String>, Misuse> {
    given.iter().map(|host| plain_host(host)).collect()
}

/// Reads a host as `--i-may-test-this-host` takes it: a name or an address alone.
fn plain_host(given: &str) -> Result<String, Misuse> {
    let wrong = |reason: &str| {
        Misuse(format!(
            "--i-may-test-this-host can't be `{}`: {reason}",
            given.escape_debug()
        ))
    };
    if given.contains(['*', '?']) {
        return Err(wrong(
            "each host is permitted by its own name, so give it in full",
        ));
    }
    if given.contains("://") || given.contains(['/', '@']) {
        return Err(wrong("give the host alone, not its URL"));
    }
    let host = given.trim_start_matches('[').trim_end_matches(']');
    if host.parse::<IpAddr>().is_ok() {
        return Ok(host.to_owned());
    }
    if host.contains(':') {
        return Err(wrong("give the host alone, without a port"));
    }
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(wrong("it is no host's name"));
    }
    Ok(host.to_owned())
}

/// Tells whether two names are of one host: the same text whatever its case, or the same address.
fn is_same(one: &str, other: &str) -> bool {
    match (one.parse::<IpAddr>(), other.parse::<IpAddr>()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one.eq_ignore_ascii_case(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_and_private_networks_are_free_and_nothing_else() {
        let table = [
            ("127.0.0.1", false),
            ("127.255.255.255", false),
            ("0.0.0.0", false),
            ("9.255.255.255", true),
            ("10.0.0.0", false),
            ("10.255.255.255", false),
            ("11.0.0.0", true),
            ("100.63.255.255", true),
            ("100.64.0.1", true),
            ("100.127.255.255", true),
            ("126.255.255.255", true),
            ("128.0.0.1", true),
            ("169.253.255.255", true),
            ("169.254.0.1", true),
            ("169.254.169.254", true),
            ("169.254.170.2", true),
            ("::ffff:169.254.169.254", true),
            ("169.255.0.0", true),
            ("172.15.255.255", true),
            ("172.16.0.0", false),
            ("172.31.255.255", false),
            ("172.32.0.0", true),
            ("192.0.2.1", true),
            ("192.167.255.255", true),
            ("192.168.0.0", false),
            ("192.168.255.255", false),
            ("192.169.0.0", true),
            ("198.18.0.1", true),
            ("198.51.100.7", true),
            ("203.0.113.9", true),
            ("224.0.0.1", true),
            ("255.255.255.255", true),
            ("::", false),
            ("::1", false),
            ("::2", true),
            ("::ffff:127.0.0.1", false),
            ("::ffff:192.168.1.1", false),
            ("::ffff:198.51.100.7", true),
            ("::198.51.100.7", true),
            ("64:ff9b::7f00:1", true),
            ("2001:db8::1", true),
            ("2606:4700::1111", true),
            ("fbff::1", true),
            ("fc00::1", false),
            ("fd00::1", false),
            ("fd00:ec2::254", true),
            ("fd00:ec3::254", false),
            ("fd20:ce::254", true),
            ("fd20:ce::255", false),
            ("fdff:ffff::1", false),
            ("fe00::1", true),
            ("fe7f::1", true),
            ("fe80::1", true),
            ("fe80::a9fe:a9fe", true),
            ("febf::1", true),
            ("fec0::1", true),
            ("ff02::1", true),
        ];
        for (address, needs) in table {
            assert_eq!(
                needs_permission(address.parse().unwrap()),
                needs,
                "{address}"
            );
        }
    }

    fn host(name: &str, addresses: &[&str]) -> Host {
        Host {
            name: name.to_owned(),
            addresses: addresses
                .iter()
                .map(|address| SocketAddr::new(address.parse().unwrap(), 80))
                .collect(),
        }
    }

    #[test]
    fn every_address_of_a_name_is_judged() {
        let admit = |addresses: &[&str]| host("a.example", addresses).admit(&[], None).is_ok();
        assert!(admit(&["127.0.0.1"]));
        assert!(admit(&["127.0.0.1", "::1", "10.0.0.1"]));
        assert!(!admit(&["198.51.100.7"]));
        assert!(!admit(&["127.0.0.1", "2001:db8::1"]));
    }

    #[test]
    fn a_permission_is_kept_and_holds_for_that_host_alone() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("tenfold/hosts.toml");
        let granted = ["A.example".to_owned()];
        let public = host("a.example", &["198.51.100.7"]);
        assert!(public.admit(&[], Some(&place)).is_err());
        assert!(!place.exists());
        public.admit(&granted, Some(&place)).unwrap();
        public.admit(&[], Some(&place)).unwrap();
        let other = host("b.example", &["198.51.100.7"]);
        assert!(other.admit(&[], Some(&place)).is_err());
        assert!(other.admit(&granted, Some(&place)).is_err());
        let within = host("x.a.example", &["198.51.100.7"]);
        assert!(within.admit(&[], Some(&place)).is_err());
    }

    #[test]
    fn the_metadata_of_a_cloud_is_asked_for_by_name_alone() {
        for address in ["169.254.169.254", "fe80::a9fe:a9fe", "fd00:ec2::254"] {
            let metadata = host(address, &[address]);
            assert!(metadata.admit(&[], None).is_err(), "{address}");
            metadata.admit(&[address.to_owned()], None).unwrap();
        }
        // A name that leads there is no way round it.
        let named = host("a.example", &["10.0.0.1", "169.254.169.254"]);
        assert!(named.admit(&[], None).is_err());
    }

    #[test]
    fn a_host_that_needs_no_permission_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("hosts.toml");
        let here = host("localhost", &["127.0.0.1"]);
        here.admit(&["localhost".to_owned()], Some(&place)).unwrap();
        assert!(!place.exists());
    }

    #[test]
    fn a_refusal_names_the_flag_to_add() {
        let refused = |name: &str, address: &str| {
            let place = Path::new("/home/me/.config/tenfold/hosts.toml");
            host(name, &[]).refusal(address.parse().unwrap(), Some(place))
        };
        assert_eq!(
            refused("a.example", "198.51.100.7"),
            "did not send anything to a.example, which is at 198.51.100.7, neither this machine nor \
             in a private network: a load test is an attack on whoever does not expect it; if you \
             may test it, add --i-may-test-this-host a.example; it is asked once, and kept in \
             /home/me/.config/tenfold/hosts.toml"
        );
        assert!(refused("198.51.100.7", "198.51.100.7").contains("198.51.100.7, which is neither"));
        let metadata = refused("169.254.169.254", "169.254.169.254");
        assert!(
            metadata.contains("which is where a cloud serves")
                && metadata.contains("--i-may-test-this-host 169.254.169.254"),
            "{metadata}"
        );
    }

    #[test]
    fn permissions_are_for_plain_hosts() {
        for given in [
            "*",
            "*.example",
            "a?.example",
            "http://a.example",
            "a.example/",
            "a.example:80",
            "u@a.example",
            "",
            "a b",
            "[::1]:80",
        ] {
            let error = plain_host(given).unwrap_err().to_string();
            assert!(error.contains("--i-may-test-this-host"), "{error}");
        }
        for given in ["a.example", "198.51.100.7", "2001:db8::1", "[2001:db8::1]"] {
            plain_host(given).unwrap();
        }
        assert!(is_same("2001:db8::1", "2001:DB8:0::1"));
        assert!(!is_same("a.example", "a.example."));
    }

    #[test]
    fn a_permission_for_another_host_is_refused() {
        let here: Target = "http://127.0.0.1:1".parse().unwrap();
        let error = clear(here.clone(), None, &["a.example".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("is 127.0.0.1"), "{error}");
        let error = clear(here.clone(), Some("198.51.100.7:9"), &[]).unwrap_err();
        assert!(error.to_string().contains("198.51.100.7"), "{error}");
        clear(
            here,
            Some("[::1]:9"),
            &["127.0.0.1".to_owned(), "[::1]".to_owned()],
        )
        .unwrap();
    }
}
