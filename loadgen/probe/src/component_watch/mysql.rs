//! MariaDB and MySQL: `SHOW GLOBAL STATUS`, and the statements of `performance_schema`.

mod replication;
mod running;
mod statement_text;
mod statements;

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use mysql_async::prelude::{FromRow, Queryable};
use mysql_async::{Conn, Opts, OptsBuilder, SslOpts};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tenfold_run_dir::component_use::{ComponentFigures, DatabaseUse, LockWaiter, Replication};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use self::replication::seen;
use self::running::Running;
use self::statement_text::statement_text;
use self::statements::{Statements, longest};
use super::component_url::ComponentUrl;
use super::counters::{Between, Counters, check_uptime};
use super::source::Source;
use super::trusted;

/// Time limit of a reading.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Time limit of a query of a look, so that the next one is not late.
const LOOK_TIMEOUT: Duration = Duration::from_millis(500);

/// Looks at running statements for each look at what costs the server more.
const LOOKS_FOR_ONE: u32 = 5;

/// Statements of transactions that wait for a row lock, values included.
const LOCK_WAITERS: &str = "\
    SELECT LEFT(trx_query, 1000) FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT' LIMIT 200";

/// Time of syncs. Which of these files a server times depends on its settings and version.
const SYNC_TIME: &str = "\
    SELECT SUM(SUM_TIMER_MISC) / 1e12 FROM performance_schema.file_summary_by_event_name \
    WHERE EVENT_NAME IN ('wait/io/file/innodb/innodb_log_file', 'wait/io/file/sql/binlog') AND COUNT_MISC > 0";

/// Counters of syncs of the transaction log; without them, those of all files of InnoDB.
const SYNCS: [&str; 2] = ["innodb_os_log_fsyncs", "innodb_data_fsyncs"];

pub(super) struct Mysql {
    runtime: Runtime,
    connection: Option<Conn>,
    opts: Opts,
    before: Option<(Instant, Reading)>,
    running: Running,
    looks: u32,
    connections_max: u64,
    lock_waiters: BTreeMap<String, u64>,
    replication: Option<Replication>,
    gaps: Vec<String>,
}

/// Counters at one moment.
struct Reading {
    status: Counters,
    /// `None` if the server does not report them.
    statements: Option<Statements>,
    sync_s: Option<f64>,
}

impl Mysql {
    pub(super) fn open(url: &ComponentUrl) -> Result<Self, String> {
        let runtime = Builder::new_current_thread().enable_all().build();
        Ok(Self {
            runtime: runtime.map_err(|error| error.to_string())?,
            connection: None,
            opts: opts(url.secret())?,
            before: None,
            running: Running::default(),
            looks: 0,
            connections_max: 0,
            lock_waiters: BTreeMap::new(),
            replication: None,
            gaps: Vec::new(),
        })
    }

