//! The client-server API: one file per group of endpoints, each with its endpoint list and handlers.

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
mod sliding_sync;
mod spaces;
mod state_write;
mod synapse_register;
mod sync;
mod sync_answer;
mod tags;
mod thirdparty;
mod thread_subscriptions;
mod threads;
mod threepids;
mod to_device;
mod typing;
mod user_directory;
pub(crate) mod versions;
mod voip;

pub(crate) use media::body as media_body;

use crate::route::Endpoint;

/// The endpoints for uploads, downloads and thumbnails, which are a resource of their own.
pub fn media_endpoints() -> Vec<Endpoint> {
    media::endpoints()
}

/// All other endpoints of the client-server API.
pub fn endpoints() -> Vec<Endpoint> {
    [
        account::endpoints(),
        account_data::endpoints(),
        aliases::endpoints(),
        appservice::endpoints(),
        capabilities::endpoints(),
        dehydrated::endpoints(),
        delayed_events::endpoints(),
        devices::endpoints(),
        directory::endpoints(),
        events::endpoints(),
        fallback::endpoints(),
        filter::endpoints(),
        keys::endpoints(),
        login::endpoints(),
        login_page::endpoints(),
        members::endpoints(),
        membership::endpoints(),
        messages::endpoints(),
        moderation::endpoints(),
        notifications::endpoints(),
        openid::endpoints(),
        peek::endpoints(),
        presence::endpoints(),
        profile::endpoints(),
        pushers::endpoints(),
        pushrules::endpoints(),
        receipts::endpoints(),
        register::endpoints(),
        relations::endpoints(),
        reports::endpoints(),
        room_keys::endpoints(),
        rooms::endpoints(),
        rtc::endpoints(),
        search::endpoints(),
        send::endpoints(),
        session::endpoints(),
        spaces::endpoints(),
        state_write::endpoints(),
        synapse_register::endpoints(),
        sliding_sync::endpoints(),
        sync::endpoints(),
        tags::endpoints(),
        thirdparty::endpoints(),
        thread_subscriptions::endpoints(),
        threads::endpoints(),
        threepids::endpoints(),
        to_device::endpoints(),
        typing::endpoints(),
        user_directory::endpoints(),
        versions::endpoints(),
        voip::endpoints(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A client's requested page size, capped so that one response stays bounded.
fn amount(number: ruma::UInt) -> usize {
    usize::try_from(u64::from(number)).unwrap_or(usize::MAX).min(hearth_base::limits::PAGE_EVENTS_MAX)
}
