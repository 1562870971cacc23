//! A cluster of databases by Galera: a write is acknowledged once every member has it, and the majority goes on when
//! one is lost. Who is the primary is for them to agree on, and for nothing here.
//!
//! Two members with an arbitrator, which has a voice and no data, are three voices.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::mariadb::{self, MariaDb, init_file};
use super::replica;
use crate::LabError;
use crate::boxes::box_plan::BoxPlan;
use crate::boxes::readiness::Listening;
use crate::directory::plain_path;
use crate::directory::{private_directory, write_private};
use crate::identity::secret;
use crate::identity::{Authority, Identity};
use crate::network::Flow;
use crate::network::site::{Site, port};
use crate::program;

/// What its members call it.
const NAME: &str = "tenfold";

/// When a member that is silent is suspected, when it is left out, and how long the others then take to agree: shorter
/// than the defaults (5, 15 and 7.5 s), which are for networks that lose packets.
const PATIENCE: &str = "evs.keepalive_period=PT0.5S;evs.inactive_check_period=PT0.5S;\
    evs.suspect_timeout=PT2S;evs.inactive_timeout=PT4S;evs.install_timeout=PT4S";

/// The account that a state transfer reads with.
const TRANSFER_ACCOUNT: &str = "transfer";

/// Makes the data where there is none: each member's from one first state, of which the cluster knows how far it is, so
/// that a new member is sent what was written since and not everything. One that did not stop in good order asks its
/// own data how far it came. Then becomes the server, the first of a cluster once where it was told to be.
const START: &str = r#"
set -e
install=$1 server=$2 admin=$3 first_settings=$4 settings=$5 own=$6 seed=$7
shift 7
data=$own/data
if [ ! -d "$data" ]; then
    if [ ! -d "$seed" ]; then
        rm -rf "$seed.partial"
        "$install" --defaults-file="$first_settings" --datadir="$seed.partial" --skip-test-db \
            --auth-root-authentication-method=socket
        # Of a cluster of its own: who joins it would take what is left of it for the cluster once it has stopped.
        "$server" --defaults-file="$settings" --datadir="$seed.partial" --skip-networking \
            --wsrep-cluster-name=seed --wsrep-cluster-address=gcomm:// --wsrep-new-cluster "$@" &
        first=$!
        # It answers once it has run its statements.
        until "$admin" --no-defaults --socket="$own/sql.sock" ping >/dev/null 2>&1; do
            kill -0 "$first" || exit 1
            sleep 0.1
        done
        kill "$first"
        wait "$first"
        mv "$seed.partial" "$seed"
    fi
    rm -rf "$data.partial"
    cp -a "$seed" "$data.partial"
    rm -f "$data.partial/galera.cache" "$data.partial/gvwstate.dat"
    mv "$data.partial" "$data"
fi
if grep -q '^seqno: *-1' "$data/grastate.dat" 2>/dev/null; then
    "$server" --defaults-file="$settings" --wsrep-recover --log-error="$own/recovered.log" >/dev/null 2>&1 || true
    position=$(sed -n 's/.*WSREP: Recovered position: *\([0-9a-f-]*:[0-9-]*\).*/\1/p' "$own/recovered.log" | tail -n 1)
    rm -f "$own/recovered.log"
    case $position in
        '' | 00000000-0000-0000-0000-000000000000:*) ;;
        *) set -- "$@" "--wsrep-start-position=$position" ;;
    esac
fi
if [ -e "$own/first" ]; then
    rm "$own/first"
    sed -i 's/^safe_to_bootstrap:.*/safe_to_bootstrap: 1/' "$data/grastate.dat"
    set -- "$@" --wsrep-new-cluster
fi
rm -f "$own/synced"
exec "$server" --defaults-file="$settings" "$@"
"#;

/// Tells by a file that the member has all that the others have.
const NOTIFY: &str = r#"#!/bin/sh
while [ $# -gt 0 ]; do
    if [ "$1" = --status ]; then status=$2; fi
    shift
done
case $status in
    Synced | synced) : >"$(dirname "$0")/synced" ;;
esac
"#;

/// A cluster, before it is started.
#[derive(Debug)]
pub(crate) struct Cluster {
    directory: PathBuf,
    /// Where each member is spoken to by the others.
    members: Vec<SocketAddr>,
    arbitrator: SocketAddr,
}

/// A member of a cluster.
#[derive(Debug)]
pub(crate) struct Member<'a> {
    pub(crate) cluster: &'a Cluster,
    /// Which of them it is.
    pub(crate) index: usize,
    /// Its zone.
    pub(crate) zone: &'static str,
    /// Where it is sent the writes that it missed.
    pub(crate) missed: SocketAddr,
    /// Where it is sent everything.
    pub(crate) transfer: SocketAddr,
    /// Whether replicas follow it.
    pub(crate) is_followed: bool,
}

impl Cluster {
    /// A cluster of boxes of these names and an arbitrator's.
    pub(crate) fn new(
        directory: &Path,
        members: &[&str],
        arbitrator: &str,
        site: &mut Site,
    ) -> Result<Self, LabError> {
        let members = members
            .iter()
            .map(|member| site.private(member, port::GALERA));
        Ok(Self {
            directory: plain_path(directory)?,
            members: members.collect::<Result<_, _>>()?,
            arbitrator: site.private(arbitrator, port::GALERA)?,
        })
    }

