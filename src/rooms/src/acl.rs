//! `m.room.server_acl`: which servers may take part in a room (client-server API, "Server Access Control Lists").
//!
//! Reading the event never fails, because its sender chooses the content: anything that is not a list of names counts
//! as an empty list. A list may hold ten thousand patterns, so the server parses it once per event and matches most
//! servers by a hash lookup. This module does not decide which requests are subject to the ACL: the handlers that
//! serve them call [`check`].

use std::collections::HashSet;
use std::sync::Arc;

use hearth_base::limits::rooms::ACL_LISTS_MAX;
use hearth_base::{Error, Result};
use hearth_store::engine::Tx;
use hearth_store::ids::{EventSn, RoomSn};
use hearth_store::tables::state;
use quick_cache::sync::Cache;
use ruma::ServerName;
use serde_json::Value;

use crate::RoomCore;

/// Refuses with `M_FORBIDDEN` a server that the room's ACL denies.
pub fn check(core: &RoomCore, tx: &mut dyn Tx, room: RoomSn, server: &ServerName) -> Result<()> {
    if allows(core, tx, room, server)? {
        return Ok(());
    }
    Err(Error::forbidden(format!("The room's access control list keeps {server} out.")))
}

/// Returns whether the room's ACL allows a server, for callers that drop its events instead of refusing a request.
pub fn allows(core: &RoomCore, tx: &mut dyn Tx, room: RoomSn, server: &ServerName) -> Result<bool> {
    let Some(sn) = state::current_named(tx, room, "m.room.server_acl", "")? else { return Ok(true) };
    let event = core.events.get(tx, sn)?;
    // The key includes redaction: a redacted ACL has no `allow` list left and so denies every server, as it does on
    // every other server.
    let key = (sn, event.is_redacted());
    if let Some(list) = core.acls.0.get(&key) {
        return Ok(list.allows(server));
    }
    let list = Arc::new(Acl::parse(event.pdu.content.get()));
    core.acls.0.insert(key, list.clone());
    Ok(list.allows(server))
}

/// Cache of parsed ACLs, by event and whether it was redacted.
pub struct Acls(Cache<(EventSn, bool), Arc<Acl>>);

impl Default for Acls {
    fn default() -> Self {
        Self(Cache::new(ACL_LISTS_MAX))
    }
}

impl std::fmt::Debug for Acls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Acls({} lists)", self.0.len())
    }
}

/// A parsed `m.room.server_acl`.
#[derive(Debug)]
pub struct Acl {
    allow: Patterns,
    deny: Patterns,
    allow_ip_literals: bool,
}

impl Acl {
    /// Parses the content of an `m.room.server_acl` event; malformed content gives empty lists.
    #[must_use]
    pub fn parse(content: &str) -> Self {
        let content: Value = serde_json::from_str(content).unwrap_or_default();
        Self {
            allow: Patterns::of(&content["allow"]),
            deny: Patterns::of(&content["deny"]),
            allow_ip_literals: content["allow_ip_literals"].as_bool().unwrap_or(true),
        }
    }

    /// Returns whether the ACL allows a server. Ignores its port, and upper and lower case.
    #[must_use]
    pub fn allows(&self, server: &ServerName) -> bool {
        if !self.allow_ip_literals && server.is_ip_literal() {
            return false;
        }
        let host = server.host().to_ascii_lowercase();
        !self.deny.matches(&host) && self.allow.matches(&host)
    }
}

/// Server name patterns, in lower case.
#[derive(Debug, Default)]
struct Patterns {
    /// Names without wildcards.
    names: HashSet<Box<str>>,
    /// Suffixes of patterns of the form `*.suffix`, where the suffix has no wildcards.
    parents: HashSet<Box<str>>,
    /// All other patterns.
    globs: Vec<Box<str>>,
}

impl Patterns {
    fn of(list: &Value) -> Self {
        let mut patterns = Self::default();
        for pattern in list.as_array().into_iter().flatten().filter_map(Value::as_str) {
            let pattern = pattern.to_ascii_lowercase();
            let is_plain = |text: &str| !text.contains(['*', '?']);
            match pattern.strip_prefix("*.") {
                _ if is_plain(&pattern) => _ = patterns.names.insert(pattern.into()),
                Some(parent) if is_plain(parent) => _ = patterns.parents.insert(parent.into()),
                _ => patterns.globs.push(pattern.into()),
            }
        }
        patterns
    }

