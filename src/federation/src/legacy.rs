//! Requests without a ruma type: old forms of endpoints, and unspecified ones.

use std::time::Duration;

use bytes::Bytes;
use hearth_base::{Error, Result};
use hearth_core::ports::RemoteResponse;
use ruma::ServerName;
use ruma::api::auth_scheme::AuthScheme;
use ruma::api::federation::authentication::ServerSignatures;

use super::Federation;
use super::request::Signed;

/// The path of a federation endpoint, with parameters at its end.
pub(super) fn path(endpoint: &str, parameters: &[&str]) -> String {
    let mut path = format!("/_matrix/federation/{endpoint}");
    for parameter in parameters {
        path.push('/');
        for byte in parameter.bytes() {
            match byte {
                b'-' | b'.' | b'_' | b'~' => path.push(char::from(byte)),
                _ if byte.is_ascii_alphanumeric() => path.push(char::from(byte)),
                _ => path.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    path
}

impl Federation {
    /// Sends a signed request to another server; the caller parses the response.
    pub(super) async fn ask_plain(
        &self,
        to: &ServerName,
        method: &str,
        target: &str,
        body: Bytes,
        wait: Duration,
    ) -> Result<RemoteResponse> {
        self.core.check_talks_to(to)?;
        let fault = |error| Error::fault("writing a request to another server", error);
        let request = http::Request::builder().method(method).uri(format!("https://to.invalid{target}")).body(body);
        let mut request = request.map_err(fault)?;
        ServerSignatures::add_authentication(&mut request, ServerSignatures::input(self, to))
            .map_err(|error| Error::fault("signing a request to another server", error))?;
        self.put_through(to, request, wait).await
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn parameters_are_escaped() {
        let path = super::path("v1/send_join", &["!a/b:c", "$x-_.~+=é"]);
        assert_eq!(path, "/_matrix/federation/v1/send_join/%21a%2Fb%3Ac/%24x-_.~%2B%3D%C3%A9");
    }
}
