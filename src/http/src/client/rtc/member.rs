//! The member identity of a call participant, in the two formats that clients send.

use hearth_base::{Error, Result};
use hearth_domain::rtc::CallMember;
use serde::Deserialize;

/// The format of an older draft, instead of `member_id`; clients of 2026 send it.
#[derive(Debug, Deserialize)]
pub(super) struct OldMember {
    id: String,
    claimed_device_id: Option<String>,
}

/// The member that a request refers to. `M_BAD_JSON` without one.
pub(super) fn member<'a>(id: Option<&'a str>, old: Option<&'a OldMember>) -> Result<CallMember<'a>> {
    match (id, old) {
        (Some(id), _) => Ok(CallMember::Id(id)),
        (None, Some(OldMember { id, claimed_device_id: None })) => Ok(CallMember::Id(id)),
        (None, Some(OldMember { id, claimed_device_id: Some(device) })) => Ok(CallMember::DeviceAndId(device, id)),
        (None, None) => Err(Error::bad_json("`member_id` is missing.")),
    }
}
