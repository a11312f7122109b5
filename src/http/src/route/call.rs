//! A request on its way to a handler: authenticated, within its bounds, and for ruma's endpoints parsed.

use std::ops::Deref;

use axum::extract::RawPathParams;
use bytes::Bytes;
use hearth_base::{Error, Reason, Result, error::refuse};
use hearth_domain::{Requester, uia};
use http::{HeaderMap, Method, Uri, Version};
use ruma::ServerName;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::admin::Caller;
use crate::app::ClientAddress;
use crate::federation::auth::RequestingServer;
use crate::json;

/// A request as the gate lets it through. What plain handlers take.
#[derive(Debug)]
pub struct Call {
    /// The method; `HEAD` where the endpoint is one of `GET`.
    pub method: Method,
    /// The target, for parameters that ruma's types do not carry.
    pub uri: Uri,
    /// The HTTP version.
    pub version: Version,
    /// The headers. Empty for ruma's endpoints: ruma has read them.
    pub headers: HeaderMap,
    /// The parameters of the path, percent-decoded, in the order of the path.
    pub params: RawPathParams,
    /// Where the request came from.
    pub client: ClientAddress,
    /// The user who asks; always there when the endpoint requires a token.
    pub requester: Option<Requester>,
    /// The server that asks; always there when the endpoint requires a server's signature.
    pub asker: Option<RequestingServer>,
    /// The operator at the admin socket; always there when the endpoint is one of the admin API.
    pub caller: Option<Caller>,
    /// The body as it came, but without `auth` if the endpoint takes user-interactive authentication, which binds to
    /// it.
    pub raw: Bytes,
    /// Method and path, for endpoints with user-interactive authentication; empty for others.
    pub target: String,
    /// What the body had as `auth`, for the same endpoints.
    pub auth: Option<serde_json::Value>,
}

impl Call {
    /// The user who asks.
    pub fn user(&self) -> Result<&Requester> {
        self.requester.as_ref().ok_or_else(|| refuse(Reason::MissingToken, "This needs an access token: log in first."))
    }

    /// The server that asks.
    pub fn origin(&self) -> Result<&ServerName> {
        let asker = self.asker.as_ref();
        asker.map(|asker| &*asker.name).ok_or_else(|| refuse(Reason::Unauthorized, "This is for other servers."))
    }

    /// The operator at the admin socket.
    pub fn operator(&self) -> Result<&Caller> {
        self.caller.as_ref().ok_or_else(|| refuse(Reason::Unauthorized, "This is for the admin socket."))
    }

    /// A parameter of the path, counted from 0; empty if there are fewer.
    #[must_use]
    pub fn param(&self, index: usize) -> &str {
        self.params.iter().nth(index).map_or("", |(_, value)| value)
    }

    /// The query. What `T` does not know, such as an old client's token, is left alone. Refuses with `M_INVALID_PARAM`.
    pub fn query<T: DeserializeOwned>(&self) -> Result<T> {
        query(&self.uri)
    }

    /// As [`Call::json`]; no body at all is the empty object.
    pub fn json_or_empty<T: DeserializeOwned>(&self) -> Result<T> {
        let body: &[u8] = if self.raw.is_empty() { b"{}" } else { &self.raw };
        serde_json::from_slice(body).map_err(|error| json::explain(body, &error))
    }

    /// The body as JSON. Refuses with `M_NOT_JSON` and `M_BAD_JSON`.
    pub fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T> {
        serde_json::from_slice(&self.raw).map_err(|error| json::explain(&self.raw, &error))
    }
}

/// The query of `uri`. Refuses with `M_INVALID_PARAM`.
pub(crate) fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T> {
    serde_html_form::from_str(uri.query().unwrap_or_default())
        .map_err(|error| Error::invalid(format!("The query is not right: {error}")))
}

/// A request to an endpoint of ruma, as its handler gets it.
#[derive(Debug)]
pub struct Ruma<T> {
    /// What ruma has parsed.
    pub body: T,
    /// The request around it.
    pub call: Call,
}

impl<T> Deref for Ruma<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.body
    }
}

impl<T> Ruma<T> {
    /// The user who asks.
    pub fn user(&self) -> Result<&Requester> {
        self.call.user()
    }

    /// The server that asks.
    pub fn origin(&self) -> Result<&ServerName> {
        self.call.origin()
    }

    /// This request as `Uia::check` wants it.
    #[must_use]
    pub fn uia(&self, flows: uia::Flows) -> uia::UiaRequest<'_> {
        let call = &self.call;
        let (requester, auth) = (call.requester.as_ref(), call.auth.as_ref());
        uia::UiaRequest { requester, target: &call.target, body: &call.raw, auth, flows }
    }
}
