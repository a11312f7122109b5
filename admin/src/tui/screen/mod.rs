//! What a screen is: one type that implements [`Screen`], and one line in `screens`.
//!
//! A screen has its own state and talks to the rest only through [`Context`]. Everything around it comes from its
//! constants: its tab, its commands with completion, and from [`Screen::ACTIONS`] its keys, menu, key bar and help. A
//! list is a [`Table`](super::parts::Table) filled by [`Pages`](super::parts::Pages): columns, filter, order, pages and
//! the cursor need no code in the screen. What opens over a list is a [`Detail`](super::parts::Detail).

mod action;
mod context;
mod slot;

use ratatui::Frame;
use ratatui::layout::Rect;

pub(crate) use action::{Action, Command};
pub(crate) use context::{Context, Question};
#[cfg(test)]
pub(crate) use slot::Slot;
pub(crate) use slot::{AnyScreen, CommandRow, Event, KeyRow, apply, boxed};

use super::parts::{Panes, PanesMut};
use super::state::Shared;

/// A screen of the dashboard.
pub(crate) trait Screen: Default + 'static {
    /// Its name, in the tabs and as title of its menu.
    const NAME: &'static str;
    /// The command that shows it, and the description of it.
    const COMMAND: (&'static str, &'static str);
    /// Its other commands. The screen is shown before one is executed.
    const COMMANDS: &'static [Command<Self>] = &[];
    /// What can be done here, in the order of the menu and the help.
    const ACTIONS: &'static [Action<Self>] = &[];
    /// The part of the server ([`crate::wire::areas`]) that it has the details about: problems there lead to it.
    const AREA: Option<&'static str> = None;
    /// The most useful keys, for the last line: a key's label, with words of its own or those of its action.
    const BAR: &'static [&'static str];
    /// The same while a detail view is open.
    const DETAIL_BAR: &'static [&'static str] = &["Esc back", "Tab next tab", "y"];

    /// Loads everything: when the screen is shown, on `r`, when the server is back, after a change.
    fn load(&mut self, cx: &mut Context<'_, Self>);

    /// The screen is shown. By default it loads.
    fn enter(&mut self, cx: &mut Context<'_, Self>) {
        self.load(cx);
    }

    /// Loads what changes by itself, every few seconds while the screen is shown.
    fn live(&mut self, _cx: &mut Context<'_, Self>) {}

    /// A change by this screen succeeded. By default it loads.
    fn changed(&mut self, cx: &mut Context<'_, Self>) {
        if cx.is_shown() {
            self.load(cx);
        }
    }

    /// The server is back after it could not be reached. What counts from its start is worthless.
    fn reconnected(&mut self) {}

    /// Loads more rows if the cursor is within `near` rows of the end.
    fn more(&mut self, _near: usize, _cx: &mut Context<'_, Self>) {}

    /// The list and the detail view, if there are some now.
    fn panes(&self) -> Panes<'_> {
        Panes::default()
    }

    /// The same, to change them.
    fn panes_mut(&mut self) -> PanesMut<'_> {
        PanesMut::default()
    }

    /// Opens what is selected. Not called while a detail view is open.
    fn open(&mut self, _cx: &mut Context<'_, Self>) {}

    /// Moves the cursor or scrolls, where neither a list nor a detail view does.
    fn step(&mut self, _step: Step, _cx: &mut Context<'_, Self>) {}

    /// Shows the part of the screen `steps` further.
    fn turn(&mut self, _steps: isize) {}

    /// The title of the menu; [`Screen::NAME`] by default.
    fn menu_title(&self) -> Option<String> {
        None
    }

    /// The text for the clipboard, where neither a list nor a detail view has one.
    fn copied(&self, _shared: &Shared) -> Option<String> {
        None
    }

    /// Words before the number of rows.
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether it shows something that changes each second.
    fn is_ticking(&self) -> bool {
        false
    }

    /// The keys of the last line, if they depend on the state.
    fn bar(&self) -> &'static [&'static str] {
        Self::BAR
    }

    /// Draws it. By default the detail view if one is open, else the list.
    fn view(&self, frame: &mut Frame<'_>, area: Rect, shared: &Shared) {
        self.panes().draw(frame, area, shared);
    }

    /// Sample answers for the tests: the one to this request (`GET /api/v1/...`), if the screen makes it. The tests
    /// draw every screen with them at several sizes, and once more with hostile text in every string.
    #[cfg(test)]
    fn sample(request: &str) -> Option<serde_json::Value>;
}

/// The place of a screen in the list of screens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ScreenId(usize);

impl ScreenId {
    /// The screen that is shown first.
    pub(crate) const FIRST: Self = Self(0);

    pub(crate) const fn new(index: usize) -> Self {
        Self(index)
    }

    pub(crate) const fn index(self) -> usize {
        self.0
    }
}

/// A movement of the cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
}

impl Step {
    /// The new position, where a page has `page` rows and `last` is the last position.
    pub(crate) fn from(self, place: usize, page: usize, last: usize) -> usize {
        let moved = match self {
            Self::Up => place.saturating_sub(1),
            Self::Down => place.saturating_add(1),
            Self::PageUp => place.saturating_sub(page),
            Self::PageDown => place.saturating_add(page),
            Self::First => 0,
            Self::Last => usize::MAX,
        };
        moved.min(last)
    }
}
