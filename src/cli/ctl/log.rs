//! `hearth ctl log`.

use clap::ValueEnum;
use hearth_admin::text::{safe_json, safe_text};
use hearth_admin::wire::{LogEntry, LogLevel, LogPage, LogQuery, paths};

use super::{Outcome, Session};
use crate::cli::out;
use crate::timestamp::timestamp;

/// How long one request waits for the next entry with `--follow`.
const WAIT_MS: u64 = 25_000;

/// The recent log, from the server's memory.
#[derive(Debug, clap::Args)]
pub(super) struct Log {
    /// Keep printing lines as they come
    #[arg(long, short)]
    follow: bool,
    /// Only lines at least this severe
    #[arg(long, value_enum)]
    level: Option<Level>,
    /// How many lines to begin with
    #[arg(long, short = 'n', default_value_t = 50)]
    lines: u32,
}

/// Severities, as command-line values.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl From<Level> for LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::Error,
            Level::Warn => Self::Warn,
            Level::Info => Self::Info,
            Level::Debug => Self::Debug,
            Level::Trace => Self::Trace,
        }
    }
}

impl Log {
    pub(super) async fn run(self, session: &Session) -> Outcome {
        let level = self.level.map(LogLevel::from);
        let mut query = LogQuery { after: None, level, limit: Some(self.lines), wait_ms: None };
        loop {
            let page: LogPage = session.client.get(&paths::log(&query)).await?;
            page.entries.iter().for_each(|entry| print(session, entry));
            if !self.follow {
                return Ok(());
            }
            query = LogQuery { after: Some(page.next), level, limit: None, wait_ms: Some(WAIT_MS) };
        }
    }
}

/// Prints one line per entry, also with `--json`, so that scripts can read entries as they arrive.
fn print(session: &Session, entry: &LogEntry) {
    match serde_json::to_string(entry) {
        Ok(json) if session.json => out::say(safe_json(&json)),
        _ => {
            let fields: String = entry.fields.iter().map(|(name, value)| format!(" {name}={value}")).collect();
            let (time, level) = (timestamp(entry.ts_ms), entry.level.as_str().to_uppercase());
            let text = safe_text(&format!("{}: {}{fields}", entry.target, entry.message));
            out::say(format_args!("{time} {level:>5} {text}"));
        }
    }
}
