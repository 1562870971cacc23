//! Rotation of certificates and passwords while the stage serves.
//!
//! A password is rotated in three steps, so that no request fails: the databases accept the new one beside the earlier one; each box
//! of the service is replaced, and uses the new one; the databases accept the new one alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Lab, Watch, inner, lock};
use crate::LabError;
use crate::boxes::lab_box::LabBox;
use crate::boxes::renewal::{Renewal, Session};
use crate::component::{mariadb, redis, replica};
use crate::directory::write_private;
use crate::identity::{new_secret, secret, store_secret};

/// Something that is rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rotation {
    /// Certificates and keys of all boxes, by the same authority.
    Certificates {
        /// Time for which the new ones are valid. At most ten years.
        valid_for: Duration,
    },
    /// Passwords: the new ones are accepted beside the earlier ones.
    Passwords,
    /// Passwords: the earlier ones are not accepted any more.
    EarlierPasswords,
}

/// Longest validity of a certificate.
const VALID_MAX: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Secret of the cache's password.
const CACHE: &str = "cache-password";

/// Secret of the replication's password.
const REPLICA: &str = "sql-replica";

/// Passwords of the databases that are rotated: secret and account.
const ACCOUNTS: [(&str, &str); 4] = [
    ("sql-password", mariadb::ACCOUNT),
    ("sql-counters", mariadb::MONITOR),
    (REPLICA, replica::ACCOUNT),
    ("sql-monitor", replica::MONITOR),
];

/// Endings of files in a box's directory that may contain a password.
const FILES: [&str; 3] = ["cnf", "conf", "sql"];

impl Lab {
    /// Rotates certificates or passwords. Returns the names of the boxes that took the new ones.
    ///
    /// # Errors
    /// Returns an error if the stage has none, or a box does not take them. A rotation that failed can be repeated.
    pub(super) fn rotate(
        &mut self,
        rotation: Rotation,
        watch: &mut Watch<'_>,
    ) -> Result<Vec<String>, LabError> {
        match rotation {
            Rotation::Certificates { valid_for } => self.rotate_certificates(valid_for, watch),
            Rotation::Passwords => self.add_passwords(),
            Rotation::EarlierPasswords => self.remove_earlier_passwords(),
        }
    }

    fn rotate_certificates(
        &mut self,
        valid_for: Duration,
        watch: &mut Watch<'_>,
    ) -> Result<Vec<String>, LabError> {
        let Some(authority) = &self.authority else {
            return Err(LabError::Refused(format!(
                "stage {} has no certificates",
                self.stage.name
            )));
        };
        if let Some(own) = self
            .boxes
            .iter()
            .find(|own| own.is_service() && own.has_certificate())
        {
            return Err(LabError::Refused(format!(
                "the certificate of {} is rotated by its restart alone, which fails requests: no balancer is in front of it",
                own.name()
            )));
        }
        authority.issue_again(valid_for.min(VALID_MAX))?;
        let mut renewed = Vec::new();
        for index in 0..self.boxes.len() {
            let Some(own) = self.boxes.get(index).filter(|own| own.is_up()) else {
                continue;
            };
            let name = own.name().to_owned();
            match own.plan().renewal.clone() {
                Renewal::Nothing => continue,
                Renewal::Balancer(file) => {
                    if let Some(api) = own.runtime_api() {
                        api.renew(&file)
                            .map_err(|error| super::refused_by(&name, &error.to_string()))?;
                    }
                }
                Renewal::Database(session) | Renewal::Cache(session) => {
                    own.run(&session, &session.reload)?;
                }
                Renewal::Signal(signal) => own.signal(signal),
                Renewal::Restart => self.restart(index, watch)?,
            }
            renewed.push(name);
        }
        renewed.extend(self.on_scaled_databases(None)?);
        Ok(renewed)
    }

    fn restart(&mut self, index: usize, watch: &mut Watch<'_>) -> Result<(), LabError> {
        let timeout = self.stop_timeout;
        let (boxes, mut premises) = self.parts();
        if let Some(own) = boxes.get_mut(index) {
            own.stop(timeout, premises.guard)?;
            own.restart(&mut premises)?;
        }
        self.await_ready(Some(index), watch)?;
        match self.boxes.get_mut(index) {
            Some(own) => own.hold(inner(&mut self.guard)),
            None => Ok(()),
        }
    }