    /// Chooses who begins the cluster, the one that has come furthest, and has it do so when it starts.
    ///
    /// One that did not stop in good order is asked by what it wrote; that takes a second or so.
    pub(crate) fn choose_first(&self, names: &[&str]) -> Result<usize, LabError> {
        let positions = names.iter().map(|name| self.position(name));
        let positions: Vec<i64> = positions.collect();
        let mut first = 0;
        for (index, position) in positions.iter().enumerate() {
            // Of two that came as far, the one that is usually the primary.
            if *position > positions.get(first).copied().unwrap_or(i64::MIN) {
                first = index;
            }
        }
        for (index, name) in names.iter().enumerate() {
            let marker = self.directory.join(name).join("first");
            if index == first {
                write_private(&marker, "")?;
            } else {
                let _ = fs::remove_file(&marker);
            }
        }
        Ok(first)
    }

    /// How many writes a member has seen; less than none where it has no data.
    fn position(&self, name: &str) -> i64 {
        let own = self.directory.join(name);
        let Ok(state) = fs::read_to_string(own.join("data/grastate.dat")) else {
            return -2;
        };
        match seqno_of(&state) {
            Some(seqno) if seqno >= 0 => seqno,
            _ => self.recovered(&own).unwrap_or(-1),
        }
    }

    fn recovered(&self, own: &Path) -> Option<i64> {
        let log = own.join("recovered.log");
        let _ = fs::remove_file(&log);
        let ended = Command::new(program::MARIADBD.path()?)
            .arg(option("defaults-file", &own.join("cluster.cnf")))
            .arg("--wsrep-recover")
            .arg(option("log-error", &log))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        ended.ok()?;
        recovered_in(&fs::read_to_string(log).ok()?)
    }

    /// The connections that its members and the arbitrator open to each other; `sent_to` is where
    /// members are sent what they lack.
    pub(crate) fn flows(
        &self,
        names: &[&str],
        arbitrator: &str,
        sent_to: &[SocketAddr],
    ) -> Vec<Flow> {
        let everyone = names.iter().copied().chain([arbitrator]);
        everyone
            .flat_map(|from| {
                let spoken_to = self.members.iter().chain([&self.arbitrator]);
                spoken_to
                    .chain(sent_to)
                    .map(move |to| Flow::between(from, *to))
            })
            .collect()
    }

    fn address(&self) -> String {
        let members = self.members.iter().chain([&self.arbitrator]);
        let members: Vec<_> = members.map(SocketAddr::to_string).collect();
        format!("gcomm://{}", members.join(","))
    }

    /// Plans the arbitrator's box.
    pub(crate) fn arbitrator(
        &self,
        name: &str,
        role: &'static str,
        authority: &Authority,
    ) -> Result<BoxPlan, LabError> {
        let program = program::GARBD.find()?;
        let identity = authority.issue(name, &[self.arbitrator.ip()])?;
        let own = self.directory.join(name);
        private_directory(&own).map_err(|source| LabError::Directory {
            path: own.clone(),
            source,
        })?;
        let options = format!(
            "gmcast.listen_addr=ssl://{};{}",
            self.arbitrator,
            provider_options(&identity)
        );
        let listening = Listening::at(self.arbitrator);
        Ok(BoxPlan::program(name, role, program, listening)
            .with(["--group", NAME, "--name", name])
            .with(["--address", &self.address()])
            .with(["--options", &options])
            .with([OsString::from("--workdir"), own.into()]))
    }
}

