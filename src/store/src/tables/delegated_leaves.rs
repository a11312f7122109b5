//! Delayed leave events that a client delegated to the server (MSC4195): sent when the user leaves the SFU.

use hearth_base::Result;

use crate::engine::Tx;

const SET: &str = "INSERT INTO delegated_leaves (delay_id, sfu_room, identity, connected) VALUES (?1, ?2, ?3, ?4) \
     ON CONFLICT (delay_id) DO UPDATE SET sfu_room = excluded.sfu_room, identity = excluded.identity, \
     connected = excluded.connected";
const ALL: &str = "SELECT delay_id, sfu_room, identity, connected FROM delegated_leaves";
const DELETE: &str = "DELETE FROM delegated_leaves WHERE delay_id = ?1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[SET, ALL, DELETE];

/// A delegated leave event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegated {
    /// The delayed event.
    pub delay_id: String,
    /// The room on the SFU.
    pub sfu_room: String,
    /// The participant identity on the SFU.
    pub identity: String,
    /// Whether the participant has been seen on the SFU.
    pub connected: bool,
}

/// Adds or replaces one.
pub fn set(tx: &mut dyn Tx, row: &Delegated) -> Result<()> {
    let args = [(&row.delay_id).into(), (&row.sfu_room).into(), (&row.identity).into(), row.connected.into()];
    tx.execute(SET, &args)?;
    Ok(())
}

/// All delegated leave events.
pub fn all(tx: &mut dyn Tx) -> Result<Vec<Delegated>> {
    tx.all(ALL, &[], |row| {
        Ok(Delegated {
            delay_id: row.text(0)?.to_owned(),
            sfu_room: row.text(1)?.to_owned(),
            identity: row.text(2)?.to_owned(),
            connected: row.int(3)? != 0,
        })
    })
}

/// Removes one.
pub fn delete(tx: &mut dyn Tx, delay_id: &str) -> Result<()> {
    tx.execute(DELETE, &[delay_id.into()])?;
    Ok(())
}
