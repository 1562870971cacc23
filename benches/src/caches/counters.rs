//! Counters of the levels behind the edges.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use tenfold_lab::BoxStatus;

use crate::stages::stage_lab::StageLab;

/// Counters of the levels behind the edges.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Counters {
    /// Files from the web server's cache.
    pub(crate) web_hits: f64,
    /// Values from the memory of a process.
    pub(crate) local_hits: f64,
    /// Values that it did not have.
    pub(crate) local_misses: f64,
    /// Values from the shared cache.
    pub(crate) shared_hits: f64,
    /// Reads of the database.
    pub(crate) loads: f64,
    /// Pages that the databases looked up in their memory.
    pub(crate) page_lookups: f64,
    /// Those that came from the disk.
    pub(crate) page_reads: f64,
}

impl Counters {
    /// Reads the counters of a stage.
    pub(crate) fn read(lab: &StageLab<'_>) -> anyhow::Result<Self> {
        let status = lab.status()?;
        let mut own = Self {
            web_hits: status
                .balancers
                .iter()
                .map(|own| own.cache_hits as f64)
                .sum(),
            ..Self::default()
        };
        for server in &status.boxes {
            match (server.role.as_str(), server.admin) {
                ("app", Some(admin)) => own.add_service(&metrics(admin)?),
                ("sql-users" | "sql-posts", _) => own.add_database(server, &lab.directory())?,
                _ => {}
            }
        }
        Ok(own)
    }

    /// Returns the growth since an earlier time.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        Self {
            web_hits: self.web_hits - earlier.web_hits,
            local_hits: self.local_hits - earlier.local_hits,
            local_misses: self.local_misses - earlier.local_misses,
            shared_hits: self.shared_hits - earlier.shared_hits,
            loads: self.loads - earlier.loads,
            page_lookups: self.page_lookups - earlier.page_lookups,
            page_reads: self.page_reads - earlier.page_reads,
        }
    }

    fn add_service(&mut self, metrics: &str) {
        self.local_hits += figure(metrics, "tenfold_cache_hits_total{layer=\"local\"}");
        self.local_misses += figure(metrics, "tenfold_cache_misses_total{layer=\"local\"}");
        self.shared_hits += figure(metrics, "tenfold_cache_hits_total{layer=\"shared\"}");
        self.loads += figure(metrics, "tenfold_cache_loads_total");
    }

    /// Adds the counters of a database, read by its own client.
    fn add_database(&mut self, server: &BoxStatus, directory: &Path) -> anyhow::Result<()> {
        let address = server.address.context("a database has no address")?;
        let password = std::fs::read_to_string(directory.join("secrets/sql-password"))
            .context("could not read the password of the databases")?;
        let output = Command::new("mariadb")
            .args([
                "--no-defaults",
                "--batch",
                "--skip-column-names",
                "--user=tenfold",
            ])
            .arg(format!("--host={}", address.ip()))
            .arg(format!("--port={}", address.port()))
            .arg(format!(
                "--ssl-ca={}",
                directory.join("tls/ca.pem").display()
            ))
            .args(["-e", "SHOW GLOBAL STATUS LIKE 'Innodb_buffer_pool_read%'"])
            .env("MYSQL_PWD", password.trim())
            .output()
            .context("could not start `mariadb`")?;
        if !output.status.success() {
            bail!(
                "{}: {}",
                server.name,
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        let text = String::from_utf8_lossy(&output.stdout);
        self.page_lookups += figure(&text, "Innodb_buffer_pool_read_requests");
        self.page_reads += figure(&text, "Innodb_buffer_pool_reads");
        Ok(())
    }
}

/// Returns the figure after a name. 0 if it is absent.
fn figure(text: &str, name: &str) -> f64 {
    let rest = text.lines().find_map(|line| {
        let rest = line.strip_prefix(name)?;
        rest.starts_with(char::is_whitespace).then_some(rest)
    });
    rest.and_then(|rest| rest.trim().parse().ok())
        .unwrap_or(0.0)
}

/// Returns the address at which the balancer answers the edges.
pub(crate) fn origin(directory: &Path) -> anyhow::Result<SocketAddr> {
    let path = directory.join("balancer/haproxy.cfg");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("could not read {}", path.display()))?;
    origin_in(&text).with_context(|| format!("{} has no frontend for the edges", path.display()))
}

fn origin_in(settings: &str) -> Option<SocketAddr> {
    let (_, frontend) = settings.split_once("frontend origin\n")?;
    let bound = frontend.lines().next()?.trim().strip_prefix("bind ")?;
    bound.parse().ok()
}

fn metrics(admin: SocketAddr) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(admin)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(
        stream,
        "GET /metrics HTTP/1.1\r\nhost: {admin}\r\nconnection: close\r\n\r\n"
    )?;
    let mut text = String::new();
    stream.take(4 << 20).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_figures_by_their_whole_name() {
        let text = "Innodb_buffer_pool_read_requests\t70\nInnodb_buffer_pool_reads\t7\n";
        assert_eq!(figure(text, "Innodb_buffer_pool_reads"), 7.0);
        assert_eq!(figure(text, "Innodb_buffer_pool_read"), 0.0);
        let mut counters = Counters::default();
        counters.add_service("tenfold_cache_loads_total 3\ntenfold_cache_loads_refused_total 9\n");
        assert_eq!(counters.loads, 3.0);
        assert_eq!(counters.since(&counters), Counters::default());
    }

    #[test]
    fn finds_the_origin_in_the_settings() {
        let text = "backend edges\n    server a\n\nfrontend origin\n    bind 127.0.1.1:8080\n";
        assert_eq!(origin_in(text), "127.0.1.1:8080".parse().ok());
        assert_eq!(origin_in("frontend public\n"), None);
    }
}
