//! One client's stream: TCP, or TLS on it. Bytes in become frames (a STUN message or ChannelData, RFC 8656 section 3.1);
//! frames out wait in a bounded queue, beyond which they are dropped, as a slow network would.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::ops::Range;

use mio::net::TcpStream;
use rustls::ServerConnection;

use super::gate::Place;
use crate::limits::{FRAME_BYTES_MAX, STREAM_QUEUE_BYTES_MAX};
use crate::server::Path;
use crate::stun::{HEADER_BYTES, channel_data};

/// Why a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The client closed it, or the network broke it.
    Closed,
    /// What came is no frame, or one that is larger than any may be.
    NoFrame,
}

impl From<io::Error> for Ended {
    fn from(_: io::Error) -> Self {
        Self::Closed
    }
}

/// A stream.
pub(super) struct Stream {
    pub(super) socket: TcpStream,
    tls: Option<Box<ServerConnection>>,
    pub(super) path: Path,
    pub(super) since_ms: u64,
    /// Received and not yet looked at.
    input: Vec<u8>,
    /// To be sent, before TLS, if that has not taken it.
    output: Vec<u8>,
    sent: usize,
    /// For TLS: the lengths of the frames that wait. Each becomes a record of its own; some clients look at no more than one
    /// frame in each.
    frames: VecDeque<usize>,
    _place: Place,
}

impl Stream {
    /// A stream of which `read` has been received already.
    pub(super) fn new(
        socket: TcpStream,
        tls: Option<Box<ServerConnection>>,
        read: Vec<u8>,
        path: Path,
        since_ms: u64,
        place: Place,
    ) -> Self {
        Self {
            socket,
            tls,
            path,
            since_ms,
            input: read,
            output: Vec::new(),
            sent: 0,
            frames: VecDeque::new(),
            _place: place,
        }
    }

    /// Receives what is there, up to the largest frame. Returns whether more may be there.
    pub(super) fn fill(&mut self) -> Result<bool, Ended> {
        let mut buffer = [0; 4_096];
        while self.input.len() < FRAME_BYTES_MAX {
            let room = buffer.len().min(FRAME_BYTES_MAX - self.input.len());
            match self.read_some(&mut buffer[..room]) {
                Ok(0) => return Err(Ended::Closed),
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
            // Decrypted bytes first; without any, what the network has.
            match tls.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
            if tls.read_tls(&mut self.socket)? == 0 {
                return Ok(0);
            }
            let processed = tls.process_new_packets();
            // Alerts and handshake messages, even after an error.
            while tls.wants_write() && tls.write_tls(&mut self.socket).is_ok_and(|count| count > 0) {}
            processed.map_err(io::Error::other)?;
        }
    }

    /// Where in the input the frame that begins at `at` lies, if all of it is there, and how many bytes it takes with padding.
    pub(super) fn frame(&self, at: usize) -> Result<Option<(Range<usize>, usize)>, Ended> {
        let rest = &self.input[at..];
        let &[first, _, l0, l1, ..] = rest else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        let (bytes, whole) = match first {
            0..=3 => (HEADER_BYTES + length, HEADER_BYTES + length),
            _ if channel_data::is_channel_data(first) => {
                let bytes = channel_data::HEADER_BYTES + length;
                (bytes, bytes.next_multiple_of(4))
            }
            _ => return Err(Ended::NoFrame),
        };
        if whole > FRAME_BYTES_MAX {
            return Err(Ended::NoFrame);
        }
        Ok((rest.len() >= whole).then_some((at..at + bytes, whole)))
    }

    /// A part of the input.
    pub(super) fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.input[range]
    }

    /// Forgets the first `count` bytes of the input.
    pub(super) fn consume(&mut self, count: usize) {
        self.input.drain(..count);
        if self.input.is_empty() {
            // Idle streams keep no buffer.
            self.input = Vec::new();
        }
    }

    /// Queues a frame; `false` if there is no room.
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

    /// Sends what is queued, as far as the network takes it.
    pub(super) fn flush(&mut self) -> Result<(), Ended> {
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
                // Before the handshake is done, nothing is taken: there is nobody to answer yet.
                Some(tls) if tls.is_handshaking() => return Ok(()),
                // All that was written before has left, so that there is room for a whole frame.
                Some(tls) => {
                    let frame = self.frames.pop_front().unwrap_or(rest.len());
                    tls.writer().write(&rest[..frame])
                }
                None => self.socket.write(rest),
            };
            match wrote {
                Ok(0) => return Err(Ended::Closed),
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
