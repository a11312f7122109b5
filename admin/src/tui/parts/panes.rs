//! The list and the detail view that a screen shows now, for the keys that work alike on every screen.

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::tui::state::Shared;

use super::{List, Pane};

/// For reading.
#[derive(Default)]
pub(crate) struct Panes<'a> {
    pub(crate) list: Option<&'a dyn List>,
    pub(crate) detail: Option<&'a dyn Pane>,
}

/// For changing.
#[derive(Default)]
pub(crate) struct PanesMut<'a> {
    pub(crate) list: Option<&'a mut dyn List>,
    pub(crate) detail: Option<&'a mut dyn Pane>,
}

impl<'a> Panes<'a> {
    /// A list.
    pub(crate) fn list(list: &'a dyn List) -> Self {
        Self { list: Some(list), detail: None }
    }

    /// With a detail view over it.
    pub(crate) fn with(self, detail: &'a dyn Pane) -> Self {
        Self { detail: Some(detail), ..self }
    }

    /// The detail view, if it is open.
    pub(crate) fn opened(&self) -> Option<&'a dyn Pane> {
        self.detail.filter(|detail| detail.is_open())
    }

    /// Draws the detail view if one is open, else the list.
    pub(crate) fn draw(&self, frame: &mut Frame<'_>, area: Rect, shared: &Shared) {
        match (self.opened(), self.list) {
            (Some(detail), _) => detail.draw(frame, area, shared),
            (None, Some(list)) => list.draw(frame, area, shared),
            (None, None) => {}
        }
    }
}

impl<'a> PanesMut<'a> {
    /// A list.
    pub(crate) fn list(list: &'a mut dyn List) -> Self {
        Self { list: Some(list), detail: None }
    }

    /// With a detail view over it.
    pub(crate) fn with(self, detail: &'a mut dyn Pane) -> Self {
        Self { detail: Some(detail), ..self }
    }

    /// The detail view, if it is open.
    pub(crate) fn opened(self) -> Option<&'a mut dyn Pane> {
        self.detail.filter(|detail| detail.is_open())
    }
}
