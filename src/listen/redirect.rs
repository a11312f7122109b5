//! What a listener with the resource `redirect` serves: a redirect to https, and the proofs of HTTP-01. Nothing of Matrix is served
//! without encryption on it, not even `/.well-known/matrix`: servers and clients ask for that by https only.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use hearth_base::config::Config;
use hearth_certificates::Answers;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};

/// RFC 8555 section 8.3.
const CHALLENGES: &str = "/.well-known/acme-challenge/";

/// Answers requests without encryption.
#[derive(Debug)]
pub(crate) struct Redirect {
    answers: Option<Arc<Answers>>,
    /// The authority of the URL at which clients reach this server.
    authority: String,
    /// The names of this server, to which a redirect may lead.
    names: Vec<String>,
}

impl Redirect {
    pub(super) fn new(config: &Config, answers: Option<Arc<Answers>>) -> Self {
        let url = config.public_baseurl();
        let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        let authority = rest.split('/').next().unwrap_or_default().to_owned();
        Self { answers, authority, names: config.certificate_names() }
    }

    /// The response to a request.
    pub(super) fn answer(&self, uri: &Uri, headers: &HeaderMap) -> Response {
        if let Some(token) = uri.path().strip_prefix(CHALLENGES) {
            let known = self.answers.as_ref().and_then(|answers| answers.http(token));
            let status = if known.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
            return response(status, known.unwrap_or_default());
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let location = HeaderValue::try_from(format!("https://{}{path}", self.target(headers)));
        let Ok(location) = location else { return response(StatusCode::BAD_REQUEST, String::new()) };
        // 308: a client that sends a form here sends it again, to the right place.
        let mut response = response(StatusCode::PERMANENT_REDIRECT, String::new());
        response.headers_mut().insert(header::LOCATION, location);
        response
    }

    /// The name that the client asked for, if it is one of this server; otherwise a client could be led anywhere, by a cache
    /// between.
    fn target<'a>(&'a self, headers: &'a HeaderMap) -> &'a str {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let name = host.split(':').next().unwrap_or_default();
        let own = self.names.iter().find(|own| own.eq_ignore_ascii_case(name));
        let client = self.authority.split(':').next().unwrap_or_default();
        own.filter(|own| !own.eq_ignore_ascii_case(client)).map_or(&self.authority, |own| own)
    }
}

fn response(status: StatusCode, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(host: &str, uri: &str) -> String {
        let mut config = Config::default();
        config.server.name = "hearth.family".to_owned();
        config.server.public_baseurl = "https://matrix.hearth.family:8443".parse().ok();
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        let response = Redirect::new(&config, None).answer(&uri.parse().unwrap(), &headers);
        assert_eq!(response.status(), 308);
        response.headers()[header::LOCATION].to_str().unwrap().to_owned()
    }

    #[test]
    fn a_redirect_leads_to_a_name_of_this_server() {
        let document = "/.well-known/matrix/client";
        assert_eq!(location("hearth.family", document), format!("https://hearth.family{document}"));
        assert_eq!(location("matrix.hearth.family:80", "/a?b=c"), "https://matrix.hearth.family:8443/a?b=c");
        for other in ["evil.example", "192.0.2.1", "hearth.family.evil.example"] {
            assert_eq!(location(other, "/"), "https://matrix.hearth.family:8443/");
        }
    }

    #[test]
    fn an_unknown_proof_is_not_redirected() {
        let redirect = Redirect::new(&Config::default(), Some(Arc::default()));
        let uri = format!("{CHALLENGES}token").parse().unwrap();
        assert_eq!(redirect.answer(&uri, &HeaderMap::new()).status(), 404);
    }
}
