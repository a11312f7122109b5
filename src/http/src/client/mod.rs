//! The client-server API: one file per group of endpoints, each with its routes and its handlers.

mod account;
mod account_data;
mod aliases;
mod appservice;
mod capabilities;
mod dehydrated;
mod delayed_events;
mod devices;
mod directory;
mod events;
mod fallback;
mod filter;
mod keys;
mod login;
mod login_page;
mod media;
mod members;
mod membership;
mod messages;
mod moderation;
mod notifications;
mod old_format;
mod openid;
mod peek;
mod presence;
mod profile;
mod pushers;
mod pushrules;
mod receipts;
mod register;
mod relations;
mod reports;
mod room_keys;
mod rooms;
mod rtc;
mod search;
mod send;
mod session;
mod spaces;
mod state_write;
mod synapse_register;
mod sync;
mod sync_answer;
mod tags;
mod thirdparty;
mod threads;
mod threepids;
mod to_device;
mod typing;
mod user_directory;
mod versions;
mod voip;

pub(crate) use media::body as media_body;

use axum::Router;

use crate::App;

/// The routes of uploads, downloads and thumbnails.
pub fn media_router() -> Router<App> {
    media::routes()
}

/// Every other route of the client-server API.
pub fn router() -> Router<App> {
    Router::new()
        .merge(account::routes())
        .merge(account_data::routes())
        .merge(aliases::routes())
        .merge(appservice::routes())
        .merge(capabilities::routes())
        .merge(dehydrated::routes())
        .merge(delayed_events::routes())
        .merge(devices::routes())
        .merge(directory::routes())
        .merge(events::routes())
        .merge(fallback::routes())
        .merge(filter::routes())
        .merge(keys::routes())
        .merge(login::routes())
        .merge(login_page::routes())
        .merge(members::routes())
        .merge(membership::routes())
        .merge(messages::routes())
        .merge(moderation::routes())
        .merge(notifications::routes())
        .merge(openid::routes())
        .merge(peek::routes())
        .merge(presence::routes())
        .merge(profile::routes())
        .merge(pushers::routes())
        .merge(pushrules::routes())
        .merge(receipts::routes())
        .merge(register::routes())
        .merge(relations::routes())
        .merge(reports::routes())
        .merge(room_keys::routes())
        .merge(rooms::routes())
        .merge(rtc::routes())
        .merge(search::routes())
        .merge(send::routes())
        .merge(session::routes())
        .merge(spaces::routes())
        .merge(state_write::routes())
        .merge(synapse_register::routes())
        .merge(sync::routes())
        .merge(tags::routes())
        .merge(thirdparty::routes())
        .merge(threads::routes())
        .merge(threepids::routes())
        .merge(to_device::routes())
        .merge(typing::routes())
        .merge(user_directory::routes())
        .merge(versions::routes())
        .merge(voip::routes())
}

/// How many of something a client asks for; nobody gets more than a page.
fn amount(number: ruma::UInt) -> usize {
    usize::try_from(u64::from(number)).unwrap_or(usize::MAX).min(hearth_base::limits::PAGE_EVENTS_MAX)
}
