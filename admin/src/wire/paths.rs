//! The URLs of the admin API: route patterns for the server, builders for clients.
//!
//! Patterns use `{name}` for one path segment, as axum does. Builders percent-encode, so a room id with a slash
//! stays one segment.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

use super::{AuditQuery, ListQuery, LogQuery};

/// What a path segment or a query value percent-encodes: all but the unreserved characters of RFC 3986.
const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// `GET`: [`super::Status`].
pub const STATUS: &str = "/api/v1/status";
/// `GET` with [`ListQuery`]: [`super::Page`] of [`super::UserSummary`].
/// `POST` [`super::NewUser`]: [`super::CreatedUser`].
pub const USERS: &str = "/api/v1/users";
/// `GET`: [`super::UserDetail`].
pub const USER: &str = "/api/v1/users/{user}";
/// `POST` [`super::NewPassword`]: [`super::PasswordSet`].
pub const USER_PASSWORD: &str = "/api/v1/users/{user}/password";
/// `POST` [`super::DeactivateUser`]: [`super::Done`].
pub const USER_DEACTIVATE: &str = "/api/v1/users/{user}/deactivate";
/// `POST` empty object: [`super::LoggedOut`].
pub const USER_LOGOUT: &str = "/api/v1/users/{user}/logout";
/// `PUT` [`super::SetLocked`]: [`super::Done`].
pub const USER_LOCKED: &str = "/api/v1/users/{user}/locked";
/// `PUT` [`super::SetAdmin`]: [`super::Done`].
pub const USER_ADMIN: &str = "/api/v1/users/{user}/admin";
/// `GET` with [`ListQuery`]: [`super::Page`] of [`super::RoomSummary`].
pub const ROOMS: &str = "/api/v1/rooms";
/// `GET`: [`super::RoomDetail`].
pub const ROOM: &str = "/api/v1/rooms/{room}";
/// `GET`: [`super::RegistrationTokenList`]. `POST` [`super::NewRegistrationToken`]: [`super::RegistrationToken`].
pub const REGISTRATION_TOKENS: &str = "/api/v1/registration-tokens";
/// `GET`: [`super::RegistrationToken`] with the accounts that it created. `DELETE`: [`super::Done`].
pub const REGISTRATION_TOKEN: &str = "/api/v1/registration-tokens/{token}";
/// `PUT` [`super::SetRegistrationMode`]: [`super::Done`].
pub const REGISTRATION_MODE: &str = "/api/v1/registration-mode";
/// `GET`: [`super::AppserviceList`]. `POST` [`super::NewAppservice`]: [`super::Appservice`].
pub const APPSERVICES: &str = "/api/v1/appservices";
/// `GET`: [`super::Appservice`]. `DELETE`: [`super::Done`].
pub const APPSERVICE: &str = "/api/v1/appservices/{id}";
/// `PUT` [`super::SetAppserviceDisabled`]: [`super::Done`].
pub const APPSERVICE_DISABLED: &str = "/api/v1/appservices/{id}/disabled";
/// `POST` empty object: [`super::AppservicePing`].
pub const APPSERVICE_TEST: &str = "/api/v1/appservices/{id}/test";
/// `GET`: [`super::SigningKeyList`].
pub const SIGNING_KEYS: &str = "/api/v1/signing-keys";
/// `POST` empty object: [`super::SigningKeyList`].
pub const SIGNING_KEYS_ROTATE: &str = "/api/v1/signing-keys/rotate";
/// `GET`: [`super::CertificateList`].
pub const CERTIFICATES: &str = "/api/v1/certificates";
/// `POST` empty object: [`super::CertificatesRenewed`].
pub const CERTIFICATES_RENEW: &str = "/api/v1/certificates/renew";
/// `GET` with [`LogQuery`]: [`super::LogPage`].
pub const LOG: &str = "/api/v1/log";
/// `GET`: [`super::OperationList`].
pub const STORE_OPERATIONS: &str = "/api/v1/store/operations";
/// `GET`: [`super::JobList`].
pub const JOBS: &str = "/api/v1/jobs";
/// `POST` empty object: [`super::Job`].
pub const JOB_CANCEL: &str = "/api/v1/jobs/{id}/cancel";
/// `GET` with [`ListQuery`]: [`super::Page`] of [`super::Destination`].
pub const DESTINATIONS: &str = "/api/v1/federation/destinations";
/// `GET`: [`super::Destination`].
pub const DESTINATION: &str = "/api/v1/federation/destinations/{server}";
/// `POST` empty object: [`super::Destination`].
pub const DESTINATION_RETRY: &str = "/api/v1/federation/destinations/{server}/retry";
/// `GET`: [`super::PusherList`].
pub const PUSHERS: &str = "/api/v1/pushers";
/// `POST` empty object: [`super::PusherTestList`].
pub const PUSHERS_TEST: &str = "/api/v1/pushers/{user}/test";
/// `GET`: [`super::RelayStatus`].
pub const RELAY: &str = "/api/v1/relay";
/// `DELETE`: [`super::Done`].
pub const RELAY_ALLOCATION: &str = "/api/v1/relay/allocations/{id}";
/// `DELETE`: [`super::RelayEnded`].
pub const RELAY_USER: &str = "/api/v1/relay/users/{user}";
/// `POST` empty object: [`super::RelayCheckList`].
pub const RELAY_TEST: &str = "/api/v1/relay/test";
/// `GET` with [`AuditQuery`]: [`super::AuditList`].
pub const AUDIT: &str = "/api/v1/audit";

