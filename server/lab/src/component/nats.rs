//! NATS boxes: a queue that is on disk before it acknowledges, behind TLS and a password.

use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};
use rustix::process::Signal;

use crate::LabError;
use crate::boxes::box_plan::{BoxPlan, Stop};
use crate::boxes::readiness::Listening;
use crate::boxes::renewal::Renewal;
use crate::directory::plain_path;
use crate::directory::{private_directory, write_private};
use crate::identity::Authority;
use crate::identity::secret;
use crate::program;

/// A queue on a box of its own.
#[derive(Debug)]
pub(crate) struct Nats<'a> {
    /// Name of the box.
    pub(crate) name: &'a str,
    /// Role of the box.
    pub(crate) role: &'static str,
    /// Address of its service.
    pub(crate) listen: SocketAddr,
}

/// Account of the service.
const USER: &str = "tenfold";
/// Name of the queue.
const QUEUE: &str = "photos";
/// First version that can sync before it acknowledges.
const SYNCS_SINCE: (u32, u32) = (2, 10);

impl Nats<'_> {
    /// Plans the box, and returns the URL of its queue.
    pub(crate) fn plan(
        &self,
        directory: &Path,
        authority: &Authority,
    ) -> Result<(BoxPlan, String), LabError> {
        let program = program::NATS.find()?;
        let own = plain_path(directory)?.join(self.name);
        let data = own.join("data");
        for path in [&own, &data] {
            private_directory(path).map_err(|source| LabError::Directory {
                path: path.clone(),
                source,
            })?;
        }
        let sync = if syncs(&program) {
            "  sync_interval: always\n"
        } else {
            // Its writes then end on the disk. A file system without this flag has the guarantees of a crash of the process alone.
            let _ = make_synchronous(&data);
            ""
        };
        let identity = authority.issue(self.name, &[self.listen.ip()])?;
        let password = secret(directory, "queue-password")?;
        let settings = own.join("nats.conf");
        write_private(
            &settings,
            &format!(
                "listen: \"{listen}\"\n\
                 max_payload: 64KB\n\
                 jetstream {{\n  \
                   store_dir: \"{data}\"\n  \
                   max_mem: 16M\n  \
                   max_file: 1G\n\
                 {sync}\
                 }}\n\
                 authorization {{\n  \
                   user: {USER}\n  \
                   password: \"{password}\"\n\
                 }}\n\
                 tls {{\n  \
                   cert_file: \"{certificate}\"\n  \
                   key_file: \"{key}\"\n  \
                   timeout: 5\n\
                 }}\n",
                listen = self.listen,
                data = data.display(),
                certificate = identity.certificate.display(),
                key = identity.key.display(),
            ),
        )?;
        // The server speaks first, before TLS.
        let listening = Listening {
            greeting: Some("INFO {"),
            ..Listening::at(self.listen)
        };
        let mut plan = BoxPlan::program(self.name, self.role, program, listening)
            .with(["-c".into(), settings.into_os_string()]);
        // It ends with an error on SIGTERM.
        plan.stop = Stop::Signal(Signal::INT);
        plan.renewal = Renewal::Signal(Signal::HUP);
        let url = format!(
            "tls://{USER}:{password}@{}/{QUEUE}?ca={}",
            self.listen,
            identity.ca.display()
        );
        Ok((plan, url))
    }
}

/// Returns true if the server knows `sync_interval`.
fn syncs(program: &Path) -> bool {
    let output = Command::new(program).arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.is_ok_and(|text| version(&text).is_some_and(|version| version >= SYNCS_SINCE))
}

/// Returns major and minor of `nats-server: v2.9.10`.
fn version(text: &str) -> Option<(u32, u32)> {
    let (_, numbers) = text.trim().rsplit_once('v')?;
    let mut numbers = numbers.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// Makes writes to the files of a directory, and of those that are made in it, end on the disk: the flag of `chattr +S`.
fn make_synchronous(directory: &Path) -> io::Result<()> {
    let set = |path: &Path| {
        let file = File::open(path)?;
        let flags = ioctl_getflags(&file)?;
        ioctl_setflags(&file, flags | IFlags::SYNC)?;
        io::Result::Ok(())
    };
    set(directory)?;
    // Of an earlier start, which may have been one of another version.
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            make_synchronous(&entry.path())?;
        } else if kind.is_file() {
            set(&entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_version() {
        assert_eq!(version("nats-server: v2.9.10\n"), Some((2, 9)));
        assert_eq!(version("nats-server: v2.15.1"), Some((2, 15)));
        for other in ["", "nats-server", "v2", "v.1"] {
            assert_eq!(version(other), None, "{other}");
        }
    }

    #[test]
    fn plans_without_password_on_the_command_line() {
        if let Err(missing) = program::NATS.find() {
            crate::skip::skip(&missing);
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::new(directory.path()).unwrap();
        let queue = Nats {
            name: "queue",
            role: "queue",
            listen: "127.0.1.1:4222".parse().unwrap(),
        };
        let (plan, url) = queue.plan(directory.path(), &authority).unwrap();
        let password = secret(directory.path(), "queue-password").unwrap();
        assert!(url.contains(&password) && url.starts_with("tls://tenfold:"));
        for argument in &plan.arguments {
            assert!(!argument.to_string_lossy().contains(&password));
        }
        let settings = fs::read_to_string(directory.path().join("queue/nats.conf")).unwrap();
        assert!(settings.contains(&password));
        // The server itself checks the settings.
        let checked = Command::new(&plan.program)
            .arg("-t")
            .args(&plan.arguments)
            .output()
            .unwrap();
        assert!(checked.status.success(), "{checked:?}");
    }

    #[test]
    fn files_of_a_synchronous_directory_are_synchronous() {
        let directory = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        fs::create_dir(directory.path().join("inner")).unwrap();
        fs::write(directory.path().join("inner/before"), "").unwrap();
        match make_synchronous(directory.path()) {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => return,
            Err(error)
                if rustix::io::Errno::from_io_error(&error) == Some(rustix::io::Errno::NOTTY) =>
            {
                return;
            }
            made => made.unwrap(),
        }
        fs::write(directory.path().join("inner/after"), "").unwrap();
        for name in ["inner", "inner/before", "inner/after"] {
            let file = File::open(directory.path().join(name)).unwrap();
            assert!(
                ioctl_getflags(&file).unwrap().contains(IFlags::SYNC),
                "{name}"
            );
        }
    }
}
