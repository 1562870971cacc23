//! MariaDB boxes: each with its own port, socket and data, TLS for all clients, and encrypted tables.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::LabError;
use crate::boxes::box_plan::BoxPlan;
use crate::boxes::readiness::Listening;
use crate::boxes::renewal::{Renewal, Session};
use crate::directory::plain_path;
use crate::directory::{private_directory, write_private};
use crate::identity::secret;
use crate::identity::{Authority, Identity};
use crate::program;
use crate::starting::progress::StartProgress;
use crate::starting::progress_source::ProgressSource;

/// Database of the service.
const DATABASE: &str = "tenfold";

/// Account of the service, limited to its database.
pub(crate) const ACCOUNT: &str = "tenfold";

/// Account that reads counters and the texts of statements, without their values.
pub(crate) const MONITOR: &str = "tenfold-monitor";

/// Privileges that the service needs, including changes of its schema.
const PRIVILEGES: &str = "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, REFERENCES";

/// Default size of InnoDB's buffer pool, the same as MariaDB's own.
const BUFFER_POOL: &str = "128M";

/// Text that the greeting of every MariaDB server contains.
pub(crate) const GREETING: &str = "MariaDB";

/// Settings that time statements, and nothing else: 18 MB of memory ([ADR 50](../docs/adr/0050-watch-databases-by-their-own-counters.md)).
const STATEMENTS: &str = "performance-schema=ON\n\
    performance-schema-instrument='%=OFF'\n\
    performance-schema-instrument='statement/%=ON'\n\
    performance-schema-instrument='wait/io/file/sql/binlog=ON'\n\
    performance-schema-consumer-events-statements-history=OFF\n\
    performance-schema-digests-size=500\n\
    performance-schema-max-mutex-instances=0\n\
    performance-schema-max-rwlock-instances=0\n\
    performance-schema-max-cond-instances=0\n\
    performance-schema-max-table-instances=0\n\
    performance-schema-max-table-handles=0\n\
    performance-schema-max-socket-instances=0\n\
    performance-schema-max-metadata-locks=0\n\
    performance-schema-max-memory-classes=0\n\
    performance-schema-max-statement-stack=1\n\
    performance-schema-max-stage-classes=0\n\
    performance-schema-events-statements-history-size=0\n\
    performance-schema-events-statements-history-long-size=0\n\
    performance-schema-events-waits-history-size=0\n\
    performance-schema-events-waits-history-long-size=0\n\
    performance-schema-events-stages-history-size=0\n\
    performance-schema-events-stages-history-long-size=0\n\
    performance-schema-events-transactions-history-size=0\n\
    performance-schema-events-transactions-history-long-size=0\n\
    performance-schema-accounts-size=0\n\
    performance-schema-users-size=0\n\
    performance-schema-hosts-size=0\n\
    performance-schema-max-program-instances=0\n\
    performance-schema-session-connect-attrs-size=0\n\
    performance-schema-setup-actors-size=1\n";

/// Statement that has a server read its certificate and key again. Not replicated.
pub(super) const RELOAD: &str = "FLUSH LOCAL SSL;\n";

/// Creates the data if there is none, then becomes the server. An interrupted creation starts over.
const START: &str = r#"
set -e
install=$1 server=$2 settings=$3 data=$4
shift 4
if [ ! -d "$data" ]; then
    rm -rf "$data.partial"
    "$install" --defaults-file="$settings" --datadir="$data.partial" --skip-test-db \
        --auth-root-authentication-method=socket
    mv "$data.partial" "$data"
fi
exec "$server" --defaults-file="$settings" "$@"
"#;

/// A database on a box of its own.
#[derive(Debug)]
pub(crate) struct MariaDb<'a> {
    /// Name of the box.
    pub(crate) name: &'a str,
    /// Role of the box.
    pub(crate) role: &'static str,
    /// Address of its service.
    pub(crate) listen: SocketAddr,
    /// Further address for its certificate, such as that of a balancer in front of it.
    pub(crate) known_as: Option<IpAddr>,
    /// Directory of the lab.
    pub(crate) directory: &'a Path,
    /// Tuning for the size of the box. `None` for MariaDB's defaults.
    pub(crate) tuning: Option<Tuning>,
}

/// Settings that make use of the whole box.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tuning {
    /// Memory of the box, in bytes. `None` if unlimited.
    pub(crate) memory_bytes: Option<u64>,
}

impl Tuning {
    /// Returns lines of the configuration. They leave durability unchanged.
    fn settings(self) -> String {
        // Half of the box: connections, dictionaries and the log buffer need the rest.
        let pool = self.memory_bytes.map_or(1 << 30, |bytes| bytes / 2);
        format!(
            "innodb-buffer-pool-size={pool}\n\
             innodb-log-file-size=256M\n\
             innodb-flush-method=O_DIRECT\n\
             innodb-flush-neighbors=0\n\
             innodb-io-capacity=2000\n\
             innodb-adaptive-hash-index=ON\n\
             thread-handling=pool-of-threads\n\
             table-open-cache=2000\n\
             table-open-cache-instances=2\n\
             query-cache-type=OFF\n"
        )
    }
}

