//! Refuses to send load to hosts that do not expect it.
//!
//! A load test is an attack on a host whose owner has not agreed to it. A target or admin listener outside
//! this machine and private networks, or at an address of a cloud's own services, therefore needs permission by
//! name, given once with `--i-may-test-this-host`. Names are resolved only here: connections go to the same
//! addresses that were judged.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use tenfold_loadgen::{DialOptions, HostGuard, Target};
use tenfold_measure::Endpoint;
use tenfold_probe::AdminListener;

use crate::exit::UsageError;
use crate::output::print;
use crate::permission::permitted_hosts::PermittedHosts;

/// Clears the reference service, which listens on loopback: with TLS if the options name a CA.
pub(crate) fn clear_loopback(
    address: SocketAddr,
    admin: Option<SocketAddr>,
    dial: DialOptions,
) -> anyhow::Result<Endpoint> {
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
        false,
    )
}

/// Resolves a target and its admin listener, judges all their addresses, and returns the endpoint at these
/// addresses. Sends nothing.
///
/// `granted` are the hosts permitted on the command line. Those that needed permission are remembered.
/// `follows` is true if redirects are followed: the permissions may then name hosts that those lead to.
///
/// # Errors
/// Refuses hosts that need permission and lack it, permissions that name neither host, and wildcards.
pub(crate) fn clear(
    target: Target,
    admin: Option<&str>,
    granted: &[String],
    follows: bool,
) -> anyhow::Result<Endpoint> {
    let granted = plain_hosts(granted)?;
    let admin = admin.map(AdminListener::from);
    let mut hosts = vec![Host {
        name: target.host().to_owned(),
        addresses: target.resolve()?,
    }];
    if let Some(admin) = &admin {
        let addresses = admin.resolve().map_err(|error| {
            UsageError(format!(
                "{error}; give --admin the URL of the target's admin listener"
            ))
        })?;
        hosts.push(Host {
            name: admin.host().unwrap_or_default(),
            addresses,
        });
    }
    if let Some(unrelated) = granted
        .iter()
        .find(|granted| !hosts.iter().any(|host| is_same(&host.name, granted)))
        .filter(|_| !follows)
    {
        return Err(UsageError(format!(
            "--i-may-test-this-host names {unrelated}, but the host to be tested is {}; give its name \
             exactly as in the URL",
            hosts[0].name
        ))
        .into());
    }
    let file = PermittedHosts::default_path();
    for host in &hosts {
        host.admit(&granted, file.as_deref())?;
    }
    let mut addresses = hosts.into_iter().map(|host| host.addresses);
    Ok(Endpoint {
        target: target
            .at(addresses.next().unwrap_or_default())
            .guarded_by(redirect_guard(granted, file)),
        admin: admin
            .zip(addresses.next())
            .map(|(admin, addresses)| admin.with_addresses(addresses)),
        pid: None,
    })
}

/// Returns the guard of hosts that redirects lead to, for a generator of a run to which the command line has granted these hosts.
pub(crate) fn guard_redirects(granted: Vec<String>) -> HostGuard {
    redirect_guard(granted, PermittedHosts::default_path())
}

/// Returns the hosts that the operator of an agent allows.
///
/// # Errors
/// Refuses wildcards, and values that are not hosts.
#[cfg_attr(
    not(feature = "agents"),
    expect(dead_code, reason = "no agents are built in")
)]
pub(crate) fn allowed_hosts(given: &[String]) -> Result<Vec<String>, UsageError> {
    let given = given.iter();
    given.map(|host| plain_host(host, "--allow-host")).collect()
}

