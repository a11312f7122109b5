//! Account registration.

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::config::RegistrationMode;
use hearth_base::{Error, Millis, Reason, Result, error::refuse, limits};
use hearth_core::also::{self, Also};
use hearth_store::WriteTx;
use hearth_store::ids::UserSn;
use hearth_store::tables::accounts::{self as table, AccountKind, AccountRow};
use hearth_store::tables::{profiles, users};
use ruma::OwnedUserId;

use super::first_run::WaysIn;
use super::log_in::{DeviceRequest, LoggedIn, open};
use super::registration_tokens::RedeemedToken;
use super::{Accounts, registration_tokens, username};
use crate::uia;

/// Random characters of a user name that the server chooses.
const NAME_CHARS: usize = 12;

/// What authorises the creation of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authority {
    /// Open registration.
    Anyone,
    /// One use of a registration token.
    Token(String),
    /// Guest access.
    Guest,
    /// An administrator, or the shared secret.
    Admin,
    /// An application service that owns the name; the account has no password.
    Appservice,
}

/// An account to create.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// The localpart; `None` to let the server choose one.
    pub localpart: Option<String>,
    /// The display name; `None` for the user name, because clients show something in any case.
    pub displayname: Option<String>,
    /// The password; `None` for accounts that do not log in with one.
    pub password: Option<String>,
    /// Whether the account is an administrator. Only [`Authority::Admin`] may set this.
    pub admin: bool,
    /// What authorises the creation.
    pub authority: Authority,
}

/// A new account, in the transaction that creates it.
#[derive(Debug)]
pub struct Registered {
    /// The user.
    pub user: UserSn,
    /// The registration token that was used.
    pub token: Option<RedeemedToken>,
}

/// The input of the transaction, prepared outside it.
struct Prepared {
    user_id: OwnedUserId,
    displayname: Option<String>,
    password: Option<String>,
    admin: bool,
    authority: Authority,
    mode: RegistrationMode,
    now_ms: Millis,
}

impl Accounts {
    /// Creates an account and, with `device`, logs it in.
    ///
    /// Refuses with `M_USER_IN_USE`, `M_INVALID_USERNAME`, `M_EXCLUSIVE`, `M_WEAK_PASSWORD`, and `M_FORBIDDEN` when the
    /// authority does not hold.
    #[boxed]
    pub async fn register(
        &self,
        new: NewAccount,
        device: Option<DeviceRequest>,
    ) -> Result<(OwnedUserId, Option<LoggedIn>)> {
        self.register_also(new, device, also::nothing()).await
    }

    /// As [`Accounts::register`]; `also` runs in the same transaction.
    #[boxed]
    pub async fn register_also(
        &self,
        new: NewAccount,
        device: Option<DeviceRequest>,
        also: Also,
    ) -> Result<(OwnedUserId, Option<LoggedIn>)> {
        let (user_id, logged_in, ()) = self.register_with(new, device, move |tx, _| also(tx)).await?;
        Ok((user_id, logged_in))
    }

    /// As [`Accounts::register`]; `with` runs in the same transaction, after the account exists.
    pub async fn register_with<T: Send + 'static>(
        &self,
        new: NewAccount,
        device: Option<DeviceRequest>,
        with: impl FnOnce(&mut WriteTx<'_>, &Registered) -> Result<T> + Send + 'static,
    ) -> Result<(OwnedUserId, Option<LoggedIn>, T)> {
        // Check the request before the slow password hash.
        let device = device.map(DeviceRequest::checked).transpose()?;
        let prepared = self.prepare(new).await?;
        let (core, sessions) = (Arc::clone(&self.core), Arc::clone(&self.sessions));
        let user_id = prepared.user_id.clone();
        let write = self.core.store.write("register", move |tx| {
            let registered = insert(tx, &prepared)?;
            let more = with(tx, &registered)?;
            let logged_in = device.map(|device| open(&core, &sessions, tx, registered.user, &device)).transpose()?;
            Ok((logged_in, more))
        });
        let (logged_in, more) = write.await?;
        tracing::info!(user = %user_id, "Registered an account.");
        Ok((user_id, logged_in, more))
    }

