//! Invite links: the page at `/join/TOKEN`, the account that it creates, the rooms of a token; and the page at `/`.

mod hostile;
mod page;
mod rooms;

use hearth_admin::wire::{NewRegistrationToken, RegistrationToken, paths};
use hearth_base::config::RegistrationMode;

use crate::harness::{Answer, Ask, Client, PASSWORD, World, encoded};

/// A server on which people register with tokens.
async fn with_tokens() -> World {
    World::with(|config| config.registration.mode = RegistrationMode::Token).await
}

/// Creates a registration token.
async fn token(world: &World, wish: NewRegistrationToken) -> RegistrationToken {
    world.operator().post(paths::REGISTRATION_TOKENS, &wish).await.expect("a token")
}

/// The path of an invite link.
fn path(token: &str) -> String {
    format!("/join/{}", encoded(token))
}

/// The key of the form on a page.
pub(crate) fn form_key(page: &Answer) -> String {
    let html = page.html();
    let (_, rest) = html.split_once("name=\"form\" value=\"").expect("a form");
    rest.split('"').next().expect("its key").to_owned()
}

/// A form as a browser sends it.
fn fill(client: &Client, token: &str, key: &str, fields: &[(&str, &str)]) -> Ask {
    let mut body = format!("form={}", encoded(key));
    for (name, value) in fields {
        body.push_str(&format!("&{name}={}", encoded(value)));
    }
    client.ask(reqwest::Method::POST, &path(token)).bytes("application/x-www-form-urlencoded", body)
}

/// Opens an invite link and creates an account on its page.
async fn joins(client: &Client, token: &str, name: &str) -> Answer {
    let page = client.get(path(token)).await;
    page.status_is(200);
    fill(client, token, &form_key(&page), &[("name", name), ("password", PASSWORD), ("again", PASSWORD)]).await
}