/// Paths of the files written for a database.
#[derive(Debug)]
pub(crate) struct Files {
    /// Directory of the box.
    pub(crate) own: PathBuf,
    /// Configuration file.
    pub(crate) settings: PathBuf,
    /// SQL that creates the service's database and account.
    pub(crate) accounts: PathBuf,
    /// Its certificate.
    pub(crate) identity: Identity,
}

impl MariaDb<'_> {
    /// Plans a standalone database.
    pub(crate) fn plan(&self, authority: &Authority) -> Result<BoxPlan, LabError> {
        let files = self.write(authority, "")?;
        self.alone(&files, init_file(&files.accounts))
    }

    /// Plans a server with its own data, and one more argument.
    pub(super) fn alone(&self, files: &Files, argument: OsString) -> Result<BoxPlan, LabError> {
        let first = [
            program::MARIADB_INSTALL_DB.find()?,
            program::MARIADBD.find()?,
            files.settings.clone(),
            files.own.join("data"),
        ];
        let first = first.map(PathBuf::into_os_string);
        self.started_by(START, first.into_iter().chain([argument]), files)
    }

    /// Plans a server that a script becomes.
    pub(super) fn started_by(
        &self,
        script: &str,
        arguments: impl Iterator<Item = OsString>,
        files: &Files,
    ) -> Result<BoxPlan, LabError> {
        let mut listening = Listening::at(self.listen);
        listening.greeting = Some(GREETING);
        let mut plan = BoxPlan::program(self.name, self.role, "sh".into(), listening)
            .with(["-c", script, "sh"])
            .with(arguments);
        plan.progress = progress_source(&files.own);
        plan.monitor = Some(self.monitor(files)?);
        plan.renewal = Renewal::Database(session(&files.own, RELOAD));
        Ok(plan)
    }

    /// Writes the configuration, with `more` lines appended, and the files it refers to.
    pub(super) fn write(&self, authority: &Authority, more: &str) -> Result<Files, LabError> {
        let own = plain_path(self.directory)?.join(self.name);
        for path in [&own, &own.join("tmp")] {
            private_directory(path).map_err(|source| LabError::Directory {
                path: path.clone(),
                source,
            })?;
        }
        let reached_at: Vec<_> = [self.listen.ip()]
            .into_iter()
            .chain(self.known_as)
            .collect();
        let identity = authority.issue(self.name, &reached_at)?;
        let accounts = own.join("accounts.sql");
        let directory = self.directory;
        let sql = accounts_sql(&password(directory)?, &monitor_password(directory)?);
        write_private(&accounts, &sql)?;
        let settings = own.join("my.cnf");
        let keys = self.keys()?;
        let text = settings_of(&own, self.listen, &keys, &identity);
        // The last of several lines for the same setting wins.
        let tuning = self.tuning.map(Tuning::settings).unwrap_or_default();
        write_private(&settings, &format!("{text}{tuning}{more}"))?;
        Ok(Files {
            own,
            settings,
            accounts,
            identity,
        })
    }

    /// Returns the URL at which its counters can be read.
    pub(super) fn monitor(&self, files: &Files) -> Result<String, LabError> {
        let (address, ca) = (self.listen, files.identity.ca.display());
        let password = monitor_password(self.directory)?;
        Ok(format!(
            "mysql://{MONITOR}:{password}@{address}?ssl_ca={ca}"
        ))
    }

    /// Writes the key that encrypts the tables. Without it they can't be read.
    fn keys(&self) -> Result<PathBuf, LabError> {
        let key = secret(self.directory, "sql-encryption")?;
        let keys = plain_path(self.directory)?.join("secrets/sql-encryption.keys");
        write_private(&keys, &format!("1;{key}\n"))?;
        Ok(keys)
    }
}

/// Returns an administrator's session with a database, through its socket. `reload` has it read its certificate again.
pub(super) fn session(own: &Path, reload: &str) -> Session {
    Session {
        // It comes with the server.
        client: program::MARIADB
            .path()
            .unwrap_or_else(|| program::MARIADB.name.into()),
        arguments: [
            "--no-defaults",
            "--batch",
            "--skip-column-names",
            &format!("--socket={}", own.join("sql.sock").display()),
        ]
        .map(str::to_owned)
        .into(),
        password: None,
        reload: reload.to_owned(),
        is_primary: true,
    }
}

/// Returns the statement after which an account has these passwords and no other. Replicated.
pub(crate) fn passwords_sql(account: &str, passwords: &[&str]) -> String {
    let methods = passwords
        .iter()
        .map(|password| format!("mysql_native_password USING PASSWORD('{password}')"));
    let methods = methods.collect::<Vec<_>>().join(" OR ");
    format!("ALTER USER `{account}`@'%' IDENTIFIED VIA {methods} REQUIRE SSL;\n")
}

