//! Ignored users (client-server API, "Ignoring users").

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use hearth_base::Result;
use hearth_store::engine::Tx;
use hearth_store::ids::UserSn;
use hearth_store::tables::{account_data, users};
use serde::Deserialize;
use serde::de::IgnoredAny;

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
