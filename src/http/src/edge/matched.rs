//! Tells the edge which route matched: axum exposes the pattern only inside the request, to the handler.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use tower::{Layer, Service};

/// A layer that copies the matched pattern into the extensions of the response.
#[derive(Debug, Clone, Copy)]
pub(super) struct Matched;

impl<S> Layer<S> for Matched {
    type Service = Around<S>;

    fn layer(&self, inner: S) -> Around<S> {
        Around(inner)
    }
}

/// A route wrapped by [`Matched`].
#[derive(Debug, Clone)]
pub(super) struct Around<S>(S);

impl<S> Service<Request> for Around<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Unpin,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Answering<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let matched = request.extensions().get::<MatchedPath>().cloned();
        Answering { answering: self.0.call(request), matched }
    }
}

/// The response future of a route.
#[derive(Debug)]
pub(super) struct Answering<F> {
    answering: F,
    matched: Option<MatchedPath>,
}

impl<F> Future for Answering<F>
where
    F: Future<Output = Result<Response, Infallible>> + Unpin,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let answer = std::task::ready!(Pin::new(&mut self.answering).poll(cx));
        Poll::Ready(answer.map(|mut response| {
            if let Some(matched) = self.matched.take() {
                response.extensions_mut().insert(matched);
            }
            response
        }))
    }
}
