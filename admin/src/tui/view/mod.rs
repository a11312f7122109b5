//! `view(state, frame)`: draws the state and changes nothing.

mod calls;
mod chrome;
mod dashboard;
mod detail;
mod federation;
pub(crate) mod format;
mod guard;
mod log;
mod overlay;
mod rooms;
mod table;
mod theme;
mod tokens;
mod users;

pub(super) use calls::text_scroll_max as calls_scroll_max;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Wrap};

use super::state::{SIZE_MIN, Screen, State};
use super::strings;
use theme::Theme;

/// Draws one frame.
pub(crate) fn view(state: &State, frame: &mut Frame<'_>) {
    let area = frame.area();
    if area.width < SIZE_MIN.0 || area.height < SIZE_MIN.1 {
        refuse(frame, area);
    } else {
        draw(state, frame, area);
    }
    guard::guard(frame.buffer_mut(), state.settings.ascii);
}

/// Shown instead of a screen that would be cut: half a confirmation could mislead.
fn refuse(frame: &mut Frame<'_>, area: Rect) {
    let lines = vec![Line::from(strings::TOO_SMALL), Line::from(strings::TOO_SMALL_REMEDY)];
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: true }), area);
}

fn draw(state: &State, frame: &mut Frame<'_>, area: Rect) {
    let theme = Theme { color: state.settings.color };
    let body = chrome::draw(frame, area, state, theme);
    match (&state.detail, state.screen) {
        (Some(opened), _) => detail::draw(frame, body, state, opened, theme),
        (None, Screen::Dashboard) => dashboard::draw(frame, body, state, theme),
        (None, Screen::Users) => users::draw(frame, body, state),
        (None, Screen::Rooms) => rooms::draw(frame, body, state),
        (None, Screen::Log) => log::draw(frame, body, state),
        (None, Screen::Tokens) => tokens::draw(frame, body, state),
        (None, Screen::Federation) => federation::draw(frame, body, state),
        (None, Screen::Calls) => calls::draw(frame, body, state, theme),
    }
    if let Some(overlay) = &state.overlay {
        overlay::draw(frame, body, state, overlay, theme);
    }
}
