//! The server's log: a list that grows while the screen is open, newest entries last.

#[cfg(test)]
mod samples;
mod strings;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use ratatui::style::Style;

use crate::text::safe_text;
use crate::tui::parts::{Column, Info, List, Overlay, Panes, PanesMut, Row, Table};
use crate::tui::request::Http;
use crate::tui::screen::{Action, Command, Context, Screen};
use crate::tui::view::format;
use crate::tui::view::theme::Theme;
use crate::wire::{LogEntry, LogLevel, LogPage, LogQuery, paths};

/// Entries kept in memory.
const ENTRIES_MAX: usize = 2_000;
/// Entries per request.
const ENTRIES_PER_PAGE: u32 = 500;
/// Duration of a long poll, in milliseconds. Short enough that quitting the dashboard is not held up.
const WAIT_MS: u64 = 20_000;

/// The screen.
pub(crate) struct Log {
    pub(crate) table: Table<LogEntry>,
    /// The least severe level shown.
    level: LogLevel,
    paused: bool,
    /// Position after which the next request continues.
    after: Option<u64>,
}

impl Default for Log {
    fn default() -> Self {
        Self { table: Table::default(), level: LogLevel::Info, paused: false, after: None }
    }
}

impl Screen for Log {
    const NAME: &'static str = "Log";
    const COMMAND: (&'static str, &'static str) = ("log", "the server's log");
    const COMMANDS: &'static [Command<Self>] =
        &[Command::with("level", "<level>", "lowest log level shown", Self::level_named)];
    const ACTIONS: &'static [Action<Self>] = &[
        Action::key('p', "pause", "pause or continue", Self::pause),
        Action::key('v', "level", "show the next level too", Self::next_level),
    ];
    const BAR: &'static [&'static str] = &["Enter", "/", "v", "p"];

    /// Asks for the entries after the known ones. The server answers when there is one, so this polls without a timer.
    fn load(&mut self, cx: &mut Context<'_, Self>) {
        if self.paused {
            return;
        }
        let query = LogQuery {
            after: self.after,
            level: Some(self.level),
            limit: Some(ENTRIES_PER_PAGE),
            wait_ms: self.after.map(|_| WAIT_MS),
        };
        cx.load("log", Http::get(paths::log(&query)).then(Self::arrived));
    }

    /// Sequence numbers restart with the server.
    fn reconnected(&mut self) {
        self.restart();
    }

    fn panes(&self) -> Panes<'_> {
        Panes::list(&self.table)
    }

    fn panes_mut(&mut self) -> PanesMut<'_> {
        PanesMut::list(&mut self.table)
    }

    fn open(&mut self, cx: &mut Context<'_, Self>) {
        cx.shared.overlay = self.table.selected().map(whole_entry);
    }

    fn remarks(&self) -> Vec<String> {
        let paused = self.paused.then(|| strings::PAUSED.to_owned());
        std::iter::once(strings::level(self.level)).chain(paused).collect()
    }

    #[cfg(test)]
    fn sample(request: &str) -> Option<serde_json::Value> {
        samples::answer(request)
    }
}

impl Log {
    fn arrived(&mut self, page: LogPage, cx: &mut Context<'_, Self>) {
        // While paused `after` stays, so the same entries are loaded again afterwards and none is lost.
        if self.paused || !self.take(page) {
            cx.unchanged();
        }
        if cx.is_shown() {
            self.load(cx);
        }
    }

    /// Adds entries. Returns whether anything visible changed.
    fn take(&mut self, page: LogPage) -> bool {
        if self.after.is_some_and(|after| page.next < after) {
            // The server was restarted.
            self.table.clear();
        }
        self.after = Some(page.next);
        if page.entries.is_empty() {
            return self.table.arrived_empty();
        }
        let at_end = self.table.position() + 1 >= self.table.len();
        self.table.append(page.entries, ENTRIES_MAX);
        if at_end {
            self.table.select(usize::MAX);
        }
        true
    }

    /// Clears the list. The next request starts with the newest entries.
    fn restart(&mut self) {
        self.table.clear();
        self.after = None;
    }

    fn pause(&mut self, cx: &mut Context<'_, Self>) {
        self.paused = !self.paused;
        self.load(cx);
    }

    /// Shows one more level, and after the last only the first.
    fn next_level(&mut self, cx: &mut Context<'_, Self>) {
        let index = LogLevel::ALL.iter().position(|level| *level == self.level).unwrap_or(0);
        self.set_level(LogLevel::ALL[(index + 1) % LogLevel::ALL.len()], cx);
    }

    fn level_named(&mut self, name: &str, cx: &mut Context<'_, Self>) {
        match LogLevel::ALL.into_iter().find(|level| level.as_str() == name) {
            Some(level) => self.set_level(level, cx),
            None => cx.shared.notify_error(strings::UNKNOWN_LEVEL),
        }
    }

    fn set_level(&mut self, level: LogLevel, cx: &mut Context<'_, Self>) {
        self.level = level;
        self.restart();
        self.load(cx);
    }
}

fn whole_entry(entry: &LogEntry) -> Overlay {
    let mut lines = vec![safe_text(&entry.message), String::new()];
    lines.extend(entry.fields.iter().map(|(name, value)| format!("{}: {}", safe_text(name), safe_text(value))));
    let title = format!("{} {}", entry.level.as_str(), safe_text(&entry.target));
    Overlay::Info(Info::new(title, lines, entry.message.as_str()))
}

impl Row for LogEntry {
    // No column sorts: entries stay in the order of the log.
    const COLUMNS: &'static [Column<Self>] = &[
        Column::<Self>::text("UTC", 8, 0, |entry, _| format::time(entry.ts_ms)),
        Column::<Self>::text("Level", 5, 0, |entry, _| entry.level.as_str().to_uppercase()),
        Column::<Self>::text("Module", 20, 76, |entry, _| entry.target.clone()),
        Column::<Self>::text("Message", 0, 0, |entry, _| format!("{}{}", entry.message, fields(entry))),
    ];
    const EMPTY: &'static str = "No entries at this level yet. v shows more levels.";

    fn key(&self) -> Cow<'_, str> {
        Cow::Owned(self.seq.to_string())
    }

    fn searchable_text(&self) -> String {
        format!("{} {} {}{}", self.level.as_str(), self.target, self.message, fields(self))
    }

    fn copied(&self) -> String {
        self.message.clone()
    }

    fn style(&self, theme: Theme) -> Style {
        theme.log(self.level)
    }
}

/// The fields of an entry, each after a space.
fn fields(entry: &LogEntry) -> String {
    entry.fields.iter().map(|(name, value)| format!(" {name}={value}")).collect()
}
