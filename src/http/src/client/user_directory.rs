//! Search in the user directory.

use hearth_base::Result;
use ruma::api::client::user_directory::search_users;

use super::amount;
use crate::App;
use crate::edge::Rate;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(search).rate(Rate::Search).suspended().appservices()]
}

async fn search(app: App, request: Ruma<search_users::v3::Request>) -> Result<search_users::v3::Response> {
    let found = app.domain.rooms.find_users(request.user()?, &request.search_term, amount(request.limit)).await?;
    let users = found.users.into_iter().map(|(id, face)| {
        let mut user = search_users::v3::User::new(id);
        user.display_name = face.displayname;
        user.avatar_url = face.avatar_url.map(Into::into);
        user
    });
    Ok(search_users::v3::Response::new(users.collect(), found.limited))
}
