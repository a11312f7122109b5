//! Request authentication: access tokens of users and application services, as each endpoint accepts them.

use hearth_base::{Error, Reason, Result, error::refuse};
use hearth_domain::Requester;
use hearth_domain::appservices::AssertedIdentity;
use hearth_domain::devices::RequestSource;
use http::{HeaderMap, header};
use ruma::api::auth_scheme::{
    AccessToken, AccessTokenOptional, AppserviceToken, AppserviceTokenOptional, NoAccessToken, NoAuthentication,
};
use serde::Deserialize;

use crate::App;
use crate::app::ClientAddress;

/// The authentication that an endpoint accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authentication {
    /// None, or the handler does it: a form session, a registration MAC, a token for the SFU.
    None,
    /// An access token, if there is one.
    OptionalToken,
    /// An access token; its absence is `M_MISSING_TOKEN`.
    Token,
    /// The token of an application service, if there is one; other tokens are not validated.
    OptionalAppservice,
    /// The token of an application service; its absence is `M_MISSING_TOKEN`.
    Appservice,
    /// The signature of another server: see [`crate::federation::auth`].
    Server,
    /// The permissions of the admin socket, checked before the request reaches the router.
    AdminSocket,
}

/// Maps ruma's authentication schemes to [`Authentication`].
pub trait Scheme {
    /// The authentication that the scheme stands for.
    const AUTHENTICATION: Authentication;
}

impl Scheme for NoAuthentication {
    const AUTHENTICATION: Authentication = Authentication::None;
}
impl Scheme for NoAccessToken {
    const AUTHENTICATION: Authentication = Authentication::None;
}
impl Scheme for AccessTokenOptional {
    const AUTHENTICATION: Authentication = Authentication::OptionalToken;
}
impl Scheme for AppserviceTokenOptional {
    const AUTHENTICATION: Authentication = Authentication::OptionalAppservice;
}
impl Scheme for AccessToken {
    const AUTHENTICATION: Authentication = Authentication::Token;
}
impl Scheme for AppserviceToken {
    const AUTHENTICATION: Authentication = Authentication::Appservice;
}

/// The access token of a request, from the `Authorization` header or from the `access_token` query parameter that old
/// clients send.
pub fn token<'a>(headers: &'a HeaderMap, query: Option<&'a str>) -> Result<Option<std::borrow::Cow<'a, str>>> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let text = value.to_str().map_err(|_| refuse(Reason::MissingToken, "The Authorization header is not text."))?;
        let bearer = text.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("bearer "));
        return Ok(bearer.map(|_| text[7..].trim().into()));
    }
    let pairs = query.into_iter().flat_map(|query| query.split('&'));
    let raw = pairs.filter_map(|pair| pair.strip_prefix("access_token=")).find(|raw| !raw.is_empty());
    Ok(raw.map(decoded))
}

/// A percent-decoded query value: tokens of application services may contain any character. Invalid UTF-8 yields
/// a token that matches no session.
fn decoded(raw: &str) -> std::borrow::Cow<'_, str> {
    if !raw.contains(['%', '+']) {
        return raw.into();
    }
    let pair = serde_html_form::from_str::<Vec<(String, String)>>(&format!("token={raw}")).unwrap_or_default();
    pair.into_iter().next().map_or_else(|| raw.into(), |(_, value)| value.into())
}

/// Authenticates a request where the endpoint accepts an access token. Whether the account may call the endpoint is
/// decided later, by `route::callers`.
///
/// Fails with `M_MISSING_TOKEN`, `M_UNKNOWN_TOKEN`, or `M_FORBIDDEN` where an application service is required.
pub async fn authenticate(
    app: &App,
    by: Authentication,
    headers: &HeaderMap,
    query: Option<&str>,
    client: ClientAddress,
) -> Result<Option<Requester>> {
    use Authentication as By;
    if matches!(by, By::None | By::Server | By::AdminSocket) {
        return Ok(None);
    }
    let Some(token) = token(headers, query)? else {
        return match by {
            By::Token | By::Appservice => {
                Err(refuse(Reason::MissingToken, "This needs an access token: log in first."))
            }
            _ => Ok(None),
        };
    };
    if let Some(service) = app.domain.appservices.by_token(&token) {
        // Endpoints for application services authenticate the service itself: the user it asserts may not exist yet.
        let themselves = matches!(by, By::Appservice | By::OptionalAppservice);
        let guise = if themselves { AssertedIdentity::default() } else { guise(query)? };
        return app.domain.appservices.requester(service, guise).await.map(Some);
    }
    match by {
        By::OptionalAppservice => return Ok(None),
        By::Appservice => return Err(Error::forbidden("This takes the token of an application service.")),
        _ => {}
    }
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    app.domain.accounts.authenticate(&token, RequestSource { address: client.0, agent }).await.map(Some)
}

/// The identity that an application service asserts (application-service API, "Identity assertion").
fn guise(query: Option<&str>) -> Result<AssertedIdentity> {
    #[derive(Deserialize)]
    struct Query {
        user_id: Option<String>,
        device_id: Option<String>,
        /// The unstable name of `device_id`, from before Matrix 1.17.
        #[serde(rename = "org.matrix.msc3202.device_id")]
        unstable_device_id: Option<String>,
    }
    let query: Query = serde_html_form::from_str(query.unwrap_or_default())
        .map_err(|error| Error::invalid(format!("The query is not right: {error}")))?;
    Ok(AssertedIdentity { user: query.user_id, device: query.device_id.or(query.unstable_device_id) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_in_the_query_is_percent_decoded() {
        let of = |query| token(&HeaderMap::new(), Some(query)).expect("a query").map(std::borrow::Cow::into_owned);
        assert_eq!(of("timeout=0&access_token=syt_a%2Bb%3D%3D"), Some("syt_a+b==".to_owned()));
        assert_eq!(of("access_token=plain_token"), Some("plain_token".to_owned()));
        assert_eq!(of("access_token=&x=1"), None);
        assert_eq!(of("my_access_token=x"), None);
    }
}
