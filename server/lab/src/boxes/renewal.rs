//! Means by which a running box takes a new certificate or password.

use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::LabError;
use crate::network;

/// Means by which a running box takes a new certificate.
#[derive(Debug, Clone, Default)]
pub(crate) enum Renewal {
    /// It has no certificate.
    #[default]
    Nothing,
    /// HAProxy: through its runtime API. The file has certificate and key.
    Balancer(PathBuf),
    /// MariaDB: by a statement.
    Database(Session),
    /// Redis: by a command.
    Cache(Session),
    /// The program reads it again on a signal.
    Signal(Signal),
    /// The program reads it at its start alone.
    Restart,
}

/// First words of Redis' errors.
const ERRORS: [&str; 3] = ["ERR ", "NOAUTH ", "WRONGPASS "];

/// Administrator's session with a database or cache. Debug output leaves the password out.
#[derive(Clone)]
pub(crate) struct Session {
    /// Command line client.
    pub(crate) client: PathBuf,
    /// Arguments that connect it.
    pub(crate) arguments: Vec<String>,
    /// Environment variable with the password, if it needs one.
    pub(crate) password: Option<(&'static str, String)>,
    /// Input of the client that has the server read certificate and key again.
    pub(crate) reload: String,
    /// True if it accepts writes, and passes them on to its replicas.
    pub(crate) is_primary: bool,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("client", &self.client)
            .field("arguments", &self.arguments)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Uses another password from now on.
    pub(crate) fn replace_password(&mut self, earlier: &str, password: &str) {
        if let Some((_, own)) = &mut self.password {
            *own = own.replace(earlier, password);
        }
    }

    /// Runs the commands in `input`, inside a network namespace if there is one. They are the client's standard input, which no
    /// other process can see. Returns its output.
    ///
    /// # Errors
    /// Returns an error with the client's message, but not the commands, which may contain a password.
    pub(crate) fn run(
        &self,
        name: &str,
        namespace: Option<&str>,
        input: &str,
    ) -> Result<String, LabError> {
        let failed = |reason: String| {
            LabError::Refused(format!("{name} did not carry out a command: {reason}"))
        };
        let run = || {
            let mut child = Command::new(&self.client);
            child.args(&self.arguments);
            if let Some((variable, password)) = &self.password {
                child.env(variable, password);
            }
            let mut child = child
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()?;
            if let Some(mut stdin) = child.stdin.take() {
                // A client that has ended says why.
                let _ = io::Write::write_all(&mut stdin, input.as_bytes());
            }
            child.wait_with_output()
        };
        let ended = match namespace {
            None => run(),
            Some(namespace) => network::within(namespace, run),
        };
        let ended = ended.map_err(|error| failed(error.to_string()))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        let answer = text(&ended.stdout);
        // redis-cli exits with 0 after an error.
        let is_error = |line: &str| ERRORS.iter().any(|error| line.starts_with(error));
        match ended.status.success() && !answer.lines().any(is_error) {
            true => Ok(answer),
            false => Err(failed(format!("{answer} {}", text(&ended.stderr)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(script: &str) -> Session {
        Session {
            client: "sh".into(),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            password: Some(("SECRET", "hunter2".to_owned())),
            reload: String::new(),
            is_primary: true,
        }
    }

    #[test]
    fn passes_password_and_input_unseen() {
        let session = session("read -r line; echo \"$SECRET $line\"");
        let answer = session.run("cache", None, "hello\n");
        assert_eq!(answer.unwrap(), "hunter2 hello");
        assert!(!format!("{session:?}").contains("hunter2"));
    }

    #[test]
    fn error_has_the_client_s_message() {
        for script in [
            "echo OK; echo ERR no such command",
            "echo refused >&2; exit 1",
        ] {
            let error = session(script).run("cache", None, "").unwrap_err();
            let error = error.to_string();
            assert!(
                error.contains("no such command") || error.contains("refused"),
                "{error}"
            );
            assert!(error.starts_with("cache did not"), "{error}");
        }
    }
}
