//! Initial state of a room: presets and power levels. Follows Synapse where the specification leaves it open, because
//! clients expect that. Pure.

use hearth_base::{Error, Result};
use ruma::UserId;
use ruma::api::client::room::create_room::v3::RoomPreset;
use ruma::room_version_rules::RoomVersionRules;
use serde_json::{Value, json};

/// A room creation preset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Preset {
    /// `private_chat`: by invitation.
    Private,
    /// `trusted_private_chat`: by invitation, and invited users get the creator's power.
    Trusted,
    /// `public_chat`: open to all users.
    Public,
}

impl Preset {
    /// Returns the preset that a request names, or that its visibility implies.
    pub(super) fn of(named: Option<&RoomPreset>, is_published: bool) -> Result<Self> {
        match named {
            None if is_published => Ok(Self::Public),
            None | Some(RoomPreset::PrivateChat) => Ok(Self::Private),
            Some(RoomPreset::TrustedPrivateChat) => Ok(Self::Trusted),
            Some(RoomPreset::PublicChat) => Ok(Self::Public),
            Some(other) => Err(Error::invalid(format!(
                "{:?} is not a preset; there are private_chat, trusted_private_chat and public_chat.",
                other.as_str()
            ))),
        }
    }

    /// Returns the state events of the preset: type and content.
    pub(super) fn state(self) -> [(&'static str, Value); 3] {
        let (join_rule, guests) = match self {
            Self::Private | Self::Trusted => ("invite", "can_join"),
            Self::Public => ("public", "forbidden"),
        };
        [
            ("m.room.join_rules", json!({"join_rule": join_rule})),
            ("m.room.history_visibility", json!({"history_visibility": "shared"})),
            ("m.room.guest_access", json!({"guest_access": guests})),
        ]
    }

    /// Returns the power level needed to invite.
    fn invite_level(self) -> i64 {
        match self {
            Self::Private | Self::Trusted => 0,
            Self::Public => 50,
        }
    }
}

/// Returns the content of the first `m.room.power_levels`. `users` get level 100; they must not include creators that
/// are above all levels (room version 12 and later).
pub(super) fn power_levels(rules: &RoomVersionRules, preset: Preset, users: &[&UserId]) -> Value {
    // Above every user who is not a creator: only creators may upgrade the room.
    let tombstone = if rules.authorization.explicitly_privilege_room_creators { 150 } else { 100 };
    let users: serde_json::Map<String, Value> = users.iter().map(|user| (user.to_string(), 100.into())).collect();
    json!({
        "users": users,
        "users_default": 0,
        "events": {
            "m.room.avatar": 50,
            "m.room.canonical_alias": 50,
            "m.room.encryption": 100,
            "m.room.history_visibility": 100,
            "m.room.name": 50,
            "m.room.power_levels": 100,
            "m.room.server_acl": 100,
            "m.room.tombstone": tombstone,
        },
        "events_default": 0,
        "state_default": 50,
        "ban": 50,
        "kick": 50,
        "redact": 50,
        "invite": preset.invite_level(),
        "historical": 100,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_version_12_on_only_creators_replace_a_room() {
        let alice = UserId::parse("@alice:home.example").expect("an id");
        let old = power_levels(&RoomVersionRules::V11, Preset::Private, &[&alice]);
        assert_eq!(
            (&old["events"]["m.room.tombstone"], &old["users"]["@alice:home.example"]),
            (&100.into(), &100.into())
        );
        let new = power_levels(&RoomVersionRules::V12, Preset::Public, &[]);
        assert_eq!(
            (&new["events"]["m.room.tombstone"], &new["users"], &new["invite"]),
            (&150.into(), &json!({}), &50.into())
        );
    }

    #[test]
    fn visibility_stands_in_for_a_preset() {
        assert_eq!(Preset::of(None, true).expect("a preset"), Preset::Public);
        assert_eq!(Preset::of(None, false).expect("a preset"), Preset::Private);
        assert!(Preset::of(Some(&RoomPreset::from("chaotic")), true).is_err());
    }
}
