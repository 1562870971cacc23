//! Sources of connections: a TCP port or a Unix socket.

use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::time::timeout;

/// Source of connections.
pub(super) trait Acceptor: Send + Sync + 'static {
    /// Accepted connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Waits for a connection.
    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Acceptor for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<TcpStream> {
        let (stream, _) = TcpListener::accept(self).await?;
        // Disables Nagle's algorithm. Fails only if the connection is already closed.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }
}

/// Unix socket that deletes its file when dropped.
#[derive(Debug)]
pub(super) struct SocketFile {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode of the file, to recognise a replacement.
    file: Option<(u64, u64)>,
}

/// Maximum time to check whether another process listens on an existing socket.
const PROBE_TIME: Duration = Duration::from_secs(1);

impl SocketFile {
    /// Listens, replacing a socket that a dead process left behind.
    ///
    /// # Errors
    /// Fails if another process listens there, the file is not a socket, or binding fails.
    pub(super) async fn bind(path: &Path) -> io::Result<Self> {
        if let Ok(found) = std::fs::symlink_metadata(path) {
            if !found.file_type().is_socket() {
                let other = "the file is not a socket";
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, other));
            }
            let connected = timeout(PROBE_TIME, UnixStream::connect(path)).await;
            let refused = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
            if connected.is_ok_and(|connected| connected.as_ref().is_err_and(refused)) {
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

impl Acceptor for SocketFile {
    type Stream = UnixStream;

    async fn accept(&self) -> io::Result<UnixStream> {
        self.listener.accept().await.map(|(stream, _)| stream)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // A replacement belongs to another process.
        if self.file.is_some() && identity(&self.path) == self.file {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn socket_file_is_deleted_and_stale_one_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.sock");
        let first = SocketFile::bind(&path).await.unwrap();
        let taken = SocketFile::bind(&path).await.unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
        drop(first);
        assert!(!path.exists());
        // A killed process leaves its socket behind.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let second = SocketFile::bind(&path).await.unwrap();
        // Another process replaces the socket.
        std::fs::rename(&path, folder.path().join("away.sock")).unwrap();
        let third = SocketFile::bind(&path).await.unwrap();
        drop(second);
        assert!(path.exists());
        drop(third);
        assert!(!path.exists());
        std::fs::write(&path, "something else").unwrap();
        let other = SocketFile::bind(&path).await.unwrap_err();
        assert!(other.to_string().contains("not a socket"), "{other}");
        assert_eq!(std::fs::read(&path).unwrap(), b"something else");
    }
}