    /// Runs a query. Drops a connection that failed.
    fn query<T: FromRow + Send + 'static>(
        &mut self,
        query: &str,
        limit: Duration,
    ) -> Result<Vec<T>, String> {
        let (opts, known) = (self.opts.clone(), self.connection.take());
        let asked = async {
            let mut connection = match known {
                Some(connection) => connection,
                None => Conn::new(opts).await?,
            };
            let rows = connection.query::<T, _>(query).await;
            Ok::<_, mysql_async::Error>((connection, rows))
        };
        // The clock of a timeout is that of the runtime.
        let answer = self.runtime.block_on(async { timeout(limit, asked).await });
        match answer {
            Ok(Ok((connection, rows))) => {
                let is_broken = matches!(
                    rows,
                    Err(mysql_async::Error::Io(_) | mysql_async::Error::Driver(_))
                );
                self.connection = Some(connection).filter(|_| !is_broken);
                rows.map_err(reason)
            }
            Ok(Err(error)) => Err(reason(error)),
            Err(_) => Err(format!("no answer within {} ms", limit.as_millis())),
        }
    }

    fn status(&mut self, limit: Duration) -> Result<Counters, String> {
        let rows: Vec<(String, String)> = self.query("SHOW GLOBAL STATUS", limit)?;
        Ok(rows.into_iter().collect())
    }

    fn read(&mut self) -> Result<Reading, String> {
        Ok(Reading {
            status: self.status(TIMEOUT)?,
            statements: self.statements()?,
            sync_s: self
                .query::<Option<f64>>(SYNC_TIME, TIMEOUT)
                .ok()
                .and_then(|rows| rows.into_iter().next().flatten()),
        })
    }

    /// Reads the statements. `None` if the server does not report them, with a gap.
    fn statements(&mut self) -> Result<Option<Statements>, String> {
        let is_on: Vec<bool> = self.query("SELECT @@performance_schema", TIMEOUT)?;
        if is_on != [true] {
            self.gap(
                "its statements were sampled, not counted: set performance_schema=ON in its configuration for counts",
            );
            return Ok(None);
        }
        let read = |own: &mut Self| {
            let sent = own.query(statements::SENT, TIMEOUT)?;
            let time: Vec<Option<f64>> = own.query(statements::TIME, TIMEOUT)?;
            let time_s = time.into_iter().flatten().next().unwrap_or(0.0);
            Ok::<_, String>(Statements::of(sent, time_s))
        };
        match read(self) {
            Ok(statements) => Ok(Some(statements)),
            Err(reason) => {
                self.gap(&format!(
                    "its statements were sampled, not counted ({reason}): grant SELECT on performance_schema.* to the account"
                ));
                Ok(None)
            }
        }
    }

    fn gap(&mut self, text: &str) {
        if !self.gaps.iter().any(|known| known == text) {
            self.gaps.push(text.to_owned());
        }
    }
}

impl Source for Mysql {
    fn begin(&mut self) -> Result<(), String> {
        let reading = self.read()?;
        if let Err(reason) = self.query::<Option<String>>(LOCK_WAITERS, TIMEOUT) {
            self.gap(&format!(
                "statements of other accounts, and those that wait for locks, are not known ({reason}): grant PROCESS to \
                 the account"
            ));
        }
        self.before = Some((Instant::now(), reading));
        Ok(())
    }

    fn look(&mut self) {
        if let Ok(rows) = self.query(running::QUERY, LOOK_TIMEOUT) {
            self.running.add(rows);
        }
        self.looks += 1;
        if !self.looks.is_multiple_of(LOOKS_FOR_ONE) {
            return;
        }
        if let Ok(status) = self.status(LOOK_TIMEOUT) {
            let others = status.count("threads_connected").unwrap_or(0);
            self.connections_max = self.connections_max.max(others.saturating_sub(1));
        }
        if let Ok(rows) = self.query(replication::QUERY, LOOK_TIMEOUT) {
            self.replication = seen(self.replication, &rows);
        }
        let waiting = self.query::<Option<String>>(LOCK_WAITERS, LOOK_TIMEOUT);
        for text in waiting.unwrap_or_default().into_iter().flatten() {
            *self.lock_waiters.entry(statement_text(&text)).or_default() += 1;
        }
    }

