//! Schema migrations: numbered, forward only, all pending ones in one transaction. A crash during a migration leaves
//! the old schema.

use hearth_base::{Error, Result};

use crate::engine::{Connection, Dialect, Tx, Value};

/// A migration: its number, its name, and its statements in the shared dialect.
pub(crate) type Migration = (u32, &'static str, &'static str);

/// All migrations, in order: the files in `migrations/`, listed by `build.rs`. A released migration is never changed,
/// because databases exist that have applied it; a later one corrects its mistakes.
pub(crate) const MIGRATIONS: &[Migration] = include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

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
        for statement in statements(sql, connection.dialect()) {
            connection.script(&statement)?;
        }
    }
    connection.execute(SAVE, &[Value::Int(newest.into())]).map(drop)
}

/// Splits a migration into statements: each ends with `;` at the end of a line, and comments are whole lines. The comments
/// `-- SQLite only:` and `-- PostgreSQL only:` leave the next statement to that engine.
fn statements(sql: &str, dialect: Dialect) -> Vec<String> {
    let (mut found, mut statement, mut only) = (Vec::new(), String::new(), None);
    for line in sql.lines().map(str::trim_end) {
        match line.trim_start() {
            "-- SQLite only:" => only = Some(Dialect::Sqlite),
            "-- PostgreSQL only:" => only = Some(Dialect::Postgres),
            comment if comment.starts_with("--") => {}
            _ => {
                statement.push_str(line);
                statement.push('\n');
            }
        }
        if line.ends_with(';') && !line.trim_start().starts_with("--") {
            let statement = std::mem::take(&mut statement);
            found.extend(only.take().is_none_or(|only| only == dialect).then_some(statement));
        }
    }
    if !statement.trim().is_empty() {
        found.push(statement);
    }
    found
}
