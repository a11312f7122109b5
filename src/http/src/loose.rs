//! A request whose path alone is parsed, for endpoints whose ruma type refuses or drops input that clients send and the
//! specification allows. The handler reads the body itself.

use std::marker::PhantomData;

use hearth_base::{Error, Result};
use http::Method;
use ruma::api::error::DeserializationError;
use ruma::api::{IncomingRequest, Metadata};
use serde_json::{Map, Value};

use crate::json;
use crate::route::Ruma;

/// The path of a request to the endpoint `E`, served at `E`'s paths with `E`'s method and authentication.
#[derive(Debug)]
pub struct Loose<E> {
    path: Vec<String>,
    endpoint: PhantomData<fn() -> E>,
}

impl<E> Loose<E> {
    /// A path parameter, counted from 0, without validation.
    #[must_use]
    pub fn text(&self, index: usize) -> &str {
        self.path.get(index).map_or("", String::as_str)
    }

    /// A path parameter as an identifier. Fails with `M_INVALID_PARAM`.
    pub fn id<'a, T>(&'a self, index: usize) -> Result<T>
    where
        T: TryFrom<&'a str>,
        T::Error: std::fmt::Display,
    {
        let text = self.text(index);
        T::try_from(text).map_err(|why| Error::invalid(format!("{text:?} in the path is not an identifier: {why}")))
    }
}

impl<T> Ruma<T> {
    /// The body as a JSON object. Fails with `M_NOT_JSON` or `M_BAD_JSON`.
    pub fn object(&self) -> Result<Map<String, Value>> {
        self.call.json()
    }

    /// The body as text, for content that is stored as received. Fails with `M_NOT_JSON` when it is not UTF-8.
    pub fn text_body(&self) -> Result<&str> {
        std::str::from_utf8(&self.call.raw).map_err(|error| json::explain(&self.call.raw, &error))
    }
}

impl<E: Metadata> Metadata for Loose<E> {
    const METHOD: Method = E::METHOD;
    const RATE_LIMITED: bool = E::RATE_LIMITED;
    type Authentication = E::Authentication;
    type PathBuilder = E::PathBuilder;
    const PATH_BUILDER: E::PathBuilder = E::PATH_BUILDER;
}

impl<E: IncomingRequest> IncomingRequest for Loose<E> {
    type EndpointError = E::EndpointError;
    type OutgoingResponse = E::OutgoingResponse;

    fn try_from_http_request_inner(
        _: http::Request<&[u8]>,
        path_args: &[&str],
    ) -> std::result::Result<Self, DeserializationError> {
        Ok(Self { path: path_args.iter().map(|part| (*part).to_owned()).collect(), endpoint: PhantomData })
    }
}
