//! A connection as hyper's client expects it, with what its pool needs to know.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::client::TlsStream;

/// A byte stream in both directions, with TLS or without.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// One connection. Its permit is returned when it is dropped.
pub(crate) struct Link {
    io: TokioIo<Box<dyn Stream>>,
    is_http2: bool,
    /// Whether the connection must not return to the pool.
    once: bool,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Link {
    /// Wraps a TLS connection; ALPN decides between HTTP/2 and HTTP/1.1.
    pub(crate) fn secure(stream: TlsStream<TcpStream>) -> Self {
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Self { io: TokioIo::new(Box::new(stream)), is_http2, once: false, _permit: None }
    }

    /// Wraps a connection without TLS.
    pub(crate) fn plain(stream: TcpStream) -> Self {
        Self { io: TokioIo::new(Box::new(stream)), is_http2: false, once: false, _permit: None }
    }

    /// Attaches the permit that bounds open connections; `once` keeps the connection out of the pool.
    pub(crate) fn holding(self, permit: OwnedSemaphorePermit, once: bool) -> Self {
        Self { once, _permit: Some(permit), ..self }
    }
}

impl Connection for Link {
    fn connected(&self) -> Connected {
        let connected = Connected::new();
        if self.once {
            connected.poison();
        }
        if self.is_http2 { connected.negotiated_h2() } else { connected }
    }
}

impl Read for Link {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl Write for Link {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }
}
