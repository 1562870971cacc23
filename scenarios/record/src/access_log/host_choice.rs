//! Choice of one host among those of a log.

use std::fmt;

use super::AccessLog;
use super::entry::{NONE, OTHER_HOSTS};
use crate::har::archive::listed;
use crate::input::log_error::LogError;

/// The host whose requests are used, and the others.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct HostChoice {
    /// Host whose requests were read, with its port unless it is 80 or 443; `-` for requests without a host.
    pub host: String,
    /// Other hosts with their number of requests, the most frequent first; at most ten.
    pub others: Vec<(String, u64)>,
    /// Number of requests to other hosts.
    pub of_others: u64,
}

/// Number of hosts listed in the report.
const HOSTS_LISTED: usize = 10;
/// Name of requests without a host, as in logs.
const NO_HOST: &str = "-";
/// Name of all hosts beyond the limit.
const FURTHER_HOSTS: &str = "further hosts";

/// Chooses a host, and drops the requests to others. `None` if no request names its host.
pub(super) fn choose(
    log: &mut AccessLog,
    wanted: Option<&str>,
) -> Result<Option<HostChoice>, LogError> {
    if log.hosts.len() == 0 {
        return match wanted {
            None => Ok(None),
            Some(_) => Err(LogError::Hostless {
                origin: log.origin.clone(),
                format: log.format.clone(),
            }),
        };
    }
    let (mut by_host, mut beyond, mut hostless) = (vec![0_u64; log.hosts.len()], 0, 0);
    for entry in log.entries.iter().filter(|entry| entry.target != NONE) {
        match entry.host {
            None => hostless += 1,
            Some(OTHER_HOSTS) => beyond += 1,
            Some(host) => by_host[usize::from(host)] += 1,
        }
    }
    let named = (0_u32..).zip(by_host).map(|(id, count)| {
        let host = u16::try_from(id).ok();
        (log.hosts.get(id).to_owned(), count, host)
    });
    let mut hosts: Vec<(String, u64, Option<u16>)> = named
        .chain([
            (FURTHER_HOSTS.to_owned(), beyond, Some(OTHER_HOSTS)),
            (NO_HOST.to_owned(), hostless, None),
        ])
        .filter(|(_, count, _)| *count > 0)
        .collect();
    // Stable, so that of equal counts a named host comes before none.
    hosts.sort_by(|a, b| {
        let is_named = |host: &(String, u64, Option<u16>)| host.2.is_some();
        (b.1.cmp(&a.1))
            .then(is_named(b).cmp(&is_named(a)))
            .then_with(|| a.0.cmp(&b.0))
    });
    let chosen = match wanted {
        // Only connections without a request.
        None if hosts.is_empty() => return Ok(None),
        None => 0,
        Some(wanted) => {
            let normalized = crate::format::host::normalized(wanted.as_bytes());
            let wanted_name = normalized.as_deref().unwrap_or(wanted.trim());
            let found = hosts.iter().position(|(host, ..)| host == wanted_name);
            found.ok_or_else(|| LogError::NoHost {
                origin: log.origin.clone(),
                host: wanted.escape_debug().to_string(),
                hosts: listed(&counts(&hosts)),
            })?
        }
    };
    let (host, _, id) = hosts.remove(chosen);
    log.entries
        .retain(|entry| entry.target == NONE || entry.host == id);
    let others = counts(&hosts);
    Ok(Some(HostChoice {
        host,
        of_others: others.iter().map(|(_, count)| count).sum(),
        others: others.into_iter().take(HOSTS_LISTED).collect(),
    }))
}

impl HostChoice {
    /// Returns whether the requests have a host.
    pub(crate) fn is_named(&self) -> bool {
        !matches!(self.host.as_str(), NO_HOST | FURTHER_HOSTS)
    }
}

fn counts(hosts: &[(String, u64, Option<u16>)]) -> Vec<(String, u64)> {
    let counts = hosts.iter().map(|(host, count, _)| (host.clone(), *count));
    counts.collect()
}

impl fmt::Display for HostChoice {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "host      {}", self.host)?;
        if self.of_others > 0 {
            let hosts = listed(&self.others);
            writeln!(
                out,
                "  {} to other hosts, left out (choose one with --host): {hosts}",
                self.of_others
            )?;
        }
        Ok(())
    }
}
