//! Reports of events, rooms and users to the administrators (client-server API, "Reporting content").

use hearth_base::boxed;
use hearth_base::{Error, Result, limits};
use hearth_core::Requester;
use hearth_store::WriteTx;
use hearth_store::ids::UserSn;
use hearth_store::tables::reports::{self, Report};
use hearth_store::tables::{events, users};
use ruma::{OwnedEventId, OwnedRoomId, OwnedUserId};

use super::{Rooms, find};

impl Rooms {
    /// Reports an event of a room that the requester is in; `M_NOT_FOUND` when they are not, or when the event does
    /// not exist.
    #[boxed]
    pub async fn report_event(
        &self,
        who: &Requester,
        room_id: OwnedRoomId,
        event_id: OwnedEventId,
        reason: String,
    ) -> Result<()> {
        let user = who.user;
        let unknown = move || Error::not_found("There is no such event, or you are not in its room.");
        self.report(who, reason, move |tx, report| {
            let room = find::joined(tx.tx(), &room_id, user).map_err(|_| unknown())?;
            let event = events::by_id(tx.tx(), event_id.as_str())?.filter(|event| event.room == room.sn);
            let event = event.ok_or_else(unknown)?;
            (report.room, report.event, report.user) = (Some(room.sn), Some(event.sn), Some(event.sender));
            Ok(true)
        })
        .await
    }

    /// Reports a room; the requester need not be in it. Accepts a room that this server does not know without storing
    /// the report, so that the answer does not reveal which rooms exist.
    #[boxed]
    pub async fn report_room(&self, who: &Requester, room_id: OwnedRoomId, reason: String) -> Result<()> {
        self.report(who, reason, move |tx, report| {
            report.room = find::known(tx.tx(), &room_id)?.map(|room| room.sn);
            Ok(report.room.is_some())
        })
        .await
    }

    /// Reports a user; `M_NOT_FOUND` when this server does not know the user.
    #[boxed]
    pub async fn report_user(&self, who: &Requester, user_id: OwnedUserId, reason: String) -> Result<()> {
        self.report(who, reason, move |tx, report| {
            let unknown = || Error::not_found(format!("This server does not know {user_id}."));
            report.user = Some(users::find(tx.tx(), user_id.as_str())?.ok_or_else(unknown)?);
            Ok(true)
        })
        .await
    }

    /// Stores a report if `about`, which completes it, returns true.
    async fn report<F>(&self, who: &Requester, reason: String, about: F) -> Result<()>
    where
        F: FnOnce(&mut WriteTx<'_>, &mut Report) -> Result<bool> + Send + 'static,
    {
        if reason.len() > limits::REPORT_REASON_BYTES_MAX {
            return Err(Error::invalid(format!("A reason has at most {} bytes.", limits::REPORT_REASON_BYTES_MAX)));
        }
        let (reporter, at_ms): (UserSn, _) = (who.user, self.core.now_ms());
        // Not every database stores a NUL character in text.
        let reason = reason.replace('\0', "");
        let write = move |tx: &mut WriteTx<'_>| {
            let mut report = Report { sn: 0, reporter, room: None, event: None, user: None, reason, at_ms };
            if !about(tx, &mut report)? {
                return Ok(());
            }
            report.sn = tx.position().as_i64();
            reports::insert(tx.tx(), &report)
        };
        self.core.store.write("report_add", write).await
    }
}
