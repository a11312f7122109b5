//! One client's stream, TCP or TLS. Received bytes become frames: a STUN message or ChannelData (RFC 8656
//! section 3.1). Frames to send wait in a bounded queue; further ones are dropped, as a congested UDP path
//! would drop them.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::ops::Range;

use mio::net::TcpStream;
use rustls::ServerConnection;

use super::stream_limiter::StreamPermit;
use crate::limits::{FRAME_BYTES_MAX, STREAM_QUEUE_BYTES_MAX};
use crate::server::FiveTuple;
use crate::stun::{HEADER_BYTES, channel_data};

/// Why a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StreamEnd {
    /// The client closed it, or the connection failed.
    Closed,
    /// The input is not a frame, or exceeds [`FRAME_BYTES_MAX`]. A stream cannot be resynchronised after that.
    InvalidFrame,
}

impl From<io::Error> for StreamEnd {
    fn from(_: io::Error) -> Self {
        Self::Closed
    }
}

/// A client's stream.
pub(super) struct Stream {
    pub(super) socket: TcpStream,
    tls: Option<Box<ServerConnection>>,
    pub(super) five_tuple: FiveTuple,
    pub(super) since_ms: u64,
    /// Received bytes, decrypted, not yet processed.
    input: Vec<u8>,
    /// Bytes to send, before encryption. The first `sent` of them are with the socket or the TLS session.
    output: Vec<u8>,
    sent: usize,
    /// TLS only: lengths of the queued frames. Each becomes a TLS record of its own, because some clients read
    /// only one frame per record.
    frames: VecDeque<usize>,
    _permit: StreamPermit,
}

impl Stream {
    /// A stream with `read` as its first input.
    pub(super) fn new(
        socket: TcpStream,
        tls: Option<Box<ServerConnection>>,
        read: Vec<u8>,
        five_tuple: FiveTuple,
        since_ms: u64,
        permit: StreamPermit,
    ) -> Self {
        Self {
            socket,
            tls,
            five_tuple,
            since_ms,
            input: read,
            output: Vec::new(),
            sent: 0,
            frames: VecDeque::new(),
            _permit: permit,
        }
    }

    /// Receives up to the size of the largest frame. Returns whether the socket may hold more.
    pub(super) fn fill(&mut self) -> Result<bool, StreamEnd> {
        let mut buffer = [0; 4_096];
        while self.input.len() < FRAME_BYTES_MAX {
            let room = buffer.len().min(FRAME_BYTES_MAX - self.input.len());
            match self.read_some(&mut buffer[..room]) {
                Ok(0) => return Err(StreamEnd::Closed),
                Ok(count) => self.input.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.socket.read(buffer) };
        loop {
            // Drain the decrypted bytes before reading from the network.
            match tls.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
            if tls.read_tls(&mut self.socket)? == 0 {
                return Ok(0);
            }
            let processed = tls.process_new_packets();
            // Send alerts and handshake messages, even after an error: the client learns why the handshake failed.
            while tls.wants_write() && tls.write_tls(&mut self.socket).is_ok_and(|count| count > 0) {}
            processed.map_err(io::Error::other)?;
        }
    }

    /// The range of the frame that starts at `at`, and its length with padding. `None` if it is incomplete.
    pub(super) fn frame(&self, at: usize) -> Result<Option<(Range<usize>, usize)>, StreamEnd> {
        let rest = &self.input[at..];
        let &[first, _, l0, l1, ..] = rest else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        let (bytes, whole) = match first {
            0..=3 => (HEADER_BYTES + length, HEADER_BYTES + length),
            _ if channel_data::is_channel_data(first) => {
                let bytes = channel_data::HEADER_BYTES + length;
                (bytes, bytes.next_multiple_of(4))
            }
            _ => return Err(StreamEnd::InvalidFrame),
        };
        if whole > FRAME_BYTES_MAX {
            return Err(StreamEnd::InvalidFrame);
        }
        Ok((rest.len() >= whole).then_some((at..at + bytes, whole)))
    }

    /// A range of the input.
    pub(super) fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.input[range]
    }

    /// Removes the first `count` bytes of the input.
    pub(super) fn consume(&mut self, count: usize) {
        self.input.drain(..count);
        if self.input.is_empty() {
            // Release the buffer: a server has many idle streams.
            self.input = Vec::new();
        }
    }

    /// Queues a frame. Returns `false` if the queue is full.
    pub(super) fn queue(&mut self, frame: &[u8]) -> bool {
        if self.output.len() - self.sent + frame.len() > STREAM_QUEUE_BYTES_MAX {
            return false;
        }
        self.output.extend_from_slice(frame);
        if self.tls.is_some() {
            self.frames.push_back(frame.len());
        }
        true
    }

    /// Sends queued bytes until the socket would block.
    pub(super) fn flush(&mut self) -> Result<(), StreamEnd> {
        loop {
            if let Some(tls) = &mut self.tls {
                while tls.wants_write() {
                    match tls.write_tls(&mut self.socket) {
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                        done => _ = done?,
                    }
                }
            }
            let rest = &self.output[self.sent..];
            if rest.is_empty() {
                (self.output, self.sent) = (Vec::new(), 0);
                return Ok(());
            }
            let wrote = match &mut self.tls {
                // No plaintext before the handshake is complete.
                Some(tls) if tls.is_handshaking() => return Ok(()),
                // The session has no pending output here, so it has room for a whole frame.
                Some(tls) => {
                    let frame = self.frames.pop_front().unwrap_or(rest.len());
                    tls.writer().write(&rest[..frame])
                }
                None => self.socket.write(rest),
            };
            match wrote {
                Ok(0) => return Err(StreamEnd::Closed),
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
            if self.sent > STREAM_QUEUE_BYTES_MAX / 2 {
                self.output.drain(..self.sent);
                self.sent = 0;
            }
        }
    }
}
