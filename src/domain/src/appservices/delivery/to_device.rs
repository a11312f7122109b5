//! To-device messages in transactions (MSC4203, before that part of MSC2409). They wait in the inboxes of the devices
//! and are deleted when the service has accepted them, so only a user whose devices are the service's own loses none:
//! a namespace may also have people in it, whose clients sync.

use std::collections::BTreeSet;

use hearth_base::limits::domain::{APPSERVICE_TXN_BYTES_MAX, APPSERVICE_TXN_TO_DEVICE_MAX};
use hearth_base::{Error, Position, Result};
use hearth_store::engine::Tx;
use hearth_store::ids::{DeviceSn, UserSn};
use hearth_store::tables::accounts::AccountKind;
use hearth_store::tables::appservices::{self, DeviceWithMail};
use hearth_store::tables::{to_device, users};
use ruma::UserId;
use serde_json::Value;

use super::transaction::Sources;

/// Messages that wait for devices of a service's users.
#[derive(Debug, Default)]
pub(super) struct Mail {
    pub(super) messages: Vec<Value>,
    /// The position of the last of them, or the bound they were asked for.
    pub(super) upto: Position,
    /// The devices, and the last message of each.
    pub(super) delivered: Vec<(DeviceSn, Position)>,
    pub(super) users: BTreeSet<UserSn>,
    /// Whether more wait.
    pub(super) more: bool,
}

/// The oldest messages up to a position, as many as one transaction has.
pub(super) fn waiting(tx: &mut dyn Tx, sources: &Sources, upto: Position) -> Result<Mail> {
    let mut all = Vec::new();
    for to in appservices::devices_with_mail(tx)? {
        if !receives(sources, &to) {
            continue;
        }
        let DeviceWithMail { device, user_id, device_id, .. } = to;
        let batch = to_device::batch(tx, device, Position::ZERO, upto, APPSERVICE_TXN_TO_DEVICE_MAX + 1)?;
        all.extend(batch.into_iter().map(|(at, json)| (at, device, user_id.clone(), device_id.clone(), json)));
    }
    all.sort_by_key(|(at, ..)| *at);
    let (mut mail, mut bytes) = (Mail { upto, ..Mail::default() }, 0);
    for (at, device, user_id, device_id, json) in all {
        bytes += json.len();
        let is_full = mail.messages.len() >= APPSERVICE_TXN_TO_DEVICE_MAX || bytes > APPSERVICE_TXN_BYTES_MAX;
        if is_full && !mail.messages.is_empty() {
            mail.more = true;
            break;
        }
        let broken = |error| Error::fault("reading a to-device message", error);
        let mut message: Value = serde_json::from_str(&json).map_err(broken)?;
        message["to_device_id"] = device_id.into();
        if let Some(user) = users::find(tx, &user_id)? {
            mail.users.insert(user);
        }
        message["to_user_id"] = user_id.into();
        mail.messages.push(message);
        match mail.delivered.iter_mut().find(|(known, _)| *known == device) {
            Some((_, last)) => *last = at,
            None => mail.delivered.push((device, at)),
        }
    }
    if mail.more {
        mail.upto = mail.delivered.iter().map(|(_, at)| *at).max().unwrap_or(upto);
    }
    Ok(mail)
}

/// Whether a device is one of the service's own: of its sender, or of a user that a service has registered and no other
/// service has reserved.
fn receives(sources: &Sources, to: &DeviceWithMail) -> bool {
    let (service, known) = (&sources.service, &sources.core.appservices);
    UserId::parse(to.user_id.as_str()).is_ok_and(|user| {
        let is_own = to.kind == AccountKind::Appservice || service.sender == user;
        is_own && known.check_user(&user, Some(service)).is_ok()
    })
}
