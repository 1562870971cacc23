//! Replicas of the SQL database: read-only, they follow the current primary.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::mariadb::{Files, MariaDb, init_file};
use crate::LabError;
use crate::boxes::box_plan::BoxPlan;
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
}

impl Replica<'_> {
    /// Plans the box. It starts empty and replicates from the first statement.
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
        let mut plan = self.own.alone(&files, init_file(&follow))?;
        plan.zone = Some(self.zone);
        if let Renewal::Database(session) = &mut plan.renewal {
            session.is_primary = false;
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
