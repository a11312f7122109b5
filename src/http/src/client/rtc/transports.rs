//! Discovery of the SFU.

use hearth_base::{Reason, Result, error::refuse};
use ruma::api::client::rtc::transports::v1 as transports;
use serde_json::{Value, json};

use crate::App;
use crate::respond::Json;
use crate::route::{Endpoint, Ruma};

/// The proposal's stable path, which ruma does not have yet.
const STABLE: &str = "/_matrix/client/v1/rtc/transports";

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(list).also_at(&[STABLE]).all_but_locked()]
}

// The list under the proposal's name, and under the name that clients read. ruma's type omits `url`.
async fn list(app: App, request: Ruma<transports::Request>) -> Result<Json<Value>> {
    request.user()?;
    let (Some(url), Some(service)) = (app.domain.rtc.sfu_url(), app.domain.rtc.service_url()) else {
        return Err(refuse(Reason::Unrecognized, "This server has no group calls."));
    };
    let list = json!([{ "type": "livekit", "url": url, "livekit_service_url": service }]);
    Ok(Json(json!({ "rtc_transports": list, "transports": list })))
}
