//! Personal data of local users: profiles, account data, tags, filters, push rules and pushers, and OpenID tokens.
//!
//! Profiles in rooms are in `rooms`; the evaluation of push rules and the delivery to pushers are in `push`.

pub mod account_data;
pub mod filters;
pub mod openid;
pub mod profiles;
pub mod push_rules;
pub mod pushers;
pub mod tags;
pub mod threads;

use std::collections::HashSet;
use std::sync::Arc;

use hearth_base::{Error, Position, Result};
use hearth_rooms::RoomCore;
use hearth_store::WriteTx;
use hearth_store::engine::Tx;
use hearth_store::ids::UserSn;
use hearth_store::tables;
use ruma::{OwnedUserId, UserId};

/// The personal data use cases, by kind.
#[derive(Debug)]
pub struct Personal {
    /// Account data, including tags.
    pub account_data: account_data::AccountData,
    /// Filters.
    pub filters: filters::Filters,
    /// OpenID tokens.
    pub openid: openid::OpenIdToken,
    /// Profiles.
    pub profiles: profiles::Profiles,
    /// Push rules.
    pub push_rules: push_rules::PushRules,
    /// Pushers.
    pub pushers: pushers::Pushers,
    /// Subscriptions to threads.
    pub threads: threads::ThreadSubscriptions,
}

impl Personal {
    /// Creates the services.
    #[must_use]
    pub fn new(core: &Arc<RoomCore>) -> Self {
        Self {
            account_data: account_data::AccountData::new(core.clone()),
            filters: filters::Filters::new(core.clone()),
            openid: openid::OpenIdToken::new(core.clone()),
            profiles: profiles::Profiles::new(core.clone()),
            push_rules: push_rules::PushRules::new(core.clone()),
            pushers: pushers::Pushers::new(core.clone()),
            threads: threads::ThreadSubscriptions::new(core.clone()),
        }
    }
}

/// Deletes all personal data of a user, within the deactivation of the account. The data in rooms stays there.
pub fn forget_user(tx: &mut WriteTx<'_>, user: UserSn) -> Result<()> {
    tables::account_data::erase(tx.tx(), user)?;
    tables::filters::erase(tx.tx(), user)?;
    tables::openid::erase(tx.tx(), user)?;
    tables::presence_status::erase(tx.tx(), user)?;
    tables::profile_changes::erase(tx.tx(), user)?;
    tables::profiles::erase(tx.tx(), user)?;
    tables::pushers::erase(tx.tx(), user)?;
    tables::thread_subscriptions::erase(tx.tx(), user)
}

/// Wakes a user's clients at `at` when the transaction commits.
fn wake(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, user: UserSn, at: Position) {
    let core = core.clone();
    tx.after_commit(move || core.notifier.wake(&[user], at));
}

/// Returns the id of a stored user.
pub(crate) fn user_id(tx: &mut dyn Tx, user: UserSn) -> Result<OwnedUserId> {
    let id = tables::users::name(tx, user)?.ok_or_else(|| Error::broken(format!("user {} has no name", user.0)))?;
    UserId::parse(id).map_err(|error| Error::fault("reading a stored user id", error))
}

/// Wakes the clients of a user, and of all local users who share a room with the user, at `at` when the transaction commits.
pub(crate) fn wake_neighbours(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, user: UserSn, at: Position) -> Result<()> {
    let mut concerned = HashSet::from([user]);
    for room in tables::memberships::joined_rooms(tx.tx(), user)? {
        concerned.extend(core.locals.get(tx.tx(), room)?.iter());
    }
    let (core, concerned) = (Arc::clone(core), concerned.into_iter().collect::<Vec<_>>());
    tx.after_commit(move || core.notifier.wake(&concerned, at));
    Ok(())
}
