//! Local accounts: registration, login and logout, passwords, tokens, and moderation by administrators. Profiles, the
//! data of devices, and rooms are elsewhere.

mod authenticate;
mod check_password;
mod first_run;
mod invite_links;
mod join_forms;
mod list;
mod log_in;
mod log_out;
mod login_tokens;
mod password;
mod passwords;
mod refresh;
mod register;
mod registration_tokens;
mod sessions;
mod shared_secret;
mod status;
#[cfg(test)]
mod tests;
mod tokens;
mod unused_devices;
mod username;

pub use invite_links::{InviteContact, InviteLink, InviteLinkStatus};
pub use join_forms::JoinForm;
pub use log_in::{DeviceRequest, LoggedIn};
pub use register::{Authority, NewAccount, Registered};
pub use registration_tokens::{NewRegistrationToken, RedeemedToken, rooms_of};
pub use shared_secret::SharedSecretRequest;
pub use status::Flag;
pub use tokens::Issued;

use std::sync::Arc;

use hearth_base::Result;
use hearth_base::config::RegistrationMode;
use hearth_core::rates::Rates;
use hearth_rooms::RoomCore;
use parking_lot::Mutex;

use crate::devices::Devices;

/// The account use cases of users and administrators.
#[derive(Debug)]
pub struct Accounts {
    core: Arc<RoomCore>,
    devices: Arc<Devices>,
    rates: Arc<Rates>,
    hasher: passwords::Hasher,
    sessions: Arc<sessions::Sessions>,
    login_tokens: login_tokens::LoginTokens,
    nonces: shared_secret::Nonces,
    /// Changed by an administrator while the server runs; the configuration sets it at the start.
    mode: Mutex<RegistrationMode>,
    join_forms: join_forms::JoinForms,
}

impl Accounts {
    /// Creates the service. Computes one password hash, so it takes as long as that.
    pub fn new(core: Arc<RoomCore>, devices: Arc<Devices>, rates: Arc<Rates>) -> Result<Self> {
        let hasher = passwords::Hasher::new(&core.config.passwords, core.seams.clone())?;
        let nonces = shared_secret::Nonces::new(&core.seams);
        let mode = Mutex::new(core.config.registration.mode);
        let join_forms = join_forms::JoinForms::new(&core.seams);
        Ok(Self {
            core,
            devices,
            rates,
            hasher,
            sessions: Arc::default(),
            login_tokens: login_tokens::LoginTokens::default(),
            nonces,
            mode,
            join_forms,
        })
    }
}
