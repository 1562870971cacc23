//! Replicas of the SQL database: read-only, they follow the current primary.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::mariadb::{Files, MariaDb, init_file};
use crate::LabError;
use crate::boxes::box_plan::BoxPlan;
use crate::boxes::readiness::Readiness;
use crate::boxes::renewal::Renewal;
use crate::directory::write_private;
use crate::identity::Authority;
use crate::identity::secret;
use crate::program;

/// Account for replication.
pub(crate) const ACCOUNT: &str = "replica";

/// Account for the lag check.
pub(crate) const MONITOR: &str = "monitor";

/// Settings of a primary with replicas: binary logs with the same transaction IDs on each server, so that a
/// replica of a lost server can continue from another.
pub(crate) const FOLLOWED: &str = "server-id=1\n\
    log-bin=binlog\n\
    log-slave-updates=ON\n\
    wsrep-gtid-mode=ON\n\
    wsrep-gtid-domain-id=1\n";

/// Returns SQL, one statement a line, that creates the accounts on the primary. Replication copies them to the replicas.
pub(crate) fn accounts_sql(directory: &Path) -> Result<String, LabError> {
    Ok(format!(
        "CREATE USER IF NOT EXISTS {ACCOUNT}@'%' IDENTIFIED BY '{}' REQUIRE SSL;\n\
         GRANT REPLICATION SLAVE ON *.* TO {ACCOUNT}@'%';\n\
         CREATE USER IF NOT EXISTS {MONITOR}@'%' IDENTIFIED BY '{}' REQUIRE SSL;\n\
         GRANT REPLICA MONITOR ON *.* TO {MONITOR}@'%';\n",
        secret(directory, "sql-replica")?,
        secret(directory, "sql-monitor")?,
    ))
}

/// File in the directory of a replica that comes and goes. It exists once the replica has caught up.
const CAUGHT_UP: &str = "caught-up";

/// Copies the data of the first replica that lets it, brings the copy to one point in time, and becomes a server that follows from there. Its
/// disk is that of a new box: empty.
const START_FROM_COPY: &str = r#"
set -e
backup=$1 client=$2 server=$3 settings=$4 own=$5 lag_max=$6
shift 6
rm -rf "$own/data" "$own/copy" "$own/copied"
while [ "$1" != -- ]; do
    if [ ! -e "$own/copied" ]; then
        rm -rf "$own/copy"
        "$backup" --defaults-file="$1/my.cnf" --backup --socket="$1/sql.sock" --user=root \
            --target-dir="$own/copy" && touch "$own/copied"
    fi
    shift
done
shift
"$backup" --prepare --target-dir="$own/copy"
"$backup" --no-defaults --move-back --target-dir="$own/copy" --datadir="$own/data"
rm -rf "$own/copy" "$own/copied"
(
    while kill -0 $$ 2>/dev/null; do
        lag=$("$client" --no-defaults --socket="$own/sql.sock" --execute='SHOW SLAVE STATUS\G' 2>/dev/null |
            sed -n 's/^ *Seconds_Behind_Master: \([0-9][0-9]*\)$/\1/p')
        if [ -n "$lag" ] && [ "$lag" -le "$lag_max" ]; then
            touch "$own/caught-up"
            exit
        fi
        sleep 0.2
    done
) &
exec "$server" --defaults-file="$settings" "$@"
"#;

/// A replica, before it is started.
#[derive(Debug)]
pub(crate) struct Replica<'a> {
    /// Its database server.
    pub(crate) own: MariaDb<'a>,
    /// Number among all servers, from 1.
    pub(crate) number: u32,
    /// Zone of the box.
    pub(crate) zone: &'static str,
    /// Address of the primary, or of the balancer in front of it.
    pub(crate) primary: SocketAddr,
    /// Names of replicas whose data it copies at each start. Empty if it keeps its data, and replicates from the first statement.
    pub(crate) copied: &'a [String],
}

