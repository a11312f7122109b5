//! The account itself: `whoami`, password changes, deactivation.

use hearth_base::{Error, Result};
use hearth_domain::uia;
use ruma::api::client::account::{ThirdPartyIdRemovalStatus, change_password, deactivate, whoami};

use crate::App;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(who_am_i).all_but_locked(),
        Endpoint::new(change).uia().suspended(),
        Endpoint::new(close).uia().suspended().appservices(),
    ]
}

async fn who_am_i(_: App, request: Ruma<whoami::v3::Request>) -> Result<whoami::v3::Response> {
    let user = request.user()?;
    let mut response = whoami::v3::Response::new(user.user_id.clone(), user.guest);
    response.device_id = user.has_device().then(|| user.device_id.clone());
    Ok(response)
}

async fn change(app: App, request: Ruma<change_password::v3::Request>) -> Result<change_password::v3::Response> {
    // The alternative to a token is proof of an e-mail address, and this server has no e-mail.
    let user = request.user()?;
    app.domain.uia.check(request.uia(uia::PASSWORD)).await?;
    let password = request.new_password.clone();
    app.domain.actions.change_password(user, password, request.logout_devices).await?;
    Ok(change_password::v3::Response::new())
}

async fn close(app: App, request: Ruma<deactivate::v3::Request>) -> Result<deactivate::v3::Response> {
    let user = request.user()?;
    if user.appservice.is_some() {
        // Its users have no password: the token of the application service is the proof.
        app.domain.actions.deactivate(user, request.erase).await?;
        return Ok(deactivate::v3::Response::new(ThirdPartyIdRemovalStatus::NoSupport));
    }
    if !app.domain.accounts.has_password(user.user).await? {
        return Err(Error::forbidden("This account has no password: ask the server's administrator to close it."));
    }
    app.domain.uia.check(request.uia(uia::PASSWORD)).await?;
    app.domain.actions.deactivate(user, request.erase).await?;
    Ok(deactivate::v3::Response::new(ThirdPartyIdRemovalStatus::NoSupport))
}
