//! Ignored users (client-server API, "Ignoring users"), and invites that a user is not told of.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use hearth_base::Result;
use hearth_store::engine::Tx;
use hearth_store::ids::UserSn;
use hearth_store::tables::memberships::MembershipRow;
use hearth_store::tables::{account_data, users};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::RoomCore;
use crate::membership::{InviteRule, InviteRules};

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    ignored_users: BTreeMap<String, IgnoredAny>,
}

/// Returns the users that `user` ignores, as far as they are known here; never the user themselves. A malformed list
/// ignores no user.
pub fn by(tx: &mut dyn Tx, user: UserSn) -> Result<Arc<HashSet<UserSn>>> {
    let content = account_data::get(tx, user, account_data::WHOLE_ACCOUNT, "m.ignored_user_list")?;
    let list = content.and_then(|content| serde_json::from_str::<List>(&content).ok());
    let mut ignored = HashSet::new();
    for name in list.into_iter().flat_map(|list| list.ignored_users.into_keys()) {
        ignored.extend(users::find(tx, &name)?);
    }
    ignored.remove(&user);
    Ok(Arc::new(ignored))
}

/// Which invites a user is not told of: those by users whom they ignore, and those that their rules ignore.
#[derive(Debug)]
pub struct HiddenInvites {
    user: UserSn,
    ignored: Arc<HashSet<UserSn>>,
    /// Read with the first invite: most reads meet none.
    rules: OnceCell<InviteRules>,
}

impl HiddenInvites {
    /// Those of `user`, who ignores the users `ignored`.
    #[must_use]
    pub fn of(user: UserSn, ignored: Arc<HashSet<UserSn>>) -> Self {
        Self { user, ignored, rules: OnceCell::new() }
    }

    /// Whether the user is not told of this invite.
    pub fn hides(&self, core: &RoomCore, tx: &mut dyn Tx, invite: &MembershipRow) -> Result<bool> {
        let event = core.events.get(tx, invite.event)?;
        if self.ignored.contains(&event.sender) {
            return Ok(true);
        }
        let rules = match self.rules.get() {
            Some(rules) => rules,
            None => {
                let read = InviteRules::of(tx, self.user)?;
                self.rules.get_or_init(|| read)
            }
        };
        // Invites from before the rule are hidden too; a block concerns later ones only, which do not get here.
        Ok(rules.rule(&event.pdu.sender) == InviteRule::Ignore)
    }
}
