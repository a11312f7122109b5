//! Conversion of values to and from PostgreSQL.

use std::error::Error as StdError;

use bytes::BytesMut;
use hearth_base::{Error, Result};
use postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::engine::{Row, Value};

/// An argument for the driver, converted to the integer type of its parameter.
#[derive(Debug)]
pub(super) struct Argument<'a>(pub(super) &'a Value<'a>);

impl ToSql for Argument<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match (self.0, ty) {
            (Value::Null, _) => Ok(IsNull::Yes),
            (Value::Int(value), &Type::INT4) => i32::try_from(*value)?.to_sql(ty, out),
            (Value::Int(value), &Type::INT2) => i16::try_from(*value)?.to_sql(ty, out),
            (Value::Int(value), &Type::BOOL) => (*value != 0).to_sql(ty, out),
            (Value::Int(value), &Type::INT8) => value.to_sql(ty, out),
            (Value::Text(value), ty) if <&str as ToSql>::accepts(ty) => value.to_sql(ty, out),
            (Value::Blob(value), &Type::BYTEA) => value.to_sql(ty, out),
            (value, ty) => Err(format!("{} cannot be passed as a parameter of type {ty}", kind(value)).into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// The type of a value for error messages; never the value, which may be private.
fn kind(value: &Value<'_>) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Int(_) => "an integer",
        Value::Text(_) => "text",
        Value::Blob(_) => "a blob",
    }
}

/// A result row.
pub(super) struct PostgresRow<'a>(pub(super) &'a postgres::Row);

impl PostgresRow<'_> {
    fn get<'a, T: FromSql<'a>>(&'a self, column: usize) -> Result<Option<T>> {
        self.0.try_get(column).map_err(|error| Error::fault(format!("reading column {column} of a row"), error))
    }
}

fn present<T>(column: usize, value: Option<T>) -> Result<T> {
    value.ok_or_else(|| Error::broken(format!("column {column} of a row should not be null")))
}

impl Row for PostgresRow<'_> {
    fn int(&self, column: usize) -> Result<i64> {
        present(column, self.opt_int(column)?)
    }

    fn opt_int(&self, column: usize) -> Result<Option<i64>> {
        match self.0.columns().get(column).map(postgres::Column::type_) {
            Some(&Type::INT4) => Ok(self.get::<i32>(column)?.map(i64::from)),
            Some(&Type::INT2) => Ok(self.get::<i16>(column)?.map(i64::from)),
            Some(&Type::BOOL) => Ok(self.get::<bool>(column)?.map(i64::from)),
            _ => self.get(column),
        }
    }

    fn text(&self, column: usize) -> Result<&str> {
        present(column, self.opt_text(column)?)
    }

    fn opt_text(&self, column: usize) -> Result<Option<&str>> {
        self.get(column)
    }

    fn blob(&self, column: usize) -> Result<&[u8]> {
        present(column, self.opt_blob(column)?)
    }

    fn opt_blob(&self, column: usize) -> Result<Option<&[u8]>> {
        self.get(column)
    }
}