    fn matches(&self, host: &str) -> bool {
        let mut parents = host.match_indices('.').map(|(at, _)| &host[at + 1..]);
        self.names.contains(host)
            || parents.any(|parent| self.parents.contains(parent))
            || self.globs.iter().any(|glob| glob_matches(glob, host))
    }
}

/// Matches `*` (any characters) and `?` (one character). Backtracks only to the last star, so the cost is at most the
/// product of both lengths; a host has at most 255 bytes.
pub fn glob_matches(glob: &str, host: &str) -> bool {
    let (glob, host) = (glob.as_bytes(), host.as_bytes());
    let (mut at, mut seen, mut star) = (0, 0, None);
    while seen < host.len() {
        match glob.get(at) {
            Some(b'*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == host[seen] => {
                at += 1;
                seen += 1;
            }
            _ => {
                let Some((back, taken)) = star else { return false };
                star = Some((back, taken + 1));
                (at, seen) = (back + 1, taken + 1);
            }
        }
    }
    glob[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use serde_json::json;

    use super::*;

    fn allows(content: &Value, server: &str) -> bool {
        Acl::parse(&content.to_string()).allows(&ServerName::parse(server).expect("a server name"))
    }

    #[test]
    fn the_rules_of_the_specification() {
        let list = json!({ "allow": ["*"], "deny": ["*.Evil.example", "evil.example", "b?d.example"] });
        for (server, allowed) in [
            ("good.example", true),
            ("evil.example", false),
            ("EVIL.EXAMPLE:8448", false),
            ("a.b.evil.example", false),
            ("notevil.example", true),
            ("bad.example", false),
            ("baad.example", true),
            ("1.2.3.4", true),
        ] {
            assert_eq!(allows(&list, server), allowed, "{server}");
        }
        assert!(!allows(&json!({ "allow": ["*.example"] }), "other.org"), "whoever is not allowed is denied");
        assert!(allows(&json!({ "allow": ["MATRIX.example"] }), "matrix.EXAMPLE"));
    }

    #[test]
    fn literal_addresses_can_be_shut_out() {
        let list = json!({ "allow": ["*"], "allow_ip_literals": false });
        for (server, allowed) in [("1.2.3.4", false), ("1.2.3.4:80", false), ("[::1]:8448", false), ("a.example", true)]
        {
            assert_eq!(allows(&list, server), allowed, "{server}");
        }
    }

    #[test]
    fn what_is_malformed_is_an_empty_list() {
        assert!(!allows(&json!({}), "a.example"), "nobody is allowed");
        assert!(!allows(&json!({ "allow": "*" }), "a.example"));
        assert!(allows(&json!({ "allow": [7, null, ["*"], "*"], "deny": { "a.example": 1 } }), "a.example"));
        assert!(allows(&json!({ "allow": ["*"], "allow_ip_literals": "no" }), "1.2.3.4"));
        assert!(!Acl::parse("[1]").allows(ruma::server_name!("a.example")));
    }

    #[test]
    fn globs_match_as_they_should() {
        for (glob, host, matches) in [
            ("*", "", true),
            ("*", "anything", true),
            ("", "", true),
            ("", "a", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "aXbY", false),
            ("*ab", "aab", true),
            ("**a**", "a", true),
            ("?", "", false),
            ("a?c", "abc", true),
        ] {
            assert_eq!(glob_matches(glob, host), matches, "{glob} {host}");
        }
    }

    /// CVE-2023-45129: a long list with many wildcards must stay cheap to match.
    #[test]
    fn ten_thousand_globs_are_fast() {
        let host = format!("{}.example", "a".repeat(240));
        let globs: Vec<String> = (0..10_000).map(|n| format!("*a*a*a*{n}*b")).collect();
        let list = json!({ "allow": ["*"], "deny": globs }).to_string();
        let began = Instant::now();
        let list = Acl::parse(&list);
        let parsed = began.elapsed();
        let began = Instant::now();
        assert!(list.allows(&ServerName::parse(host).expect("a server name")));
        // The bound is ten times the expected time, for unoptimised builds on a busy machine.
        let most = Duration::from_millis(if cfg!(debug_assertions) { 500 } else { 50 });
        assert!(parsed + began.elapsed() < most, "{parsed:?} {:?}", began.elapsed());
    }
}
