//! Access to the admin socket: root, the account that Hearth runs as, and the members of one group.
//!
//! The file permissions of the socket enforce the same rule. The server checks again, because an administrator may
//! loosen the permissions. Accounts and groups come from `/etc/passwd` and `/etc/group`; accounts of a directory
//! service match by their primary group only.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use hearth_base::{Error, Result};

const ROOT: u32 = 0;

/// Who may connect, resolved to numeric ids when the server starts.
#[derive(Debug, Clone)]
pub(crate) struct Permit {
    own_uid: u32,
    gid: u32,
}

impl Permit {
    /// Permits the members of `group`, or of the server's own primary group when `group` is `None`.
    pub(crate) fn of(group: Option<&str>) -> Result<Self> {
        let own_uid = rustix::process::geteuid().as_raw();
        let gid = match group {
            None => rustix::process::getegid().as_raw(),
            Some(name) => gid_of(&read("/etc/group"), name).ok_or_else(|| {
                let remedy = format!("make it with `sudo groupadd --system {name}`, or name another one");
                Error::broken(format!("there is no group `{name}` (`admin.group`): {remedy}"))
            })?,
        };
        Ok(Self { own_uid, gid })
    }

    /// Gives the socket file to the permitted group. Only if that is another than the file has: the system service may
    /// not change owners at all.
    pub(super) fn give(&self, file: &Path) -> Result<()> {
        let doing = || format!("giving {} to its group (`admin.group`; is Hearth's account in it?)", file.display());
        let metadata = std::fs::metadata(file).map_err(|error| Error::fault(doing(), error))?;
        if metadata.gid() == self.gid {
            return Ok(());
        }
        std::os::unix::fs::chown(file, None, Some(self.gid)).map_err(|error| Error::fault(doing(), error))
    }

    /// The numeric id of the permitted group, for the owner of the socket file.
    pub(crate) fn group(&self) -> u32 {
        self.gid
    }

    /// The name that the audit log gives to this account and primary group; `None` when access is refused.
    pub(super) fn check(&self, uid: u32, gid: u32) -> Option<String> {
        let name = name_of(&read("/etc/passwd"), uid);
        let in_group =
            || gid == self.gid || name.as_deref().is_some_and(|name| is_member(&read("/etc/group"), self.gid, name));
        let allowed = uid == ROOT || uid == self.own_uid || in_group();
        allowed.then(|| name.as_ref().map_or_else(|| format!("uid {uid}"), |name| format!("uid {uid} ({name})")))
    }
}

/// The contents of a file. An unreadable file counts as empty, so it grants access to no account.
fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// The colon-separated fields of the first line for which `is` holds.
fn line<'t>(text: &'t str, is: impl Fn(&[&'t str]) -> bool) -> Option<Vec<&'t str>> {
    text.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields.len() > 3 && is(fields))
}

fn gid_of(groups: &str, name: &str) -> Option<u32> {
    line(groups, |fields| fields[0] == name)?[2].parse().ok()
}

fn name_of(accounts: &str, uid: u32) -> Option<String> {
    let uid = uid.to_string();
    Some(line(accounts, |fields| fields[2] == uid)?[0].to_owned())
}

fn is_member(groups: &str, gid: u32, name: &str) -> bool {
    let gid = gid.to_string();
    line(groups, |fields| fields[2] == gid).is_some_and(|fields| fields[3].split(',').any(|member| member == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUPS: &str = "root:x:0:\nhearth:x:990:alice,bob\n\nbroken:x\nempty:x:5:\n";

    #[test]
    fn groups_and_accounts_are_found() {
        assert_eq!(
            (gid_of(GROUPS, "hearth"), gid_of(GROUPS, "broken"), gid_of(GROUPS, "none")),
            (Some(990), None, None)
        );
        assert!(is_member(GROUPS, 990, "bob"));
        assert!(!is_member(GROUPS, 990, "bo") && !is_member(GROUPS, 0, "root"));
        assert_eq!(name_of("a:x:7:7::/:/bin/sh\n", 7).as_deref(), Some("a"));
    }

    #[test]
    fn strangers_may_not() {
        let permit = Permit { own_uid: 4_000_000_001, gid: 4_000_000_002 };
        assert!(permit.check(4_000_000_003, 4_000_000_003).is_none());
        assert!(permit.check(4_000_000_003, 4_000_000_002).is_some());
        assert_eq!(permit.check(4_000_000_001, 1).as_deref(), Some("uid 4000000001"));
        assert!(permit.check(ROOT, ROOT).is_some());
    }
}
