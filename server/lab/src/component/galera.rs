//! A Galera cluster: a write is acknowledged once every member has it, and the cluster survives the loss of a
//! minority. The members elect the primary themselves; nothing here decides it.
//!
//! Two members and an arbitrator, which votes but stores no data, make three votes.

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
use crate::boxes::renewal::Renewal;
use crate::directory::plain_path;
use crate::directory::{private_directory, write_private};
use crate::identity::secret;
use crate::identity::{Authority, Identity};
use crate::network::Flow;
use crate::network::site::{Site, port};
use crate::program;
use crate::starting::progress::StartProgress;
use crate::starting::progress_source::ProgressSource;

/// Name of the cluster.
const NAME: &str = "tenfold";

/// Timeouts to suspect a silent member, to evict it and to agree on new members: shorter than the defaults (5, 15
/// and 7.5 s), which suit networks that lose packets.
const TIMEOUTS: &str = "evs.keepalive_period=PT0.5S;evs.inactive_check_period=PT0.5S;\
    evs.suspect_timeout=PT2S;evs.inactive_timeout=PT4S;evs.install_timeout=PT4S";

/// Statement that has the replication read its certificate and key again.
const RELOAD: &str = "SET GLOBAL wsrep_provider_options='socket.ssl_reload=1';\n";

/// Account for state transfers.
const TRANSFER_ACCOUNT: &str = "transfer";

/// Creates the data if there is none: every member starts from the same initial state, whose position the cluster
/// knows, so that a new member needs only the writes since. A member that crashed recovers its position from its own
/// data. Then becomes the server, and bootstraps the cluster if it was chosen to.
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
        # A separate cluster name: a member could otherwise join this temporary cluster.
        "$server" --defaults-file="$settings" --datadir="$seed.partial" --skip-networking \
            --wsrep-cluster-name=seed --wsrep-cluster-address=gcomm:// --wsrep-new-cluster "$@" &
        first=$!
        # It answers once the initial statements have run.
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

/// Creates a file once the member is in sync.
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
    /// Addresses of the members for replication.
    members: Vec<SocketAddr>,
    arbitrator: SocketAddr,
}

/// A member of a cluster.
#[derive(Debug)]
pub(crate) struct Member<'a> {
    pub(crate) cluster: &'a Cluster,
    /// Index in `cluster.members`.
    pub(crate) index: usize,
    /// Zone of the box.
    pub(crate) zone: &'static str,
    /// Address to receive missed writes (incremental state transfer).
    pub(crate) missed: SocketAddr,
    /// Address to receive all data (full state transfer).
    pub(crate) transfer: SocketAddr,
    /// True if replicas follow this member.
    pub(crate) is_followed: bool,
}

impl Cluster {
    /// Plans a cluster with these members and an arbitrator.
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