impl Replica<'_> {
    /// Plans the box.
    pub(crate) fn plan(&self, authority: &Authority) -> Result<BoxPlan, LabError> {
        let more = format!(
            "server-id={}\n\
             read-only=ON\n\
             skip-slave-start\n\
             relay-log=relay\n\
             slave-parallel-threads=2\n\
             slave-parallel-mode=optimistic\n",
            1 + self.number
        );
        let files = self.own.write(authority, &more)?;
        let follow = self.follow(&files)?;
        let mut plan = match self.copied {
            [] => self.own.alone(&files, init_file(&follow))?,
            copied => self.copying(copied, &files, &follow)?,
        };
        plan.zone = Some(self.zone);
        if let Renewal::Database(session) = &mut plan.renewal {
            session.is_primary = false;
        }
        Ok(plan)
    }

    /// Plans a server that copies one of these replicas first. It is ready once it has caught up.
    fn copying(
        &self,
        copied: &[String],
        files: &Files,
        follow: &Path,
    ) -> Result<BoxPlan, LabError> {
        let lag_max = LAG_MAX_S.to_string();
        let first = [
            program::MARIADB_BACKUP.find()?.into_os_string(),
            program::MARIADB.find()?.into_os_string(),
            program::MARIADBD.find()?.into_os_string(),
            files.settings.clone().into_os_string(),
            files.own.clone().into_os_string(),
            lag_max.into(),
        ];
        let lab = files.own.parent().unwrap_or(&files.own);
        let sources = copied.iter().map(|name| lab.join(name).into_os_string());
        let arguments = first.into_iter().chain(sources);
        let arguments = arguments.chain(["--".into(), init_file(follow)]);
        let mut plan = self.own.started_by(START_FROM_COPY, arguments, files)?;
        if let Readiness::Listening(listening) = &mut plan.readiness {
            listening.marker = Some(files.own.join(CAUGHT_UP));
        }
        Ok(plan)
    }

    /// Writes the SQL that starts replication.
    fn follow(&self, files: &Files) -> Result<PathBuf, LabError> {
        let path = files.own.join("follow.sql");
        let text = format!(
            "CHANGE MASTER TO MASTER_HOST='{}', MASTER_PORT={}, MASTER_USER='{ACCOUNT}', MASTER_PASSWORD='{}', \
             MASTER_SSL=1, MASTER_SSL_CA='{}', MASTER_SSL_VERIFY_SERVER_CERT=1, MASTER_USE_GTID=slave_pos, \
             MASTER_CONNECT_RETRY=1, MASTER_HEARTBEAT_PERIOD=1;\n\
             START SLAVE;\n",
            self.primary.ip(),
            self.primary.port(),
            secret(self.own.directory, "sql-replica")?,
            files.identity.ca.display(),
        );
        write_private(&path, &text)?;
        Ok(path)
    }
}

/// Returns the statements after which a replica uses another password. It goes on at the same transaction.
pub(crate) fn password_sql(password: &str) -> String {
    format!("STOP SLAVE;\nCHANGE MASTER TO MASTER_PASSWORD='{password}';\nSTART SLAVE;\n")
}

/// Maximum lag of a replica that serves reads, in seconds.
const LAG_MAX_S: u32 = 2;

/// Writes HAProxy's health check of replicas, which gets the server's address from the environment.
///
/// The lag of a replica without a connection to the primary is unknown, so the check fails.
pub(crate) fn check(
    own: &Path,
    directory: &Path,
    authority: &Authority,
) -> Result<PathBuf, LabError> {
    let client = program::MARIADB.find()?;
    let account = own.join("monitor.cnf");
    write_private(
        &account,
        &format!(
            "[client]\nuser={MONITOR}\npassword={}\nssl-ca={}\nssl-verify-server-cert\nconnect-timeout=1\n",
            secret(directory, "sql-monitor")?,
            authority.certificate().display()
        ),
    )?;
    let script = own.join("replica-lag.sh");
    write_private(
        &script,
        &format!(
            "#!/bin/sh\n\
             status=$({client} --defaults-file={account} --host=\"$HAPROXY_SERVER_ADDR\" --port=\"$HAPROXY_SERVER_PORT\" \
             --execute='SHOW SLAVE STATUS\\G') || exit 1\n\
             lag=$(printf '%s\\n' \"$status\" | sed -n 's/^ *Seconds_Behind_Master: //p')\n\
             case $lag in '' | *[!0-9]*) exit 1 ;; esac\n\
             [ \"$lag\" -le {LAG_MAX_S} ]\n",
            client = client.display(),
            account = account.display(),
        ),
    )?;
    fs::set_permissions(&script, Permissions::from_mode(0o700)).map_err(|source| {
        LabError::Directory {
            path: script.clone(),
            source,
        }
    })?;
    Ok(script)
}
