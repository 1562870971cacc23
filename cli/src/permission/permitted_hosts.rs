//! Hosts that the user has confirmed they may test.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;

use crate::exit::UsageError;

/// Hosts outside this machine and private networks that may be tested, stored in a file of the user's
/// configuration.
#[derive(Debug)]
pub(super) struct PermittedHosts {
    path: PathBuf,
    /// Contents of the file, including comments added by hand.
    text: String,
    hosts: Vec<String>,
}

/// Header of a new file.
const HEAD: &str = "\
# Hosts outside this machine and private networks that you have confirmed you may send load to, with
# `tenfold run --i-may-test-this-host HOST`. Remove a host to be asked for it again.

version = 1
";

/// Largest file that is read, in bytes. A larger one is not a list of hosts.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    #[serde(default)]
    hosts: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    host: String,
    /// Day of the confirmation, for human readers only.
    #[serde(default, rename = "since")]
    _since: Option<String>,
}

impl PermittedHosts {
    /// Returns the path of the file: `$XDG_CONFIG_HOME/tenfold/hosts.toml`, or below `~/.config`. `None` if
    /// neither `XDG_CONFIG_HOME` nor `HOME` is set.
    pub(super) fn default_path() -> Option<PathBuf> {
        // The XDG specification says to ignore relative paths.
        let absolute = |path: PathBuf| path.is_absolute().then_some(path);
        let configuration = env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
        let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".config"));
        let folder = configuration
            .and_then(absolute)
            .or_else(|| home().and_then(absolute))?;
        Some(folder.join("tenfold").join("hosts.toml"))
    }

    /// Reads the file. A missing file contains no hosts.
    ///
    /// # Errors
    /// Fails if the file can't be read or parsed.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let failed = |reason: String| {
            UsageError(format!(
                "could not read the hosts that you may test from {}: {reason}; correct the file or \
                 remove it",
                path.display()
            ))
        };
        let text = match fs::metadata(path) {
            Ok(about) if about.len() > FILE_BYTES_MAX => {
                return Err(failed(format!("it is longer than {FILE_BYTES_MAX} bytes")).into());
            }
            Ok(_) => fs::read_to_string(path).map_err(|error| failed(error.to_string()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => HEAD.to_owned(),
            Err(error) => return Err(failed(error.to_string()).into()),
        };
        let hosts = parse(&text).map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            text,
            hosts,
        })
    }

    /// Returns the hosts, in the order of the file.
    pub(super) fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// Adds a host to the file and creates the file if necessary. Returns whether the host is new.
    ///
    /// The file is replaced atomically, and only its owner can read it.
    pub(super) fn add(mut self, host: &str) -> anyhow::Result<bool> {
        if self.hosts.iter().any(|known| known == host) {
            return Ok(false);
        }
        let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
        append(&mut self.text, host, &today);
        if let Err(reason) = parse(&self.text) {
            return Err(UsageError(format!(
                "could not add {host} to {}: {reason}; write its hosts as tables: [[hosts]]",
                self.path.display()
            ))
            .into());
        }
        // Follows symbolic links, so that a linked file is not replaced by a copy.
        let path = fs::canonicalize(&self.path).unwrap_or(self.path);
        write(&path, &self.text).with_context(|| format!("could not write {}", path.display()))?;
        Ok(true)
    }
}

fn parse(text: &str) -> Result<Vec<String>, String> {
    let file: File = toml::from_str(text).map_err(|error| error.to_string().trim().to_owned())?;
    if file.version != 1 {
        return Err(format!(
            "its version is {}, but this program reads only version 1",
            file.version
        ));
    }
    Ok(file.hosts.into_iter().map(|entry| entry.host).collect())
}

/// Appends a host at the end, so that the rest of the file keeps edits and comments.
fn append(text: &mut String, host: &str, since: &str) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    text.push_str(&format!(
        "\n[[hosts]]\nhost = {}\nsince = {}\n",
        quoted(host),
        quoted(since)
    ));
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    // Created with mode 0600, in the same folder so that it can be renamed.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn added_hosts_read_back_and_only_owner_can_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/tenfold/hosts.toml");
        let read = || PermittedHosts::read(&path).unwrap();
        assert!(read().hosts().is_empty());
        assert!(read().add("a.example").unwrap());
        assert!(read().add("2001:db8::1").unwrap());
        assert!(!read().add("a.example").unwrap());
        assert_eq!(read().hosts(), ["a.example", "2001:db8::1"]);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# Hosts outside"), "{text}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&path), 0o600);
            assert_eq!(mode(path.parent().unwrap()), 0o700);
        }
        let files = fs::read_dir(path.parent().unwrap()).unwrap();
        assert_eq!(files.count(), 1, "no temporary file is left");
    }

    #[test]
    fn keeps_comments_of_edited_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hosts.toml");
        fs::write(&path, "version = 1\n# ours\nhosts = []").unwrap();
        // Nothing can be appended to an inline array.
        let refused = PermittedHosts::read(&path).unwrap().add("a.example");
        assert!(refused.is_err());
        fs::write(&path, "version = 1\n[[hosts]]\nhost = \"b.example\" # ours").unwrap();
        assert!(
            PermittedHosts::read(&path)
                .unwrap()
                .add("a.example")
                .unwrap()
        );
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("# ours\n"), "{text}");
        let hosts = PermittedHosts::read(&path).unwrap();
        assert_eq!(hosts.hosts(), ["b.example", "a.example"]);
    }

    #[test]
    fn rejects_broken_file_and_leaves_it_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hosts.toml");
        for broken in [
            "version = 2",
            "hosts = 1",
            "version = 1\n[[hosts]]\nname = \"a\"",
            "\0",
        ] {
            fs::write(&path, broken).unwrap();
            let error = PermittedHosts::read(&path).unwrap_err().to_string();
            assert!(
                error.contains("hosts.toml") && error.contains("correct the file"),
                "{error}"
            );
            assert_eq!(fs::read_to_string(&path).unwrap(), broken);
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in any::<String>()) {
            let _ = parse(&text);
        }

        #[test]
        fn never_panics_on_almost_valid_text(
            lines in prop::collection::vec(r#"(version|hosts?|since|\[\[hosts\]\]|=|1|"a"|\{|\}| ){0,6}"#, 0..8),
        ) {
            let _ = parse(&lines.join("\n"));
        }

        #[test]
        fn appended_hosts_read_back(hosts in prop::collection::vec(any::<String>(), 0..8)) {
            let mut text = HEAD.to_owned();
            for host in &hosts {
                append(&mut text, host, "2026-01-01");
            }
            prop_assert_eq!(parse(&text).unwrap(), hosts);
        }
    }
}