    /// Chooses the member with the latest writes to bootstrap the cluster, and marks it.
    ///
    /// The position of a crashed member has to be recovered from its data, which takes about a second.
    pub(crate) fn choose_first(&self, names: &[&str]) -> Result<usize, LabError> {
        let positions = names.iter().map(|name| self.position(name));
        let positions: Vec<i64> = positions.collect();
        let mut first = 0;
        for (index, position) in positions.iter().enumerate() {
            // With equal positions, prefer the usual primary.
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

    /// Returns the number of writes that a member has seen; negative if it has no data.
    fn position(&self, name: &str) -> i64 {
        let own = self.directory.join(name);
        let Ok(state) = fs::read_to_string(own.join("data/grastate.dat")) else {
            return -2;
        };
        match parse_seqno(&state) {
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
        parse_recovered_position(&fs::read_to_string(log).ok()?)
    }

    /// Returns the connections between the members and the arbitrator. `sent_to` are the members' addresses for
    /// state transfers.
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
        let mut plan = BoxPlan::program(name, role, program, listening)
            .with(["--group", NAME, "--name", name])
            .with(["--address", &self.address()])
            .with(["--options", &options])
            .with([OsString::from("--workdir"), own.into()]);
        plan.renewal = Renewal::Restart;
        Ok(plan)
    }
}

impl Member<'_> {
    /// Plans the box of a member.
    pub(crate) fn plan(
        &self,
        own: &MariaDb<'_>,
        authority: &Authority,
    ) -> Result<BoxPlan, LabError> {
        let files = own.write(authority, "")?;
        let (start, marker) = self.start(own, &files)?;
        let mut listening = Listening::at(own.listen);
        listening.greeting = Some(mariadb::GREETING);
        listening.marker = Some(marker);
        let mut plan = BoxPlan::program(own.name, own.role, "sh".into(), listening).with(start);
        plan.zone = Some(self.zone);
        plan.progress = ProgressSource {
            of_line: Some(state_transfer),
            ..mariadb::progress_source(&files.own)
        };
        plan.monitor = Some(own.monitor(&files)?);
        let reload = format!("{}{RELOAD}", mariadb::RELOAD);
        plan.renewal = Renewal::Database(mariadb::session(&files.own, &reload));
        Ok(plan)
    }

    /// Returns the arguments of the shell that starts it, and the file that exists once it is in sync.
    fn start(
        &self,
        own: &MariaDb<'_>,
        files: &mariadb::Files,
    ) -> Result<(Vec<OsString>, PathBuf), LabError> {
        // Needed for a full state transfer later; report a missing program now.
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
             # Only one member gets writes at a time, so the ID ranges need not differ.\n\
             wsrep-auto-increment-control=OFF\n\
             # Allow reads while the members elect a new primary.\n\
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
        "socket.ssl_key={};socket.ssl_cert={};socket.ssl_ca={};{TIMEOUTS}",
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

/// Reads the progress of an incremental state transfer, `WSREP: Receiving IST... 12.5% ( 50/400 events) complete.`,
/// or of a crash recovery.
fn state_transfer(line: &str) -> Option<StartProgress> {
    let Some((_, rest)) = line.split_once("Receiving IST") else {
        return mariadb::recovery(line);
    };
    let (_, figures) = rest.split_once('(')?;
    let (done, rest) = figures.split_once('/')?;
    let of = rest.split_once([' ', ')'])?.0;
    let (done, of) = (done.trim().parse().ok()?, of.parse().ok()?);
    Some(StartProgress::of("receiving").with(done, Some(of), "writes"))
}

/// Parses the position in a `grastate.dat`; -1 after a crash.
fn parse_seqno(state: &str) -> Option<i64> {
    let line = state.lines().find_map(|line| line.strip_prefix("seqno:"))?;
    line.trim().parse().ok()
}

/// Parses the position in the log of `--wsrep-recover`.
fn parse_recovered_position(log: &str) -> Option<i64> {
    let position = log
        .lines()
        .rev()
        .find_map(|line| line.split_once("WSREP: Recovered position:"))?
        .1;
    position.trim().rsplit_once(':')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_position_of_member() {
        let state = "# GALERA saved state\nversion: 2.1\nuuid:    5f1c\nseqno:   42\nsafe_to_bootstrap: 1\n";
        assert_eq!(parse_seqno(state), Some(42));
        assert_eq!(parse_seqno("seqno:   -1\n"), Some(-1));
        assert_eq!(parse_seqno("seqno: x\n"), None);
        let log = "1 [Note] Starting\n2 [Note] WSREP: Recovered position: a93c9e56-e91e-11f1-9d87-1a066e703fd2:17\n";
        assert_eq!(parse_recovered_position(log), Some(17));
        assert_eq!(parse_recovered_position("nothing"), None);
    }

    #[test]
    fn reads_progress_of_state_transfer() {
        let shown = |line: &str| state_transfer(line).map(|own| own.to_string());
        let line = "0 [Note] WSREP: Receiving IST...  12.5% (  50/4000 events) complete.";
        assert_eq!(shown(line).as_deref(), Some("receiving 50 of 4,000 writes"));
        let line = "0 [Note] InnoDB: To recover: LSN 47/99; 7 pages";
        assert_eq!(shown(line).as_deref(), Some("recovering, 7 pages left"));
        for line in [
            "WSREP: Receiving IST: 50 writesets, seqnos 1-50",
            "WSREP: Receiving IST... (x/y events)",
            "WSREP: Receiving IST... (1/",
            "",
        ] {
            assert_eq!(shown(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_harmless(line in ".*", done in any::<u64>()) {
            let _ = state_transfer(&line);
            let _ = state_transfer(&format!("Receiving IST{line}({done}/{line}"));
        }
    }

    #[test]
    fn chooses_member_with_latest_writes() {
        let directory = tempfile::tempdir().unwrap();
        let names = ["sql-1", "sql-2"];
        let mut site = Site::loopback();
        let cluster = Cluster::new(directory.path(), &names, "arbitrator", &mut site).unwrap();
        // No member has data.
        assert_eq!(cluster.choose_first(&names).unwrap(), 0);
        let set_position = |name: &str, seqno: &str| {
            let data = directory.path().join(name).join("data");
            fs::create_dir_all(&data).unwrap();
            fs::write(data.join("grastate.dat"), format!("seqno: {seqno}\n")).unwrap();
        };
        set_position("sql-2", "7");
        assert_eq!(cluster.choose_first(&names).unwrap(), 1);
        assert!(directory.path().join("sql-2/first").exists());
        assert!(!directory.path().join("sql-1/first").exists());
        set_position("sql-1", "7");
        assert_eq!(cluster.choose_first(&names).unwrap(), 0);
        assert!(!directory.path().join("sql-2/first").exists());
    }
}
