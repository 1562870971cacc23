//! Removes empty DATA frames from a stream of HTTP/2 frames.
//!
//! RFC 9113 allows DATA frames without data at any time, and some proxies send one with every answer. The
//! `h2` library closes a connection after 100 of them, a limit against attacks that is not configurable.
//! A valid service would look broken, so the filter removes these frames before the library reads them.
//! They carry nothing: no data, no end of a stream, no flow-control window.
//!
//! A frame that consists of padding alone uses up a window, so it is passed on.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Size of the buffer, in bytes: the default size of an HTTP/2 frame.
const BUFFER_BYTES: usize = 16 * 1024;

/// Length of a frame's header (RFC 9113, section 4.1).
const HEADER_BYTES: usize = 9;

/// The type of DATA frames.
const DATA: u8 = 0;

/// The flag of the last frame of a stream.
const END_STREAM: u8 = 1;

/// A byte stream of HTTP/2 frames without empty DATA frames.
#[derive(Debug)]
pub(crate) struct FrameFilter<T> {
    stream: T,
    buffer: Box<[u8]>,
    /// The bytes of the buffer that are not passed on yet.
    start: usize,
    end: usize,
    /// Bytes of the current frame that are not passed on yet, with its header.
    frame_bytes: usize,
    /// True once the stream has ended.
    has_ended: bool,
}

impl<T> FrameFilter<T> {
    /// Creates a filter at the start of a frame.
    pub(crate) fn new(stream: T) -> Self {
        Self {
            stream,
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            start: 0,
            end: 0,
            frame_bytes: 0,
            has_ended: false,
        }
    }

    /// Passes on as much of the buffer as `out` has room for, up to an incomplete header.
    fn pass_on(&mut self, out: &mut ReadBuf<'_>) {
        while out.remaining() > 0 {
            let bytes = &self.buffer[self.start..self.end];
            if self.frame_bytes == 0 {
                match bytes.first_chunk::<HEADER_BYTES>() {
                    Some(header) if is_empty_data(header) => {
                        self.start += HEADER_BYTES;
                        continue;
                    }
                    Some(header) => self.frame_bytes = HEADER_BYTES + payload_bytes(header),
                    // An incomplete frame is an error, which the reader is to notice.
                    None if self.has_ended => self.frame_bytes = bytes.len(),
                    None => return,
                }
            }
            let count = self.frame_bytes.min(bytes.len()).min(out.remaining());
            if count == 0 {
                return;
            }
            out.put_slice(&bytes[..count]);
            self.start += count;
            self.frame_bytes -= count;
        }
    }
}

/// Returns true if a header is that of a DATA frame without payload that does not end its stream.
fn is_empty_data(header: &[u8; HEADER_BYTES]) -> bool {
    let stream = u32::from_be_bytes([header[5], header[6], header[7], header[8]]) & 0x7fff_ffff;
    // On stream 0 it is a protocol error, which the library reports.
    payload_bytes(header) == 0 && header[3] == DATA && header[4] & END_STREAM == 0 && stream != 0
}

/// The length of the payload that follows a header.
fn payload_bytes(header: &[u8; HEADER_BYTES]) -> usize {
    let [high, middle, low, ..] = *header;
    usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low)
}

impl<T: AsyncRead + Unpin> AsyncRead for FrameFilter<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = out.filled().len();
        loop {
            this.pass_on(out);
            if out.filled().len() > before || out.remaining() == 0 || this.has_ended {
                return Poll::Ready(Ok(()));
            }
            // Nothing but the start of a header is left.
            this.buffer.copy_within(this.start..this.end, 0);
            this.end -= this.start;
            this.start = 0;
            let mut room = ReadBuf::new(&mut this.buffer[this.end..]);
            ready!(Pin::new(&mut this.stream).poll_read(context, &mut room))?;
            let count = room.filled().len();
            this.end += count;
            this.has_ended = count == 0;
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for FrameFilter<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
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
    use proptest::prelude::*;
    use tokio::io::AsyncReadExt;

    use super::*;

    /// A stream that delivers its bytes in pieces.
    struct Pieces {
        bytes: Vec<u8>,
        sizes: Vec<usize>,
        read: usize,
        number: usize,
    }

    impl AsyncRead for Pieces {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _context: &mut Context<'_>,
            out: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let size = self.sizes[self.number % self.sizes.len()].min(out.remaining());
            let end = (self.read + size).min(self.bytes.len());
            out.put_slice(&self.bytes[self.read..end]);
            self.read = end;
            self.number += 1;
            Poll::Ready(Ok(()))
        }
    }

    fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut bytes = length[1..].to_vec();
        bytes.extend([kind, flags, 0, 0, 0, stream]);
        bytes.extend_from_slice(payload);
        bytes
    }

    /// Reads everything, at most `most` bytes at a time.
    fn filtered(bytes: Vec<u8>, sizes: Vec<usize>, most: usize) -> Vec<u8> {
        let pieces = Pieces {
            bytes,
            sizes,
            read: 0,
            number: 0,
        };
        let mut filter = FrameFilter::new(pieces);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let (mut all, mut part) = (Vec::new(), vec![0; most]);
            loop {
                let count = filter.read(&mut part).await.unwrap();
                if count == 0 {
                    return all;
                }
                all.extend_from_slice(&part[..count]);
            }
        })
    }

    #[test]
    fn keeps_frames_that_carry_something() {
        for kept in [
            frame(DATA, END_STREAM, 1, b""),
            frame(DATA, 0, 0, b""),
            // Padding alone: one byte for its length, and five.
            frame(DATA, 8, 1, b"\x05\0\0\0\0\0"),
            frame(4, 0, 0, b""),
            frame(DATA, 0, 1, b"x"),
        ] {
            assert_eq!(filtered(kept.clone(), vec![3], 64), kept);
        }
        assert_eq!(filtered(frame(DATA, 0, 1, b""), vec![3], 64), b"");
    }

    #[test]
    fn passes_on_what_is_no_frame() {
        let text = b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec();
        assert_eq!(filtered(text.clone(), vec![7], 5), text);
        assert_eq!(filtered(b"short".to_vec(), vec![2], 64), b"short");
    }

    proptest! {
        #[test]
        fn removes_only_empty_data(
            frames in prop::collection::vec(
                (0_u8..3, 0_u8..2, 0_u8..3, prop::collection::vec(any::<u8>(), 0..40), any::<bool>()),
                0..40,
            ),
            sizes in prop::collection::vec(1_usize..60, 1..8),
            most in 1_usize..100,
        ) {
            let (mut sent, mut expected) = (Vec::new(), Vec::new());
            for (kind, flags, stream, payload, is_empty) in frames {
                let payload = if is_empty { Vec::new() } else { payload };
                let bytes = frame(kind, flags, stream, &payload);
                sent.extend_from_slice(&bytes);
                let removed = payload.is_empty() && kind == DATA && flags == 0 && stream != 0;
                if !removed {
                    expected.extend_from_slice(&bytes);
                }
            }
            prop_assert_eq!(filtered(sent, sizes, most), expected);
        }
    }
}
