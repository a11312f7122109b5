//! SQLite's files: damaged, foreign and missing ones, and batches that must not touch the disk.

use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use hearth_base::Seams;

use super::{ADD, Bed, COUNT, SCHEMA, ids, read, write};
use crate::migrate::Migration;
use crate::{EngineOptions, Options, SqliteOptions, Store, Tx};

fn sqlite(options: &mut Options) -> &mut SqliteOptions {
    match &mut options.engine {
        EngineOptions::Sqlite(sqlite) => sqlite,
        EngineOptions::Postgres { .. } => unreachable!("these tests open SQLite"),
    }
}

fn path(bed: &Bed) -> PathBuf {
    sqlite(&mut bed.options.clone()).path.clone()
}

/// A database with some content, closed.
fn filled() -> Bed {
    let bed = Bed::sqlite();
    let store = bed.open();
    let body = "x".repeat(500);
    write(&store, move |tx| {
        for id in 0..500_i64 {
            tx.execute(ADD, &[id.into(), (&body).into()])?;
        }
        Ok(())
    })
    .unwrap();
    store.close();
    bed
}

/// The error of opening the database.
fn refused(bed: &Bed) -> String {
    let opened = Store::open_with(bed.options.clone(), Seams::system(), SCHEMA);
    let error = opened.err().expect("it must not be opened").to_string();
    assert!(error.contains("hearth.db"), "names the file: {error}");
    error
}

fn overwrite(path: &Path, at: u64, bytes: &[u8]) {
    let mut file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(bytes).unwrap();
}

#[test]
fn a_damaged_header_is_reported_and_nothing_is_touched() {
    let bed = filled();
    overwrite(&path(&bed), 0, b"garbage!");
    let before = std::fs::read(path(&bed)).unwrap();
    let error = refused(&bed);
    assert!(error.contains("damaged") && error.contains("backup") && error.contains("snapshot"), "{error}");
    assert_eq!(std::fs::read(path(&bed)).unwrap(), before);
}

#[test]
fn a_damaged_page_is_reported() {
    let bed = filled();
    overwrite(&path(&bed), 4096 * 3, &[0xAA; 4096]);
    assert!(refused(&bed).contains("damaged"));
}

#[test]
fn every_flipped_header_byte_is_survived() {
    let bed = filled();
    let whole = std::fs::read(path(&bed)).unwrap();
    for at in 0..100 {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xFF;
        std::fs::write(path(&bed), bytes).unwrap();
        // Some header bytes have no meaning here; the others are refused. None may cause a panic or a new database.
        if let Ok(store) = Store::open_with(bed.options.clone(), Seams::system(), SCHEMA) {
            assert_eq!(ids(&store).len(), 500, "byte {at}");
            store.close();
        }
    }
}

#[test]
fn a_truncated_file_is_reported() {
    let bed = filled();
    let whole = std::fs::read(path(&bed)).unwrap();
    for length in [0, 1, 99, 100, 4095, 4096, whole.len() / 2, whole.len() - 1] {
        std::fs::write(path(&bed), &whole[..length]).unwrap();
        assert!(refused(&bed).contains("damaged"), "cut to {length} bytes");
    }
}

#[test]
fn a_missing_file_whose_log_is_there_is_not_replaced_by_an_empty_one() {
    let bed = filled();
    std::fs::rename(path(&bed), path(&bed).with_extension("away")).unwrap();
    std::fs::write(path(&bed).with_file_name("hearth.db-wal"), "something").unwrap();
    assert!(refused(&bed).contains("missing"));
    assert!(!path(&bed).exists());
}

#[test]
fn a_foreign_database_is_left_alone() {
    let bed = Bed::sqlite();
    let foreign = rusqlite::Connection::open(path(&bed)).unwrap();
    foreign.execute_batch("CREATE TABLE recipes (id INTEGER)").unwrap();
    drop(foreign);
    let before = std::fs::read(path(&bed)).unwrap();
    assert!(refused(&bed).contains("another program"));
    assert_eq!(std::fs::read(path(&bed)).unwrap(), before);
}

#[test]
fn what_was_committed_outlives_a_crash() {
    let bed = Bed::sqlite();
    let store = bed.open();
    write(&store, |tx| tx.execute(ADD, &[1_i64.into(), "x".into()])).unwrap();
    // Copies the files while the store is open, as a crash would leave them.
    let other = Bed::sqlite();
    for suffix in ["", "-wal"] {
        let name = format!("hearth.db{suffix}");
        std::fs::copy(path(&bed).with_file_name(&name), path(&other).with_file_name(&name)).unwrap();
    }
    assert_eq!(ids(&other.open()), [1]);
}

