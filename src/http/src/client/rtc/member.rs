//! As what somebody takes part in a call, in the two ways in which clients say it.

use hearth_base::{Error, Result};
use hearth_domain::rtc::CallMember;
use serde::Deserialize;

/// What an older draft of the proposal has in place of `member_id`; clients of 2026 send it.
#[derive(Debug, Deserialize)]
pub(super) struct OldMember {
    id: String,
    claimed_device_id: Option<String>,
}

/// The member that a request is about. `M_BAD_JSON` when it says none.
pub(super) fn member<'a>(id: Option<&'a str>, old: Option<&'a OldMember>) -> Result<CallMember<'a>> {
    match (id, old) {
        (Some(id), _) => Ok(CallMember::Id(id)),
        (None, Some(OldMember { id, claimed_device_id: None })) => Ok(CallMember::Id(id)),
        (None, Some(OldMember { id, claimed_device_id: Some(device) })) => Ok(CallMember::DeviceAndId(device, id)),
        (None, None) => Err(Error::bad_json("`member_id` is missing.")),
    }
}