/// Returns the sources of a database's progress: the size of its data, and the pages that it recovers after a crash.
pub(super) fn progress_source(own: &Path) -> ProgressSource {
    ProgressSource {
        file: None,
        data: Some(own.to_owned()),
        growing: "writing data,",
        of_line: Some(recovery),
    }
}

/// Reads the progress of a crash recovery: `InnoDB: To recover: LSN 47/99; 1234 pages`.
pub(super) fn recovery(line: &str) -> Option<StartProgress> {
    let (_, rest) = line.split_once("InnoDB: ")?;
    let (before, _) = rest.split_once(" pages")?;
    if !before.contains("recover") {
        return None;
    }
    let pages = before.rsplit(' ').next()?.parse().ok()?;
    Some(StartProgress::of("recovering,").with(pages, None, "pages left"))
}

/// Returns the argument that runs SQL, one statement a line, at start-up.
pub(crate) fn init_file(path: &Path) -> OsString {
    let mut argument = OsString::from("--init-file=");
    argument.push(path);
    argument
}

/// Returns the service's database URL, for the address of a database or of a balancer in front of it.
pub(crate) fn url(
    address: SocketAddr,
    directory: &Path,
    authority: &Authority,
) -> Result<String, LabError> {
    let ca = authority.certificate();
    Ok(format!(
        "mysql://{ACCOUNT}:{}@{address}/{DATABASE}?ssl_ca={}",
        password(directory)?,
        ca.display()
    ))
}

/// Returns the password of the service's account.
fn password(directory: &Path) -> Result<String, LabError> {
    secret(directory, "sql-password")
}

/// Returns the password of the account that reads counters.
fn monitor_password(directory: &Path) -> Result<String, LabError> {
    secret(directory, "sql-counters")
}

/// Returns the SQL that runs at start-up, one statement a line. It leaves existing objects alone.
fn accounts_sql(password: &str, monitor_password: &str) -> String {
    format!(
        "CREATE DATABASE IF NOT EXISTS {DATABASE};\n\
         CREATE USER IF NOT EXISTS {ACCOUNT}@'%' IDENTIFIED BY '{password}' REQUIRE SSL;\n\
         GRANT {PRIVILEGES} ON {DATABASE}.* TO {ACCOUNT}@'%';\n\
         CREATE USER IF NOT EXISTS `{MONITOR}`@'%' IDENTIFIED BY '{monitor_password}' REQUIRE SSL;\n\
         GRANT PROCESS, REPLICA MONITOR ON *.* TO `{MONITOR}`@'%';\n\
         GRANT SELECT ON performance_schema.* TO `{MONITOR}`@'%';\n"
    )
}

fn settings_of(own: &Path, listen: SocketAddr, keys: &Path, identity: &Identity) -> String {
    let mut text = String::from("[mysqld]\n");
    // MariaDB refuses to run as root without this setting.
    if rustix::process::geteuid().is_root() {
        text.push_str("user=root\n");
    }
    let _ = write!(
        text,
        "datadir={own}/data\n\
         socket={own}/sql.sock\n\
         pid-file={own}/sql.pid\n\
         tmpdir={own}/tmp\n\
         bind-address={}\n\
         port={}\n\
         skip-name-resolve\n\
         max-connections=400\n\
         {STATEMENTS}\
         innodb-buffer-pool-size={BUFFER_POOL}\n\
         innodb-flush-log-at-trx-commit=1\n\
         plugin-load-add=file_key_management\n\
         file-key-management-filename={}\n\
         innodb-encrypt-tables=FORCE\n\
         innodb-encrypt-log=ON\n\
         innodb-encryption-threads=1\n\
         aria-encrypt-tables=ON\n\
         encrypt-tmp-disk-tables=ON\n\
         encrypt-tmp-files=ON\n\
         encrypt-binlog=ON\n\
         ssl-ca={}\n\
         ssl-cert={}\n\
         ssl-key={}\n",
        listen.ip(),
        listen.port(),
        keys.display(),
        identity.ca.display(),
        identity.certificate.display(),
        identity.key.display(),
        own = own.display(),
    );
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_progress_of_recovery() {
        let shown = |line: &str| recovery(line).map(|own| own.to_string());
        for line in [
            "2026-11-28 12:00:00 0 [Note] InnoDB: To recover: LSN 4711/9999; 1234 pages",
            "2026-11-28 12:00:00 0 [Note] InnoDB: Parsed redo log up to LSN=47; to recover: 1234 pages",
            "2026-11-28 12:00:00 0 [Note] InnoDB: Starting final batch to recover 1234 pages from redo log.",
        ] {
            let expected = Some("recovering, 1,234 pages left");
            assert_eq!(shown(line).as_deref(), expected, "{line}");
        }
        for line in [
            "InnoDB: Buffer pool has 8192 pages",
            "InnoDB: To recover: pages",
            "1234 pages",
            "",
        ] {
            assert_eq!(shown(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_harmless(line in ".*", pages in any::<u64>()) {
            let _ = recovery(&line);
            let _ = recovery(&format!("InnoDB: {line} recover {pages} pages"));
        }
    }
}
