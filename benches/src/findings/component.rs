//! Components behind a planted service: a database, a cache, a peer, a balancer.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tenfold_child_process::find_program;

use crate::generator::server::free_port;
use crate::workshop::child::{Child, Confines};
use crate::workshop::interrupt::Interrupt;

/// Time for a component to accept connections.
const START: Duration = Duration::from_secs(30);

/// Database that services use.
const DATABASE: &str = "planted";

/// A component that accepts connections until it is dropped.
#[derive(Debug)]
pub(super) struct Component {
    /// Its port.
    pub(super) port: u16,
    _child: Child,
}

impl Component {
    /// Starts MariaDB with an empty database, and an account `root` without a password.
    pub(super) fn database(folder: &Path, interrupt: &Interrupt) -> anyhow::Result<Self> {
        Self::database_with("database", 1, "", folder, interrupt)
    }

    /// Starts MariaDB as a replica that applies each change of the primary 30 s late.
    pub(super) fn late_replica(
        primary: &Self,
        folder: &Path,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Self> {
        let follow = format!(
            "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={}, MASTER_USER='root', MASTER_USE_GTID=slave_pos, \
             MASTER_DELAY=30;\nSTART SLAVE;\n",
            primary.port
        );
        Self::database_with("replica", 2, &follow, folder, interrupt)
    }

    /// Starts MariaDB with this number among the replicas, after these statements.
    fn database_with(
        name: &str,
        number: u32,
        statements: &str,
        folder: &Path,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Self> {
        let data = folder.join(name);
        let mut install = Command::new(program("mariadb-install-db")?);
        install
            .args(["--no-defaults", "--skip-test-db"])
            .args(["--auth-root-authentication-method=normal", "--user=root"])
            .arg(format!("--datadir={}", data.display()));
        let installed = install.output().context("could not create a database")?;
        if !installed.status.success() {
            bail!(
                "could not create a database: {}",
                String::from_utf8_lossy(&installed.stderr).trim()
            );
        }
        let first = folder.join(format!("{name}.sql"));
        let create = format!("CREATE DATABASE IF NOT EXISTS {DATABASE};\n{statements}");
        fs::write(&first, create)?;
        let port = free_port()?;
        let mut server = Command::new(program("mariadbd")?);
        server
            .args(["--no-defaults", "--user=root", "--bind-address=127.0.0.1"])
            .args(["--performance-schema=ON", "--innodb-log-file-size=16M"])
            .args(["--log-bin=changes", "--binlog-format=ROW"])
            .arg(format!("--server-id={number}"))
            .arg(format!("--datadir={}", data.display()))
            .arg(format!(
                "--socket={}",
                folder.join(format!("{name}.sock")).display()
            ))
            .arg(format!("--init-file={}", first.display()))
            .arg(format!("--port={port}"));
        Self::start(name, &server, port, folder, interrupt)
    }

    /// Returns the URL of the database. `parameters` are those of the driver.
    pub(super) fn database_url(&self, parameters: &str) -> String {
        format!(
            "mysql://root@127.0.0.1:{}/{DATABASE}{parameters}",
            self.port
        )
    }

    /// Starts Redis with so much memory.
    pub(super) fn cache(
        memory: &str,
        folder: &Path,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Self> {
        let port = free_port()?;
        let mut server = Command::new(program("redis-server")?);
        server
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--appendonly", "no"])
            .args(["--maxmemory", memory, "--maxmemory-policy", "allkeys-lru"]);
        server.current_dir(folder);
        Self::start("cache", &server, port, folder, interrupt)
    }

    /// Starts HAProxy, which sends 200 requests to the first server for each to the second. Returns it with the port of its
    /// statistics.
    pub(super) fn balancer(
        servers: [u16; 2],
        folder: &Path,
        interrupt: &Interrupt,
    ) -> anyhow::Result<(Self, u16)> {
        let (port, statistics) = (free_port()?, free_port()?);
        let settings = folder.join("haproxy.cfg");
        let [first, second] = servers;
        let text = format!(
            "defaults\n mode http\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n\
             listen web\n bind 127.0.0.1:{port}\n balance roundrobin\n \
             server web-1 127.0.0.1:{first} weight 200\n server web-2 127.0.0.1:{second} weight 1\n\
             frontend statistics\n bind 127.0.0.1:{statistics}\n stats enable\n stats uri /\n"
        );
        fs::write(&settings, text).context("could not write the settings of the balancer")?;
        let mut server = Command::new(program("haproxy")?);
        server.arg("-f").arg(&settings);
        let balancer = Self::start("balancer", &server, port, folder, interrupt)?;
        Ok((balancer, statistics))
    }

    fn start(
        name: &str,
        command: &Command,
        port: u16,
        folder: &Path,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Self> {
        let child = Child::start(name, command, &Confines::default(), folder)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let accepts = || TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok();
        interrupt.wait(START, || accepts() || child.has_ended())?;
        match accepts() {
            true => Ok(Self {
                port,
                _child: child,
            }),
            false => bail!("the {name} did not start: {}", child.last_words()),
        }
    }
}

/// Finds a program, also in the directories of system programs.
fn program(name: &str) -> anyhow::Result<PathBuf> {
    let system = ["/usr/sbin", "/sbin"].map(|directory| Path::new(directory).join(name));
    find_program(name)
        .or_else(|| system.into_iter().find(|path| path.is_file()))
        .with_context(|| format!("could not find `{name}`; `scripts/setup` installs it"))
}
