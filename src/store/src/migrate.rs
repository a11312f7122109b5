//! Schema migrations: numbered, forward only, all pending ones in one transaction. A crash during a migration leaves
//! the old schema.

use hearth_base::{Error, Result};

use crate::engine::{Connection, Tx, Value};

/// A migration: its number, its name, and its statements in the shared dialect.
pub(crate) type Migration = (u32, &'static str, &'static str);

/// All migrations, in order. A released migration is never changed, because databases exist that have applied it; a
/// later one corrects its mistakes.
pub(crate) const MIGRATIONS: &[Migration] = &[
    (1, "rooms", include_str!("migrations/0001_rooms.sql")),
    (2, "accounts", include_str!("migrations/0002_accounts.sql")),
    (3, "keys", include_str!("migrations/0003_keys.sql")),
    (4, "personal", include_str!("migrations/0004_personal.sql")),
    (5, "profiles", include_str!("migrations/0005_profiles.sql")),
    (6, "reports", include_str!("migrations/0006_reports.sql")),
    (7, "audit", include_str!("migrations/0007_audit.sql")),
    (8, "media", include_str!("migrations/0008_media.sql")),
    (9, "networks", include_str!("migrations/0009_networks.sql")),
    (10, "server_keys", include_str!("migrations/0010_server_keys.sql")),
    (11, "outbox", include_str!("migrations/0011_outbox.sql")),
    (12, "inbox", include_str!("migrations/0012_inbox.sql")),
    (13, "history_gaps", include_str!("migrations/0013_history_gaps.sql")),
    (14, "remote_devices", include_str!("migrations/0014_remote_devices.sql")),
    (15, "remote_media", include_str!("migrations/0015_remote_media.sql")),
    (16, "delayed_events", include_str!("migrations/0016_delayed_events.sql")),
    (17, "plain_json", include_str!("migrations/0017_plain_json.sql")),
    (18, "unread_counts", include_str!("migrations/0018_unread_counts.sql")),
    (19, "presence_status", include_str!("migrations/0019_presence_status.sql")),
    (20, "durable_actions", include_str!("migrations/0020_durable_actions.sql")),
    (21, "to_device_shares", include_str!("migrations/0021_to_device_shares.sql")),
    (22, "soft_failed", include_str!("migrations/0022_soft_failed.sql")),
    (23, "outgoing_shares", include_str!("migrations/0023_outgoing_shares.sql")),
    (24, "quotas", include_str!("migrations/0024_quotas.sql")),
];

const CREATE_META: &str =
    "CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;";
const LOAD: &str = "SELECT value FROM meta WHERE key = 'schema'";
const SAVE: &str = "INSERT INTO meta (key, value) VALUES ('schema', ?1)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value";

/// The statements of this file, for the test that prepares them all.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[LOAD, SAVE];

/// Applies the migrations that the database lacks. If there are any and the database is not new, `before` runs first
/// with the current schema number; an error from it stops the migration.
///
/// Refuses a database with a newer schema than this version knows: its tables may mean something else.
pub(crate) fn run(
    connection: &mut dyn Connection,
    migrations: &[Migration],
    before: impl FnOnce(u32) -> Result<()>,
) -> Result<()> {
    let schema = schema(connection)?;
    let newest = migrations.iter().map(|(number, ..)| *number).max().unwrap_or(0);
    if schema > newest {
        return Err(Error::broken(format!(
            "the database belongs to a newer Hearth (schema {schema}; this one knows {newest}). Start that \
             version again, or restore the copy in `snapshots` that it made before its migration"
        )));
    }
    if schema == newest {
        return Ok(());
    }
    if schema > 0 {
        before(schema)?;
    }
    connection.begin_write()?;
    let applied = apply(connection, migrations, schema, newest).and_then(|()| connection.commit());
    if applied.is_err() {
        connection.rollback()?;
    }
    applied
}

/// The number of the last migration that the database has applied; 0 for a new database.
fn schema(connection: &mut dyn Connection) -> Result<u32> {
    if !connection.has_table("meta")? {
        connection.script(CREATE_META)?;
    }
    let tx: &mut dyn Tx = connection;
    Ok(tx.int(LOAD, &[])?.map_or(0, |schema| u32::try_from(schema).unwrap_or(u32::MAX)))
}

fn apply(connection: &mut dyn Connection, migrations: &[Migration], schema: u32, newest: u32) -> Result<()> {
    for (number, name, sql) in migrations.iter().filter(|(number, ..)| *number > schema) {
        // A new database is created by the same steps; logging them would only confuse.
        if schema > 0 {
            tracing::info!(migration = number, name, "Migrating the database.");
        }
        for statement in statements(sql) {
            connection.script(&statement)?;
        }
    }
    connection.execute(SAVE, &[Value::Int(newest.into())]).map(drop)
}

/// Splits a migration into statements: each ends with `;` at the end of a line, and comments are whole lines.
fn statements(sql: &str) -> Vec<String> {
    let (mut found, mut statement) = (Vec::new(), String::new());
    for line in sql.lines().map(str::trim_end).filter(|line| !line.trim_start().starts_with("--")) {
        statement.push_str(line);
        statement.push('\n');
        if line.ends_with(';') {
            found.push(std::mem::take(&mut statement));
        }
    }
    if !statement.trim().is_empty() {
        found.push(statement);
    }
    found
}
