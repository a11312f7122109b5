//! `[federation]`: other homeservers.

use super::check::Checks;
use super::check_server_name;
use super::schema::section;

section! {
    /// Other homeservers.
    pub struct Federation {
        /// Whether this server federates.
        enabled: bool = true,
        /// The only servers to federate with; a leading `*.` matches all subdomains. Empty: all servers.
        allow: Vec<String> = Vec::new() => "['example.org', '*.example.org']",
        /// Servers not to federate with, even if `allow` contains them.
        deny: Vec<String> = Vec::new() => "['spam.example']",
        /// Notary servers, asked for the signing keys of servers that cannot be reached. Without them, old messages and
        /// members of servers that no longer exist are left out. A notary learns which keys this server needs, and
        /// could vouch for false ones. Empty: keys come from their own servers only.
        notaries: Vec<String> = Vec::new() => "['matrix.org']",
        /// The largest complexity of a room to join through another server: its number of state events, most of which
        /// are members, divided by 500. Larger rooms need much memory, disk and time on a small machine. 0: no limit.
        complexity_limit: u64 = 60,
        /// Whether other servers, and with them everyone who shares a room with a user, are told the names of the user's
        /// devices. They often say more than people mean to tell, such as where they work.
        share_device_names: bool = false,
    }
}

impl Federation {
    pub(super) fn check(&self, checks: &mut Checks) {
        for (key, names) in [("allow", &self.allow), ("deny", &self.deny)] {
            for (index, name) in names.iter().enumerate() {
                if let Err(why) = check_server_name(name.strip_prefix("*.").unwrap_or(name)) {
                    checks.require(false, &format!("federation.{key}[{index}]"), why);
                }
            }
        }
        for (index, name) in self.notaries.iter().enumerate() {
            if let Err(why) = check_server_name(name) {
                checks.require(false, &format!("federation.notaries[{index}]"), why);
            }
        }
    }
}
