//! A request as a handler receives it: authenticated, within limits, and parsed for ruma's endpoints.

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

/// A request that passed the gate. Plain handlers take it directly.
#[derive(Debug)]
pub struct Call {
    /// The HTTP method. A `HEAD` request can reach a `GET` endpoint.
    pub method: Method,
    /// The request target, for query parameters that ruma's types lack.
    pub uri: Uri,
    /// The HTTP version, which decides how an upload is refused.
    pub version: Version,
    /// The headers. Empty for ruma's endpoints, whose parser has consumed them.
    pub headers: HeaderMap,
    /// The path parameters, percent-decoded, in the order of the path.
    pub params: RawPathParams,
    /// The client's address.
    pub client: ClientAddress,
    /// The authenticated user; always present when the endpoint requires a token.
    pub requester: Option<Requester>,
    /// The authenticated server; always present when the endpoint requires a server's signature.
    pub asker: Option<RequestingServer>,
    /// The operator at the admin socket; always present for endpoints of the admin API.
    pub caller: Option<Caller>,
    /// The body as received, but without `auth` on endpoints with user-interactive authentication, which binds a
    /// session to the rest.
    pub raw: Bytes,
    /// Method and path, to which a session of user-interactive authentication is bound; empty for other endpoints.
    pub target: String,
    /// The `auth` object of the body, for the same endpoints.
    pub auth: Option<serde_json::Value>,
}

impl Call {
    /// The authenticated user.
    pub fn user(&self) -> Result<&Requester> {
        self.requester.as_ref().ok_or_else(|| refuse(Reason::MissingToken, "This needs an access token: log in first."))
    }

    /// The name of the authenticated server.
    pub fn origin(&self) -> Result<&ServerName> {
        let asker = self.asker.as_ref();
        asker.map(|asker| &*asker.name).ok_or_else(|| refuse(Reason::Unauthorized, "This is for other servers."))
    }

    /// The operator at the admin socket.
    pub fn operator(&self) -> Result<&Caller> {
        self.caller.as_ref().ok_or_else(|| refuse(Reason::Unauthorized, "This is for the admin socket."))
    }

    /// A path parameter, counted from 0; empty if there are fewer.
    #[must_use]
    pub fn param(&self, index: usize) -> &str {
        self.params.iter().nth(index).map_or("", |(_, value)| value)
    }

    /// Parses the query. Ignores fields that `T` lacks, such as an old client's token. Fails with `M_INVALID_PARAM`.
    pub fn query<T: DeserializeOwned>(&self) -> Result<T> {
        query(&self.uri)
    }

    /// Like [`Call::json`], with an absent body parsed as the empty object.
    pub fn json_or_empty<T: DeserializeOwned>(&self) -> Result<T> {
        let body: &[u8] = if self.raw.is_empty() { b"{}" } else { &self.raw };
        serde_json::from_slice(body).map_err(|error| json::explain(body, &error))
    }

    /// Parses the body as JSON. Fails with `M_NOT_JSON` or `M_BAD_JSON`.
    pub fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T> {
        serde_json::from_slice(&self.raw).map_err(|error| json::explain(&self.raw, &error))
    }
}

/// Parses the query of `uri`. Fails with `M_INVALID_PARAM`.
pub(crate) fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T> {
    serde_html_form::from_str(uri.query().unwrap_or_default())
        .map_err(|error| Error::invalid(format!("The query is not right: {error}")))
}

/// A parsed request to an endpoint that ruma defines.
#[derive(Debug)]
pub struct Ruma<T> {
    /// The request as ruma's type.
    pub body: T,
    /// The rest of the request.
    pub call: Call,
}

impl<T> Deref for Ruma<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.body
    }
}

impl<T> Ruma<T> {
    /// The authenticated user.
    pub fn user(&self) -> Result<&Requester> {
        self.call.user()
    }

    /// The name of the authenticated server.
    pub fn origin(&self) -> Result<&ServerName> {
        self.call.origin()
    }

    /// The input of `Uia::check` for this request.
    #[must_use]
    pub fn uia(&self, flows: uia::Flows) -> uia::UiaRequest<'_> {
        let call = &self.call;
        let (requester, auth) = (call.requester.as_ref(), call.auth.as_ref());
        uia::UiaRequest { requester, client: call.client.0, target: &call.target, body: &call.raw, auth, flows }
    }
}