#[test]
fn a_batch_without_changes_writes_nothing() {
    let bed = Bed::sqlite();
    let store = bed.open();
    write(&store, |tx| Ok(tx.position())).unwrap();
    let state = || {
        let log = path(&bed).with_file_name("hearth.db-wal").metadata().unwrap();
        let database = path(&bed).metadata().unwrap();
        (log.len(), log.modified().unwrap(), database.len(), database.modified().unwrap())
    };
    let before = state();
    for _ in 0..100 {
        write(&store, |tx| {
            tx.position();
            tx.tx().int(COUNT, &[])
        })
        .unwrap();
        drop(write(&store, |tx| {
            tx.execute(ADD, &[1_i64.into(), "undone".into()])?;
            Err::<(), _>(hearth_base::Error::broken("no"))
        }));
    }
    assert_eq!(state(), before);
}

#[test]
fn a_clean_end_leaves_one_file() {
    let bed = filled();
    let left: Vec<_> = std::fs::read_dir(path(&bed).parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "hearth.db-lock")
        .collect();
    assert_eq!(left, ["hearth.db"]);
}

#[test]
fn the_log_is_moved_into_the_database_as_it_grows() {
    let bed = Bed::sqlite();
    let store = bed.open();
    for round in 0..12_i64 {
        let body = "x".repeat(200_000);
        write(&store, move |tx| {
            for id in 0..20 {
                tx.execute(ADD, &[(round * 100 + id).into(), (&body).into()])?;
            }
            Ok(())
        })
        .unwrap();
    }
    let health = store.health();
    assert!(health.db_bytes > 16_000_000, "{health:?}");
    assert!(health.wal_bytes < 40_000_000, "{health:?}");
}

#[test]
fn deleted_content_gives_its_room_back() {
    let bed = Bed::sqlite();
    let store = bed.open();
    let fill = |round: i64| {
        let body = "x".repeat(200_000);
        write(&store, move |tx| {
            tx.execute("DELETE FROM notes", &[])?;
            // Write less in each round, so that the space of deleted rows is not needed again.
            for id in 0..(100_i64 >> round) {
                tx.execute(ADD, &[id.into(), (&body).into()])?;
            }
            Ok(())
        })
        .unwrap();
    };
    fill(0);
    for _ in 0..30 {
        fill(1);
        fill(2);
    }
    let bytes = store.health().db_bytes;
    assert!(bytes < 18_000_000, "{bytes} bytes for at most 10 MB, after 20 MB");
}

#[test]
fn an_update_keeps_a_copy_of_what_was_before() {
    const TWO: &[Migration] = &[SCHEMA[0], (2, "more", "CREATE TABLE more (id INTEGER) STRICT;")];
    let bed = filled();
    let store = Store::open_with(bed.options.clone(), Seams::system(), TWO).unwrap();
    let copies: Vec<_> = std::fs::read_dir(path(&bed).with_file_name("snapshots")).unwrap().flatten().collect();
    assert_eq!(copies.len(), 1);
    let name = copies[0].file_name().into_string().unwrap();
    assert!(name.starts_with("hearth-1-"), "{name}");
    drop(store);
    // The copy is a database like any other, of the schema before.
    let mut options = bed.options.clone();
    sqlite(&mut options).path = copies[0].path();
    let copy = Store::open_with(options, Seams::system(), SCHEMA).unwrap();
    assert_eq!(ids(&copy).len(), 500);
}

#[test]
fn a_copy_and_a_check_work_while_the_store_is_open() {
    let bed = Bed::sqlite();
    let store = bed.open();
    write(&store, |tx| tx.execute(ADD, &[1_i64.into(), "x".into()])).unwrap();
    let target = path(&bed).with_file_name("copy.db");
    store.snapshot_blocking(&target).unwrap();
    assert!(store.snapshot_blocking(&target).is_err(), "a copy never replaces a file");
    assert_eq!(store.check_blocking().unwrap(), Vec::<String>::new());
    let mut options = bed.options.clone();
    sqlite(&mut options).path = target;
    let copy = Store::open_with(options, Seams::system(), SCHEMA).unwrap();
    assert_eq!(read(&copy, |tx| tx.tx().int(COUNT, &[])).unwrap(), Some(1));
}

#[test]
fn a_write_waits_while_another_program_holds_the_lock() {
    let bed = Bed::sqlite();
    let store = bed.open();
    let path = path(&bed);
    let outsider = rusqlite::Connection::open(&path).unwrap();
    outsider.execute_batch("BEGIN IMMEDIATE").unwrap();
    let release = std::thread::Builder::new().spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(300));
        outsider.execute_batch("ROLLBACK").unwrap();
    });
    // Reads first, as use cases do: a plain BEGIN would fail here at once.
    write(&store, |tx| {
        let count = tx.tx().int(COUNT, &[])?.unwrap_or(0);
        tx.tx().execute(ADD, &[count.into(), "x".into()]).map(drop)
    })
    .unwrap();
    release.unwrap().join().unwrap();
    store.close();
}

#[test]
fn only_the_owner_reads_the_database() {
    use std::os::unix::fs::PermissionsExt;
    let bed = filled();
    let path = path(&bed);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let store = bed.open();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    store.close();
}
