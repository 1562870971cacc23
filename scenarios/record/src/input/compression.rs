//! Compressed files and archives, by their first bytes.

/// A compression or archive that is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Compression {
    /// Name of the method, such as `bzip2`.
    pub(crate) name: &'static str,
    /// Command that writes the content to standard output, given the file at its end.
    pub(crate) command: &'static str,
}

/// First bytes of each method.
const MAGIC: [(&[u8], Compression); 12] = [
    (b"BZh", method("bzip2", "bzip2 -dc")),
    (b"\xfd7zXZ\0", method("xz", "xz -dc")),
    (b"\x28\xb5\x2f\xfd", method("zstd", "zstd -dc")),
    (b"\x04\x22\x4d\x18", method("lz4", "lz4 -dc")),
    (b"\x02\x21\x4c\x18", method("lz4", "lz4 -dc")),
    (b"PK\x03\x04", method("zip", "unzip -p")),
    (b"PK\x05\x06", method("zip", "unzip -p")),
    (b"\x1f\x9d", method("compress", "gzip -dc")),
    (b"\x5d\0\0", method("lzma", "xz --format=lzma -dc")),
    (b"LZIP", method("lzip", "lzip -dc")),
    (b"\x89LZO\0", method("lzop", "lzop -dc")),
    (b"7z\xbc\xaf\x27\x1c", method("7-zip", "7z x -so")),
];

/// Position and content of the mark of a tar archive.
const TAR: (usize, &[u8]) = (257, b"ustar");

/// Number of first bytes that [`Compression::of`] needs.
pub(crate) const START_BYTES: u64 = 512;

const fn method(name: &'static str, command: &'static str) -> Compression {
    Compression { name, command }
}

impl Compression {
    /// Finds the method by the first bytes of a file.
    pub(crate) fn of(start: &[u8]) -> Option<Self> {
        let (at, mark) = TAR;
        if start.get(at..).is_some_and(|rest| rest.starts_with(mark)) {
            return Some(method("tar", "tar -xOf"));
        }
        let known = MAGIC.iter().find(|(magic, _)| start.starts_with(magic))?;
        // Text may start with `BZh` too: its fourth byte is the block size, and a constant follows.
        let is_text = known.1.name == "bzip2"
            && !matches!(
                start.get(3..10),
                Some(
                    [b'1'..=b'9', b'1', b'A', b'Y', b'&', b'S', b'Y']
                        | [b'1'..=b'9', 0x17, b'r', b'E', b'8', b'P', 0x90]
                )
            );
        (!is_text).then_some(known.1)
    }

    /// Returns the command that decompresses a file of the given name, and reads the result.
    pub(crate) fn advice(self, origin: &str) -> String {
        match origin {
            STANDARD_INPUT => format!("{} FILE | tenfold record -", self.command),
            // A name with other characters than these would need quotes.
            plain
                if plain
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"._-/+".contains(&byte)) =>
            {
                format!("{} {plain} | tenfold record -", self.command)
            }
            other => format!(
                "{} '{}' | tenfold record -",
                self.command,
                other.escape_debug()
            ),
        }
    }
}

/// Name of standard input in messages.
pub(crate) const STANDARD_INPUT: &str = "standard input";

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a line with a program, and returns what it wrote; `None` without the program.
    fn compressed(program: &str, arguments: &[&str]) -> Option<Vec<u8>> {
        use std::io::Write;
        use std::process::{Command, Stdio};

        let started = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = started.ok()?;
        child
            .stdin
            .take()
            .unwrap()
            .write_all(b"one line\n")
            .unwrap();
        let output = child.wait_with_output().unwrap();
        output.status.success().then_some(output.stdout)
    }

    #[test]
    fn finds_the_method_of_real_files() {
        for (program, arguments, name) in [
            ("bzip2", ["-c"].as_slice(), "bzip2"),
            ("xz", &["-c"], "xz"),
            ("xz", &["-c", "--format=lzma"], "lzma"),
            ("zstd", &["-c"], "zstd"),
            ("lz4", &["-c"], "lz4"),
            ("zip", &["-", "-"], "zip"),
        ] {
            // The examples below cover the methods whose program is absent.
            let Some(bytes) = compressed(program, arguments) else {
                continue;
            };
            let found = Compression::of(&bytes).map(|found| found.name);
            assert_eq!(found, Some(name), "{program}");
        }
    }

    #[test]
    fn finds_the_method_by_first_bytes() {
        let mut tar = vec![b'a'; 512];
        tar[257..262].copy_from_slice(b"ustar");
        for (start, name) in [
            (b"BZh91AY&SY\x00\x00".as_slice(), Some("bzip2")),
            (b"BZh9\x17rE8P\x90", Some("bzip2")),
            (b"BZhost - - [", None),
            (b"\xfd7zXZ\0\0", Some("xz")),
            (b"\x28\xb5\x2f\xfd\x04", Some("zstd")),
            (b"\x04\x22\x4d\x18\x64", Some("lz4")),
            (b"PK\x03\x04\x14", Some("zip")),
            (b"\x1f\x9d\x90", Some("compress")),
            (b"7z\xbc\xaf\x27\x1c\0", Some("7-zip")),
            (&tar, Some("tar")),
            (b"192.0.2.1 - - [", None),
            (b"", None),
        ] {
            assert_eq!(Compression::of(start).map(|found| found.name), name);
        }
    }

    #[test]
    fn advises_a_command() {
        let bzip2 = method("bzip2", "bzip2 -dc");
        assert_eq!(
            bzip2.advice("a.log.bz2"),
            "bzip2 -dc a.log.bz2 | tenfold record -"
        );
        assert_eq!(bzip2.advice("a b"), "bzip2 -dc 'a b' | tenfold record -");
        assert_eq!(
            bzip2.advice(STANDARD_INPUT),
            "bzip2 -dc FILE | tenfold record -"
        );
    }
}
