//! Request bodies with a silence limit: a sender that stalls loses its request, so that a client cannot hold
//! connections open with a byte now and then.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hearth_base::limits::http::SLOW_BODY_SILENCE_MAX;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

/// A body that fails after its sender has been silent for [`limits::BODY_SILENCE_MS_MAX`].
#[derive(Debug)]
pub(super) struct SlowBody<B> {
    inner: B,
    /// Set only while waiting: most bodies have arrived before they are read, and need no timer.
    silence: Option<Pin<Box<Sleep>>>,
}

impl<B> SlowBody<B> {
    pub(super) fn new(inner: B) -> Self {
        Self { inner, silence: None }
    }
}

impl<B> Body for SlowBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<axum::BoxError>,
{
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) {
            self.silence = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let silence = self.silence.get_or_insert_with(|| Box::pin(tokio::time::sleep(SLOW_BODY_SILENCE_MAX)));
        match silence.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Some(Err("the sender fell silent in the middle of the body".into()))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