/// Returns the judge of an agent: it permits the hosts that its operator allows. If there are none, it permits those that
/// `tenfold run` on the same machine needs no permission for.
pub(crate) fn judge_of_operator(
    allowed: Vec<String>,
) -> impl Fn(&str, &[SocketAddr]) -> Result<(), String> + Send + Sync + Clone + 'static {
    move |name, addresses| {
        if allowed.iter().any(|allowed| is_same(name, allowed)) {
            return Ok(());
        }
        if !allowed.is_empty() {
            return Err(format!(
                "its operator allows only {} (--allow-host), not {name}",
                allowed.join(", ")
            ));
        }
        let host = Host {
            name: name.to_owned(),
            addresses: addresses.to_vec(),
        };
        let file = PermittedHosts::default_path();
        host.admit(&[], file.as_deref()).map_err(|_| {
            format!(
                "{name} is neither on its machine nor in a private network; its operator may allow it with --allow-host {name}"
            )
        })
    }
}

/// The guard of hosts that redirects lead to: they need the same permission as the target.
fn redirect_guard(granted: Vec<String>, file: Option<PathBuf>) -> HostGuard {
    HostGuard::new(move |name, addresses| {
        if granted.iter().any(|granted| is_same(name, granted)) {
            return Ok(());
        }
        let host = Host {
            name: name.to_owned(),
            addresses: addresses.to_vec(),
        };
        host.admit(&[], file.as_deref())
            .map_err(|error| error.to_string())
    })
}

/// Judges those hosts of a target and its admin listener that are IP addresses. Resolves no names, and
/// remembers no permission.
///
/// # Errors
/// Refuses addresses that need permission and lack it, and permissions that are not host names.
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
    let file = PermittedHosts::default_path();
    let is_granted = |host: &Host| granted.iter().any(|granted| is_same(&host.name, granted));
    let mut not_granted = hosts.iter().filter(|host| !is_granted(host));
    not_granted.try_for_each(|host| host.admit(&[], file.as_deref()))
}

/// Returns whether load may be sent to an address only with permission.
///
/// This machine and private networks need none: loopback, the unspecified address (which the system takes
/// for this machine), RFC 1918 and unique local addresses (RFC 4193). The shared address space of carriers,
/// 100.64.0.0/10 (RFC 6598), does: another customer of the same provider may answer there. So do the
/// addresses of [`is_cloud_service`]. An IPv4-mapped IPv6 address (`::ffff:a.b.c.d`) is judged as IPv4.
fn needs_permission(address: IpAddr) -> bool {
    if is_cloud_service(address) {
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

/// Returns whether clouds serve metadata, credentials, names or time to their machines at an address.
///
/// These are link-local addresses, such as 169.254.169.254 and fe80::a9fe:a9fe, and the unique local
/// addresses of Amazon (fd00:ec2::/32) and Google (fd20:ce::254).
fn is_cloud_service(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => {
            address.is_unicast_link_local()
                || address.segments()[..2] == [0xfd00, 0xec2]
                || address.segments() == [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254]
        }
    }
}

/// A host and all addresses of its name.
struct Host {
    name: String,
    addresses: Vec<SocketAddr>,
}

impl Host {
    /// Accepts a host that needs no permission or has it; remembers a new permission in `file`.
    fn admit(&self, granted: &[String], file: Option<&Path>) -> anyhow::Result<()> {
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
            let permitted = file.map(PermittedHosts::read).transpose()?;
            if permitted.is_some_and(|permitted| has(permitted.hosts())) {
                return Ok(());
            }
            return Err(UsageError(self.refusal(address, file)).into());
        }
        let remembered = match file {
            Some(file) => PermittedHosts::read(file)?.add(&self.name).map(|new| {
                new.then(|| {
                    format!(
                        "note: {} may be tested from now on, as remembered in {}",
                        self.name,
                        file.display()
                    )
                })
            }),
            None => Ok(Some(format!(
                "note: {} may be tested this time; set HOME or XDG_CONFIG_HOME to have it remembered",
                self.name
            ))),
        };
        match remembered {
            Ok(None) => {}
            Ok(Some(note)) => print::note(&note),
            // The permission holds for this run, even if it has to be given again.
            Err(error) => print::note(&format!(
                "note: {} may be tested this time: {error:#}",
                self.name
            )),
        }
        Ok(())
    }

    fn refusal(&self, address: IpAddr, file: Option<&Path>) -> String {
        let Self { name, .. } = self;
        let subject = match name.parse::<IpAddr>() {
            Ok(_) => "it is".to_owned(),
            Err(_) => format!("its address {address} is"),
        };
        let kind = match is_cloud_service(address) {
            true => "an address at which clouds serve metadata and credentials to their machines",
            false => "neither on this machine nor in a private network",
        };
        let remembered = match file {
            Some(file) => format!(" (once; it is remembered in {})", file.display()),
            None => String::new(),
        };
        format!(
            "sent nothing to {name}, because {subject} {kind}, and a load test is an attack on a host \
             that does not expect it; if you may test it, add --i-may-test-this-host {name}{remembered}"
        )
    }
}

