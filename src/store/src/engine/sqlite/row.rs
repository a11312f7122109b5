//! Conversion of values to and from SQLite.

use hearth_base::{Error, Result};
use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};

use crate::engine::{Row, Value};

/// An argument for the driver.
pub(super) struct Argument<'a>(pub(super) &'a Value<'a>);

impl ToSql for Argument<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Int(value) => ValueRef::Integer(*value),
            Value::Text(value) => ValueRef::Text(value.as_bytes()),
            Value::Blob(value) => ValueRef::Blob(value),
        }))
    }
}

/// A result row.
pub(super) struct SqliteRow<'a, 'b>(pub(super) &'a rusqlite::Row<'b>);

impl SqliteRow<'_, '_> {
    fn column(&self, column: usize) -> Result<ValueRef<'_>> {
        self.0.get_ref(column).map_err(|error| Error::fault(format!("reading column {column} of a row"), error))
    }
}

/// The error for a column of an unexpected type: a mistake in the statement, or a damaged file.
fn mismatch(column: usize, wanted: &str, found: ValueRef<'_>) -> Error {
    Error::broken(format!("column {column} of a row should hold {wanted} and holds {}", found.data_type()))
}

impl Row for SqliteRow<'_, '_> {
    fn int(&self, column: usize) -> Result<i64> {
        match self.column(column)? {
            ValueRef::Integer(value) => Ok(value),
            other => Err(mismatch(column, "an integer", other)),
        }
    }

    fn opt_int(&self, column: usize) -> Result<Option<i64>> {
        match self.column(column)? {
            ValueRef::Null => Ok(None),
            ValueRef::Integer(value) => Ok(Some(value)),
            other => Err(mismatch(column, "an integer or null", other)),
        }
    }

    fn text(&self, column: usize) -> Result<&str> {
        self.opt_text(column)?.ok_or_else(|| mismatch(column, "text", ValueRef::Null))
    }

    fn opt_text(&self, column: usize) -> Result<Option<&str>> {
        match self.column(column)? {
            ValueRef::Null => Ok(None),
            ValueRef::Text(bytes) => std::str::from_utf8(bytes)
                .map(Some)
                .map_err(|error| Error::fault(format!("column {column} of a row is not UTF-8"), error)),
            other => Err(mismatch(column, "text", other)),
        }
    }

    fn blob(&self, column: usize) -> Result<&[u8]> {
        self.opt_blob(column)?.ok_or_else(|| mismatch(column, "bytes", ValueRef::Null))
    }

    fn opt_blob(&self, column: usize) -> Result<Option<&[u8]>> {
        match self.column(column)? {
            ValueRef::Null => Ok(None),
            ValueRef::Blob(bytes) => Ok(Some(bytes)),
            other => Err(mismatch(column, "bytes", other)),
        }
    }
}
