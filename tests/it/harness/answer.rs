//! A response of the server.

use bytes::Bytes;
use reqwest::header::HeaderMap;
use serde_json::Value;

/// A response, with the request for the messages of failing tests.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// Method and path of the request.
    pub(crate) asked: String,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
}

impl Answer {
    pub(crate) async fn to(asked: String, response: reqwest::Response) -> reqwest::Result<Self> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Self { asked, status, headers, bytes: response.bytes().await? })
    }

    /// The body; `null` when it is not JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_default()
    }

    /// The body; fails unless the status is 200.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}: {}", self.asked, self.text());
        self.json()
    }

    /// The body; fails unless the response is this error.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, errcode: &str) -> Value {
        let body = self.json();
        let said = (self.status, body["errcode"].as_str().unwrap_or_default());
        assert_eq!(said, (status, errcode), "{}: {}", self.asked, self.text());
        assert!(body["error"].as_str().is_some_and(|text| !text.is_empty()), "{}: no words for people", self.asked);
        body
    }

    /// Asserts the status only, for responses that are not JSON.
    #[track_caller]
    pub(crate) fn status_is(&self, status: u16) {
        assert_eq!(self.status, status, "{}: {}", self.asked, self.text());
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as a web page, whole.
    pub(crate) fn html(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The body as text, for messages.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).chars().take(2_000).collect()
    }
}
