//! `/.well-known/matrix/*`: delegation for clients and servers, and the support contacts.

use hearth_base::{Error, Result, config};
use http::Method;
use serde_json::{Value, json};

use crate::App;
use crate::auth::Authentication;
use crate::base_url::base_url;
use crate::respond::Json;
use crate::route::{Call, Endpoint};

/// The client, server and support documents.
pub fn endpoints() -> Vec<Endpoint> {
    let none = Authentication::None;
    vec![
        Endpoint::plain(Method::GET, ["/.well-known/matrix/client"], none, client),
        Endpoint::plain(Method::GET, ["/.well-known/matrix/server"], none, server),
        Endpoint::plain(Method::GET, ["/.well-known/matrix/support"], none, support),
    ]
}

/// Client-server API, "Well-known URIs".
async fn client(app: App, call: Call) -> Result<Json<Value>> {
    let base_url = base_url(&app.domain.core.config, &call.uri, &call.headers);
    let mut document = json!({ "m.homeserver": { "base_url": base_url } });
    if let Some(service) = app.domain.rtc.service_url() {
        // For clients that discover the SFU of group calls here and not at `/rtc/transports` (MSC4143).
        let livekit = json!({ "type": "livekit", "livekit_service_url": service });
        document["org.matrix.msc4143.rtc_foci"] = json!([livekit]);
    }
    Ok(Json(document))
}

/// Server-server API, "Resolving server names".
async fn server(app: App, _: Call) -> Result<Json<Value>> {
    match app.domain.core.config.well_known_server() {
        Some(server) => Ok(Json(json!({ "m.server": server }))),
        None => Err(Error::not_found("Other homeservers reach this one by its name and port 8448.")),
    }
}

/// Client-server API, "Server support".
async fn support(app: App, _: Call) -> Result<Json<Value>> {
    let document = support_document(&app.domain.core.config.server);
    document.map(Json).ok_or_else(|| Error::not_found("This server names no contact."))
}

/// The support contacts; `None` when the configuration names none, which is answered with 404.
fn support_document(server: &config::Server) -> Option<Value> {
    let contacts: Vec<Value> = [
        contact("m.role.admin", server.support_admin.as_deref(), server.support_email.as_deref()),
        contact("m.role.security", server.support_security.as_deref(), server.support_security_email.as_deref()),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut document = serde_json::Map::new();
    if !contacts.is_empty() {
        document.insert("contacts".to_owned(), contacts.into());
    }
    if let Some(page) = &server.support_page {
        document.insert("support_page".to_owned(), page.as_str().into());
    }
    (!document.is_empty()).then_some(Value::Object(document))
}

fn contact(role: &str, matrix_id: Option<&str>, email: Option<&str>) -> Option<Value> {
    let mut contact = serde_json::Map::new();
    contact.extend(matrix_id.map(|id| ("matrix_id".to_owned(), id.into())));
    contact.extend(email.map(|address| ("email_address".to_owned(), address.into())));
    if contact.is_empty() {
        return None;
    }
    contact.insert("role".to_owned(), role.into());
    Some(contact.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn support_names_only_who_is_configured() {
        assert_eq!(support_document(&config::Server::default()), None);
        let server = config::Server { support_security_email: Some("s@example.org".to_owned()), ..Default::default() };
        let wanted = json!({ "contacts": [{ "role": "m.role.security", "email_address": "s@example.org" }] });
        assert_eq!(support_document(&server), Some(wanted));
    }
}