/// Returns the hosts that the command line grants, as they are compared with those of a target.
///
/// # Errors
/// Refuses wildcards, and values that are not hosts.
pub(crate) fn plain_hosts(given: &[String]) -> Result<Vec<String>, UsageError> {
    let given = given.iter();
    given
        .map(|host| plain_host(host, "--i-may-test-this-host"))
        .collect()
}

/// Parses a value of `flag`: only a name or an address.
fn plain_host(given: &str, flag: &str) -> Result<String, UsageError> {
    let wrong = |reason: &str| {
        UsageError(format!(
            "could not use {flag} `{}`: {reason}",
            given.escape_debug()
        ))
    };
    if given.contains(['*', '?']) {
        return Err(wrong(
            "wildcards are not allowed; give the full name of each host",
        ));
    }
    if given.contains("://") || given.contains(['/', '@']) {
        return Err(wrong("give only the host, not a URL"));
    }
    let host = given.trim_start_matches('[').trim_end_matches(']');
    if host.parse::<IpAddr>().is_ok() {
        return Ok(host.to_owned());
    }
    if host.contains(':') {
        return Err(wrong("give only the host, without a port"));
    }
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(wrong("it is not the name of a host"));
    }
    Ok(host.to_owned())
}

/// Returns whether two names are equal: the same address, or the same text regardless of case.
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
    fn only_local_and_private_addresses_need_no_permission() {
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
    fn operator_of_an_agent_has_the_last_word() {
        let judged = |allowed: &[&str], name: &str, address: &str| {
            let allowed = allowed.iter().map(|host| (*host).to_owned()).collect();
            let address = SocketAddr::new(address.parse().unwrap(), 80);
            judge_of_operator(allowed)(name, &[address])
        };
        assert_eq!(judged(&["A.example"], "a.example", "198.51.100.7"), Ok(()));
        let refused = judged(&["a.example"], "localhost", "127.0.0.1").unwrap_err();
        assert!(refused.contains("allows only a.example"), "{refused}");
        assert_eq!(judged(&[], "localhost", "127.0.0.1"), Ok(()));
        let refused = judged(&[], "192.0.2.200", "192.0.2.200").unwrap_err();
        assert!(refused.contains("--allow-host 192.0.2.200"), "{refused}");
        assert!(allowed_hosts(&["*.example".to_owned()]).is_err());
    }

    #[test]
    fn judges_every_address_of_a_name() {
        let admit = |addresses: &[&str]| host("a.example", addresses).admit(&[], None).is_ok();
        assert!(admit(&["127.0.0.1"]));
        assert!(admit(&["127.0.0.1", "::1", "10.0.0.1"]));
        assert!(!admit(&["198.51.100.7"]));
        assert!(!admit(&["127.0.0.1", "2001:db8::1"]));
    }

    #[test]
    fn remembers_permission_for_that_host_only() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tenfold/hosts.toml");
        let granted = ["A.example".to_owned()];
        let public = host("a.example", &["198.51.100.7"]);
        assert!(public.admit(&[], Some(&file)).is_err());
        assert!(!file.exists());
        public.admit(&granted, Some(&file)).unwrap();
        public.admit(&[], Some(&file)).unwrap();
        let other = host("b.example", &["198.51.100.7"]);
        assert!(other.admit(&[], Some(&file)).is_err());
        assert!(other.admit(&granted, Some(&file)).is_err());
        let within = host("x.a.example", &["198.51.100.7"]);
        assert!(within.admit(&[], Some(&file)).is_err());
    }

    #[test]
    fn cloud_metadata_needs_permission_by_name() {
        for address in ["169.254.169.254", "fe80::a9fe:a9fe", "fd00:ec2::254"] {
            let metadata = host(address, &[address]);
            assert!(metadata.admit(&[], None).is_err(), "{address}");
            metadata.admit(&[address.to_owned()], None).unwrap();
        }
        // A name that resolves to such an address does not bypass the rule.
        let named = host("a.example", &["10.0.0.1", "169.254.169.254"]);
        assert!(named.admit(&[], None).is_err());
    }

    #[test]
    fn redirects_need_the_same_permission_as_targets() {
        let endpoint = |granted: &[&str], follows| {
            let granted: Vec<String> = granted.iter().map(|host| (*host).to_owned()).collect();
            let target = "http://127.0.0.1:80".parse().unwrap();
            clear(target, None, &granted, follows)
        };
        assert!(endpoint(&[], true).is_ok());
        assert!(endpoint(&["other.example"], true).is_ok());
        // Without redirects, a permission for another host is a mistake.
        let error = endpoint(&["other.example"], false).unwrap_err().to_string();
        assert!(error.contains("names other.example"), "{error}");
    }

    #[test]
    fn does_not_remember_hosts_without_need() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hosts.toml");
        let here = host("localhost", &["127.0.0.1"]);
        here.admit(&["localhost".to_owned()], Some(&file)).unwrap();
        assert!(!file.exists());
    }

    #[test]
    fn refusal_names_the_flag_to_add() {
        let refused = |name: &str, address: &str| {
            let file = Path::new("/home/me/.config/tenfold/hosts.toml");
            host(name, &[]).refusal(address.parse().unwrap(), Some(file))
        };
        assert_eq!(
            refused("a.example", "198.51.100.7"),
            "sent nothing to a.example, because its address 198.51.100.7 is neither on this machine nor \
             in a private network, and a load test is an attack on a host that does not expect it; if \
             you may test it, add --i-may-test-this-host a.example (once; it is remembered in \
             /home/me/.config/tenfold/hosts.toml)"
        );
        assert!(
            refused("198.51.100.7", "198.51.100.7").contains("198.51.100.7, because it is neither")
        );
        let metadata = refused("169.254.169.254", "169.254.169.254");
        assert!(
            metadata.contains("it is an address at which clouds serve")
                && metadata.contains("--i-may-test-this-host 169.254.169.254"),
            "{metadata}"
        );
    }

    #[test]
    fn permission_must_be_a_plain_host() {
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
            let error = plain_host(given, "--i-may-test-this-host")
                .unwrap_err()
                .to_string();
            assert!(error.contains("--i-may-test-this-host"), "{error}");
        }
        for given in ["a.example", "198.51.100.7", "2001:db8::1", "[2001:db8::1]"] {
            plain_host(given, "--allow-host").unwrap();
        }
        assert!(is_same("2001:db8::1", "2001:DB8:0::1"));
        assert!(!is_same("a.example", "a.example."));
    }

    #[test]
    fn refuses_permission_for_another_host() {
        let here: Target = "http://127.0.0.1:1".parse().unwrap();
        let error = clear(here.clone(), None, &["a.example".to_owned()], false).unwrap_err();
        assert!(error.to_string().contains("is 127.0.0.1"), "{error}");
        let error = clear(here.clone(), Some("198.51.100.7:9"), &[], false).unwrap_err();
        assert!(error.to_string().contains("198.51.100.7"), "{error}");
        clear(
            here,
            Some("[::1]:9"),
            &["127.0.0.1".to_owned(), "[::1]".to_owned()],
            false,
        )
        .unwrap();
    }
}
