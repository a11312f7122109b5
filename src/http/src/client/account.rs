//! The account itself: who am I, changing the password, closing the account.

use axum::Router;
use hearth_base::{Error, Reason, Result, error::refuse};
use hearth_domain::uia;
use ruma::api::client::account::{ThirdPartyIdRemovalStatus, change_password, deactivate, whoami};

use crate::App;
use crate::route::{Bounds, RouterExt as _, Ruma};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .endpoint(Bounds::default(), who_am_i)
        .endpoint(Bounds::default().uia(), change)
        .endpoint(Bounds::default().uia(), close)
}

async fn who_am_i(_: App, request: Ruma<whoami::v3::Request>) -> Result<whoami::v3::Response> {
    let user = request.user()?;
    let mut response = whoami::v3::Response::new(user.user_id.clone(), user.guest);
    response.device_id = user.has_device().then(|| user.device_id.clone());
    Ok(response)
}

async fn change(app: App, request: Ruma<change_password::v3::Request>) -> Result<change_password::v3::Response> {
    // Without a token the proof would be an e-mail address, and there is no mail.
    let user = request.user()?;
    if user.appservice.is_some() {
        return Err(Error::forbidden("Passwords are for people: an application service needs none."));
    }
    app.domain.uia.check(request.uia(uia::PASSWORD)).await?;
    let password = request.new_password.clone();
    app.domain.actions.change_password(user, password, request.logout_devices).await?;
    Ok(change_password::v3::Response::new())
}

async fn close(app: App, request: Ruma<deactivate::v3::Request>) -> Result<deactivate::v3::Response> {
    let user = request.user()?;
    if user.guest {
        return Err(refuse(Reason::GuestAccessForbidden, "Guest accounts end when they log out."));
    }
    if !app.domain.accounts.has_password(user.user).await? {
        return Err(Error::forbidden("This account has no password: ask the server's administrator to close it."));
    }
    app.domain.uia.check(request.uia(uia::PASSWORD)).await?;
    app.domain.actions.deactivate(user, request.erase).await?;
    Ok(deactivate::v3::Response::new(ThirdPartyIdRemovalStatus::NoSupport))
}
