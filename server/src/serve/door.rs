//! Where connections are accepted: a TCP port, or a socket in the file system.

use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::time::timeout;

/// Where connections are accepted.
pub(super) trait Door: Send + Sync + 'static {
    /// A connection as it is accepted.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Waits for a connection.
    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Door for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<TcpStream> {
        let (stream, _) = TcpListener::accept(self).await?;
        // Without Nagle's delay; where that fails the connection is gone already.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }
}

/// A socket in the file system, which goes with it.
#[derive(Debug)]
pub(super) struct SocketFile {
    listener: UnixListener,
    path: PathBuf,
    /// What tells the file from another that has come to its place.
    file: Option<(u64, u64)>,
}

/// How long whoever may be listening there already is asked.
const PROBE_TIME: Duration = Duration::from_secs(1);

impl SocketFile {
    /// Listens, in place of a socket that a process has left behind that is no more.
    ///
    /// # Errors
    /// Where somebody listens there, something else is there, or none can be made.
    pub(super) async fn bind(path: &Path) -> io::Result<Self> {
        if let Ok(found) = std::fs::symlink_metadata(path) {
            if !found.file_type().is_socket() {
                let other = "something else than a socket is there";
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, other));
            }
            let answer = timeout(PROBE_TIME, UnixStream::connect(path)).await;
            let refused = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
            if answer.is_ok_and(|answer| answer.as_ref().is_err_and(refused)) {
                std::fs::remove_file(path)?;
            }
        }
        let listener = UnixListener::bind(path)?;
        Ok(Self {
            listener,
            path: path.to_owned(),
            file: identity(path),
        })
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let found = std::fs::symlink_metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

impl Door for SocketFile {
    type Stream = UnixStream;

    async fn accept(&self) -> io::Result<UnixStream> {
        self.listener.accept().await.map(|(stream, _)| stream)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Another's that stands there now is theirs.
        if self.file.is_some() && identity(&self.path) == self.file {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_goes_with_who_listens_and_one_that_was_left_behind_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.sock");
        let first = SocketFile::bind(&path).await.unwrap();
        let taken = SocketFile::bind(&path).await.unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
        drop(first);
        assert!(!path.exists());
        // As a process that was killed leaves it.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let second = SocketFile::bind(&path).await.unwrap();
        // Somebody has moved in meanwhile.
        std::fs::rename(&path, folder.path().join("away.sock")).unwrap();
        let third = SocketFile::bind(&path).await.unwrap();
        drop(second);
        assert!(path.exists());
        drop(third);
        assert!(!path.exists());
        std::fs::write(&path, "something else").unwrap();
        let other = SocketFile::bind(&path).await.unwrap_err();
        assert!(other.to_string().contains("else than a socket"), "{other}");
        assert_eq!(std::fs::read(&path).unwrap(), b"something else");
    }
}