    /// File that exists while earlier passwords are accepted.
    fn earlier_accepted(&self) -> PathBuf {
        self.directory.join("secrets/earlier-accepted")
    }

    /// Has databases and caches accept new passwords beside the present ones, and gives the new ones to everyone from its next start on.
    fn add_passwords(&mut self) -> Result<Vec<String>, LabError> {
        self.no_outdated_box()?;
        let directory = self.directory.clone();
        write_private(&self.earlier_accepted(), "")?;
        let mut changed = Vec::new();
        for (name, account) in self.sql_accounts() {
            let (earlier, password) = (secret(&directory, name)?, new_secret(&directory)?);
            let sql = mariadb::passwords_sql(account, &[&earlier, &password]);
            changed.extend(self.on_primaries(&sql)?);
            self.store_password(name, &earlier, &password)?;
            if name == REPLICA {
                changed.extend(self.on_replicas(&replica::password_sql(&password))?);
            }
        }
        if self.caches().next().is_some() {
            let (earlier, password) = (secret(&directory, CACHE)?, new_secret(&directory)?);
            changed.extend(self.on_caches(&redis::passwords_command(&[&earlier, &password]))?);
            self.store_password(CACHE, &earlier, &password)?;
        }
        changed.sort();
        changed.dedup();
        match changed.is_empty() {
            true => Err(LabError::Refused(format!(
                "stage {} has no passwords to rotate",
                self.stage.name
            ))),
            false => Ok(changed),
        }
    }

    fn remove_earlier_passwords(&mut self) -> Result<Vec<String>, LabError> {
        self.no_outdated_box()?;
        let directory = self.directory.clone();
        let mut changed = Vec::new();
        for (name, account) in self.sql_accounts() {
            let password = secret(&directory, name)?;
            changed.extend(self.on_primaries(&mariadb::passwords_sql(account, &[&password]))?);
        }
        if self.caches().next().is_some() {
            let password = secret(&directory, CACHE)?;
            changed.extend(self.on_caches(&redis::passwords_command(&[&password]))?);
        }
        let _ = fs::remove_file(self.earlier_accepted());
        changed.sort();
        changed.dedup();
        Ok(changed)
    }

    /// Returns an error if a box uses earlier passwords.
    fn no_outdated_box(&self) -> Result<(), LabError> {
        let outdated = self.builds().into_iter().find(|own| own.is_outdated);
        match outdated {
            None => Ok(()),
            Some(own) => Err(LabError::Refused(format!(
                "{} still uses the earlier passwords; replace it first with `tenfold lab replace {}`",
                own.name, own.name
            ))),
        }
    }

    /// Accounts of the stage's databases.
    fn sql_accounts(&self) -> Vec<(&'static str, &'static str)> {
        let has = |is_primary: bool| {
            let mut boxes = self.boxes.iter();
            boxes.any(|own| matches!(&own.plan().renewal, Renewal::Database(session) if session.is_primary == is_primary))
        };
        let (has_databases, has_replicas) = (has(true), has(false));
        let accounts = ACCOUNTS.iter().enumerate();
        accounts
            // The last two are for replicas.
            .filter(|(index, _)| has_databases && (*index < 2 || has_replicas))
            .map(|(_, account)| *account)
            .collect()
    }

    fn databases(&self, is_primary: bool) -> impl Iterator<Item = (&LabBox, &Session)> {
        self.boxes
            .iter()
            .filter_map(move |own| match &own.plan().renewal {
                Renewal::Database(session) if session.is_primary == is_primary => {
                    Some((own, session))
                }
                _ => None,
            })
    }

    fn caches(&self) -> impl Iterator<Item = (&LabBox, &Session)> {
        self.boxes
            .iter()
            .filter_map(|own| match &own.plan().renewal {
                Renewal::Cache(session) => Some((own, session)),
                _ => None,
            })
    }

    fn on_primaries(&self, sql: &str) -> Result<Vec<String>, LabError> {
        run_on(self.databases(true), sql)
    }

    fn on_replicas(&self, sql: &str) -> Result<Vec<String>, LabError> {
        let mut changed = run_on(self.databases(false), sql)?;
        changed.extend(self.on_scaled_databases(Some(sql))?);
        Ok(changed)
    }

