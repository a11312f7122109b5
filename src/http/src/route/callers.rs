//! Access rules for guests, suspended and locked users, and application services.
//!
//! An endpoint refuses each of these unless it opts in, so a new endpoint is closed to them until its author decides.

use hearth_base::{Error, Reason, Result, error::refuse};
use hearth_domain::Requester;

/// The kinds of accounts that may call an endpoint, in addition to ordinary users. Without effect on endpoints that
/// accept no access token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Callers {
    /// Guests (client-server API, "Guest Access").
    pub guests: bool,
    /// Suspended users ("Account suspension").
    pub suspended: bool,
    /// Locked users ("Account locking"): the specification lets them log out and nothing else.
    pub locked: bool,
    /// Application services, as themselves or as one of their users.
    pub appservices: bool,
}

impl Callers {
    /// Refuses an account that may not call. Checks for locked accounts first, because their clients must do a soft
    /// logout whatever they requested.
    pub(super) fn check(self, requester: &Requester) -> Result<()> {
        if requester.locked && !self.locked {
            return Err(refuse(Reason::UserLocked, "This account has been locked. Ask the server's administrator."));
        }
        if requester.suspended && !self.suspended {
            let message =
                "This account is suspended: it can read, leave rooms and take back messages, and nothing else.";
            return Err(refuse(Reason::UserSuspended, message));
        }
        if requester.guest && !self.guests {
            return Err(refuse(Reason::GuestAccessForbidden, "Guests cannot do this: register an account."));
        }
        if requester.appservice.is_some() && !self.appservices {
            return Err(Error::forbidden("Application services cannot do this: it is for people who log in."));
        }
        Ok(())
    }
}
