//! What opens over a list: one user, room or server, with facts and one tab per list.

use std::marker::PhantomData;

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::Line;
use serde::de::DeserializeOwned;

use crate::client::ClientError;
use crate::text::{cut, safe_text};
use crate::tui::request::Http;
use crate::tui::screen::{Context, Screen, Step};
use crate::tui::state::Shared;
use crate::tui::strings;
use crate::tui::view::facts::tab_line;
use crate::tui::view::theme::Theme;

/// What a detail view shows of an item.
pub(crate) trait DetailPage: 'static {
    /// The names of the tabs; at least one.
    const TABS: &'static [&'static str];

    /// The title; the id by default.
    fn title(&self) -> Option<String> {
        None
    }

    /// The text for the clipboard; the id by default.
    fn copied(&self) -> Option<String> {
        None
    }

    /// The number of rows of a tab that is a list; 0 for facts. Bounds scrolling.
    fn rows(&self, _tab: usize) -> usize {
        0
    }

    /// The lines of a tab, safe to print.
    fn lines(&self, tab: usize, now_ms: u64, columns: usize) -> Vec<String>;
}

/// A detail view, open or not.
pub(crate) struct Detail<D> {
    opened: Option<Opened<D>>,
}

struct Opened<D> {
    /// The full id.
    id: String,
    /// `None` until it is loaded.
    data: Option<D>,
    tab: usize,
    /// First visible line.
    scroll: usize,
}

impl<D> Default for Detail<D> {
    fn default() -> Self {
        Self { opened: None }
    }
}

impl<D: DetailPage> Detail<D> {
    /// Opens an item.
    pub(crate) fn open(&mut self, id: String, data: Option<D>) {
        self.opened = Some(Opened { id, data, tab: 0, scroll: 0 });
    }

    /// The id of the open item.
    pub(crate) fn id(&self) -> Option<&str> {
        self.opened.as_ref().map(|opened| opened.id.as_str())
    }

    /// The data of the open item, if loaded.
    pub(crate) fn data(&self) -> Option<&D> {
        self.opened.as_ref()?.data.as_ref()
    }

    /// Sets the data, unless another item has been opened meanwhile.
    pub(crate) fn arrive(&mut self, id: &str, data: D) {
        if let Some(opened) = self.opened.as_mut().filter(|opened| opened.id == id) {
            opened.data = Some(data);
            opened.scroll_to(opened.scroll);
        }
    }

    /// Closes the view of an item that is gone.
    pub(crate) fn close_if(&mut self, id: &str) {
        if self.id() == Some(id) {
            self.opened = None;
        }
    }

    /// Closes the view of an item that could not be loaded at all.
    pub(crate) fn refuse(&mut self, id: &str) {
        if self.opened.as_ref().is_some_and(|opened| opened.id == id && opened.data.is_none()) {
            self.opened = None;
        }
    }
}

impl<D: DetailPage> Opened<D> {
    fn rows(&self) -> usize {
        self.data.as_ref().map_or(0, |data| data.rows(self.tab))
    }

    fn scroll_to(&mut self, line: usize) {
        self.scroll = line.min(self.rows().saturating_sub(1));
    }
}

/// A detail view independent of what it shows, for key handling.
pub(crate) trait Pane {
    fn is_open(&self) -> bool;
    fn close(&mut self);
    /// The text for the clipboard. `None` until the item has been loaded, as it may not exist.
    fn copied(&self) -> Option<String>;
    /// Scrolls, at most to the last row.
    fn step(&mut self, step: Step, page: usize);
    /// Moves `steps` tabs, wrapping around.
    fn turn(&mut self, steps: isize);
    fn draw(&self, frame: &mut Frame<'_>, area: Rect, shared: &Shared);
}

impl<D: DetailPage> Pane for Detail<D> {
    fn is_open(&self) -> bool {
        self.opened.is_some()
    }

    fn close(&mut self) {
        self.opened = None;
    }

    fn copied(&self) -> Option<String> {
        let opened = self.opened.as_ref()?;
        let data = opened.data.as_ref()?;
        Some(data.copied().unwrap_or_else(|| opened.id.clone()))
    }

    fn step(&mut self, step: Step, page: usize) {
        if let Some(opened) = &mut self.opened {
            opened.scroll = step.from(opened.scroll, page, opened.rows().saturating_sub(1));
        }
    }

    fn turn(&mut self, steps: isize) {
        if let Some(opened) = self.opened.as_mut().filter(|opened| opened.data.is_some()) {
            let tabs = D::TABS.len();
            opened.tab = opened.tab.saturating_add_signed(steps + tabs.cast_signed()) % tabs;
            opened.scroll = 0;
        }
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, shared: &Shared) {
        let row = |offset: u16| Rect { y: area.y + offset, height: 1, ..area };
        let Some(opened) = self.opened.as_ref().filter(|_| area.height >= 3) else { return };
        let (theme, columns) = (Theme::of(shared), usize::from(area.width));
        let (title, tabs, lines) = match &opened.data {
            Some(data) => (data.title(), D::TABS, data.lines(opened.tab, shared.now_ms(), columns)),
            None => (None, [].as_slice(), vec![strings::LOADING.to_owned()]),
        };
        let title = title.as_deref().unwrap_or(&opened.id);
        frame.render_widget(Line::styled(cut(&safe_text(title), columns), theme.title()), row(0));
        frame.render_widget(tab_line(tabs, opened.tab, theme), row(1));
        let is_list = opened.rows() > 0;
        for (offset, (place, line)) in (2..area.height).zip(lines.iter().enumerate().skip(opened.scroll)) {
            let style = if is_list && place == opened.scroll { theme.selected() } else { Style::new() };
            frame.render_widget(Line::styled(line.as_str(), style), row(offset));
        }
        frame.set_cursor_position(Position { x: area.x, y: area.y + 2 });
    }
}

/// Where the data of a detail view comes from.
pub(crate) struct Details<S, D> {
    path: fn(&str) -> String,
    detail: fn(&mut S) -> &mut Detail<D>,
    data: PhantomData<fn(D)>,
}

impl<S: Screen, D: DetailPage + DeserializeOwned + Send> Details<S, D> {
    /// The path of an item, and the detail view of the screen.
    pub(crate) const fn new(path: fn(&str) -> String, detail: fn(&mut S) -> &mut Detail<D>) -> Self {
        Self { path, detail, data: PhantomData }
    }

    /// Opens an item and loads it.
    pub(crate) fn open(&self, screen: &mut S, id: String, cx: &mut Context<'_, S>) {
        (self.detail)(screen).open(id, None);
        self.load(screen, cx);
    }

    /// Loads the open item again, if one is open.
    pub(crate) fn load(&self, screen: &mut S, cx: &mut Context<'_, S>) {
        let Some(id) = (self.detail)(screen).id().map(str::to_owned) else { return };
        let (detail, refused) = (self.detail, id.clone());
        let request = Http::get((self.path)(&id)).then(move |screen: &mut S, data: D, _| {
            detail(screen).arrive(&id, data);
        });
        cx.load(
            "detail",
            request.or_else(move |screen: &mut S, error: &ClientError, cx| {
                if !error.is_down() {
                    detail(screen).refuse(&refused);
                    cx.shared.notify_error(error.to_string());
                }
            }),
        );
    }
}
