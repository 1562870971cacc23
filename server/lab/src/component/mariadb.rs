//! A box that runs MariaDB: its own port, socket and data, TLS for all who come, tables encrypted where they lie.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::LabError;
use crate::boxes::box_plan::BoxPlan;
use crate::boxes::readiness::Listening;
use crate::component::galera::Member;
use crate::directory::plain_path;
use crate::directory::{private_directory, write_private};
use crate::identity::secret;
use crate::identity::{Authority, Identity};
use crate::program;

/// The database of the service.
const DATABASE: &str = "tenfold";

/// The account of the service, which has that database and no other.
const ACCOUNT: &str = "tenfold";

/// What the service does with its database, its own changes of the schema included.
const PRIVILEGES: &str = "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, REFERENCES";

/// The size of InnoDB's cache of pages, where nobody says otherwise: MariaDB's own default.
const BUFFER_POOL: &str = "128M";

/// What MariaDB's servers say first, somewhere in their greeting.
pub(crate) const GREETING: &str = "MariaDB";

/// Makes the data where there is none, then becomes the server. What was cut short is begun again.
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
    /// The name of the box.
    pub(crate) name: &'a str,
    /// What it is for.
    pub(crate) role: &'static str,
    /// Where it serves.
    pub(crate) listen: SocketAddr,
    /// Where it is reached beside that, as by way of a balancer: its certificate says so.
    pub(crate) known_as: Option<IpAddr>,
    /// The lab's directory.
    pub(crate) directory: &'a Path,
    /// How it uses its box; none for MariaDB's own defaults.
    pub(crate) tuning: Option<Tuning>,
}

/// What is set where somebody asks for a database that makes use of its box.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tuning {
    /// The memory of the box, in bytes; none where that is not bounded.
    pub(crate) memory_bytes: Option<u64>,
}

impl Tuning {
    /// The lines of its settings. None of them makes a write less durable.
    fn settings(self) -> String {
        // Half of the box: connections, dictionaries and the log's buffer take from the rest.
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

/// What its files are, once written.
#[derive(Debug)]
pub(crate) struct Files {
    /// The box's own directory.
    pub(crate) own: PathBuf,
    /// Its settings.
    pub(crate) settings: PathBuf,
    /// The statements that make what the service needs.
    pub(crate) accounts: PathBuf,
    /// Who it is.
    pub(crate) identity: Identity,
}

impl MariaDb<'_> {
    /// Plans a database that stands alone.
    pub(crate) fn plan(&self, authority: &Authority) -> Result<BoxPlan, LabError> {
        let files = self.write(authority, "")?;
        self.alone(&files, init_file(&files.accounts))
    }

    /// Plans a server of its own data, with a further argument.
    pub(super) fn alone(&self, files: &Files, argument: OsString) -> Result<BoxPlan, LabError> {
        let (install, server) = (
            program::MARIADB_INSTALL_DB.find()?,
            program::MARIADBD.find()?,
        );
        let mut listening = Listening::at(self.listen);
        listening.greeting = Some(GREETING);
        let plan = BoxPlan::program(self.name, self.role, "sh".into(), listening)
            .with(["-c", START, "sh"])
            .with([
                install,
                server,
                files.settings.clone(),
                files.own.join("data"),
            ])
            .with([argument]);
        Ok(plan)
    }

    /// Plans a member of a cluster.
    pub(crate) fn plan_member(
        &self,
        authority: &Authority,
        member: &Member<'_>,
    ) -> Result<BoxPlan, LabError> {
        let files = self.write(authority, "")?;
        let (start, marker) = member.start(self, &files)?;
        let mut listening = Listening::at(self.listen);
        listening.greeting = Some(GREETING);
        listening.marker = Some(marker);
        let mut plan = BoxPlan::program(self.name, self.role, "sh".into(), listening).with(start);
        plan.zone = Some(member.zone);
        Ok(plan)
    }

    /// Writes its settings, with these lines beside the usual, and what they speak of.
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
        write_private(&accounts, &accounts_sql(&password(self.directory)?))?;
        let settings = own.join("my.cnf");
        let keys = self.keys()?;
        let text = settings_of(&own, self.listen, &keys, &identity);
        // The last of two lines that say different things is what holds.
        let tuning = self.tuning.map(Tuning::settings).unwrap_or_default();
        write_private(&settings, &format!("{text}{tuning}{more}"))?;
        Ok(Files {
            own,
            settings,
            accounts,
            identity,
        })
    }

    /// The file of the key that tables are encrypted with: lost, so are they.
    fn keys(&self) -> Result<PathBuf, LabError> {
        let key = secret(self.directory, "sql-encryption")?;
        let keys = plain_path(self.directory)?.join("secrets/sql-encryption.keys");
        write_private(&keys, &format!("1;{key}\n"))?;
        Ok(keys)
    }
}

/// The argument that has a server run statements, one a line, when it starts.
pub(crate) fn init_file(path: &Path) -> OsString {
    let mut argument = OsString::from("--init-file=");
    argument.push(path);
    argument
}

/// The URL by which the service has its database, at an address that answers as the database does.
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

/// The password of the service's account.
fn password(directory: &Path) -> Result<String, LabError> {
    secret(directory, "sql-password")
}

/// The statements, one a line, that are run when it starts: what is there already stays.
fn accounts_sql(password: &str) -> String {
    format!(
        "CREATE DATABASE IF NOT EXISTS {DATABASE};\n\
         CREATE USER IF NOT EXISTS {ACCOUNT}@'%' IDENTIFIED BY '{password}' REQUIRE SSL;\n\
         GRANT {PRIVILEGES} ON {DATABASE}.* TO {ACCOUNT}@'%';\n"
    )
}

fn settings_of(own: &Path, listen: SocketAddr, keys: &Path, identity: &Identity) -> String {
    let mut text = String::from("[mysqld]\n");
    // As root it runs only where it is told to.
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
         performance-schema=OFF\n\
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
