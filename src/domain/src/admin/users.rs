//! Account lists and details for the administrator.

use hearth_base::boxed;
use hearth_base::limits::domain::ROOMS_SHOWN_MAX;
use hearth_base::{Error, Millis, Result};
use hearth_core::quotas::{self, QuotaUse};
use hearth_rooms::directory;
use hearth_store::engine::Tx;
use hearth_store::ids::UserSn;
use hearth_store::tables::accounts::{self, AccountRow};
use hearth_store::tables::devices::{self, DeviceRow};
use hearth_store::tables::{media, memberships, profiles, rooms};
use ruma::{OwnedUserId, UserId};

use super::{Admin, AdminPage, PageRequest, matches};

/// Accounts to read per step of a search.
const STRIDE: u64 = 500;

/// A row of the account list.
#[derive(Debug, Clone)]
pub struct User {
    /// The serial number, for further operations on the account.
    pub sn: UserSn,
    /// The user id.
    pub user_id: String,
    /// The display name.
    pub display_name: Option<String>,
    /// Whether the account is an administrator.
    pub admin: bool,
    /// Whether the account is deactivated.
    pub deactivated: bool,
    /// Whether the account is locked.
    pub locked: bool,
    /// Creation time.
    pub created_ms: Millis,
    /// When any of the user's devices was last seen.
    pub last_seen_ms: Option<Millis>,
    /// Number of devices.
    pub devices: u64,
    /// Number of joined rooms.
    pub joined_rooms: u64,
    /// Bytes of media uploaded.
    pub media_bytes: u64,
}

/// An account's details.
#[derive(Debug, Clone)]
pub struct UserDetail {
    /// The row of the account list.
    pub user: User,
    /// The devices, most recently seen first.
    pub devices: Vec<DeviceRow>,
    /// IDs and names of joined rooms, at most [`ROOMS_SHOWN_MAX`].
    pub rooms: Vec<(String, Option<String>)>,
    /// What the account uses of its quotas.
    pub quotas: Vec<QuotaUse>,
}

impl Admin {
    /// A page of accounts in name order, without guests.
    #[boxed]
    pub async fn users(&self, listing: PageRequest) -> Result<AdminPage<User>> {
        let (limit, needle) = (listing.limit(), listing.needle());
        let (server, mut after) = (self.core.server_name.clone(), listing.from.unwrap_or_default());
        let read = self.core.store.read("admin_users", move |tx| {
            let mut items: Vec<User> = Vec::new();
            loop {
                let page = accounts::AccountsPage {
                    after: &after,
                    contains: "",
                    deactivated: true,
                    guests: false,
                    limit: STRIDE,
                };
                let rows = accounts::page(tx.tx(), &page)?;
                let Some(last) = rows.last().map(|row| row.localpart.clone()) else { return Ok((items, None)) };
                for row in rows {
                    let user_id = format!("@{}:{server}", row.localpart);
                    let display_name = profiles::get(tx.tx(), row.user)?.displayname;
                    if !matches(needle.as_deref(), &[Some(&user_id), display_name.as_deref()]) {
                        continue;
                    }
                    if items.len() == limit {
                        // Another match exists, so there is a next page; it starts after the last returned account.
                        return Ok((items, Some(after)));
                    }
                    after.clone_from(&row.localpart);
                    items.push(read_user(tx.tx(), &row, user_id, display_name)?.0);
                }
                after = last;
            }
        });
        let (mut items, next) = read.await?;
        items.iter_mut().for_each(|user| self.freshen(user, &[]));
        Ok(AdminPage { items, next })
    }

    /// One account; `M_NOT_FOUND` if it is not local. Accepts a bare localpart.
    #[boxed]
    pub async fn user(&self, name: &str) -> Result<UserDetail> {
        let user_id = self.user_id(name)?;
        let row = self.accounts.account(&user_id).await?;
        let core = self.core.clone();
        let read = self.core.store.read("admin_user", move |tx| {
            let display_name = profiles::get(tx.tx(), row.user)?.displayname;
            let (user, devices) = read_user(tx.tx(), &row, user_id.to_string(), display_name)?;
            let mut shown = Vec::new();
            for sn in memberships::joined_rooms(tx.tx(), row.user)?.into_iter().take(ROOMS_SHOWN_MAX) {
                if let Some(room) = rooms::by_sn(tx.tx(), sn)? {
                    let name = directory::card(&core, tx.tx(), &room)?.name;
                    shown.push((room.id, name));
                }
            }
            let quotas = quotas::of_user(&core.config.quotas, tx.tx(), row.user)?;
            Ok(UserDetail { user, devices, rooms: shown, quotas })
        });
        let mut detail = read.await?;
        for device in &mut detail.devices {
            device.seen = self.devices.seen.of(device.sn).unwrap_or_else(|| device.seen.clone());
        }
        detail.devices.sort_by_key(|device| std::cmp::Reverse(device.seen.at_ms));
        self.freshen(&mut detail.user, &detail.devices);
        Ok(detail)
    }

    /// Parses `name` as a user ID: `@alice:here`, or only `alice`.
    pub fn user_id(&self, name: &str) -> Result<OwnedUserId> {
        let full = if name.starts_with('@') { name.to_owned() } else { format!("@{name}:{}", self.core.server_name) };
        UserId::parse(&full).map_err(|error| Error::invalid(format!("`{name}` is not a user id: {error}.")))
    }

    fn freshen(&self, user: &mut User, devices: &[DeviceRow]) {
        let newest = devices.iter().filter_map(|device| device.seen.at_ms).max();
        user.last_seen_ms = user.last_seen_ms.max(newest);
    }
}

fn read_user(
    tx: &mut dyn Tx,
    row: &AccountRow,
    user_id: String,
    display_name: Option<String>,
) -> Result<(User, Vec<DeviceRow>)> {
    let devices = devices::of_user(tx, row.user)?;
    let user = User {
        sn: row.user,
        user_id,
        display_name,
        admin: row.is(accounts::ADMIN),
        deactivated: row.deactivated_ms.is_some(),
        locked: row.is(accounts::LOCKED),
        created_ms: row.created_ms,
        last_seen_ms: devices.iter().filter_map(|device| device.seen.at_ms).max(),
        devices: devices.len() as u64,
        joined_rooms: memberships::joined_rooms(tx, row.user)?.len() as u64,
        media_bytes: media::usage_of(tx, row.user)?.bytes,
    };
    Ok((user, devices))
}
