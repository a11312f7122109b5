//! `GET /openid/userinfo`: the owner of an OpenID token. Needs no authentication, because any service may verify a
//! token that a user gave it.

use hearth_base::{Reason, Result, error::refuse};
use http::HeaderMap;
use ruma::api::federation::openid::get_openid_userinfo;

use crate::App;
use crate::auth;
use crate::edge::Rate;
use crate::loose::Loose;
use crate::route::{Endpoint, Ruma};

/// Registers `/openid/userinfo`.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(userinfo).rate(Rate::Other)]
}

// Loose, so that a missing token gets the same error as an unknown one, and not that of a malformed request.
async fn userinfo(
    app: App,
    request: Ruma<Loose<get_openid_userinfo::v1::Request>>,
) -> Result<get_openid_userinfo::v1::Response> {
    let no_headers = HeaderMap::new();
    let token = auth::token(&no_headers, request.call.uri.query())?;
    let token = token.ok_or_else(|| refuse(Reason::MissingToken, "This needs an OpenID token in `access_token`."))?;
    let unknown = || refuse(Reason::UnknownToken { soft_logout: false }, "This OpenID token is unknown or too old.");
    let user = app.domain.personal.openid.whose(&token).await?.ok_or_else(unknown)?;
    Ok(get_openid_userinfo::v1::Response::new(user))
}
