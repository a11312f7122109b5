//! `GET /openid/userinfo`: whose an OpenID token is. Any service may ask that was given one; it is what the token is
//! for.

use hearth_base::{Reason, Result, error::refuse};
use http::HeaderMap;
use ruma::api::federation::openid::get_openid_userinfo;

use crate::App;
use crate::auth;
use crate::edge::Rate;
use crate::loose::Loose;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(userinfo).rate(Rate::Other)]
}

// Loose, because a token that is missing is as wrong as one that is unknown, and not a malformed request.
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
