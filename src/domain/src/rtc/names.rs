//! Names of rooms and participants at the SFU (MSC4195, "Mapping MatrixRTC members to LiveKit"). Clients compute the
//! same names, so they must match exactly. The SFU learns no room id, and in the newer forms no user id.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ruma::{RoomId, UserId};
use sha2::{Digest, Sha256};

/// The slot of clients without slots, which use `/sfu/get`.
pub const DEFAULT_SLOT: &str = "m.call#ROOM";

/// What distinguishes a user's call members; each token endpoint has its own form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallMember<'a> {
    /// A device: `/sfu/get`.
    Device(&'a str),
    /// A device and the `id` of the membership: `/get_token` of a separate token service.
    DeviceAndId(&'a str, &'a str),
    /// The `member.id` of the `m.rtc.member` event: `/rtc/livekit/get_token`.
    Id(&'a str),
}

/// Returns a participant's identity at the SFU.
#[must_use]
pub fn identity(user: &UserId, member: CallMember<'_>) -> String {
    let user = user.as_str();
    match member {
        CallMember::Device(device) => format!("{user}:{device}"),
        CallMember::DeviceAndId(device, id) => digest(&[user, device, id]),
        CallMember::Id(id) => digest(&[user, id]),
    }
}

/// Returns the name of a slot's room at the SFU.
#[must_use]
pub fn room_name(room: &RoomId, slot: &str) -> String {
    digest(&[room.as_str(), slot])
}

/// Returns the unpadded base64 of the SHA-256 of a JSON array of strings; for strings, serde's output is canonical
/// JSON.
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
