//! Timeouts of a connection: a request head must arrive within one limit, and a connection between requests may be idle
//! for another.
//!
//! hyper has one timer for both and cannot distinguish a client that sends its headers slowly from one that keeps a
//! connection open for later. Here the stream enforces both with one timer per connection.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hearth_base::limits::server::{PACED_HEAD_MAX, PACED_IDLE_MAX};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::stream::Stream;

/// How a client begins that uses HTTP/2 (RFC 9113, section 3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Request state of a connection, shared between its requests and its stream.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Requests in flight.
    under_way: AtomicU32,
    /// Counts starts and ends of requests, so that the stream notices a change with one atomic load.
    turns: AtomicU32,
    /// Set for HTTP/2, which has keep-alive pings of its own, and whose heads may arrive between other frames.
    http2: AtomicBool,
    /// When the last request ended.
    ended: Mutex<Option<Instant>>,
}

/// A request in flight. Dropping it ends the request.
pub(super) struct UnderWay(Arc<Pace>);

impl Pace {
    /// Starts a request, once its head has been parsed.
    pub(super) fn begin(self: &Arc<Self>, version: http::Version) -> UnderWay {
        if version == http::Version::HTTP_2 {
            self.http2.store(true, Ordering::Relaxed);
        }
        self.under_way.fetch_add(1, Ordering::Relaxed);
        self.turns.fetch_add(1, Ordering::Relaxed);
        UnderWay(Arc::clone(self))
    }

    /// Since when a connection that was accepted at `accepted` is idle; `None` while a request is in flight.
    pub(super) fn idle_since(&self, accepted: Instant) -> Option<Instant> {
        if self.under_way.load(Ordering::Relaxed) > 0 {
            return None;
        }
        Some(self.ended.lock().unwrap_or(accepted))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        *self.0.ended.lock() = Some(Instant::now());
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
        self.0.turns.fetch_add(1, Ordering::Relaxed);
    }
}

/// A stream that closes when its client misses a deadline.
#[derive(Debug)]
pub(super) struct Paced {
    stream: Stream,
    pace: Arc<Pace>,
    /// The value of `turns` at the last read.
    seen: u32,
    /// When the current phase began.
    since: Instant,
    /// Part of a request head has arrived, so the shorter deadline applies.
    in_head: bool,
    timer: Option<Pin<Box<Sleep>>>,
    /// What [`Paced::version`] has read.
    begun: Vec<u8>,
    head_max: Duration,
    idle_max: Duration,
}

impl Paced {
    /// Wraps a new connection. The deadline for its first head starts now.
    pub(super) fn new(stream: Stream, pace: Arc<Pace>) -> Self {
        Self::with_limits(stream, pace, PACED_HEAD_MAX, PACED_IDLE_MAX)
    }

    fn with_limits(stream: Stream, pace: Arc<Pace>, head_max: Duration, idle_max: Duration) -> Self {
        Self {
            stream,
            pace,
            seen: 0,
            since: Instant::now(),
            in_head: true,
            timer: None,
            begun: Vec::new(),
            head_max,
            idle_max,
        }
    }

    /// Reads as much as it takes to tell the HTTP version. The first read returns this again, with what follows it: hyper has
    /// a buffer of 8 KiB, and doubles it when the beginning of a head comes alone.
    pub(super) async fn version(&mut self) -> io::Result<http::Version> {
        let mut piece = [0; HTTP2_PREFACE.len()];
        loop {
            let wanted = HTTP2_PREFACE.len() - self.begun.len();
            let mut buf = ReadBuf::new(&mut piece[..wanted]);
            poll_fn(|cx| self.poll_stream(cx, &mut buf)).await?;
            self.begun.extend_from_slice(buf.filled());
            if buf.filled().is_empty() || !HTTP2_PREFACE.starts_with(&self.begun) {
                return Ok(http::Version::HTTP_11);
            }
            if self.begun.len() == HTTP2_PREFACE.len() {
                return Ok(http::Version::HTTP_2);
            }
        }
    }

    /// Starts a new phase if a request has started or ended.
    fn turn(&mut self) {
        let turns = self.pace.turns.load(Ordering::Relaxed);
        if turns != self.seen {
            self.seen = turns;
            self.begin_phase(false);
        }
    }

    fn begin_phase(&mut self, in_head: bool) {
        self.since = Instant::now();
        self.in_head = in_head;
    }

    /// The client's deadline; `None` while the server has a request in flight.
    fn deadline(&self) -> Option<Instant> {
        if self.pace.under_way.load(Ordering::Relaxed) > 0 || self.pace.http2.load(Ordering::Relaxed) {
            return None;
        }
        Some(self.since + if self.in_head { self.head_max } else { self.idle_max })
    }

    /// Ready when the client has missed its deadline.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(deadline) = self.deadline() {
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
            // A timer that is too early is extended when it fires; resetting it with every request would cost more.
            if timer.deadline() > deadline {
                timer.as_mut().reset(deadline);
            }
            match timer.as_mut().poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(()) if Instant::now() >= deadline => return Poll::Ready(()),
                Poll::Ready(()) => timer.as_mut().reset(deadline),
            }
        }
        Poll::Pending
    }
}

