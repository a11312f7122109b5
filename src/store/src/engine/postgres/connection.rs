//! One PostgreSQL connection: prepared statements, transactions, savepoints.

use std::collections::HashMap;

use hearth_base::{Error, Reason, Result, error::refuse};
use postgres::error::SqlState;
use postgres::fallible_iterator::FallibleIterator;
use postgres::{Client, Statement};

use super::row::{Argument, PostgresRow};
use crate::engine::sqlite::OUT_OF_SPACE;
use crate::engine::{Connection, Dialect, EachRow, Interrupter, Trouble, Tx, Value, dialect};

/// A connection, its prepared statements, and its last failure.
pub(super) struct PostgresConnection {
    client: Client,
    statements: HashMap<&'static str, Statement>,
    in_transaction: bool,
    changes: u64,
    trouble: Option<Trouble>,
}

impl PostgresConnection {
    pub(super) fn new(client: Client) -> Self {
        Self { client, statements: HashMap::new(), in_transaction: false, changes: 0, trouble: None }
    }

    /// Records what `error` means for the connection, and converts it.
    fn failed(&mut self, sql: &str, error: postgres::Error) -> Error {
        let state = error.code();
        if self.client.is_closed() || state.is_none() && error.is_closed() {
            self.trouble = Some(Trouble::Lost);
        } else if state == Some(&SqlState::DISK_FULL) {
            self.trouble = Some(Trouble::Full);
            return refuse(Reason::OutOfSpace, OUT_OF_SPACE);
        }
        let sql = sql.split_whitespace().collect::<Vec<_>>().join(" ");
        Error::fault(format!("running `{sql}`"), error)
    }

    /// Runs statements without arguments as a simple query, and ignores their rows.
    fn simple(&mut self, sql: &str) -> Result<()> {
        let done = self.client.batch_execute(sql);
        done.map_err(|error| self.failed(sql, error))
    }

    fn prepared(&mut self, sql: &'static str) -> Result<Statement, postgres::Error> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(&dialect::postgres(sql))?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }

    fn try_execute(&mut self, sql: &'static str, args: &[Value<'_>]) -> Result<u64, postgres::Error> {
        let statement = self.prepared(sql)?;
        let mut rows = self.client.query_raw(&statement, args.iter().map(Argument))?;
        while rows.next()?.is_some() {}
        Ok(rows.rows_affected().unwrap_or(0))
    }

    fn try_query(
        &mut self,
        sql: &'static str,
        args: &[Value<'_>],
        each: &mut EachRow<'_>,
    ) -> Result<Result<()>, postgres::Error> {
        let statement = self.prepared(sql)?;
        let mut rows = self.client.query_raw(&statement, args.iter().map(Argument))?;
        while let Some(row) = rows.next()? {
            match each(&PostgresRow(&row)) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(()))
    }
}

/// Whether a statement can only read.
fn only_reads(sql: &str) -> bool {
    sql.trim_start().starts_with("SELECT")
}

impl Tx for PostgresConnection {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn execute(&mut self, sql: &'static str, args: &[Value<'_>]) -> Result<u64> {
        let changed = self.try_execute(sql, args).map_err(|error| self.failed(sql, error))?;
        self.changes += changed;
        Ok(changed)
    }

    fn query(&mut self, sql: &'static str, args: &[Value<'_>], each: &mut EachRow<'_>) -> Result<()> {
        // How many rows INSERT ... RETURNING or WITH changed is not known here; count at least one.
        self.changes += u64::from(!only_reads(sql));
        match self.try_query(sql, args, each) {
            Ok(done) => done,
            Err(error) => Err(self.failed(sql, error)),
        }
    }
}

impl Connection for PostgresConnection {
    fn begin_read(&mut self) -> Result<()> {
        self.simple("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
        self.in_transaction = true;
        Ok(())
    }

    fn begin_write(&mut self) -> Result<()> {
        self.simple("BEGIN")?;
        self.in_transaction = true;
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        self.simple("COMMIT")?;
        self.in_transaction = false;
        Ok(())
    }

    fn rollback(&mut self) -> Result<()> {
        if std::mem::take(&mut self.in_transaction) { self.simple("ROLLBACK") } else { Ok(()) }
    }

    fn savepoint(&mut self) -> Result<()> {
        self.simple("SAVEPOINT part")
    }

    fn release(&mut self) -> Result<()> {
        self.simple("RELEASE SAVEPOINT part")
    }

    fn rollback_to(&mut self) -> Result<()> {
        self.simple("ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part")
    }

    fn in_transaction(&self) -> bool {
        self.in_transaction && !self.client.is_closed()
    }

    // Cancelling needs a connection of its own, which takes longer than a stop waits for a reader.
    fn interrupter(&self) -> Interrupter {
        Box::new(|| ())
    }

    fn changes(&self) -> u64 {
        self.changes
    }

    fn script(&mut self, sql: &str) -> Result<()> {
        self.simple(&dialect::postgres(sql))
    }

    fn has_table(&mut self, name: &str) -> Result<bool> {
        let tx: &mut dyn Tx = self;
        tx.exists(
            "SELECT 1 FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = ?1",
            &[Value::Text(name)],
        )
    }

    #[cfg(test)]
    fn prepare(&mut self, sql: &'static str) -> Result<()> {
        self.prepared(sql).map(drop).map_err(|error| self.failed(sql, error))
    }

    fn trouble(&mut self) -> Option<Trouble> {
        self.trouble.take()
    }

    fn tidy(&mut self) -> Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}
