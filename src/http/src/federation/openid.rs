//! `GET /openid/userinfo`: whose an OpenID token is. Any service may ask that was given one; it is what the token is for.

use hearth_base::{Reason, Result, error::refuse};
use ruma::api::federation::openid::get_openid_userinfo;

use crate::App;
use crate::edge::Rate;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(userinfo).rate(Rate::Other)]
}

async fn userinfo(
    app: App,
    request: Ruma<get_openid_userinfo::v1::Request>,
) -> Result<get_openid_userinfo::v1::Response> {
    let unknown = || refuse(Reason::UnknownToken { soft_logout: false }, "This OpenID token is unknown or too old.");
    let user = app.domain.personal.openid.whose(&request.access_token).await?.ok_or_else(unknown)?;
    Ok(get_openid_userinfo::v1::Response::new(user))
}
