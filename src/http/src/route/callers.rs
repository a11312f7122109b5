//! Which accounts may call an endpoint: guests, suspended and locked users, application services.
//!
//! Each is refused unless the endpoint names it, so a new endpoint is closed to them until its author decides.

use hearth_base::{Error, Reason, Result, error::refuse};
use hearth_domain::Requester;

/// Who may call an endpoint beside ordinary users. Means nothing where no access token is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Callers {
    /// Guests (client-server API, "Guest Access").
    pub guests: bool,
    /// Suspended users ("Account suspension").
    pub suspended: bool,
    /// Locked users ("Account locking"): logging out is all that the specification leaves them.
    pub locked: bool,
    /// Application services, as themselves or as a user of theirs.
    pub appservices: bool,
}

impl Callers {
    /// Refuses an account that may not call. Locked comes first: clients must log out softly whatever they tried.
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