impl AsyncRead for Paced {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.begun.is_empty() {
            return self.poll_stream(cx, buf);
        }
        let fits = self.begun.len().min(buf.remaining());
        buf.put_slice(&self.begun[..fits]);
        self.begun.drain(..fits);
        if self.begun.is_empty() {
            self.begun = Vec::new();
            // Bytes have been read, so an error or the end is for the next read, and so is the wake-up.
            let _ = self.poll_stream(cx, buf);
        }
        Poll::Ready(Ok(()))
    }
}

impl Paced {
    fn poll_stream(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.turn();
        let before = buf.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buf) {
            Poll::Ready(result) => {
                let idle = !self.in_head && self.pace.under_way.load(Ordering::Relaxed) == 0;
                if idle && buf.filled().len() > before {
                    self.begin_phase(true);
                }
                Poll::Ready(result)
            }
            Poll::Pending => match self.poll_late(cx) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(()) if self.in_head => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
                // Reported as end of file, so that hyper closes the idle connection cleanly.
                Poll::Ready(()) => Poll::Ready(Ok(())),
            },
        }
    }
}

impl Paced {
    /// A write is progress: it restarts the idle phase.
    fn wrote(&mut self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(result, Poll::Ready(Ok(_))) {
            self.begin_phase(false);
        }
        result
    }
}

impl AsyncWrite for Paced {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.wrote(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.wrote(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixStream;
    use tokio::time::timeout;

    use super::*;

    const SHORT: Duration = Duration::from_millis(50);
    const LONG: Duration = Duration::from_millis(400);

    fn pair() -> (UnixStream, Paced, Arc<Pace>) {
        let (client, server) = UnixStream::pair().unwrap();
        let pace = Arc::<Pace>::default();
        (client, Paced::with_limits(Stream::Unix(server), Arc::clone(&pace), SHORT, LONG), pace)
    }

    #[tokio::test]
    async fn a_head_must_come_in_time_also_byte_by_byte() {
        let (mut client, mut paced, _) = pair();
        client.write_all(b"G").await.unwrap();
        paced.read_u8().await.unwrap();
        let late = timeout(LONG, paced.read_u8()).await.expect("it does not wait for ever");
        assert_eq!(late.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_request_may_take_its_time_and_a_connection_may_idle() {
        let (mut client, mut paced, pace) = pair();
        client.write_all(b"G").await.unwrap();
        paced.read_u8().await.unwrap();
        let under_way = pace.begin(http::Version::HTTP_11);
        assert!(timeout(2 * LONG, paced.read_u8()).await.is_err(), "nobody is hurried while we answer");
        drop(under_way);
        assert!(timeout(2 * SHORT, paced.read_u8()).await.is_err(), "idling is not dawdling");
        let end = timeout(2 * LONG, paced.read(&mut [0])).await.expect("nobody idles for ever");
        assert_eq!(end.unwrap(), 0, "as if the client had hung up");
    }

    #[tokio::test]
    async fn http2_keeps_its_own_time() {
        let (_client, mut paced, pace) = pair();
        drop(pace.begin(http::Version::HTTP_2));
        assert!(timeout(2 * LONG, paced.read_u8()).await.is_err());
    }

    #[tokio::test]
    async fn the_version_is_told_and_the_first_read_has_everything() {
        let requests: [(&[u8], _); 3] = [
            (b"GET / HTTP/1.1\r\nHost: home.example\r\n\r\n", http::Version::HTTP_11),
            (b"PRIVMSG", http::Version::HTTP_11),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nframes follow", http::Version::HTTP_2),
        ];
        for (request, version) in requests {
            let (mut client, mut paced, _) = pair();
            client.write_all(request).await.unwrap();
            assert_eq!(paced.version().await.unwrap(), version);
            let mut buf = vec![0; 8 * 1024];
            let read = paced.read(&mut buf).await.unwrap();
            assert_eq!(&buf[..read], request, "hyper's buffer doubles if the beginning comes alone");
        }
    }

    #[tokio::test]
    async fn a_preface_may_come_in_pieces_and_must_come_in_time() {
        let (mut client, mut paced, _) = pair();
        let sending = async {
            for piece in HTTP2_PREFACE.chunks(5) {
                client.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        let (version, ()) = tokio::join!(paced.version(), sending);
        assert_eq!(version.unwrap(), http::Version::HTTP_2);
        let mut small = [0; 10];
        paced.read_exact(&mut small).await.unwrap();
        assert_eq!(small, HTTP2_PREFACE[..10]);
        let (mut client, mut paced, _) = pair();
        client.write_all(b"PRI * ").await.unwrap();
        let late = timeout(LONG, paced.version()).await.expect("it does not wait for ever");
        assert_eq!(late.unwrap_err().kind(), io::ErrorKind::TimedOut);
        let (client, mut paced, _) = pair();
        drop(client);
        assert_eq!(paced.version().await.unwrap(), http::Version::HTTP_11, "the end is hyper's to find");
    }
}