/// A page of users.
pub fn users(query: &ListQuery) -> String {
    list(USERS, query)
}

/// One user.
pub fn user(user: &str) -> String {
    fill(USER, user)
}

/// The test of a user's pushers.
pub fn pushers_test(user: &str) -> String {
    fill(PUSHERS_TEST, user)
}

/// A user's password.
pub fn user_password(user: &str) -> String {
    fill(USER_PASSWORD, user)
}

/// Deactivates a user.
pub fn user_deactivate(user: &str) -> String {
    fill(USER_DEACTIVATE, user)
}

/// Logs all devices of a user out.
pub fn user_logout(user: &str) -> String {
    fill(USER_LOGOUT, user)
}

/// A user's lock.
pub fn user_locked(user: &str) -> String {
    fill(USER_LOCKED, user)
}

/// A user's admin right.
pub fn user_admin(user: &str) -> String {
    fill(USER_ADMIN, user)
}

/// A page of rooms.
pub fn rooms(query: &ListQuery) -> String {
    list(ROOMS, query)
}

/// One room.
pub fn room(room: &str) -> String {
    fill(ROOM, room)
}

/// One registration token.
pub fn registration_token(token: &str) -> String {
    fill(REGISTRATION_TOKEN, token)
}

/// The log.
pub fn log(query: &LogQuery) -> String {
    Query::new(LOG)
        .pair("after", query.after.map(|n| n.to_string()).as_deref())
        .pair("level", query.level.map(|level| level.as_str()))
        .pair("limit", query.limit.map(|n| n.to_string()).as_deref())
        .pair("wait_ms", query.wait_ms.map(|n| n.to_string()).as_deref())
        .path
}

/// A page of other homeservers.
pub fn destinations(query: &ListQuery) -> String {
    list(DESTINATIONS, query)
}

/// An application service.
pub fn appservice(id: &str) -> String {
    fill(APPSERVICE, id)
}

/// Stops or resumes deliveries to an application service.
pub fn appservice_disabled(id: &str) -> String {
    fill(APPSERVICE_DISABLED, id)
}

/// Pings an application service.
pub fn appservice_test(id: &str) -> String {
    fill(APPSERVICE_TEST, id)
}

/// Another homeserver.
pub fn destination(server: &str) -> String {
    fill(DESTINATION, server)
}

/// Retries sending to another homeserver now.
pub fn destination_retry(server: &str) -> String {
    fill(DESTINATION_RETRY, server)
}

/// One relayed address.
pub fn relay_allocation(id: &str) -> String {
    fill(RELAY_ALLOCATION, id)
}

/// All relayed addresses of a user.
pub fn relay_user(user: &str) -> String {
    fill(RELAY_USER, user)
}

/// The audit log.
pub fn audit(query: &AuditQuery) -> String {
    Query::new(AUDIT).pair("limit", query.limit.map(|n| n.to_string()).as_deref()).path
}

fn list(path: &str, query: &ListQuery) -> String {
    Query::new(path)
        .pair("from", query.from.as_deref())
        .pair("limit", query.limit.map(|n| n.to_string()).as_deref())
        .pair("search", query.search.as_deref())
        .path
}

/// Replaces the `{name}` of a pattern with `value`.
fn fill(pattern: &str, value: &str) -> String {
    let (before, rest) = pattern.split_once('{').unwrap_or((pattern, ""));
    let after = rest.split_once('}').map_or("", |(_, after)| after);
    format!("{before}{}{after}", encode(value))
}

/// Percent-encodes a path segment or a query value.
fn encode(value: &str) -> PercentEncode<'_> {
    utf8_percent_encode(value, &RESERVED)
}

/// A path with a query string under construction.
struct Query {
    path: String,
    mark: char,
}

impl Query {
    fn new(path: &str) -> Self {
        Self { path: path.to_owned(), mark: '?' }
    }

    fn pair(mut self, name: &str, value: Option<&str>) -> Self {
        if let Some(value) = value {
            self.path.push(self.mark);
            self.path.push_str(name);
            self.path.push('=');
            self.path.extend(encode(value));
            self.mark = '&';
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::LogLevel;

    #[test]
    fn ids_stay_one_segment() {
        assert_eq!(user("@a/b:h.example"), "/api/v1/users/%40a%2Fb%3Ah.example");
        assert_eq!(user_password("@a:h"), "/api/v1/users/%40a%3Ah/password");
        assert_eq!(room("!x?#{y}:h"), "/api/v1/rooms/%21x%3F%23%7By%7D%3Ah");
        assert_eq!(registration_token("../status"), "/api/v1/registration-tokens/..%2Fstatus");
        let retry = "/api/v1/federation/destinations/%5B2001%3Adb8%3A%3A1%5D%3A8448/retry";
        assert_eq!(destination_retry("[2001:db8::1]:8448"), retry);
    }

    #[test]
    fn queries_leave_out_what_is_absent() {
        assert_eq!(users(&ListQuery::default()), USERS);
        let query = ListQuery { from: None, limit: Some(50), search: Some("a&b=ü".to_owned()) };
        assert_eq!(rooms(&query), "/api/v1/rooms?limit=50&search=a%26b%3D%C3%BC");
        let query = LogQuery { after: Some(7), level: Some(LogLevel::Warn), limit: None, wait_ms: Some(20_000) };
        assert_eq!(log(&query), "/api/v1/log?after=7&level=warn&wait_ms=20000");
        assert_eq!(audit(&AuditQuery { limit: Some(3) }), "/api/v1/audit?limit=3");
    }
}
