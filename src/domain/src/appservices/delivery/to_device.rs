//! To-device messages in transactions (MSC4203, before that part of MSC2409). They wait in the inboxes of the devices
//! and are deleted when the service has accepted them.

use std::collections::BTreeSet;

use hearth_base::limits::domain::{APPSERVICE_TXN_BYTES_MAX, APPSERVICE_TXN_TO_DEVICE_MAX};
use hearth_base::{Error, Position, Result};
use hearth_core::appservices::Registration;
use hearth_store::engine::Tx;
use hearth_store::ids::{DeviceSn, UserSn};
use hearth_store::tables::{appservices, to_device, users};
use ruma::UserId;
use serde_json::Value;

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
pub(super) fn waiting(tx: &mut dyn Tx, service: &Registration, upto: Position) -> Result<Mail> {
    let mut all = Vec::new();
    for (device, user, device_id) in appservices::devices_with_mail(tx)? {
        if !UserId::parse(user.as_str()).is_ok_and(|user| service.owns_user(&user)) {
            continue;
        }
        let batch = to_device::batch(tx, device, Position::ZERO, upto, APPSERVICE_TXN_TO_DEVICE_MAX + 1)?;
        all.extend(batch.into_iter().map(|(at, json)| (at, device, user.clone(), device_id.clone(), json)));
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
