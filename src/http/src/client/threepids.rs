//! E-mail addresses and phone numbers of accounts. This server sends neither e-mail nor text messages, so ownership
//! cannot be verified: accounts have none, and requests to add one are refused.

use hearth_base::{Error, Reason, Result, error::refuse};
use ruma::api::client::account::{
    ThirdPartyIdRemovalStatus, add_3pid, bind_3pid, delete_3pid, get_3pids, request_3pid_management_token_via_email,
    request_3pid_management_token_via_msisdn, request_password_change_token_via_email,
    request_password_change_token_via_msisdn, request_registration_token_via_email,
    request_registration_token_via_msisdn, unbind_3pid,
};

use crate::App;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file. Element iOS and Android call the unstable paths.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(list).all_but_locked(),
        Endpoint::new(add).also_at(&["/_matrix/client/unstable/account/3pid/add"]).uia().suspended().appservices(),
        Endpoint::new(bind).also_at(&["/_matrix/client/unstable/account/3pid/bind"]).suspended().appservices(),
        Endpoint::new(delete).also_at(&["/_matrix/client/unstable/account/3pid/delete"]).suspended().appservices(),
        Endpoint::new(unbind).also_at(&["/_matrix/client/unstable/account/3pid/unbind"]).suspended().appservices(),
        Endpoint::new(add_by_email),
        Endpoint::new(add_by_msisdn),
        Endpoint::new(password_by_email),
        Endpoint::new(password_by_msisdn),
        Endpoint::new(register_by_email),
        Endpoint::new(register_by_msisdn),
    ]
}

fn no_mail() -> Error {
    refuse(Reason::ThreepidDenied, "E-mail addresses cannot be used here: this server is not set up to send mail.")
}

fn no_telephone() -> Error {
    refuse(Reason::ThreepidDenied, "Telephone numbers cannot be used here: this server does not send text messages.")
}

async fn list(_: App, _: Ruma<get_3pids::v3::Request>) -> Result<get_3pids::v3::Response> {
    Ok(get_3pids::v3::Response::new(Vec::new()))
}

async fn add(_: App, _: Ruma<add_3pid::v3::Request>) -> Result<add_3pid::v3::Response> {
    Err(no_mail())
}

async fn bind(_: App, _: Ruma<bind_3pid::v3::Request>) -> Result<bind_3pid::v3::Response> {
    Err(no_mail())
}

/// Always succeeds, since an account has no address to remove.
async fn delete(_: App, _: Ruma<delete_3pid::v3::Request>) -> Result<delete_3pid::v3::Response> {
    Ok(delete_3pid::v3::Response::new(ThirdPartyIdRemovalStatus::NoSupport))
}

async fn unbind(_: App, _: Ruma<unbind_3pid::v3::Request>) -> Result<unbind_3pid::v3::Response> {
    Ok(unbind_3pid::v3::Response::new(ThirdPartyIdRemovalStatus::NoSupport))
}

async fn add_by_email(
    _: App,
    _: Ruma<request_3pid_management_token_via_email::v3::Request>,
) -> Result<request_3pid_management_token_via_email::v3::Response> {
    Err(no_mail())
}

async fn add_by_msisdn(
    _: App,
    _: Ruma<request_3pid_management_token_via_msisdn::v3::Request>,
) -> Result<request_3pid_management_token_via_msisdn::v3::Response> {
    Err(no_telephone())
}

async fn password_by_email(
    _: App,
    _: Ruma<request_password_change_token_via_email::v3::Request>,
) -> Result<request_password_change_token_via_email::v3::Response> {
    Err(no_mail())
}

async fn password_by_msisdn(
    _: App,
    _: Ruma<request_password_change_token_via_msisdn::v3::Request>,
) -> Result<request_password_change_token_via_msisdn::v3::Response> {
    Err(no_telephone())
}

async fn register_by_email(
    _: App,
    _: Ruma<request_registration_token_via_email::v3::Request>,
) -> Result<request_registration_token_via_email::v3::Response> {
    Err(no_mail())
}

async fn register_by_msisdn(
    _: App,
    _: Ruma<request_registration_token_via_msisdn::v3::Request>,
) -> Result<request_registration_token_via_msisdn::v3::Response> {
    Err(no_telephone())
}
