//! Requests to application services. Their URLs come from registrations, which only the operator adds: so private
//! addresses are allowed, exactly these URLs are requested, and redirects are not followed.

use std::time::Duration;

use bytes::Bytes;
use hearth_base::limits::domain::{APPSERVICE_ANSWER_BYTES_MAX, APPSERVICE_ANSWER_SHOWN_CHARS_MAX};
use hearth_base::{Error, Reason, Result, error::refuse};
use hearth_core::appservices::Registration;
use hearth_federation::request::whole;
use http::{Method, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

use super::Appservices;

/// What a path segment or a query value percent-encodes: all but the unreserved characters of RFC 3986.
const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The answer of an application service, whatever its status.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Bytes,
}

/// Why an application service gave no answer.
#[derive(Debug)]
pub(super) enum Silence {
    /// The registration has no `url`.
    NoUrl,
    /// It took too long.
    Late,
    /// The connection failed; the text is for the operator.
    Unreachable(String),
}

impl Answer {
    pub(super) fn is_ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The status and the beginning of the body, for the operator.
    pub(super) fn in_words(&self) -> String {
        let body = String::from_utf8_lossy(&self.body);
        let shown: String = body.chars().take(APPSERVICE_ANSWER_SHOWN_CHARS_MAX).collect();
        let why = match self.status {
            401 | 403 => ": it does not accept the hs_token of its registration",
            404 => ": this path does not exist there; check `url` in its registration",
            300..=399 => ": redirects are not followed; check `url` in its registration",
            _ => "",
        };
        if shown.trim().is_empty() {
            format!("it answered {}{why}", self.status)
        } else {
            format!("it answered {}{why}: {shown}", self.status)
        }
    }
}

impl Silence {
    /// For the operator.
    pub(super) fn in_words(&self) -> String {
        match self {
            Self::NoUrl => "its registration has no url".to_owned(),
            Self::Late => "it took too long to answer".to_owned(),
            Self::Unreachable(why) => why.clone(),
        }
    }
}

impl From<Silence> for Error {
    fn from(silence: Silence) -> Self {
        let why = silence.in_words();
        let message = "The bridge does not answer. Tell the administrator of this server, and try again later.";
        hearth_base::error::refusal(Reason::ConnectionFailed, message).because(why).into()
    }
}

/// Percent-encodes a path segment or a query value.
pub(super) fn encoded(value: &str) -> PercentEncode<'_> {
    utf8_percent_encode(value, &RESERVED)
}

impl Appservices {
    /// Sends a request with the service's `hs_token`. `target` is the path and query after its URL.
    pub(super) async fn ask(
        &self,
        service: &Registration,
        method: Method,
        target: &str,
        body: Bytes,
        wait: Duration,
    ) -> Result<Answer, Silence> {
        let url = service.url.as_ref().ok_or(Silence::NoUrl)?;
        let unreachable = |error: Error| Silence::Unreachable(error.for_operator());
        let line = self.line.get().ok_or_else(|| Silence::Unreachable("the server is starting".to_owned()))?;
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{}{target}", url.as_str()))
            .header(header::AUTHORIZATION, format!("Bearer {}", service.hs_token.reveal()));
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request.body(body).map_err(|error| Silence::Unreachable(error.to_string()))?;
        let exchange = async {
            let answer = line.send(request, wait).await?;
            let status = answer.status;
            Ok(Answer { status, body: whole(answer, APPSERVICE_ANSWER_BYTES_MAX).await? })
        };
        match tokio::time::timeout(wait, exchange).await {
            Ok(answer) => answer.map_err(unreachable),
            Err(_) => Err(Silence::Late),
        }
    }

    /// Sends a query and parses its answer; `None` for 404. A client waits for it.
    pub(super) async fn query<T: serde::de::DeserializeOwned>(
        &self,
        service: &Registration,
        target: &str,
    ) -> Result<Option<T>> {
        let wait = hearth_base::limits::domain::APPSERVICE_QUERY_WAIT;
        let answer = self.ask(service, Method::GET, target, Bytes::new(), wait).await?;
        match answer.status {
            200 => serde_json::from_slice(&answer.body)
                .map(Some)
                .map_err(|_| refuse(Reason::ConnectionFailed, "The bridge's answer could not be understood.")),
            404 => Ok(None),
            _ => Err(Silence::Unreachable(answer.in_words()).into()),
        }
    }
}
