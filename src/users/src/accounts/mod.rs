//! Local accounts: registration, login and logout, passwords, tokens, and moderation by administrators. Profiles, the
//! data of devices, and rooms are elsewhere.

mod authenticate;
mod check_password;
mod first_run;
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
mod username;

pub use log_in::{DeviceRequest, LoggedIn};
pub use register::{Authority, NewAccount};
pub use registration_tokens::NewRegistrationToken;
pub use shared_secret::SharedSecretRequest;
pub use status::Flag;
pub use tokens::Issued;

use std::sync::Arc;

use hearth_base::Result;
use hearth_core::rates::Rates;
use hearth_rooms::RoomCore;

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
}

impl Accounts {
    /// Creates the service. Computes one password hash, so it takes as long as that.
    pub fn new(core: Arc<RoomCore>, devices: Arc<Devices>, rates: Arc<Rates>) -> Result<Self> {
        let hasher = passwords::Hasher::new(&core.config.passwords, core.seams.clone())?;
        let nonces = shared_secret::Nonces::new(&core.seams);
        Ok(Self {
            core,
            devices,
            rates,
            hasher,
            sessions: Arc::default(),
            login_tokens: login_tokens::LoginTokens::default(),
            nonces,
        })
    }
}
