//! What users may call whose standing is not that of everybody: locked and suspended ones, and guests.
//!
//! Decided here by method and path pattern, so that no handler can forget it. Reading (GET) is for all but the locked.

use hearth_base::{Reason, Result, error::refuse};
use hearth_domain::Requester;
use http::Method;

/// What suspended users may call although it writes (client-server API, "Account suspension"): what keeps their clients and
/// keys working, what leaves rooms, what takes back what they said, and what concerns their own account.
const SUSPENDED_MAY: &[&str] = &[
    "/account/",
    "/account_data/",
    "/admin/",
    "/dehydrated_device",
    "/delete_devices",
    "/devices/",
    "/filter",
    "/forget",
    "/keys/",
    "/leave",
    "/login/get_token",
    "/logout",
    "/publicRooms",
    "/pushers/set",
    "/pushrules/",
    "/read_markers",
    "/receipt/",
    "/redact/",
    "/report",
    "/room_keys/",
    "/search",
    "/sendToDevice/",
    "/sync",
    "/tags/",
    "/user_directory/",
];

/// What guests may call although it writes (client-server API, "Guest Access").
const GUESTS_MAY: &[&str] = &[
    "/account_data/",
    "/delayed_event/",
    "/filter",
    "/forget",
    "/join",
    "/keys/",
    "/leave",
    "/logout",
    "/profile/",
    "/publicRooms",
    "/pushrules/",
    "/read_markers",
    "/receipt/",
    "/room_keys/",
    "/rtc/livekit/",
    "/send/",
    "/sendToDevice/",
    "/sync",
    "/typing/",
];

/// Refuses what the user's standing does not allow at this path pattern.
pub fn check(requester: &Requester, method: &Method, pattern: &str) -> Result<()> {
    if requester.locked && !(pattern.ends_with("/logout") || pattern.ends_with("/logout/all")) {
        return check_locked(requester);
    }
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let among = |list: &[&str]| list.iter().any(|part| pattern.contains(part));
    if requester.suspended && !among(SUSPENDED_MAY) {
        let message = "This account is suspended: it can read, leave rooms and take back messages, and nothing else.";
        return Err(refuse(Reason::UserSuspended, message));
    }
    if requester.guest && !among(GUESTS_MAY) {
        return Err(refuse(Reason::GuestAccessForbidden, "Guests cannot do this: register an account."));
    }
    Ok(())
}

/// Refuses locked users.
pub fn check_locked(requester: &Requester) -> Result<()> {
    if requester.locked {
        return Err(refuse(Reason::UserLocked, "This account has been locked. Ask the server's administrator."));
    }
    Ok(())
}
