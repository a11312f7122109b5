//! What a homeserver does: accounts, devices, rooms, sync, keys, push, presence, media. No SQL text, no HTTP.
//!
//! Folders call downward only: `actions`, the front door to what users do, uses all others; `sync` and `push` use `rooms`, `rooms` uses `accounts` and `devices`, and `rooms/event` and
//! `rooms/state` use nobody. News travels upward through the database and the notifier, never through calls.

pub mod accounts;
pub mod actions;
pub mod admin;
mod allowed;
mod also;
pub mod answering;
pub mod appservices;
pub mod calls;
mod canonical;
pub mod core;
pub mod crypto;
mod detached;
pub mod devices;
pub mod ephemeral;
pub mod federation;
pub mod incoming;
pub mod keys;
pub mod media;
pub mod notify;
pub mod outgoing;
pub mod personal;
pub mod ports;
pub mod push;
pub mod rates;
pub mod requester;
pub mod rooms;
pub mod rtc;
pub mod sync;
#[cfg(test)]
mod testing;
mod turns;
pub mod uia;
mod upkeep;

pub use core::Core;
pub use requester::Requester;

use std::sync::Arc;

/// All use cases of the server, one field for each part of the domain.
#[derive(Debug)]
pub struct Domain {
    /// What all parts stand on.
    pub core: Arc<Core>,
    /// What users and administrators do.
    pub actions: Arc<actions::Actions>,
    /// How often things may be done.
    pub rates: Arc<rates::Rates>,
    /// What users do with their devices.
    pub devices: Arc<devices::Devices>,
    /// Accounts, log-ins, passwords.
    pub accounts: Arc<accounts::Accounts>,
    /// What bridges and bots do that people do not.
    pub appservices: appservices::Appservices,
    /// Proving again who one is.
    pub uia: uia::Uia,
    /// What users do in rooms.
    pub rooms: Arc<rooms::Rooms>,
    /// Events that are sent later.
    pub delayed: Arc<rooms::delayed::Delayed>,
    /// What calls need.
    pub calls: Arc<calls::Calls>,
    /// What group calls need.
    pub rtc: Arc<rtc::Rtc>,
    /// Leaves of group calls that were handed over.
    pub leaves: Arc<rtc::leave::Leaves>,
    /// What users keep with the server for themselves.
    pub personal: Arc<personal::Personal>,
    /// Keys, backups and messages between devices.
    pub crypto: Arc<crypto::Crypto>,
    /// Uploads, downloads, thumbnails.
    pub media: Arc<media::Media>,
    /// What the operator sees and does.
    pub admin: Arc<admin::Admin>,
    /// Who is typing where.
    pub typing: Arc<ephemeral::Typing>,
    /// Who is there.
    pub presence: Arc<ephemeral::PresenceBook>,
    /// What is unread.
    pub counter: Arc<push::counts::Counter>,
    /// What users were notified of.
    pub notified: push::notified::Notified,
    /// What is new.
    pub sync: Arc<sync::Sync>,
    /// Other homeservers.
    pub federation: Arc<federation::Federation>,
}

impl Domain {
    /// Builds every part on the foundation. `network` leads to other homeservers.
    pub fn new(core: Arc<Core>, network: Arc<dyn ports::Network>) -> hearth_base::Result<Arc<Self>> {
        let rates = Arc::new(rates::Rates::new(core.config.clone(), core.seams.clock.clone()));
        let devices = Arc::new(devices::Devices::new(core.clone()));
        let accounts = Arc::new(accounts::Accounts::new(core.clone(), devices.clone(), rates.clone())?);
        let appservices = appservices::Appservices::new(core.clone(), accounts.clone())?;
        let uia = uia::Uia::new(core.clone(), accounts.clone());
        let media = Arc::new(media::Media::new(core.clone(), rates.clone())?);
        let admin = Arc::new(admin::Admin::new(Arc::clone(&core), accounts.clone(), devices.clone()));
        let rooms = Arc::new(rooms::Rooms::new(Arc::clone(&core)));
        let delayed = Arc::new(rooms::delayed::Delayed::new(core.clone(), rates.clone())?);
        let personal = Arc::new(personal::Personal::new(&core));
        let calls = Arc::new(calls::Calls::new(core.clone()));
        let crypto = Arc::new(crypto::Crypto::new(core.clone()));
        let typing = ephemeral::Typing::new(core.clone());
        let presence = ephemeral::PresenceBook::new(core.clone());
        let counter = Arc::<push::counts::Counter>::default();
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
            calls: calls.clone(),
            crypto: crypto.clone(),
            delayed: delayed.clone(),
            federation: federation.clone(),
            media: media.clone(),
            personal: personal.clone(),
            presence: presence.clone(),
            rooms: rooms.clone(),
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
            admin,
        }))
    }
}
