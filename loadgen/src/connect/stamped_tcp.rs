//! A TCP stream with receive timestamps.
//!
//! The delay between an answer's arrival and the moment the generator reads it belongs to the
//! generator, not to the service. Linux records the arrival of each segment (`SO_TIMESTAMPNS`) and
//! reports it on reading.

use std::cell::RefCell;
use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;
use rustix::time::{ClockId, clock_gettime};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

thread_local! {
    /// Buffer for the kernel's timestamps.
    static ANCILLARY: RefCell<Vec<u8>> = RefCell::new(nix::cmsg_space!(TimeSpec));
}

/// A TCP stream that reports the delay between arrival and reading.
#[derive(Debug)]
pub(crate) struct StampedTcp {
    stream: TcpStream,
    read_lag_ns: Option<u64>,
}

impl StampedTcp {
    /// Enables receive timestamps. If the kernel has none, as for a moment after the system's first
    /// socket enables them, bytes count as arrived when they are read.
    pub(crate) fn new(stream: TcpStream) -> Self {
        let _ = setsockopt(&stream.as_fd(), sockopt::ReceiveTimestampns, &true);
        Self {
            stream,
            read_lag_ns: None,
        }
    }

    /// Delay between arrival and reading of the last byte that was read, in nanoseconds. `None`
    /// without a kernel timestamp.
    pub(crate) fn read_lag_ns(&self) -> Option<u64> {
        self.read_lag_ns
    }

    /// Reads into `buffer` without waiting.
    fn read_now(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Self {
            stream,
            read_lag_ns,
        } = self;
        ANCILLARY.with_borrow_mut(|ancillary| {
            stream.try_io(Interest::READABLE, || {
                let mut into = [IoSliceMut::new(buffer)];
                let fd = stream.as_raw_fd();
                let read = recvmsg::<()>(fd, &mut into, Some(ancillary), MsgFlags::empty())?;
                *read_lag_ns = read.cmsgs()?.find_map(|message| match message {
                    ControlMessageOwned::ScmTimestampns(arrived) => Some(since(arrived)),
                    _ => None,
                });
                Ok(read.bytes)
            })
        })
    }
}

/// Nanoseconds since `arrived`, a kernel timestamp (`CLOCK_REALTIME`).
fn since(arrived: TimeSpec) -> u64 {
    let now = clock_gettime(ClockId::Realtime);
    let now_ns = i128::from(now.tv_sec) * 1_000_000_000 + i128::from(now.tv_nsec);
    let arrived_ns = i128::from(arrived.tv_sec()) * 1_000_000_000 + i128::from(arrived.tv_nsec());
    u64::try_from(now_ns - arrived_ns).unwrap_or(0)
}

impl AsyncRead for StampedTcp {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            ready!(this.stream.poll_read_ready(context))?;
            let room = buffer.initialize_unfilled();
            let size = room.len();
            match this.read_now(room) {
                Ok(read) => {
                    buffer.advance(read);
                    if read > 0 && read < size {
                        // The socket is drained: clear its readiness, to save a system call.
                        let nothing = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
                        let _ = this.stream.try_io(Interest::READABLE, nothing);
                    }
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for StampedTcp {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn read_lag_is_delay_since_arrival() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stream, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let mut stream = StampedTcp::new(stream.unwrap());
        let (mut other, _) = accepted.unwrap();
        // Timestamps begin a moment after the first socket enables them.
        tokio::time::sleep(Duration::from_millis(100)).await;
        other.write_all(b"hello").await.unwrap();
        tokio::time::sleep(Duration::from_millis(60)).await;
        let mut bytes = [0; 16];
        let read = AsyncReadExt::read(&mut stream, &mut bytes).await;
        assert_eq!(read.unwrap(), 5);
        let waited = stream.read_lag_ns().unwrap();
        assert!(waited >= 50_000_000, "{waited}");
        let fresh = async {
            tokio::time::sleep(Duration::from_millis(60)).await;
            other.write_all(b"again").await.unwrap();
        };
        let (read, ()) = tokio::join!(AsyncReadExt::read(&mut stream, &mut bytes), fresh);
        assert_eq!((read.unwrap(), &bytes[..5]), (5, &b"again"[..]));
        let fresh = stream.read_lag_ns().unwrap();
        assert!(fresh < waited, "{fresh}");
    }

    #[tokio::test]
    async fn reads_to_end_after_peer_closes() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stream, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let mut stream = StampedTcp::new(stream.unwrap());
        let (mut other, _) = accepted.unwrap();
        other.write_all(&[7; 100_000]).await.unwrap();
        drop(other);
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.unwrap();
        assert_eq!(all.len(), 100_000);
    }
}
