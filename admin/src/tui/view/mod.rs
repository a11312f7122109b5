//! `view(state, frame)`: draws the state and changes nothing.

mod chrome;
pub(super) mod facts;
pub(super) mod format;
mod guard;
mod overlay;
mod tabs;
pub(super) mod theme;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Wrap};

use super::state::State;
use super::strings;
use theme::Theme;

/// Draws one frame.
pub(crate) fn view(state: &State, frame: &mut Frame<'_>) {
    let area = frame.area();
    if state.shared.is_drawn() {
        draw(state, frame, area);
    } else {
        refuse(frame, area);
    }
    guard::guard(frame.buffer_mut(), state.shared.settings.ascii);
}

/// Shown instead of a screen that would be cut: half a confirmation could mislead.
fn refuse(frame: &mut Frame<'_>, area: Rect) {
    let lines = vec![Line::from(strings::TOO_SMALL), Line::from(strings::TOO_SMALL_REMEDY)];
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: true }), area);
}

fn draw(state: &State, frame: &mut Frame<'_>, area: Rect) {
    let theme = Theme::of(&state.shared);
    let body = chrome::draw(frame, area, state, theme);
    state.screen().view(frame, body, &state.shared);
    if let Some(overlay) = &state.shared.overlay {
        overlay::draw(frame, body, state, overlay, theme);
    }
}
