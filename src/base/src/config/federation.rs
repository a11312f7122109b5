//! `[federation]`: talking to other homeservers.

use super::check::Checks;
use super::check_server_name;
use super::schema::section;

section! {
    /// Talking to other homeservers.
    pub struct Federation {
        /// Whether this server talks to others at all.
        enabled: bool = true,
        /// The only servers to talk to; a leading `*.` stands for all names below. Empty: any.
        allow: Vec<String> = Vec::new() => "['example.org', '*.example.org']",
        /// Servers not to talk to, even if they are allowed above.
        deny: Vec<String> = Vec::new() => "['spam.example']",
        /// Servers that are believed about the keys of others, if those cannot be asked because they are gone: without
        /// them, old messages and members from such servers are left out. They learn whose keys this server looks for,
        /// and could vouch for keys that are wrong. Empty: each server is asked itself, and nobody else.
        notaries: Vec<String> = Vec::new() => "['matrix.org']",
        /// How large a room may be to be joined through another server: its state events, most of which are its members,
        /// divided by 500. A larger room asks much memory, disk and patience of a small machine. 0: any.
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
