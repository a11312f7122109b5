//! A small HTTP client for one server. It leaves the judgement of responses to the test.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use super::{Answer, encoded};

/// Timeout of every request.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client of the server at one address, logged in or not.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

impl Client {
    /// A client that is not logged in. `base` is a URL such as `http://127.0.0.1:8008`.
    #[expect(
        clippy::disallowed_methods,
        reason = "a client of the server under test; the guarded one may not reach it"
    )]
    pub(crate) fn new(base: impl Into<String>) -> Self {
        // reqwest needs a crypto provider even for plain HTTP. A second installation fails, which is harmless.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .tls_certs_only([])
            .no_proxy()
            .no_gzip()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("these settings go together");
        Self { http, base: base.into(), token: None }
    }

    /// The server's base URL, such as `http://127.0.0.1:8008`.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// The same client with an access token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// A request of any method. `path` begins with a slash.
    pub(crate) fn ask(&self, method: Method, path: &str) -> Ask {
        let asked = format!("{method} {path}");
        let (http, target) = (self.http.clone(), format!("{}{path}", self.base));
        let headers = self.token.iter().map(|token| ("authorization".to_owned(), format!("Bearer {token}"))).collect();
        Ask { asked, http, method, target, headers, body: None }
    }

    pub(crate) fn get(&self, path: impl AsRef<str>) -> Ask {
        self.ask(Method::GET, path.as_ref())
    }

    pub(crate) fn post(&self, path: impl AsRef<str>, body: Value) -> Ask {
        self.ask(Method::POST, path.as_ref()).json(&body)
    }

    pub(crate) fn put(&self, path: impl AsRef<str>, body: Value) -> Ask {
        self.ask(Method::PUT, path.as_ref()).json(&body)
    }

    pub(crate) fn delete(&self, path: impl AsRef<str>) -> Ask {
        self.ask(Method::DELETE, path.as_ref())
    }
}

/// A request that is sent when it is awaited.
#[derive(Debug, Clone)]
#[must_use = "nothing is asked until this is awaited"]
pub(crate) struct Ask {
    asked: String,
    http: reqwest::Client,
    method: Method,
    target: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Ask {
    pub(crate) fn query(mut self, pairs: &[(&str, &str)]) -> Self {
        for (name, value) in pairs {
            let separator = if self.target.contains('?') { '&' } else { '?' };
            self.target.extend([separator.to_string(), encoded(name), "=".to_owned(), encoded(value)]);
        }
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.bytes("application/json", body.to_string())
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets a body of any content type.
    pub(crate) fn bytes(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self.header("content-type", content_type)
    }

    /// Sends the request; an error when the connection breaks, which only tests that kill the server expect.
    pub(crate) async fn attempt(self) -> reqwest::Result<Answer> {
        let mut request = self.http.request(self.method, self.target);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        if let Some(body) = self.body {
            request = request.body(body);
        }
        Answer::to(self.asked, request.send().await?).await
    }
}

impl IntoFuture for Ask {
    type Output = Answer;
    type IntoFuture = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let asked = self.asked.clone();
            let answer = self.attempt().await;
            answer.unwrap_or_else(|error| unreachable!("{asked}: the connection broke: {error:?}"))
        })
    }
}
