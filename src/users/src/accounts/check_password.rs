//! Password checks with rate limits.

use hearth_base::boxed;
use std::net::IpAddr;

use hearth_base::{Error, Reason, Result, error::refuse};
use hearth_core::Requester;
use hearth_core::rates::{Rate, RateSubject};
use hearth_store::ids::UserSn;
use hearth_store::tables::accounts::{self as table, AccountRow};
use hearth_store::tables::devices;

use super::Accounts;
use super::passwords::PasswordCheck;

/// The error for a wrong user name or password. It is the same for both, so that it does not reveal which names exist.
pub(super) fn wrong() -> Error {
    Error::forbidden("The user name or the password is wrong.")
}

/// Who enters a password. Wrong ones count against separate quotas, so that the guesses of others do not keep the owner
/// of an account out.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PasswordSource<'a> {
    /// A client that logs in, by its address.
    Address(Option<IpAddr>),
    /// A device that is logged in, for user-interactive authentication.
    Device(&'a Requester),
}

/// The quotas of wrong passwords for one account and one source.
#[derive(Debug, Clone, Copy)]
struct PasswordQuotas {
    /// Of this source alone.
    own: RateSubject,
    /// Of all networks that the account has not been used from; `None` for known ones and for devices.
    networks: Option<RateSubject>,
}

impl PasswordQuotas {
    fn new(localpart: &str, from: PasswordSource<'_>) -> Self {
        match from {
            PasswordSource::Address(address) => {
                Self { own: RateSubject::name_from(localpart, address), networks: Some(RateSubject::name(localpart)) }
            }
            // The user id has an "@" and the device id may have any character: no localpart equals both.
            PasswordSource::Device(who) => {
                let own = RateSubject::name(&format!("{} {}", who.user_id, who.device.0));
                Self { own, networks: None }
            }
        }
    }
}

impl Accounts {
    /// Returns the account if the password is correct. Refuses with `M_FORBIDDEN` otherwise, and takes the same time
    /// for an unknown name; with `M_LIMIT_EXCEEDED` after too many wrong passwords; with `M_USER_DEACTIVATED` for
    /// deactivated accounts.
    ///
    /// Wrong passwords count for the account and the network they come from, and for the account and all unknown
    /// networks together. So one network keeps out only itself, and many keep out only unknown ones: the addresses at
    /// which the account's devices were last seen are known.
    pub(crate) async fn check_password(
        &self,
        localpart: &str,
        password: &str,
        from: PasswordSource<'_>,
    ) -> Result<AccountRow> {
        let mut quotas = PasswordQuotas::new(localpart, from);
        self.rates.peek(Rate::Login, quotas.own)?;
        let name = localpart.to_owned();
        let read = self.core.store.read("password_check", move |tx| {
            let row = table::by_name(tx.tx(), &name)?;
            let devices = row.as_ref().map(|row| devices::of_user(tx.tx(), row.user)).transpose()?;
            Ok((row, devices.unwrap_or_default()))
        });
        let (row, devices) = read.await?;
        if let PasswordSource::Address(Some(address)) = from
            && self.is_known_address(&devices, address)
        {
            quotas.networks = None;
        }
        self.peek_quotas(quotas)?;
        let hash = row.as_ref().and_then(|row| row.password.clone());
        // Verify even without an account: the response time must not reveal whether the name exists.
        let verdict = self.hasher.verify(password.to_owned(), hash).await?;
        // Check the limit again: concurrent attempts all passed the first check, before any of them was counted.
        self.peek_quotas(quotas)?;
        match row {
            Some(row) if row.deactivated_ms.is_some() => {
                Err(refuse(Reason::UserDeactivated, "This account has been deactivated."))
            }
            Some(mut row) if verdict != PasswordCheck::Wrong => {
                if verdict == PasswordCheck::RightButOld {
                    self.rehash(&mut row, password).await?;
                }
                Ok(row)
            }
            _ => {
                // Count only wrong passwords here: bots log in often, and the limit by client address covers them.
                self.rates.take(Rate::Login, quotas.own)?;
                quotas.networks.map_or(Ok(()), |whose| self.rates.take(Rate::LoginNetworks, whose))?;
                Err(wrong())
            }
        }
    }

    fn peek_quotas(&self, quotas: PasswordQuotas) -> Result<()> {
        self.rates.peek(Rate::Login, quotas.own)?;
        quotas.networks.map_or(Ok(()), |whose| self.rates.peek(Rate::LoginNetworks, whose))
    }

    /// Whether one of these devices was last seen at this address, or in the same IPv6 /64.
    fn is_known_address(&self, devices: &[devices::DeviceRow], address: IpAddr) -> bool {
        let here = RateSubject::address(Some(address));
        devices.iter().any(|device| {
            // The newest record may not be in the database yet.
            let seen = self.devices.seen.of(device.sn);
            let seen = seen.as_ref().unwrap_or(&device.seen);
            let at = seen.ip.as_deref().and_then(|ip| ip.parse().ok());
            at.is_some_and(|at| RateSubject::address(Some(at)) == here)
        })
    }

    /// As [`Accounts::check_password`], for a user who is logged in: their device has a quota of its own.
    pub(crate) async fn check_password_of(&self, who: &Requester, password: &str) -> Result<()> {
        let user = who.user;
        let row = self.core.store.read("password_check", move |tx| table::get(tx.tx(), user)).await?;
        let row = row.ok_or_else(wrong)?;
        self.check_password(&row.localpart, password, PasswordSource::Device(who)).await.map(drop)
    }

    /// Whether a user has a password. Accounts of application services have none.
    #[boxed]
    pub async fn has_password(&self, user: UserSn) -> Result<bool> {
        let row = self.core.store.read("password_has", move |tx| table::get(tx.tx(), user)).await?;
        Ok(row.is_some_and(|row| row.password.is_some()))
    }

    async fn rehash(&self, row: &mut AccountRow, password: &str) -> Result<()> {
        let Some(before) = row.password.take() else { return Ok(()) };
        let (user, after) = (row.user, self.hasher.hash(password.to_owned()).await?);
        row.password = Some(after.clone());
        self.core.store.write("password_rehash", move |tx| table::rehash(tx.tx(), user, &before, &after)).await
    }
}
