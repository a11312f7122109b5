//! Every statement of the program can be prepared, and a second server cannot open the database.

use hearth_base::Seams;

use super::Bed;
use crate::engine::Engine;
use crate::engine::sqlite::Sqlite;
use crate::{EngineOptions, Store, migrate, positions, tables};

fn engine(bed: &Bed) -> Box<dyn Engine> {
    match &bed.options.engine {
        EngineOptions::Sqlite(sqlite) => Box::new(Sqlite::open(sqlite, migrate::MIGRATIONS).unwrap()),
        #[cfg(feature = "postgres")]
        EngineOptions::Postgres { url } => Box::new(crate::engine::postgres::Postgres::open(url).unwrap()),
        #[cfg(not(feature = "postgres"))]
        EngineOptions::Postgres { .. } => unreachable!("the tests of this build open no such bed"),
    }
}

pub(super) fn every_statement_is_understood(bed: &Bed) {
    Store::open(bed.options.clone(), Seams::system()).unwrap().close();
    let engine = engine(bed);
    let mut connection = engine.connect_writer(false).unwrap();
    let own = [migrate::STATEMENTS, positions::STATEMENTS];
    let dialect = connection.dialect();
    let per_engine: Vec<_> = tables::search_words::PER_ENGINE.iter().map(|statement| statement.text(dialect)).collect();
    let all = tables::STATEMENTS.iter().chain(&own).copied().flatten().copied().chain(per_engine);
    let misunderstood: Vec<_> =
        all.filter_map(|sql| connection.prepare(sql).err()).map(|error| error.to_string()).collect();
    assert!(misunderstood.is_empty(), "{} statements:\n{}", misunderstood.len(), misunderstood.join("\n"));
}

pub(super) fn a_second_server_is_kept_out(bed: &Bed) {
    let store = bed.open();
    let error = Store::open(bed.options.clone(), Seams::system()).err().unwrap().to_string();
    assert!(error.contains("another Hearth"), "{error}");
    store.close();
    drop(store);
    bed.open().close();
}
