//! Server-server requests that a test can corrupt before delivery.

use std::time::Duration;

use hearth_domain::ports::Call;
use ruma::OwnedServerName;
use ruma::api::federation::authentication::{XMatrix, XMatrixSigningInput};
use serde_json::Value;

use crate::harness::{Cluster, World};

/// A signed request.
#[derive(Debug, Clone)]
pub(super) struct Letter(pub(super) Call);

/// The response.
#[derive(Debug)]
pub(super) struct Reply {
    asked: String,
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

fn name(world: &World) -> OwnedServerName {
    world.server().domain.core.server_name.clone()
}

impl Letter {
    /// A GET request from one server to another.
    pub(super) fn get(from: &World, to: &World, target: &str) -> Self {
        Self::new(from, to, "GET", target, None)
    }

    /// A POST request with a body.
    pub(super) fn post(from: &World, to: &World, target: &str, body: &Value) -> Self {
        Self::new(from, to, "POST", target, Some(body))
    }

    fn new(from: &World, to: &World, method: &str, target: &str, body: Option<&Value>) -> Self {
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let call = Call {
            to: name(to),
            method: method.to_owned(),
            target: target.to_owned(),
            authorization: None,
            body: body.into(),
            wait: Duration::from_secs(10),
        };
        Self(call).signed_for(from, name(to))
    }

    /// The same request, signed again by one server for another.
    pub(super) fn signed_for(mut self, by: &World, destination: OwnedServerName) -> Self {
        let request = http::Request::builder().method(self.0.method.as_str()).uri(&self.0.target);
        let request = request.body(self.0.body.clone()).expect("a request");
        let core = &by.server().domain.core;
        let input = XMatrixSigningInput::new(core.server_name.clone(), destination, core.key.pair());
        self.0.authorization = Some(XMatrix::sign_http_request(&request, input).expect("a signature").to_string());
        self
    }

    /// The same request with a replacement in its `Authorization` header.
    pub(super) fn with_header_changed(mut self, from: &str, to: &str) -> Self {
        let header = self.0.authorization.take().expect("a signed request");
        assert!(header.contains(from), "{header}");
        self.0.authorization = Some(header.replace(from, to));
        self
    }

    /// Delivers the request.
    pub(super) async fn arrives(self, cluster: &Cluster) -> Reply {
        let (status, body) = cluster.network.deliver(&self.0).await.expect("the server is there");
        Reply { asked: format!("{} {}", self.0.method, self.0.target), status, body }
    }
}

impl Reply {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body; fails unless the status is 200.
    #[track_caller]
    pub(super) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}: {}", self.asked, String::from_utf8_lossy(&self.body));
        self.json()
    }

    /// Asserts that the response is this error.
    #[track_caller]
    pub(super) fn refused(&self, status: u16, errcode: &str) {
        let body = self.json();
        let said = (self.status, body["errcode"].as_str().unwrap_or_default());
        assert_eq!(said, (status, errcode), "{}: {body}", self.asked);
    }
}
