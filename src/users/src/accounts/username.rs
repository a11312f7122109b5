//! User names that can be registered.

pub(super) use hearth_core::username::{check_chosen, parse, taken};

use hearth_base::boxed;
use hearth_base::{Result, limits};
use hearth_store::tables::accounts as table;

use super::Accounts;

impl Accounts {
    /// Refuses a name that cannot be registered (`M_INVALID_USERNAME`, `M_EXCLUSIVE`, `M_USER_IN_USE`). Ignores case.
    #[boxed]
    pub async fn check_username(&self, localpart: &str) -> Result<()> {
        let localpart = &*localpart.to_ascii_lowercase();
        let user_id = parse(localpart, &self.core.server_name)?;
        check_chosen(localpart, &self.core.config.registration)?;
        self.core.appservices.check_user(&user_id, None)?;
        let name = localpart.to_owned();
        let found = self.core.store.read("username_check", move |tx| table::by_name(tx.tx(), &name)).await?;
        if found.is_some() { Err(taken()) } else { Ok(()) }
    }

    /// The localpart of a local user from any form that clients send: `alice`, `@alice` or `@alice:here`, in any case.
    pub fn localpart_of(&self, text: &str) -> Option<String> {
        let localpart = match text.strip_prefix('@').unwrap_or(text).split_once(':') {
            Some((localpart, server)) => (server == self.core.server_name.as_str()).then_some(localpart)?,
            None => text.strip_prefix('@').unwrap_or(text),
        };
        (localpart.len() <= limits::ID_BYTES_MAX && !localpart.contains('\0')).then(|| localpart.to_lowercase())
    }
}
