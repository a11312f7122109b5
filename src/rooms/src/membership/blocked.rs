//! Users who block all invites (client-server API, "Invite permission"): the server refuses invites from any sender.

use hearth_base::{Error, Reason, Result, error::refuse};
use hearth_store::engine::Tx;
use hearth_store::tables::{account_data, users};
use ruma::UserId;
use serde_json::Value;

/// The account data type of the setting.
const TYPE: &str = "m.invite_permission_config";

/// Refuses with `M_INVITE_BLOCKED` an invite of a local user who blocks invites.
pub fn check_not_blocked(tx: &mut dyn Tx, target: &UserId) -> Result<()> {
    let Some(user) = users::find(tx, target.as_str())? else { return Ok(()) };
    let content = account_data::get(tx, user, account_data::WHOLE_ACCOUNT, TYPE)?;
    if content.is_some_and(|content| blocks(&content)) { Err(refused(target)) } else { Ok(()) }
}

/// An unknown action allows invites.
fn blocks(content: &str) -> bool {
    serde_json::from_str::<Value>(content).is_ok_and(|content| content["default_action"] == "block")
}

fn refused(target: &UserId) -> Error {
    refuse(Reason::InviteBlocked, format!("{target} takes no invites."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_known_action_blocks() {
        assert!(blocks(r#"{"default_action":"block"}"#));
        for open in [r#"{"default_action":"allow"}"#, r#"{"default_action":["block"]}"#, "{}", "[]", ""] {
            assert!(!blocks(open), "{open}");
        }
    }
}
