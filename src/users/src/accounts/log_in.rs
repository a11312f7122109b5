//! Login: from a verified identity to a device with tokens.

use hearth_base::boxed;
use std::net::IpAddr;
use std::sync::Arc;

use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_core::quotas::Quota;
use hearth_rooms::RoomCore;
use hearth_store::WriteTx;
use hearth_store::ids::UserSn;
use hearth_store::tables::accounts::{self as table, AccountRow};
use hearth_store::tables::{dehydrated, devices, tokens as token_table, users};
use ruma::{OwnedDeviceId, OwnedUserId, UserId};

use super::Accounts;
use super::check_password::{PasswordSource, wrong};
use super::sessions::Sessions;
use super::tokens::{self, Issued};
use crate::devices::{check_name, purge};

/// Random letters of a device ID that the server chooses.
const DEVICE_ID_CHARS: usize = 10;

/// The device to log in.
#[derive(Debug, Clone, Default)]
pub struct DeviceRequest {
    /// An existing device ID to reuse; `None` to let the server choose one.
    pub id: Option<OwnedDeviceId>,
    /// The display name if the device is new.
    pub name: Option<String>,
    /// Whether the client supports refresh tokens.
    pub refreshable: bool,
}

/// A successful login.
#[derive(Debug, Clone)]
pub struct LoggedIn {
    /// The user.
    pub user_id: OwnedUserId,
    /// The device.
    pub device_id: OwnedDeviceId,
    /// Its tokens.
    pub tokens: Issued,
}

impl DeviceRequest {
    /// Refuses device IDs and names that cannot be stored. Truncates a name that is too long rather than fail the
    /// login.
    pub fn checked(mut self) -> Result<Self> {
        if let Some(id) = &self.id {
            let id = id.as_str();
            if id.is_empty() || id.len() > limits::ID_BYTES_MAX || id.contains('\0') {
                return Err(Error::invalid("A device id has 1 to 255 bytes and no NUL characters."));
            }
        }
        if let Some(name) = &mut self.name {
            name.retain(|c| c != '\0');
            name.truncate(name.floor_char_boundary(limits::DEVICE_NAME_BYTES_MAX));
            check_name(name)?;
        }
        Ok(self)
    }
}

impl Accounts {
    /// Logs in by user name (`alice` or `@alice:here`) and password.
    ///
    /// `from` is the client's address, which decides whose wrong passwords count: see `Accounts::check_password`.
    #[boxed]
    pub async fn log_in_by_password(
        &self,
        name: &str,
        password: &str,
        device: DeviceRequest,
        from: Option<IpAddr>,
    ) -> Result<LoggedIn> {
        let localpart = self.localpart_of(name).ok_or_else(wrong)?;
        let row = self.check_password(&localpart, password, PasswordSource::Address(from)).await?;
        let proven = row.password.clone();
        self.log_in_as(row.user, device, move |now| {
            // Compare again: the password may have changed while this one was verified outside the transaction.
            if now.password == proven { Ok(()) } else { Err(wrong()) }
        })
        .await
    }

    /// Logs in with a login token and consumes it.
    #[boxed]
    pub async fn log_in_by_token(&self, token: &str, device: DeviceRequest) -> Result<LoggedIn> {
        let device = device.checked()?;
        // Only now: a malformed request must not consume the token.
        let user = self.login_tokens.take(&self.core, token).ok_or_else(|| {
            Error::forbidden("This login token is not valid: it works once, and for a short time only.")
        })?;
        self.log_in_as(user, device, |_| Ok(())).await
    }

    /// Logs in a user whom the caller has already authenticated, such as a bridge for its own users.
    #[boxed]
    pub async fn log_in_trusted(&self, user_id: &UserId, device: DeviceRequest) -> Result<LoggedIn> {
        let localpart = user_id.localpart().to_owned();
        let row = self.core.store.read("log_in_trusted", move |tx| table::by_name(tx.tx(), &localpart)).await?;
        let row = row.ok_or_else(|| Error::forbidden("There is no such account: register it first."))?;
        self.log_in_as(row.user, device, |_| Ok(())).await
    }

    async fn log_in_as<F>(&self, user: UserSn, device: DeviceRequest, proof_holds: F) -> Result<LoggedIn>
    where
        F: FnOnce(&AccountRow) -> Result<()> + Send + 'static,
    {
        let device = device.checked()?;
        let (core, sessions) = (Arc::clone(&self.core), Arc::clone(&self.sessions));
        let write = self.core.store.write("log_in", move |tx| {
            let account = table::get(tx.tx(), user)?.ok_or_else(wrong)?;
            proof_holds(&account)?;
            check_usable(&account)?;
            open(&core, &sessions, tx, user, &device)
        });
        write.await
    }
}

/// Refuses accounts that cannot log in: locked, deactivated.
pub(super) fn check_usable(account: &AccountRow) -> Result<()> {
    if account.deactivated_ms.is_some() {
        return Err(refuse(Reason::UserDeactivated, "This account has been deactivated."));
    }
    if account.is(table::LOCKED) {
        return Err(refuse(Reason::UserLocked, "This account has been locked. Ask the server's administrator."));
    }
    Ok(())
}

/// Opens a session: creates the device if it is new, ends its previous tokens if it is not.
pub(super) fn open(
    core: &Arc<RoomCore>,
    sessions: &Arc<Sessions>,
    tx: &mut WriteTx<'_>,
    user: UserSn,
    request: &DeviceRequest,
) -> Result<LoggedIn> {
    let id = match &request.id {
        Some(id) => id.clone(),
        None => core.seams.random.capitals(DEVICE_ID_CHARS).into(),
    };
    let device = match devices::find(tx.tx(), user, id.as_str())? {
        Some(row) => {
            let gone = token_table::delete_of_device(tx.tx(), row.sn)?;
            sessions.forget_after(tx, gone);
            row.sn
        }
        None => {
            // One only, so that a lower quota does not log out many at once.
            if Quota::Devices.superfluous(&core.config.quotas, tx.tx(), user)? > 0 {
                drop_longest_unused(core, sessions, tx, user)?;
            }
            devices::insert(tx, user, id.as_str(), request.name.as_deref(), core.now_ms())?
        }
    };
    let tokens = tokens::issue(core, tx.tx(), device, request.refreshable)?;
    let name = users::name(tx.tx(), user)?.ok_or_else(|| Error::broken("an account has no user id"))?;
    let user_id = UserId::parse(name.as_str()).map_err(|error| Error::fault("reading a stored user id", error))?;
    Ok(LoggedIn { user_id, device_id: id, tokens })
}

/// Deletes the least recently used device when the user has too many: a script that logs in anew each time must not
/// lock its owner out. Never deletes the dehydrated device, which is unused by design.
fn drop_longest_unused(
    core: &Arc<RoomCore>,
    sessions: &Arc<Sessions>,
    tx: &mut WriteTx<'_>,
    user: UserSn,
) -> Result<()> {
    let dehydrated = dehydrated::get(tx.tx(), user)?.map(|(device, _)| device);
    let unused_since = |device: &devices::DeviceRow| device.seen.at_ms.unwrap_or(device.created_ms);
    let devices = devices::of_user(tx.tx(), user)?.into_iter().filter(|device| Some(device.sn) != dehydrated);
    let Some(oldest) = devices.min_by_key(unused_since) else { return Ok(()) };
    tracing::info!(device = %oldest.id, "An account has as many devices as it may: its longest unused one was logged out.");
    let access = purge::purge(core, tx, user, &[oldest])?;
    sessions.forget_after(tx, access);
    Ok(())
}
