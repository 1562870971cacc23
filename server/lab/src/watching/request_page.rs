//! A page of the requests in a balancer's log, made by GoAccess.

use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use super::RequestLog;

/// Format of a line, in GoAccess' terms: that of [`REQUEST_LINE`](crate::component::haproxy::REQUEST_LINE). The list of servers and the server stand for the
/// virtual host.
const LINE: &str = r#"%h:%^[%d:%t.%^] %^ %v %^/%^/%^/%^/%L %s %b %^ "%m %U %H""#;

/// Panels for which a line has no data.
const EMPTY_PANELS: [&str; 6] = [
    "OS",
    "BROWSERS",
    "REFERRERS",
    "REFERRING_SITES",
    "KEYPHRASES",
    "REMOTE_USER",
];

/// Largest page, in bytes.
const PAGE_BYTES_MAX: u64 = 16 << 20;

/// Longest error message of the program, in bytes.
const ERROR_BYTES_MAX: u64 = 4 << 10;

/// Makes a page of the requests in a log, as HTML. Takes about a second of CPU for a full log.
///
/// Addresses of clients are shown without their last part.
///
/// # Errors
/// If the program can't be run, or makes no page.
pub fn request_page(program: &Path, log: &RequestLog) -> io::Result<Vec<u8>> {
    let (kept, received) = (log.kept(), log.received());
    let title = match kept == received {
        true => format!("{kept} requests at the entrance"),
        false => format!("the latest {kept} of {received} requests at the entrance"),
    };
    let mut command = Command::new(program);
    command
        .args(["-", "--no-global-config", "--no-progress", "--num-tests=0"])
        .args(["--output=html", "--anonymize-ip", "--hour-spec=min"])
        .args(["--date-format=%d/%b/%Y", "--time-format=%T"])
        .arg(format!("--log-format={LINE}"))
        .arg(format!("--html-report-title={title}"))
        .args(EMPTY_PANELS.map(|panel| format!("--ignore-panel={panel}")))
        // Names of months are English.
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let (Some(mut input), Some(output), Some(errors)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(io::Error::other("its standard streams are not there"));
    };
    let text = log.text();
    // It reads the lines before it writes the page, and may end before it has read them.
    let writing = std::thread::spawn(move || input.write_all(&text));
    let complaining = std::thread::spawn(move || {
        let mut text = Vec::new();
        let read = errors.take(ERROR_BYTES_MAX).read_to_end(&mut text);
        read.map(|_| text)
    });
    let mut page = Vec::new();
    let read = output.take(PAGE_BYTES_MAX).read_to_end(&mut page);
    // A page that is too long ends with its reader.
    let status = child.wait()?;
    let _ = writing.join();
    let complaint = complaining.join().ok().and_then(Result::ok);
    read?;
    if status.success() && !page.is_empty() && (page.len() as u64) < PAGE_BYTES_MAX {
        return Ok(page);
    }
    let complaint = complaint.unwrap_or_default();
    Err(io::Error::other(format!(
        "it made no page ({status}): {}",
        String::from_utf8_lossy(&complaint).trim()
    )))
}
