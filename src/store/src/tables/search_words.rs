//! The index for full-text search: which events have which words. FTS5 in SQLite, a `tsvector` with a GIN index in
//! PostgreSQL.
//!
//! The callers take the words from the text, so that both engines find the same. The index stores neither the text, nor
//! positions, nor counts: it names candidates, and the caller compares them with the text.
//!
//! Words are inserted many events at a time. In SQLite a commit with one event writes 18 kB of the index; a
//! commit with 500 events writes 170 bytes per event (measured with twelve words each).

use hearth_base::Result;

use crate::engine::{Dialect, PerEngine, Tx};
use crate::ids::EventSn;

const PROGRESS: &str = "SELECT upto, rules FROM search_progress WHERE id = 1";
const SET_PROGRESS: &str = "UPDATE search_progress SET upto = ?1, rules = ?2 WHERE id = 1";

/// Every statement of this file in the shared dialect.
pub const STATEMENTS: &[&str] = &[PROGRESS, SET_PROGRESS];

const INSERT: PerEngine = PerEngine {
    sqlite: "INSERT INTO search_words (rowid, words) VALUES (?1, ?2)",
    postgres: "INSERT INTO search_words (event, words) VALUES (?1, array_to_tsvector(string_to_array(?2, ' '))) \
         ON CONFLICT (event) DO NOTHING",
};
// SQLite's index has no list of an event's words, so it is told them. PostgreSQL's does not need them.
const DELETE: PerEngine = PerEngine {
    sqlite: "INSERT INTO search_words (search_words, rowid, words) VALUES ('delete', ?1, ?2)",
    postgres: "DELETE FROM search_words WHERE event = ?1 AND CAST(?2 AS TEXT) IS NOT NULL",
};
const CLEAR: PerEngine = PerEngine {
    sqlite: "INSERT INTO search_words (search_words) VALUES ('delete-all')",
    postgres: "DELETE FROM search_words",
};
const MERGE: PerEngine = PerEngine {
    sqlite: "INSERT INTO search_words (search_words, rank) VALUES ('merge', ?1)",
    postgres: "SELECT gin_clean_pending_list('search_words_by_word') WHERE CAST(?1 AS INTEGER) > 0",
};
const MATCHING: PerEngine = PerEngine {
    sqlite: "SELECT rowid FROM search_words WHERE search_words MATCH ?1 AND rowid < ?2 ORDER BY rowid DESC LIMIT ?3",
    postgres: "SELECT event FROM search_words WHERE words @@ CAST(CAST(?1 AS TEXT) AS tsquery) AND event < ?2 \
         ORDER BY event DESC LIMIT ?3",
};

/// Every statement of this file that each engine has in its own words, for the test that prepares all statements.
#[cfg(test)]
pub(crate) const PER_ENGINE: &[PerEngine] = &[INSERT, DELETE, CLEAR, MERGE, MATCHING];

/// How far the index is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The words of all events up to this one are in the index, but for those of rejected and redacted events.
    pub upto: EventSn,
    /// The number of the rules by which words were taken from the text.
    pub rules: i64,
}

/// A word to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordQuery {
    /// The word, or how it begins.
    pub word: String,
    /// Whether longer words match too.
    pub is_prefix: bool,
}

/// How far the index is.
pub fn progress(tx: &mut dyn Tx) -> Result<Progress> {
    let found = tx.one(PROGRESS, &[], |row| Ok(Progress { upto: EventSn(row.int(0)?), rules: row.int(1)? }))?;
    found.ok_or_else(|| hearth_base::Error::broken("the progress of the search index is missing"))
}

/// Records how far the index is.
pub fn set_progress(tx: &mut dyn Tx, progress: Progress) -> Result<()> {
    tx.execute(SET_PROGRESS, &[progress.upto.into(), progress.rules.into()])?;
    Ok(())
}

/// Adds the words of an event, separated by single spaces. They consist of ASCII letters and digits, `_` and characters
/// beyond ASCII, without capital letters, each once.
pub fn insert(tx: &mut dyn Tx, event: EventSn, words: &str) -> Result<()> {
    tx.execute(INSERT.text(tx.dialect()), &[event.into(), words.into()])?;
    Ok(())
}

/// Removes the words of an event: the same as when they were added.
pub fn delete(tx: &mut dyn Tx, event: EventSn, words: &str) -> Result<()> {
    tx.execute(DELETE.text(tx.dialect()), &[event.into(), words.into()])?;
    Ok(())
}

/// Removes all words.
pub fn clear(tx: &mut dyn Tx) -> Result<()> {
    tx.execute(CLEAR.text(tx.dialect()), &[])?;
    Ok(())
}

/// Brings what was added into the form in which it is found quickly: about `pages` pages of it. Does nothing when there is
/// nothing to do.
pub fn merge(tx: &mut dyn Tx, pages: i64) -> Result<()> {
    tx.execute(MERGE.text(tx.dialect()), &[pages.into()])?;
    Ok(())
}

/// The events before `before` that have a word of each group, newest first, at most `limit`. None without any group, and with a
/// group without a word that could be in the index.
pub fn matching(tx: &mut dyn Tx, groups: &[Vec<WordQuery>], before: EventSn, limit: u64) -> Result<Vec<EventSn>> {
    let dialect = tx.dialect();
    let query = expression(dialect, groups);
    if query.is_empty() {
        return Ok(Vec::new());
    }
    let args = [(&query).into(), before.into(), limit.into()];
    tx.all(MATCHING.text(dialect), &args, |row| Ok(EventSn(row.int(0)?)))
}

/// Whether this can be in the index as one word. What else users type never reaches the engine's query language.
fn is_word(word: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || !byte.is_ascii();
    !word.is_empty() && word.bytes().all(is_allowed)
}

/// The query in the engine's own language; empty when nothing can match.
fn expression(dialect: Dialect, groups: &[Vec<WordQuery>]) -> String {
    let (and, or) = match dialect {
        Dialect::Sqlite => (" AND ", " OR "),
        Dialect::Postgres => (" & ", " | "),
    };
    let mut parts = Vec::with_capacity(groups.len());
    for group in groups {
        let words: Vec<String> =
            group.iter().filter(|word| is_word(&word.word)).map(|word| operand(dialect, word)).collect();
        if words.is_empty() {
            return String::new();
        }
        parts.push(format!("({})", words.join(or)));
    }
    parts.join(and)
}

fn operand(dialect: Dialect, WordQuery { word, is_prefix }: &WordQuery) -> String {
    match (dialect, is_prefix) {
        (Dialect::Sqlite, false) => format!("\"{word}\""),
        (Dialect::Sqlite, true) => format!("\"{word}\" *"),
        (Dialect::Postgres, false) => format!("'{word}'"),
        (Dialect::Postgres, true) => format!("'{word}':*"),
    }
}
