//! Which invites a user takes: the account's setting (client-server API, "Invite permission"), and lists by user and server
//! (MSC4155). A blocked invite is refused with `M_INVITE_BLOCKED`. An ignored one is in the room, but the user is not told.

use hearth_base::{Error, Reason, Result, error::refuse};
use hearth_store::engine::Tx;
use hearth_store::ids::UserSn;
use hearth_store::tables::account_data::{self, WHOLE_ACCOUNT};
use hearth_store::tables::users;
use ruma::UserId;
use serde::Deserialize;

use crate::acl::glob_matches;

/// The account data type of the setting.
const SETTING: &str = "m.invite_permission_config";
/// Its name before it was in the specification (MSC4380).
const SETTING_BEFORE: &str = "org.matrix.msc4380.invite_permission_config";
/// The account data type of the lists.
const LISTS: &str = "org.matrix.msc4155.invite_permission_config";

/// What happens to an invite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InviteRule {
    /// The user gets it.
    Allow,
    /// It succeeds, and the user does not see it.
    Ignore,
    /// It is refused.
    Block,
}

/// A user's rules about invites.
#[derive(Debug, Default)]
pub struct InviteRules {
    blocks_all: bool,
    lists: Option<Lists>,
}

/// Content of the setting. An unknown action allows invites.
#[derive(Deserialize)]
struct Setting {
    default_action: Option<String>,
}

#[derive(Deserialize)]
struct SettingBefore {
    block_all: bool,
}

/// Content of the lists: globs of user ids and of server names.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Lists {
    enabled: Option<bool>,
    allowed_users: Vec<String>,
    ignored_users: Vec<String>,
    blocked_users: Vec<String>,
    allowed_servers: Vec<String>,
    ignored_servers: Vec<String>,
    blocked_servers: Vec<String>,
}

impl InviteRules {
    /// The rules of a user. What is malformed has no rule.
    pub fn of(tx: &mut dyn Tx, user: UserSn) -> Result<Self> {
        let mut content = |kind| account_data::get(tx, user, WHOLE_ACCOUNT, kind);
        let (setting, before, lists) = (content(SETTING)?, content(SETTING_BEFORE)?, content(LISTS)?);
        Ok(Self::parse(setting.as_deref(), before.as_deref(), lists.as_deref()))
    }

    fn parse(setting: Option<&str>, before: Option<&str>, lists: Option<&str>) -> Self {
        let setting = setting.and_then(|content| serde_json::from_str::<Setting>(content).ok());
        let before = before.and_then(|content| serde_json::from_str::<SettingBefore>(content).ok());
        let lists = lists.and_then(|content| serde_json::from_str::<Lists>(content).ok());
        Self {
            blocks_all: setting.is_some_and(|setting| setting.default_action.as_deref() == Some("block"))
                || before.is_some_and(|before| before.block_all),
            lists: lists.filter(|lists| lists.enabled != Some(false)),
        }
    }

    /// What happens to an invite by `inviter`. The setting precedes the lists, users precede servers, and what is allowed
    /// precedes what is ignored or blocked.
    #[must_use]
    pub fn rule(&self, inviter: &UserId) -> InviteRule {
        if self.blocks_all {
            return InviteRule::Block;
        }
        let Some(lists) = &self.lists else { return InviteRule::Allow };
        let (user, server) = (inviter.as_str(), inviter.server_name().as_str());
        let steps = [
            (&lists.allowed_users, user, InviteRule::Allow),
            (&lists.ignored_users, user, InviteRule::Ignore),
            (&lists.blocked_users, user, InviteRule::Block),
            (&lists.allowed_servers, server, InviteRule::Allow),
            (&lists.ignored_servers, server, InviteRule::Ignore),
            (&lists.blocked_servers, server, InviteRule::Block),
        ];
        let matched = steps.into_iter().find(|(globs, name, _)| globs.iter().any(|glob| glob_matches(glob, name)));
        matched.map_or(InviteRule::Allow, |(_, _, rule)| rule)
    }
}

/// Refuses with `M_INVITE_BLOCKED` an invite that its target, a local user, blocks.
pub fn check_not_blocked(tx: &mut dyn Tx, target: &UserId, inviter: &UserId) -> Result<()> {
    let Some(user) = users::find(tx, target.as_str())? else { return Ok(()) };
    if InviteRules::of(tx, user)?.rule(inviter) == InviteRule::Block { Err(refused(target)) } else { Ok(()) }
}

fn refused(target: &UserId) -> Error {
    refuse(Reason::InviteBlocked, format!("{target} does not take this invite."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use InviteRule::{Allow, Block, Ignore};

    fn rule(setting: &str, before: &str, lists: &str, inviter: &str) -> InviteRule {
        let rules = InviteRules::parse(Some(setting), Some(before), Some(lists));
        rules.rule(<&UserId>::try_from(inviter).expect("a user id"))
    }

    #[test]
    fn only_the_known_action_blocks() {
        assert_eq!(rule(r#"{"default_action":"block"}"#, "{}", "{}", "@a:a.example"), Block);
        assert_eq!(rule("{}", r#"{"block_all":true}"#, "{}", "@a:a.example"), Block);
        for open in [r#"{"default_action":"allow"}"#, r#"{"default_action":["block"]}"#, "{}", "[]", ""] {
            assert_eq!(rule(open, "{}", "{}", "@a:a.example"), Allow, "{open}");
        }
    }

    #[test]
    fn lists_are_read_users_first_and_what_is_allowed_first() {
        let lists = r#"{"allowed_users":["@friend:*"],"ignored_users":["@bore:*","@both:*"],"blocked_users":["@both:*","@foe:*"],
            "allowed_servers":["good.bad.example"],"ignored_servers":["dull.example"],"blocked_servers":["*.bad.example"]}"#;
        for (inviter, expected) in [
            ("@friend:x.bad.example", Allow),
            ("@bore:good.bad.example", Ignore),
            ("@both:a.example", Ignore),
            ("@foe:good.bad.example", Block),
            ("@x:good.bad.example", Allow),
            ("@x:dull.example", Ignore),
            ("@x:very.bad.example", Block),
            ("@x:a.example", Allow),
        ] {
            assert_eq!(rule("{}", "{}", lists, inviter), expected, "{inviter}");
        }
        let off = r#"{"enabled":false,"blocked_users":["*"]}"#;
        assert_eq!(rule("{}", "{}", off, "@x:a.example"), Allow);
        assert_eq!(rule("{}", "{}", r#"{"blocked_users":["*"]}"#, "@x:a.example"), Block);
        assert_eq!(rule("{}", "{}", r#"{"blocked_users":"*"}"#, "@x:a.example"), Allow);
        assert_eq!(rule(r#"{"default_action":"block"}"#, "{}", lists, "@friend:a.example"), Block);
    }
}
