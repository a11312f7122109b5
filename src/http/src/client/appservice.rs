//! Endpoints for application services only (application-service API, "Client-Server API Extensions").
//!
//! Their authentication is in `auth`; they register and log in through the same endpoints as users.

use hearth_base::{Error, Millis, Reason, Result, error::refuse};
use hearth_domain::Requester;
use hearth_domain::appservices::Registration;
use ruma::MilliSecondsSinceUnixEpoch;
use ruma::api::client::appservice::{request_ping, set_room_visibility};

use super::directory::is_public;
use crate::App;
use crate::edge::Rate;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(list_room).rate(Rate::Other).appservices(), Endpoint::new(ping).rate(Rate::Other).appservices()]
}

/// The application service that sent the request; `M_MISSING_TOKEN` for other callers.
pub(super) fn of(requester: Option<&Requester>) -> Result<&Registration> {
    let service = requester.and_then(|requester| requester.appservice.as_deref());
    service.ok_or_else(|| refuse(Reason::MissingToken, "This takes the token of an application service."))
}

/// The timestamp that an application service overrides for an event ("Timestamp massaging"). Ignored for other callers.
pub(super) fn overridden_timestamp(
    requester: &Requester,
    timestamp: Option<MilliSecondsSinceUnixEpoch>,
) -> Option<Millis> {
    timestamp.filter(|_| requester.appservice.is_some()).map(|timestamp| timestamp.get().into())
}

async fn list_room(
    app: App,
    request: Ruma<set_room_visibility::v3::Request>,
) -> Result<set_room_visibility::v3::Response> {
    let (service, listed) = (of(request.call.requester.as_ref())?, is_public(&request.visibility)?);
    let (network, room_id) = (request.network_id.clone(), request.room_id.clone());
    app.domain.appservices.list_room(service, network, room_id, listed).await?;
    Ok(set_room_visibility::v3::Response::new())
}

/// Pings the application service, for itself only.
async fn ping(app: App, request: Ruma<request_ping::v1::Request>) -> Result<request_ping::v1::Response> {
    let service = of(request.call.requester.as_ref())?;
    if service.id != request.appservice_id {
        return Err(Error::forbidden(format!("This is the token of the application service {:?}.", service.id)));
    }
    let txn = request.transaction_id.as_ref().map(|id| id.as_str());
    Ok(request_ping::v1::Response::new(app.domain.appservices.ping(service, txn).await?))
}