    /// Checks the request and hashes the password, which is too slow for a transaction.
    async fn prepare(&self, new: NewAccount) -> Result<Prepared> {
        let config = &self.core.config.registration;
        match new.authority {
            Authority::Anyone if self.registration_mode() != RegistrationMode::Open => return Err(self.closed()),
            Authority::Guest if !config.guests => {
                return Err(refuse(Reason::GuestAccessForbidden, "This server does not let guests in."));
            }
            _ => {}
        }
        let localpart = match new.localpart {
            // An application service gets exactly the name that it asks for, or an error.
            Some(localpart) if new.authority == Authority::Appservice => localpart,
            // Phone keyboards capitalise the first letter.
            Some(localpart) => localpart.to_ascii_lowercase(),
            None => {
                let prefix = if new.authority == Authority::Guest { "guest-" } else { "user-" };
                let random = self.core.seams.random.string(NAME_CHARS, b"abcdefghijklmnopqrstuvwxyz0123456789");
                format!("{prefix}{random}")
            }
        };
        let user_id = username::parse(&localpart, &self.core.server_name)?;
        if !matches!(new.authority, Authority::Admin | Authority::Appservice) {
            username::check_chosen(&localpart, config)?;
            self.core.appservices.check_user(&user_id, None)?;
        }
        if new.password.is_none() && matches!(new.authority, Authority::Anyone | Authority::Token(_)) {
            return Err(refuse(Reason::MissingParam, "Choose a password."));
        }
        // Hash only after the checks above, because it is slow.
        let password = match new.password {
            Some(password) => {
                self.hasher.check_initial_strength(&password)?;
                Some(self.hasher.hash(password).await?)
            }
            None => None,
        };
        let displayname = match new.displayname {
            Some(name) if name.len() > limits::DISPLAY_NAME_BYTES_MAX || name.contains('\0') => {
                let message = format!("A display name has at most {} bytes.", limits::DISPLAY_NAME_BYTES_MAX);
                return Err(Error::invalid(message));
            }
            None if !matches!(new.authority, Authority::Guest | Authority::Appservice) => Some(localpart),
            name => name,
        };
        let admin = new.admin && new.authority == Authority::Admin;
        let (authority, mode, now_ms) = (new.authority, self.registration_mode(), self.core.now_ms());
        Ok(Prepared { user_id, displayname, password, admin, authority, mode, now_ms })
    }

    /// The user-interactive authentication flows for registration; `M_FORBIDDEN` when registration is closed.
    #[boxed]
    pub async fn registration_flows(&self) -> Result<uia::Flows> {
        match self.ways_in().await? {
            WaysIn { open: true, token: true } => Ok(uia::DUMMY_OR_TOKEN),
            WaysIn { open: true, token: false } => Ok(uia::DUMMY),
            WaysIn { open: false, token: true } => Ok(uia::REGISTRATION_TOKEN),
            WaysIn { open: false, token: false } => Err(self.closed()),
        }
    }

    /// Refuses an unusable name or password early, before the user completes the authentication stages.
    #[boxed]
    pub async fn check_application(&self, localpart: Option<&str>, password: Option<&str>) -> Result<()> {
        if let Some(localpart) = localpart {
            self.check_username(localpart).await?;
        }
        password.map_or(Ok(()), |password| self.hasher.check_initial_strength(password))
    }

    /// The error when registration is closed; its message tells the user what to do instead.
    pub(super) fn closed(&self) -> Error {
        Error::forbidden(match self.registration_mode() {
            RegistrationMode::Closed => {
                "Registration is closed on this server. Ask its administrator for an account or a registration token."
            }
            RegistrationMode::Token => {
                "Registration on this server takes a registration token: ask its administrator for one."
            }
            RegistrationMode::Open => "This cannot be registered.",
        })
    }
}

fn insert(tx: &mut WriteTx<'_>, new: &Prepared) -> Result<Registered> {
    let mut flags = if new.admin { table::ADMIN } else { 0 };
    let token = match &new.authority {
        Authority::Token(token) => Some(registration_tokens::redeem(tx.tx(), token, (new.mode, new.now_ms))?),
        _ => None,
    };
    if token.as_ref().is_some_and(|token| token.makes_admin) {
        flags |= table::ADMIN;
    }
    let kind = match new.authority {
        Authority::Guest => AccountKind::Guest,
        Authority::Appservice => AccountKind::Appservice,
        _ => AccountKind::Person,
    };
    let row = AccountRow {
        user: users::intern(tx, new.user_id.as_str())?,
        localpart: new.user_id.localpart().to_owned(),
        password: new.password.clone(),
        created_ms: new.now_ms,
        kind,
        flags,
        deactivated_ms: None,
    };
    if !table::insert(tx.tx(), &row)? {
        return Err(username::taken());
    }
    if let Some(displayname) = new.displayname.clone() {
        let profile = profiles::ProfileRow { displayname: Some(displayname), ..profiles::ProfileRow::default() };
        profiles::set(tx.tx(), row.user, &profile)?;
    }
    if let Some(token) = &token {
        token.note_user(tx.tx(), row.user, new.now_ms)?;
    }
    Ok(Registered { user: row.user, token })
}
