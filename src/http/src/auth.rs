//! Who may call what: the access token of a request, by the endpoint's scheme.

use hearth_base::{Error, Reason, Result, error::refuse};
use hearth_domain::Requester;
use hearth_domain::appservices::AssertedIdentity;
use hearth_domain::devices::RequestSource;
use http::{HeaderMap, header};
use ruma::api::auth_scheme::{
    AccessToken, AccessTokenOptional, AppserviceToken, AppserviceTokenOptional, NoAccessToken, NoAuthentication,
};
use serde::Deserialize;

use crate::app::ClientAddress;
use crate::{App, access};

/// Whether an endpoint wants an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Anybody may call it.
    Nothing,
    /// A token is looked at when there is one.
    Optional,
    /// Only with a valid token.
    Token,
    /// The token of an application service is looked at when there is one; others are not.
    AppserviceOptional,
    /// Only with the token of an application service.
    Appservice,
    /// Only for other servers, which sign their requests: see [`crate::federation::auth`].
    Server,
}

/// What an authentication scheme of ruma needs.
pub trait Scheme {
    /// Its need.
    const NEED: Need;
}

impl Scheme for NoAuthentication {
    const NEED: Need = Need::Nothing;
}
impl Scheme for NoAccessToken {
    const NEED: Need = Need::Nothing;
}
impl Scheme for AccessTokenOptional {
    const NEED: Need = Need::Optional;
}
impl Scheme for AppserviceTokenOptional {
    const NEED: Need = Need::AppserviceOptional;
}
impl Scheme for AccessToken {
    const NEED: Need = Need::Token;
}
impl Scheme for AppserviceToken {
    const NEED: Need = Need::Appservice;
}

/// The token of a request: from the `Authorization` header, or from the query as old clients send it.
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

/// A percent-decoded value of a query: tokens of application services may have any characters. Bytes that are not UTF-8
/// make a token that no one has.
fn decoded(raw: &str) -> std::borrow::Cow<'_, str> {
    if !raw.contains(['%', '+']) {
        return raw.into();
    }
    let pair = serde_html_form::from_str::<Vec<(String, String)>>(&format!("token={raw}")).unwrap_or_default();
    pair.into_iter().next().map_or_else(|| raw.into(), |(_, value)| value.into())
}

/// Authenticates a request by the endpoint's need. Locked users are refused.
pub async fn requester(
    app: &App,
    need: Need,
    headers: &HeaderMap,
    query: Option<&str>,
    peer: &ClientAddress,
) -> Result<Option<Requester>> {
    let requester = authenticate(app, need, headers, query, peer).await?;
    requester.as_ref().map_or(Ok(()), access::check_locked)?;
    Ok(requester)
}

/// As [`requester`], and leaves it to the caller what locked users may do.
pub async fn authenticate(
    app: &App,
    need: Need,
    headers: &HeaderMap,
    query: Option<&str>,
    peer: &ClientAddress,
) -> Result<Option<Requester>> {
    if matches!(need, Need::Nothing | Need::Server) {
        return Ok(None);
    }
    let Some(token) = token(headers, query)? else {
        return match need {
            Need::Token | Need::Appservice => {
                Err(refuse(Reason::MissingToken, "This needs an access token: log in first."))
            }
            _ => Ok(None),
        };
    };
    if let Some(service) = app.domain.appservices.by_token(&token) {
        // Where only application services come, they come as themselves: the user that they name may have yet to be made.
        let themselves = matches!(need, Need::Appservice | Need::AppserviceOptional);
        let guise = if themselves { AssertedIdentity::default() } else { guise(query)? };
        return app.domain.appservices.requester(service, guise).await.map(Some);
    }
    match need {
        Need::AppserviceOptional => return Ok(None),
        Need::Appservice => return Err(Error::forbidden("This takes the token of an application service.")),
        _ => {}
    }
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    app.domain.accounts.authenticate(&token, RequestSource { address: peer.address, agent }).await.map(Some)
}

/// Whom an application service asks as (application-service API, "Identity assertion").
fn guise(query: Option<&str>) -> Result<AssertedIdentity> {
    #[derive(Deserialize)]
    struct Query {
        user_id: Option<String>,
        device_id: Option<String>,
        /// The name from before 1.17.
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
