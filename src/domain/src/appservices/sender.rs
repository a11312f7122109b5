//! The sender accounts of application services, created at startup if missing.

use hearth_base::Result;
use hearth_rooms::RoomCore;
use hearth_store::tables::accounts::{self, AccountKind, AccountRow};
use hearth_store::tables::users;
use hearth_store::{Lane, WriteTx};
use ruma::OwnedUserId;

/// Creates missing sender accounts. Leaves an existing account as it is, however it was created.
pub(super) fn make_all(core: &RoomCore) -> Result<()> {
    for service in core.appservices.all() {
        let (sender, now_ms) = (service.sender.clone(), core.now_ms());
        let localpart = sender.localpart().to_owned();
        let found = core.store.read_blocking("appservice_sender", move |tx| accounts::by_name(tx.tx(), &localpart))?;
        if found.is_none() {
            let made = sender.clone();
            core.store.write_blocking(Lane::Upkeep, "appservice_sender", move |tx| make(tx, &made, now_ms))?;
            tracing::info!(user = %sender, appservice = service.id, "Registered the sender account of an application service.");
        }
    }
    Ok(())
}

fn make(tx: &mut WriteTx<'_>, user_id: &OwnedUserId, now_ms: hearth_base::Millis) -> Result<()> {
    let row = AccountRow {
        user: users::intern(tx, user_id.as_str())?,
        localpart: user_id.localpart().to_owned(),
        password: None,
        created_ms: now_ms,
        kind: AccountKind::Appservice,
        flags: 0,
        deactivated_ms: None,
    };
    accounts::insert(tx.tx(), &row).map(drop)
}
