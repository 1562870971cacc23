//! The hosts that a person has said they may test.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;

use crate::exit::Misuse;

/// The hosts beyond this machine and private networks that may be tested, as a file of the user's
/// configuration keeps them.
#[derive(Debug)]
pub(crate) struct PermittedHosts {
    path: PathBuf,
    /// The file as it is, with whatever comments somebody has put there.
    text: String,
    hosts: Vec<String>,
}

/// What a new file begins with.
const HEAD: &str = "\
# Hosts beyond this machine and private networks that you have said you may send load to, with
# `tenfold run --i-may-test-this-host HOST`. Take one out, and you are asked again.

version = 1
";

/// More than anybody tests. What is longer is another file.
const LONGEST: u64 = 1024 * 1024;

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
    /// The day on which it was said, for people to read.
    #[serde(default, rename = "since")]
    _since: Option<String>,
}

impl PermittedHosts {
    /// Returns where the file belongs: `$XDG_CONFIG_HOME/tenfold/hosts.toml`, or below `~/.config`;
    /// none where neither is told.
    pub(crate) fn place() -> Option<PathBuf> {
        // The specification has relative paths ignored.
        let absolute = |path: PathBuf| path.is_absolute().then_some(path);
        let configuration = env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
        let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".config"));
        let folder = configuration
            .and_then(absolute)
            .or_else(|| home().and_then(absolute))?;
        Some(folder.join("tenfold").join("hosts.toml"))
    }

    /// Reads the file; one that does not exist holds no host.
    ///
    /// # Errors
    /// Fails where it can't be read, or is not as it was written.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let failed = |reason: String| {
            Misuse(format!(
                "could not read the hosts that you may test from {}: {reason}; mend the file or \
                 remove it",
                path.display()
            ))
        };
        let text = match fs::metadata(path) {
            Ok(about) if about.len() > LONGEST => {
                return Err(failed(format!("it is longer than {LONGEST} bytes")).into());
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

    /// The hosts, in the file's order.
    pub(crate) fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// Writes a host into the file, which is made where there is none; tells whether it is new.
    ///
    /// The file is replaced as a whole or not at all, and is readable for its owner alone.
    pub(crate) fn keep(mut self, host: &str) -> anyhow::Result<bool> {
        if self.hosts.iter().any(|known| known == host) {
            return Ok(false);
        }
        let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
        add(&mut self.text, host, &today);
        if let Err(reason) = parse(&self.text) {
            return Err(Misuse(format!(
                "could not add {host} to {}: {reason}; write its hosts as tables: [[hosts]]",
                self.path.display()
            ))
            .into());
        }
        // A file that is kept elsewhere and linked to stays there.
        let path = fs::canonicalize(&self.path).unwrap_or(self.path);
        write(&path, &self.text).with_context(|| format!("could not write {}", path.display()))?;
        Ok(true)
    }
}

fn parse(text: &str) -> Result<Vec<String>, String> {
    let file: File = toml::from_str(text).map_err(|error| error.to_string().trim().to_owned())?;
    if file.version != 1 {
        return Err(format!(
            "it has version {}, and this tenfold reads version 1",
            file.version
        ));
    }
    Ok(file.hosts.into_iter().map(|entry| entry.host).collect())
}

/// Adds a host at the end, so that the rest of the file stays as somebody may have edited it.
fn add(text: &mut String, host: &str, since: &str) {
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
    // It is made with mode 0600, beside the place so that it can be renamed.
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
    fn what_is_kept_reads_back_and_is_the_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/tenfold/hosts.toml");
        let read = || PermittedHosts::read(&path).unwrap();
        assert!(read().hosts().is_empty());
        assert!(read().keep("a.example").unwrap());
        assert!(read().keep("2001:db8::1").unwrap());
        assert!(!read().keep("a.example").unwrap());
        assert_eq!(read().hosts(), ["a.example", "2001:db8::1"]);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# Hosts beyond"), "{text}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&path), 0o600);
            assert_eq!(mode(path.parent().unwrap()), 0o700);
        }
        let files = fs::read_dir(path.parent().unwrap()).unwrap();
        assert_eq!(files.count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_file_that_somebody_has_edited_keeps_its_comments() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hosts.toml");
        fs::write(&path, "version = 1\n# ours\nhosts = []").unwrap();
        // An array that is written out can't be added to: it is told, and the file stays.
        let told = PermittedHosts::read(&path).unwrap().keep("a.example");
        assert!(told.is_err());
        fs::write(&path, "version = 1\n[[hosts]]\nhost = \"b.example\" # ours").unwrap();
        assert!(
            PermittedHosts::read(&path)
                .unwrap()
                .keep("a.example")
                .unwrap()
        );
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("# ours\n"), "{text}");
        let hosts = PermittedHosts::read(&path).unwrap();
        assert_eq!(hosts.hosts(), ["b.example", "a.example"]);
    }

    #[test]
    fn a_broken_file_is_told_and_left_alone() {
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
                error.contains("hosts.toml") && error.contains("mend"),
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
        fn never_panics_on_what_is_nearly_right(
            lines in prop::collection::vec(r#"(version|hosts?|since|\[\[hosts\]\]|=|1|"a"|\{|\}| ){0,6}"#, 0..8),
        ) {
            let _ = parse(&lines.join("\n"));
        }

        #[test]
        fn what_is_written_reads_back(hosts in prop::collection::vec(any::<String>(), 0..8)) {
            let mut text = HEAD.to_owned();
            for host in &hosts {
                add(&mut text, host, "2026-01-01");
            }
            prop_assert_eq!(parse(&text).unwrap(), hosts);
        }
    }
}
