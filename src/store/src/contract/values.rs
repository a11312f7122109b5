//! Values on their way into a database and back.

use hearth_base::Error;

use super::{ADD, Bed, IDS, read, write};
use crate::{Tx, Value};

const PUT: &str = "INSERT INTO kinds (id, i, t, b) VALUES (?1, ?2, ?3, ?4)";
const GET: &str = "SELECT i, t, b FROM kinds WHERE id = ?1";

type Kinds = (Option<i64>, Option<String>, Option<Vec<u8>>);

pub(super) fn every_value_comes_back_as_it_went(bed: &Bed) {
    let store = bed.open();
    let all: [Kinds; 6] = [
        (Some(i64::MIN), Some(String::new()), Some(Vec::new())),
        (Some(i64::MAX), Some("Grüße, 世界 👩‍👩‍👧 \u{10FFFF}".into()), Some((0..=255).collect())),
        (Some(0), Some("it's \\ \"quoted\" ?1 $1\n\t".into()), Some(vec![0])),
        (Some(-1), Some("x".repeat(1_000_000)), Some(vec![7; 1_000_000])),
        (None, None, None),
        (Some(1), Some("\u{1}\u{7f}\u{feff}".into()), Some(b"\\x41".to_vec())),
    ];
    for (id, (i, t, b)) in (1_i64..).zip(all.clone()) {
        write(&store, move |tx| tx.execute(PUT, &[id.into(), i.into(), t.as_ref().into(), b.as_deref().into()]))
            .unwrap();
        let back = read(&store, move |tx| {
            tx.tx().one(GET, &[id.into()], |row| {
                Ok((row.opt_int(0)?, row.opt_text(1)?.map(str::to_owned), row.opt_blob(2)?.map(<[u8]>::to_vec)))
            })
        });
        assert_eq!(back.unwrap().as_ref(), all.get(usize::try_from(id - 1).unwrap()));
    }
}

pub(super) fn numbers_are_chosen_and_returned(bed: &Bed) {
    const CHOOSE: &str = "INSERT INTO kinds (t) VALUES (?1) RETURNING id";
    let store = bed.open();
    let first = write(&store, |tx| tx.tx().int(CHOOSE, &["a".into()])).unwrap().unwrap();
    let second = write(&store, |tx| tx.tx().int(CHOOSE, &["b".into()])).unwrap().unwrap();
    assert!(second > first);
    let kept = read(&store, move |tx| tx.tx().one(GET, &[second.into()], |row| Ok(row.text(1)?.to_owned()))).unwrap();
    assert_eq!(kept.as_deref(), Some("b"), "a write that returned rows is a change like any other");
}

pub(super) fn wrong_types_are_faults(bed: &Bed) {
    let store = bed.open();
    write(&store, |tx| tx.execute(PUT, &[1_i64.into(), 5_i64.into(), "t".into(), Value::Null])).unwrap();
    let get = |read_row: fn(&dyn crate::Row) -> hearth_base::Result<()>| {
        read(&store, move |tx| tx.tx().one(GET, &[1_i64.into()], read_row)).unwrap_err()
    };
    for error in [
        get(|row| row.text(0).map(drop)),
        get(|row| row.int(1).map(drop)),
        get(|row| row.blob(1).map(drop)),
        get(|row| row.blob(2).map(drop)),
        get(|row| row.int(3).map(drop)),
    ] {
        assert!(matches!(error, Error::Fault(_)), "{error}");
    }
}

pub(super) fn too_few_arguments_are_a_fault(bed: &Bed) {
    let store = bed.open();
    assert!(write(&store, |tx| tx.execute(ADD, &[1_i64.into()])).is_err());
    assert!(write(&store, |tx| tx.execute(ADD, &[1_i64.into(), "x".into(), "y".into()])).is_err());
    assert!(read(&store, |tx| tx.tx().int(GET, &[])).is_err());
}

pub(super) fn truth_reads_as_a_number(bed: &Bed) {
    let store = bed.open();
    let exists = read(&store, |tx| tx.tx().int("SELECT EXISTS (SELECT 1 FROM notes)", &[])).unwrap();
    assert_eq!(exists, Some(0));
}

pub(super) fn text_sorts_by_its_bytes(bed: &Bed) {
    let store = bed.open();
    for (id, body) in (1_i64..).zip(["b", "B", "é", "a", "_", "!a"]) {
        write(&store, move |tx| tx.execute(ADD, &[id.into(), body.into()])).unwrap();
    }
    let sorted =
        read(&store, |tx| tx.tx().all("SELECT body FROM notes ORDER BY body", &[], |row| Ok(row.text(0)?.to_owned())));
    assert_eq!(sorted.unwrap(), ["!a", "B", "_", "a", "b", "é"]);
}

pub(super) fn a_query_stops_when_told(bed: &Bed) {
    let store = bed.open();
    write(&store, |tx| {
        for id in 0..1_000_i64 {
            tx.execute(ADD, &[id.into(), Value::Null])?;
        }
        Ok(())
    })
    .unwrap();
    let mut seen = Vec::new();
    let seen = read(&store, move |tx| {
        tx.query(IDS, &[], &mut |row| {
            seen.push(row.int(0)?);
            Ok(seen.len() < 3)
        })?;
        // The connection is free for the next query at once.
        assert_eq!(tx.tx().int("SELECT COUNT(*) FROM notes", &[])?, Some(1_000));
        Ok(seen)
    });
    assert_eq!(seen.unwrap(), [0, 1, 2]);
}