    fn end(&mut self) -> Result<ComponentFigures, String> {
        let after = self.read()?;
        let before = self.before.take();
        let (begun, before) = before.ok_or("it was not read before the run")?;
        let over_s = begun.elapsed().as_secs_f64();
        let allowed: Option<u64> = self
            .query("SELECT @@max_connections", TIMEOUT)
            .ok()
            .and_then(|rows| rows.first().copied());
        let between = Between {
            from: &before.status,
            to: &after.status,
        };
        check_uptime(&between, "uptime")?;
        let (statements, statements_s) = match (&before.statements, &after.statements) {
            (Some(before), Some(after)) => {
                let prepared = self.running.statements(over_s, true);
                let all = longest(after.since(before), prepared);
                (all, Some(after.time_since(before)))
            }
            _ => {
                let seen = self.running.statements(over_s, false);
                let all_s = seen.values().map(|own| own.time_s).sum();
                (longest(HashMap::new(), seen), Some(all_s))
            }
        };
        let mut lock_waiters: Vec<LockWaiter> = std::mem::take(&mut self.lock_waiters)
            .into_iter()
            .map(|(text, seen)| LockWaiter { text, seen })
            .collect();
        lock_waiters.sort_by_key(|own| std::cmp::Reverse(own.seen));
        lock_waiters.truncate(tenfold_run_dir::component_use::STATEMENTS_MAX);
        let syncs = SYNCS.iter().find_map(|name| between.grown(name));
        Ok(ComponentFigures::Database(DatabaseUse {
            statements_s,
            statements,
            questions: between.more("questions"),
            rows_read: between.grown("rows_read").map(|rows| rows as u64),
            rows_sent: between.grown("rows_sent").map(|rows| rows as u64),
            row_lock_waits: between.more("innodb_row_lock_waits"),
            row_lock_s: between.grown("innodb_row_lock_time").unwrap_or(0.0) / 1e3,
            lock_waiters,
            log_syncs: syncs.unwrap_or(0.0) as u64,
            log_sync_s: after
                .sync_s
                .map(|after| (after - before.sync_s.unwrap_or(0.0)).max(0.0)),
            page_requests: between.more("innodb_buffer_pool_read_requests"),
            page_reads: between.more("innodb_buffer_pool_reads"),
            connections_allowed: allowed,
            connections_max: self.connections_max,
            running_max: self.running.at_once_max,
            connections_refused: between.more("connection_errors_max_connections"),
            replication: self.replication,
        }))
    }

    fn gaps(&self) -> Vec<String> {
        self.gaps.clone()
    }
}

/// Returns the options of the driver. With `ssl_ca=FILE`, the server must present a certificate of that file for its host.
fn opts(url: &str) -> Result<Opts, String> {
    let (url, authority) = trusted::split_authority(url, "ssl_ca")?;
    // The driver's own message could contain the password.
    let opts = Opts::from_url(&url).map_err(|_| {
        "its URL is invalid: use mysql://user:password@host:port, and percent-encode all characters of the password \
         except letters and digits"
            .to_owned()
    })?;
    let ssl = match authority {
        Some(file) => {
            let pem = trusted::read(&file)?;
            let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
            if !certificates.is_ok_and(|own| !own.is_empty()) {
                return Err(format!("{file} has no certificate in PEM"));
            }
            trusted::use_ring();
            let mut ssl = SslOpts::default()
                .with_root_certs(vec![pem.into()])
                .with_disable_built_in_roots(true);
            // The driver would compare the certificate with the bracketed form of an IPv6 address.
            let host = opts.ip_or_hostname();
            if let Some(bare) = host
                .strip_prefix('[')
                .and_then(|host| host.strip_suffix(']'))
            {
                ssl = ssl.with_danger_tls_hostname_override(Some(bare.to_owned()));
            }
            Some(ssl)
        }
        None => opts.ssl_opts().cloned(),
    };
    if ssl.is_some() {
        trusted::use_ring();
    }
    let mut builder = OptsBuilder::from_opts(opts).prefer_socket(false);
    if ssl.is_some() {
        builder = builder.ssl_opts(ssl);
    }
    Ok(builder.into())
}

/// Returns the reason of an error in one line.
fn reason(error: mysql_async::Error) -> String {
    let text = match error {
        mysql_async::Error::Server(error) => error.message,
        error => error.to_string(),
    };
    let line = text.lines().next().unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_no_password() {
        for url in [
            "mysql://u:s3cret?x@h",
            "mysql://u:s3cret@h?ssl_ca=/nowhere/ca.pem",
            "mysql://u:s3cret@h?ssl_ca=",
        ] {
            let error = opts(url).unwrap_err();
            assert!(!error.contains("s3cret"), "{url}: {error}");
        }
    }
}
