//! Room versions as records of rules; never compared by order, they are opaque strings.

use hearth_base::{Error, Reason, Result};
use ruma::RoomVersionId;
use ruma::room_version_rules::RoomVersionRules;

/// The versions that this server creates and serves; all are stable. Versions 1 and 2 are left out: their events are named by
/// their servers and not by their hashes, and version 1 resolves state in a way that loses it.
pub const SUPPORTED: &[RoomVersionId] = &[
    RoomVersionId::V3,
    RoomVersionId::V4,
    RoomVersionId::V5,
    RoomVersionId::V6,
    RoomVersionId::V7,
    RoomVersionId::V8,
    RoomVersionId::V9,
    RoomVersionId::V10,
    RoomVersionId::V11,
    RoomVersionId::V12,
];

/// The rules of a supported room version.
pub fn rules(version: &str) -> Result<&'static RoomVersionRules> {
    Ok(match version {
        "3" => &RoomVersionRules::V3,
        "4" => &RoomVersionRules::V4,
        "5" => &RoomVersionRules::V5,
        "6" => &RoomVersionRules::V6,
        "7" => &RoomVersionRules::V7,
        "8" => &RoomVersionRules::V8,
        "9" => &RoomVersionRules::V9,
        "10" => &RoomVersionRules::V10,
        "11" => &RoomVersionRules::V11,
        "12" => &RoomVersionRules::V12,
        _ => {
            return Err(hearth_base::error::refuse(
                Reason::UnsupportedRoomVersion,
                format!("This server does not support room version {version:?}; it supports 3 to 12."),
            ));
        }
    })
}

/// As [`rules`], for a version read from our own database.
pub fn stored_rules(version: &str) -> Result<&'static RoomVersionRules> {
    rules(version).map_err(|_| Error::broken(format!("a stored room has the unknown version {version:?}")))
}

/// A version read from our own database, as ruma's requests want it.
pub fn id(version: &str) -> Result<RoomVersionId> {
    RoomVersionId::try_from(version).map_err(|error| Error::fault("reading a stored room version", error))
}
