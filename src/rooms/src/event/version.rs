//! Room versions as records of rules. They are opaque strings, so code never compares them by order.

use hearth_base::{Error, Reason, Result};
use ruma::RoomVersionId;
use ruma::room_version_rules::RoomVersionRules;

/// The room versions that this server creates and serves; all are stable. Versions 1 and 2 are missing: the origin
/// server chooses their event ids instead of a hash, and the state resolution of version 1 may lose state.
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

/// Returns the rules of a supported room version.
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

/// As [`rules`], for a version from this server's database.
pub fn stored_rules(version: &str) -> Result<&'static RoomVersionRules> {
    rules(version).map_err(|_| Error::broken(format!("a stored room has the unknown version {version:?}")))
}

/// Parses a version from this server's database for ruma's requests.
pub fn id(version: &str) -> Result<RoomVersionId> {
    RoomVersionId::try_from(version).map_err(|error| Error::fault("reading a stored room version", error))
}
