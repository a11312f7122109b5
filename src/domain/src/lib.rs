//! The domain of a homeserver: accounts, devices, rooms, sync, keys, push, presence, media. No SQL text, no HTTP.
//!
//! Dependencies go one way: `actions`, the entry point, uses all others; `sync` and `push` use `rooms`, `rooms` uses
//! `accounts` and `devices`, and `rooms/event` and `rooms/state` use none. Changes propagate upwards through the
//! database and the notifier, never through calls.

pub mod actions;
pub mod admin;
pub mod appservices;
pub mod rtc;
#[cfg(test)]
mod tests;
mod upkeep;

pub use hearth_core::{Requester, answering, ports, rates, server_name, turns};
pub use hearth_federation as federation;
pub use hearth_rooms as rooms;
pub use hearth_rooms::RoomCore;
pub use hearth_users::{accounts, calls, crypto, devices, ephemeral, media, personal, previews, push, sync, uia};

use std::sync::Arc;

/// All services of the server, one field for each.
#[derive(Debug)]
pub struct Domain {
    /// Shared services.
    pub core: Arc<RoomCore>,
    /// Actions of users and administrators.
    pub actions: Arc<actions::Actions>,
    /// Rate limits.
    pub rates: Arc<rates::Rates>,
    /// Device management.
    pub devices: Arc<devices::Devices>,
    /// Accounts, logins and passwords.
    pub accounts: Arc<accounts::Accounts>,
    /// The application service API for bridges and bots.
    pub appservices: Arc<appservices::Appservices>,
    /// User-interactive authentication.
    pub uia: uia::Uia,
    /// Rooms and their events.
    pub rooms: Arc<rooms::Rooms>,
    /// Delayed events (MSC4140).
    pub delayed: Arc<rooms::delayed::Delayed>,
    /// TURN credentials and allocations for calls.
    pub calls: Arc<calls::Calls>,
    /// Group calls (MatrixRTC).
    pub rtc: Arc<rtc::Rtc>,
    /// Leave events of group calls that clients delegated to the server.
    pub leaves: Arc<rtc::leave::Leaves>,
    /// Profiles, account data, tags and push rules.
    pub personal: Arc<personal::Personal>,
    /// Keys, key backups and to-device messages.
    pub crypto: Arc<crypto::Crypto>,
    /// Uploads, downloads and thumbnails.
    pub media: Arc<media::Media>,
    /// Previews of web pages.
    pub previews: Arc<previews::Previews>,
    /// The admin API's services.
    pub admin: Arc<admin::Admin>,
    /// Typing notifications.
    pub typing: Arc<ephemeral::Typing>,
    /// Presence.
    pub presence: Arc<ephemeral::PresenceBook>,
    /// Unread counts.
    pub counter: Arc<push::counts::Counter>,
    /// Delivery to pushers.
    pub delivery: Arc<push::delivery::Delivery>,
    /// Push notification history.
    pub notified: push::notified::Notified,
    /// The sync endpoints.
    pub sync: Arc<sync::Sync>,
    /// Requests to and from other homeservers.
    pub federation: Arc<federation::Federation>,
}

impl Domain {
    /// Creates all services. `network` reaches other homeservers.
    pub fn new(core: Arc<RoomCore>, network: Arc<dyn ports::Network>) -> hearth_base::Result<Arc<Self>> {
        let rates = Arc::new(rates::Rates::new(core.config.clone(), core.seams.clock.clone()));
        let devices = Arc::new(devices::Devices::new(core.clone()));
        let accounts = Arc::new(accounts::Accounts::new(core.clone(), devices.clone(), rates.clone())?);
        let uia = uia::Uia::new(core.clone(), accounts.clone());
        let media = Arc::new(media::Media::new(core.clone(), rates.clone())?);
        let previews = previews::Previews::new(core.clone(), rates.clone(), media.clone());
        let admin = Arc::new(admin::Admin::new(Arc::clone(&core), accounts.clone(), devices.clone()));
        let rooms = Arc::new(rooms::Rooms::new(Arc::clone(&core)));
        let delayed = Arc::new(rooms::delayed::Delayed::new(core.clone(), rates.clone())?);
        let personal = Arc::new(personal::Personal::new(&core));
        let calls = Arc::new(calls::Calls::new(core.clone()));
        let crypto = Arc::new(crypto::Crypto::new(core.clone()));
        let typing = ephemeral::Typing::new(core.clone());
        let presence = ephemeral::PresenceBook::new(core.clone());
        let appservices =
            appservices::Appservices::new(core.clone(), accounts.clone(), typing.clone(), presence.clone())?;
        let counter = Arc::<push::counts::Counter>::default();
        let delivery = push::delivery::Delivery::new(core.clone(), counter.clone());
        let notified = push::notified::Notified::new(core.clone());
        let sync = sync::Sync::new(core.clone(), typing.clone(), presence.clone(), counter.clone());
        let parts = federation::Parts {
            rooms: rooms.clone(),
            personal: personal.clone(),
            crypto: crypto.clone(),
            typing: typing.clone(),
            presence: presence.clone(),
            media: media.clone(),
            jobs: admin.jobs.clone(),
        };
        let federation = Arc::new(federation::Federation::new(core.clone(), network, parts));
        let rtc = Arc::new(rtc::Rtc::new(core.clone(), personal.clone(), federation.clone()));
        let parts = actions::Parts {
            accounts: accounts.clone(),
            admin: admin.clone(),
            appservices: appservices.clone(),
            calls: calls.clone(),
            crypto: crypto::LocalKeys::of(&crypto),
            delayed: delayed.clone(),
            delivery: delivery.clone(),
            federation: federation.clone(),
            media: media::LocalMedia::of(&media),
            personal: personal.clone(),
            presence: presence.clone(),
            rooms: rooms::LocalRooms::of(&rooms),
            typing: typing.clone(),
        };
        let actions = actions::Actions::new(core.clone(), parts);
        let leaves = Arc::new(rtc::leave::Leaves::new(core.clone(), rtc.clone(), delayed.clone(), actions.clone())?);
        core.policies.set_policy_client(federation::policy_server::FederationPolicyClient::of(&federation));
        Ok(Arc::new(Self {
            actions,
            rates,
            devices,
            accounts,
            appservices,
            uia,
            typing,
            presence,
            counter,
            delivery,
            notified,
            sync,
            federation,
            core,
            rooms,
            delayed,
            calls,
            rtc,
            leaves,
            personal,
            crypto,
            media,
            previews,
            admin,
        }))
    }
}
