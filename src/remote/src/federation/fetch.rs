//! Fetches well-known documents and media from URLs that other servers choose.
//!
//! Only over TLS and, unlike federation requests, following redirects; the guard checks each target.

use std::sync::Arc;
use std::time::Duration;

use hearth_base::config::Outgoing;
use hearth_base::limits::remote::{FILE_WAIT_MAX, WELL_KNOWN_WAIT};
use hearth_base::{Error, Reason, Result, error::refusal, limits};
use hearth_domain::ports::{Eventually, RemoteResponse};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::{Instant, timeout};
use url::Url;

use super::lifetime;
use super::well_known::{Ask, Asked};
use crate::connect::body;
use crate::connect::dns::Dns;
use crate::connect::words;
use crate::web::{GetError, Web};

/// The fetching client. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Fetcher {
    web: Web,
    /// Timeout for a response head (`outgoing.request_timeout_ms`).
    wait_max: Duration,
}

impl Fetcher {
    pub(super) fn new(config: &Outgoing, dns: Arc<dyn Dns>, port: u16) -> Result<Self> {
        let wait_max = Duration::from_millis(config.request_timeout_ms);
        Ok(Self { web: Web::guarded(config, dns, port)?, wait_max })
    }

    /// Downloads a file. `wait` is the timeout for the response head.
    pub(super) async fn file(&self, url: &str, wait: Duration) -> Result<RemoteResponse> {
        let url =
            Url::parse(url).map_err(|_| Error::bad_json("The other server sends us to something that is no URL."))?;
        let host = url.host_str().unwrap_or_default().to_owned();
        // Another server chose the URL: neither its host nor the reason goes to clients.
        let failed = |why: String| -> Error {
            let message = "The host of this file cannot be reached. Try again later.";
            refusal(Reason::ConnectionFailed, message).because(format!("{host}: {why}")).into()
        };
        let until = Instant::now() + FILE_WAIT_MAX;
        let asked = timeout(wait.min(self.wait_max), self.web.get(&url)).await;
        let response = match asked.map_err(|_| failed("no answer came in time".into()))? {
            Ok(response) => response,
            Err(GetError::Failed(words) | GetError::Redirect(words)) => return Err(failed(words.0)),
        };
        let (status, content_type) = (response.status().as_u16(), body::content_type(response.headers()));
        let broken = |why: String| {
            refusal(Reason::ConnectionFailed, "The file ended too early. Try again later.").because(why).into()
        };
        Ok(RemoteResponse { status, content_type, body: body::pieces(response.into_body(), Some(until), broken) })
    }

    async fn well_known(self, host: String) -> Asked {
        let Ok(url) = Url::parse(&format!("https://{host}/.well-known/matrix/server")) else {
            return Asked::Nothing("its name cannot be part of a URL".to_owned());
        };
        let wait = WELL_KNOWN_WAIT.min(self.wait_max);
        let late = |_| Asked::Failed(format!("no answer came within {} s", wait.as_secs_f32()));
        timeout(wait, self.document(&url)).await.unwrap_or_else(late)
    }

    async fn document(&self, url: &Url) -> Asked {
        let response = match self.web.get(url).await {
            Ok(response) => response,
            Err(GetError::Redirect(words)) => return Asked::Nothing(words.0),
            Err(GetError::Failed(words)) => return Asked::Failed(words.0),
        };
        let status = response.status();
        if status.is_server_error() || status.as_u16() == 429 {
            return Asked::Failed(format!("it answered {status}"));
        }
        if status.as_u16() != 200 {
            return Asked::Nothing(format!("it answered {status}"));
        }
        let lifetime = lifetime::of(response.headers());
        match Limited::new(response.into_body(), limits::WELL_KNOWN_BYTES_MAX).collect().await {
            Ok(body) => Asked::Document(body.to_bytes(), lifetime),
            Err(error) if error.is::<LengthLimitError>() => Asked::Nothing("its answer is too long".to_owned()),
            Err(error) => Asked::Failed(words::of_request(&*error).0),
        }
    }
}

impl Ask for Fetcher {
    fn ask(&self, host: &str) -> Eventually<Asked> {
        Box::pin(self.clone().well_known(host.to_owned()))
    }
}
