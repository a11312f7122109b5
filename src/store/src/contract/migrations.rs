//! Schema migrations.

use hearth_base::{Position, Seams};

use super::{ADD, Bed, SCHEMA, ids, read, write};
use crate::ids::RoomSn;
use crate::migrate::{MIGRATIONS, Migration};
use crate::tables::{events, inbox};
use crate::{Store, Tx, Value};

const SECOND: Migration = (2, "colours", "ALTER TABLE notes ADD COLUMN colour TEXT NOT NULL DEFAULT 'red';");
const TWO: &[Migration] = &[SCHEMA[0], SECOND];
const BROKEN: &[Migration] =
    &[SCHEMA[0], SECOND, (3, "broken", "CREATE TABLE more (a INTEGER) STRICT;\nCREATE NONSENSE;\n")];

fn open(bed: &Bed, schema: &'static [Migration]) -> hearth_base::Result<Store> {
    Store::open_with(bed.options.clone(), Seams::system(), schema)
}

pub(super) fn steps_are_applied_once_and_in_order(bed: &Bed) {
    let store = bed.open();
    write(&store, |tx| tx.execute(ADD, &[1_i64.into(), "x".into()])).unwrap();
    store.close();
    for _ in 0..2 {
        let store = open(bed, TWO).unwrap();
        let colour = read(&store, |tx| {
            tx.tx().one("SELECT colour FROM notes WHERE id = 1", &[], |row| Ok(row.text(0)?.to_owned()))
        });
        assert_eq!(colour.unwrap().as_deref(), Some("red"));
        store.close();
    }
}

pub(super) fn a_step_that_fails_changes_nothing(bed: &Bed) {
    bed.open().close();
    assert!(open(bed, BROKEN).is_err());
    // Neither the second step nor the table of the third exists: the second can still be applied.
    let store = bed.open();
    assert!(read(&store, |tx| tx.tx().int("SELECT COUNT(*) FROM more", &[])).is_err());
    assert!(read(&store, |tx| tx.tx().int("SELECT COUNT(colour) FROM notes", &[])).is_err());
    store.close();
    open(bed, TWO).unwrap().close();
}

pub(super) fn a_newer_schema_is_refused(bed: &Bed) {
    open(bed, TWO).unwrap().close();
    let error = open(bed, SCHEMA).err().unwrap().to_string();
    assert!(error.contains("newer Hearth"), "{error}");
    assert!(ids(&open(bed, TWO).unwrap()).is_empty());
}

/// Schema 17 drops a column from the largest table: what was stored before must read as it did.
pub(super) fn events_survive_the_loss_of_their_codec(bed: &Bed) {
    let store = open(bed, &MIGRATIONS[..16]).unwrap();
    write(&store, |tx| {
        tx.execute(
            "INSERT INTO events (sn, room, ord, id_hash, id, sender, depth, snapshot, flags, codec, json) \
             VALUES (7, 1, 7, ?1, '$e', 2, 3, 4, 0, 0, ?2)",
            &[events::id_hash("$e").into(), Value::Blob(b"{}")],
        )?;
        tx.execute(
            "INSERT INTO inbox (position, room, origin, id_hash, tries, retry_at_ms, codec, json) \
             VALUES (8, 1, 'a.example', 5, 0, 0, 0, ?1)",
            &[Value::Blob(b"{1}")],
        )
    })
    .unwrap();
    store.close();
    let store = Store::open(bed.options.clone(), Seams::system()).unwrap();
    let (event, waiting) = read(&store, |tx| {
        let event = events::by_id(tx.tx(), "$e")?;
        Ok((event, inbox::of_room(tx.tx(), RoomSn(1), Position::ZERO, 10)?))
    })
    .unwrap();
    let event = event.unwrap();
    assert_eq!((event.sn.0, event.depth, event.json.as_slice()), (7, 3, &b"{}"[..]));
    assert_eq!(waiting.iter().map(|row| row.json.as_slice()).collect::<Vec<_>>(), [b"{1}"]);
    store.close();
}