    /// Runs SQL, or what has them read their certificates again, on the databases that come and go and are there. One that starts later
    /// reads its settings anew.
    fn on_scaled_databases(&self, sql: Option<&str>) -> Result<Vec<String>, LabError> {
        self.with_scaler(|scaler, _, _| {
            let ready = scaler
                .boxes()
                .filter(|own| own.is_up() && !own.is_starting());
            let databases = ready.filter_map(|own| match &own.plan().renewal {
                Renewal::Database(session) => Some((own, session)),
                _ => None,
            });
            let mut names = Vec::new();
            for (own, session) in databases {
                if let Err(error) = own.run(session, sql.unwrap_or(&session.reload)) {
                    return Some(Err(error));
                }
                names.push(own.name().to_owned());
            }
            Some(Ok(names))
        })
        .unwrap_or_else(|| Ok(Vec::new()))
    }

    fn on_caches(&self, command: &str) -> Result<Vec<String>, LabError> {
        run_on(self.caches(), command)
    }

    /// Stores a password that is accepted by now, and gives it to everyone who used the earlier one.
    fn store_password(
        &mut self,
        name: &str,
        earlier: &str,
        password: &str,
    ) -> Result<(), LabError> {
        store_secret(&self.directory, name, password)?;
        replace_in_files(&self.directory, earlier, password)?;
        for own in &mut self.boxes {
            own.replace_password(earlier, password);
        }
        if let Some(scaler) = &self.scaler {
            lock(scaler).replace_password(earlier, password);
        }
        Ok(())
    }
}

/// Runs commands on each of these boxes. Each has to be up: one that is not would miss them.
fn run_on<'a>(
    boxes: impl Iterator<Item = (&'a LabBox, &'a Session)>,
    commands: &str,
) -> Result<Vec<String>, LabError> {
    let boxes: Vec<_> = boxes.collect();
    if let Some((own, _)) = boxes.iter().find(|(own, _)| !own.is_up()) {
        return Err(LabError::Refused(format!(
            "{} is not up; start it with `tenfold lab revive {}`",
            own.name(),
            own.name()
        )));
    }
    let mut names = Vec::new();
    for (own, session) in boxes {
        own.run(session, commands)?;
        names.push(own.name().to_owned());
    }
    Ok(names)
}

/// Replaces a password in the settings of the boxes, which they read when they start again.
fn replace_in_files(directory: &Path, earlier: &str, password: &str) -> Result<(), LabError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| LabError::Directory { path, source }
    };
    let entries = |path: &Path| fs::read_dir(path).map_err(failed(path));
    for own in entries(directory)?.flatten() {
        if !own.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        for file in entries(&own.path())?.flatten() {
            let path = file.path();
            let ending = path.extension().and_then(|ending| ending.to_str());
            let is_file = file.file_type().is_ok_and(|kind| kind.is_file());
            if !is_file || !ending.is_some_and(|ending| FILES.contains(&ending)) {
                continue;
            }
            let text = fs::read_to_string(&path).map_err(failed(&path))?;
            if text.contains(earlier) {
                write_private(&path, &text.replace(earlier, password))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_password_in_settings_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::create_dir(path("sql")).unwrap();
        for name in ["sql/accounts.sql", "sql/my.cnf", "sql/data.ibd", "lab.log"] {
            fs::write(path(name), "password=old\n").unwrap();
        }
        replace_in_files(directory.path(), "old", "new").unwrap();
        let read = |name: &str| fs::read_to_string(path(name)).unwrap();
        assert_eq!(read("sql/accounts.sql"), "password=new\n");
        assert_eq!(read("sql/my.cnf"), "password=new\n");
        assert_eq!(read("sql/data.ibd"), "password=old\n");
        assert_eq!(read("lab.log"), "password=old\n");
    }

    #[test]
    fn account_has_one_password_or_two() {
        assert_eq!(
            mariadb::passwords_sql("tenfold", &["a", "b"]),
            "ALTER USER `tenfold`@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('a') OR \
             mysql_native_password USING PASSWORD('b') REQUIRE SSL;\n"
        );
        assert_eq!(
            redis::passwords_command(&["a"]),
            "ACL SETUSER default resetpass >a\n"
        );
    }
}
