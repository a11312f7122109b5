//! Administration through the client-server API: `whois`, locking and suspending accounts.

use std::collections::BTreeMap;

use hearth_base::Result;
use hearth_domain::accounts::Flag;
use hearth_domain::devices::Seen;
use ruma::MilliSecondsSinceUnixEpoch;
use ruma::api::client::admin::{
    get_user_info::v3 as whois, is_user_locked::v1 as is_locked, is_user_suspended::v1 as is_suspended,
    lock_user::v1 as lock, suspend_user::v1 as suspend,
};

use crate::App;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(who_is).suspended().appservices(),
        Endpoint::new(get_locked).suspended().appservices(),
        Endpoint::new(set_locked).suspended().appservices(),
        Endpoint::new(get_suspended).suspended().appservices(),
        Endpoint::new(set_suspended).suspended().appservices(),
    ]
}

async fn who_is(app: App, request: Ruma<whois::Request>) -> Result<whois::Response> {
    let requester = request.user()?;
    if requester.user_id != request.user_id {
        requester.must_administer()?;
    }
    let account = app.domain.accounts.account(&request.user_id).await?;
    let devices = app.domain.devices.list(account.user).await?;
    let connection = |seen: Seen| {
        let mut connection = whois::ConnectionInfo::new();
        connection.ip = seen.ip;
        connection.user_agent = seen.agent;
        connection.last_seen = seen.at_ms.and_then(ruma::UInt::new).map(MilliSecondsSinceUnixEpoch);
        let mut session = whois::SessionInfo::new();
        session.connections = vec![connection];
        let mut device = whois::DeviceInfo::new();
        device.sessions = vec![session];
        device
    };
    let mut response = whois::Response::new();
    response.user_id = Some(request.user_id.clone());
    response.devices = devices.into_iter().map(|row| (row.id, connection(row.seen))).collect::<BTreeMap<_, _>>();
    Ok(response)
}

async fn get_locked(app: App, request: Ruma<is_locked::Request>) -> Result<is_locked::Response> {
    let locked = app.domain.accounts.moderation(request.user()?, &request.user_id, Flag::Locked).await?;
    Ok(is_locked::Response::new(locked))
}

async fn set_locked(app: App, request: Ruma<lock::Request>) -> Result<lock::Response> {
    app.domain.accounts.moderate(request.user()?, &request.user_id, Flag::Locked, request.locked).await?;
    Ok(lock::Response::new(request.locked))
}

async fn get_suspended(app: App, request: Ruma<is_suspended::Request>) -> Result<is_suspended::Response> {
    let suspended = app.domain.accounts.moderation(request.user()?, &request.user_id, Flag::Suspended).await?;
    Ok(is_suspended::Response::new(suspended))
}

async fn set_suspended(app: App, request: Ruma<suspend::Request>) -> Result<suspend::Response> {
    app.domain.accounts.moderate(request.user()?, &request.user_id, Flag::Suspended, request.suspended).await?;
    Ok(suspend::Response::new(request.suspended))
}