impl Member<'_> {
    /// The arguments of the shell that starts it, and the file that tells that it has what the others have.
    pub(super) fn start(
        &self,
        own: &MariaDb<'_>,
        files: &mariadb::Files,
    ) -> Result<(Vec<OsString>, PathBuf), LabError> {
        // Needed when it has missed too much; better known of now.
        program::MARIADB_BACKUP.find()?;
        program::SOCAT.find()?;
        let notify = files.own.join("notify.sh");
        write_private(&notify, NOTIFY)?;
        fs::set_permissions(&notify, fs::Permissions::from_mode(0o700)).map_err(|source| {
            LabError::Directory {
                path: notify.clone(),
                source,
            }
        })?;
        let transfer_password = secret(own.directory, "sql-transfer")?;
        let accounts = files.own.join("cluster-accounts.sql");
        let service =
            fs::read_to_string(&files.accounts).map_err(|source| LabError::Directory {
                path: files.accounts.clone(),
                source,
            })?;
        let replicas = match self.is_followed {
            true => replica::accounts_sql(own.directory)?,
            false => String::new(),
        };
        write_private(
            &accounts,
            &format!(
                "{service}{replicas}CREATE USER IF NOT EXISTS {TRANSFER_ACCOUNT}@localhost IDENTIFIED BY '{transfer_password}';\n\
                 GRANT RELOAD, PROCESS, LOCK TABLES, BINLOG MONITOR, REPLICA MONITOR ON *.* TO {TRANSFER_ACCOUNT}@localhost;\n"
            ),
        )?;
        let settings = files.own.join("cluster.cnf");
        write_private(
            &settings,
            &self.settings(own.name, files, &notify, &transfer_password)?,
        )?;
        let arguments = [
            "-c".into(),
            START.into(),
            "sh".into(),
            program::MARIADB_INSTALL_DB.find()?.into(),
            program::MARIADBD.find()?.into(),
            program::MARIADB_ADMIN.find()?.into(),
            files.settings.clone().into(),
            settings.into(),
            files.own.clone().into(),
            self.cluster.directory.join("sql-seed").into(),
            init_file(&accounts),
        ];
        Ok((arguments.into(), files.own.join("synced")))
    }

    fn settings(
        &self,
        name: &str,
        files: &mariadb::Files,
        notify: &Path,
        transfer_password: &str,
    ) -> Result<String, LabError> {
        let library = program::GALERA.find()?;
        let listen = self
            .cluster
            .members
            .get(self.index)
            .copied()
            .unwrap_or(self.transfer);
        let mut text = format!("!include {}\n", files.settings.display());
        let _ = write!(
            text,
            "[mysqld]\n\
             binlog-format=ROW\n\
             innodb-autoinc-lock-mode=2\n\
             wsrep-on=ON\n\
             wsrep-provider={}\n\
             wsrep-cluster-name={NAME}\n\
             wsrep-cluster-address={}\n\
             wsrep-node-name={name}\n\
             wsrep-node-address={listen}\n\
             wsrep-sst-method=mariabackup\n\
             wsrep-sst-auth={TRANSFER_ACCOUNT}:{transfer_password}\n\
             wsrep-sst-receive-address={}\n\
             wsrep-notify-cmd={}\n\
             # One is written to at a time: numbers need not be kept apart.\n\
             wsrep-auto-increment-control=OFF\n\
             # While they agree anew, what is there can be read.\n\
             wsrep-dirty-reads=ON\n\
             wsrep-provider-options=\"gmcast.listen_addr=ssl://{listen};ist.recv_addr={};gcache.size=128M;{}\"\n",
            library.display(),
            self.cluster.address(),
            self.transfer,
            notify.display(),
            self.missed,
            provider_options(&files.identity)
        );
        if self.is_followed {
            text.push_str(replica::FOLLOWED);
        }
        Ok(text)
    }
}

fn provider_options(identity: &Identity) -> String {
    format!(
        "socket.ssl_key={};socket.ssl_cert={};socket.ssl_ca={};{PATIENCE}",
        identity.key.display(),
        identity.certificate.display(),
        identity.ca.display()
    )
}

fn option(name: &str, path: &Path) -> OsString {
    let mut argument = OsString::from(format!("--{name}="));
    argument.push(path);
    argument
}

/// The number of writes that a `grastate.dat` tells of; -1 where the member did not stop in good order.
fn seqno_of(state: &str) -> Option<i64> {
    let line = state.lines().find_map(|line| line.strip_prefix("seqno:"))?;
    line.trim().parse().ok()
}

/// The number of writes that a log of `--wsrep-recover` tells of.
fn recovered_in(log: &str) -> Option<i64> {
    let position = log
        .lines()
        .rev()
        .find_map(|line| line.split_once("WSREP: Recovered position:"))?
        .1;
    position.trim().rsplit_once(':')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_a_member_came_is_read() {
        let state = "# GALERA saved state\nversion: 2.1\nuuid:    5f1c\nseqno:   42\nsafe_to_bootstrap: 1\n";
        assert_eq!(seqno_of(state), Some(42));
        assert_eq!(seqno_of("seqno:   -1\n"), Some(-1));
        assert_eq!(seqno_of("seqno: x\n"), None);
        let log = "1 [Note] Starting\n2 [Note] WSREP: Recovered position: a93c9e56-e91e-11f1-9d87-1a066e703fd2:17\n";
        assert_eq!(recovered_in(log), Some(17));
        assert_eq!(recovered_in("nothing"), None);
    }

    #[test]
    fn who_came_furthest_begins() {
        let directory = tempfile::tempdir().unwrap();
        let names = ["sql-1", "sql-2"];
        let mut site = Site::loopback();
        let cluster = Cluster::new(directory.path(), &names, "arbitrator", &mut site).unwrap();
        // Nobody has anything.
        assert_eq!(cluster.choose_first(&names).unwrap(), 0);
        let came = |name: &str, seqno: &str| {
            let data = directory.path().join(name).join("data");
            fs::create_dir_all(&data).unwrap();
            fs::write(data.join("grastate.dat"), format!("seqno: {seqno}\n")).unwrap();
        };
        came("sql-2", "7");
        assert_eq!(cluster.choose_first(&names).unwrap(), 1);
        assert!(directory.path().join("sql-2/first").exists());
        assert!(!directory.path().join("sql-1/first").exists());
        came("sql-1", "7");
        assert_eq!(cluster.choose_first(&names).unwrap(), 0);
        assert!(!directory.path().join("sql-2/first").exists());
    }
}
