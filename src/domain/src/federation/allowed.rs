//! Which servers this one talks to: what `[federation]` in the configuration says, for those who have the service at hand.

use hearth_base::Result;
use ruma::ServerName;

use super::Federation;

impl Federation {
    /// Refuses with `M_FORBIDDEN` servers that the configuration does not let in or out, and this server itself.
    pub fn check_allowed(&self, server: &ServerName) -> Result<()> {
        self.core.check_talks_to(server)
    }
}
