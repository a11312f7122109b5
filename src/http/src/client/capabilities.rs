//! The server's capabilities. Written by hand: ruma omits those with the default value of the specification, and some
//! clients assume another default.

use hearth_base::Result;
use hearth_domain::rooms::event::version;
use http::Method;
use serde_json::{Value, json};

use crate::App;
use crate::auth::Authentication;
use crate::respond::Json;
use crate::route::{Call, Endpoint};

const PATHS: [&str; 2] = ["/_matrix/client/r0/capabilities", "/_matrix/client/v3/capabilities"];

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::plain(Method::GET, PATHS, Authentication::Token, show).all_but_locked()]
}

async fn show(app: App, call: Call) -> Result<Json<Value>> {
    let who = call.user()?;
    let versions = version::SUPPORTED.iter().map(|version| (version.to_string(), json!("stable")));
    let person = !who.guest;
    let mut capabilities = json!({
        "m.room_versions": {
            "default": app.domain.core.config.rooms.default_version,
            "available": versions.collect::<serde_json::Map<_, _>>(),
        },
        "m.change_password": { "enabled": person },
        "m.set_displayname": { "enabled": true },
        "m.set_avatar_url": { "enabled": true },
        "m.profile_fields": { "enabled": true },
        "m.3pid_changes": { "enabled": false },
        "m.get_login_token": { "enabled": person },
        "m.forget_forced_upon_leave": { "enabled": false },
    });
    // Also when there are none: clients that do not find it ask for previews. Its name before it is in the specification, too
    // (MSC4452).
    for name in ["m.preview_url", "io.element.msc4452.preview_url"] {
        capabilities[name] = json!({ "enabled": person && app.domain.previews.is_on() });
    }
    if who.admin {
        capabilities["m.account_moderation"] = json!({ "suspend": true, "lock": true });
    }
    Ok(Json(json!({ "capabilities": capabilities })))
}
