//! What rooms and people are called at the SFU (MSC4195, "Mapping MatrixRTC members to LiveKit"): clients work out the same names,
//! so they must be right to the letter. The SFU learns no room id, and of those who call, in the newer forms, no user id.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ruma::{RoomId, UserId};
use sha2::{Digest, Sha256};

/// The slot that clients mean which know no slots: those that ask at `/sfu/get`.
pub const DEFAULT_SLOT: &str = "m.call#ROOM";

/// By what somebody in a call is told from their other devices; each way of asking for a token has its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallMember<'a> {
    /// A device: `/sfu/get`.
    Device(&'a str),
    /// A device and the `id` of the membership: `/get_token` of a service beside the homeserver.
    DeviceAndId(&'a str, &'a str),
    /// The `member.id` of the `m.rtc.member` event: `/rtc/livekit/get_token`.
    Id(&'a str),
}

/// What a participant is called at the SFU.
#[must_use]
pub fn identity(user: &UserId, member: CallMember<'_>) -> String {
    let user = user.as_str();
    match member {
        CallMember::Device(device) => format!("{user}:{device}"),
        CallMember::DeviceAndId(device, id) => digest(&[user, device, id]),
        CallMember::Id(id) => digest(&[user, id]),
    }
}

/// What a room's slot is called at the SFU.
#[must_use]
pub fn room_name(room: &RoomId, slot: &str) -> String {
    digest(&[room.as_str(), slot])
}

/// Unpadded base64 of the SHA-256 of the texts as a JSON array, which for texts alone is canonical as serde writes it.
fn digest(texts: &[&str]) -> String {
    let json = serde_json::to_vec(texts).expect("a list of texts is JSON");
    STANDARD_NO_PAD.encode(Sha256::digest(json))
}

#[cfg(test)]
mod tests {
    use ruma::{room_id, user_id};

    use super::*;

    #[test]
    fn names_are_those_of_the_proposal() {
        let room = room_name(room_id!("!roomid:example.com"), "slot1234");
        assert_eq!(room, "O8437W3+jmzMVjoIP3tNwbm+XxHQk2iKpOA7aqw3qSc");
        let alice = user_id!("@alice:example.com");
        assert_eq!(identity(alice, CallMember::Id("memberABC")), "M3VnsLXrkbxIDINXO64u8PZzFyD9ZYFiQULR2dshWYs");
        assert_eq!(identity(alice, CallMember::Device("DEV")), "@alice:example.com:DEV");
    }

    #[test]
    fn no_two_lists_are_one_name() {
        let alice = user_id!("@alice:example.com");
        let names = [
            identity(alice, CallMember::DeviceAndId("a", "b")),
            identity(alice, CallMember::DeviceAndId("a\",\"b", "")),
            identity(alice, CallMember::DeviceAndId("ab", "")),
            identity(alice, CallMember::Id("a")),
        ];
        let distinct: std::collections::HashSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
    }
}
