//! Colours from the basic sixteen, or none. A word always accompanies a colour.

use ratatui::style::{Color, Modifier, Style};

use crate::tui::state::Shared;
use crate::wire::{HealthLevel, LogLevel};

/// The styles of the dashboard.
#[derive(Clone, Copy)]
pub(crate) struct Theme {
    color: bool,
}

impl Theme {
    /// The styles that the settings allow.
    pub(crate) fn of(shared: &Shared) -> Self {
        Self { color: shared.settings.color }
    }

    fn tint(self, color: Color) -> Style {
        if self.color { Style::new().fg(color) } else { Style::new() }
    }

    pub(crate) fn title(self) -> Style {
        self.tint(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    pub(crate) fn dim(self) -> Style {
        if self.color { Style::new().fg(Color::DarkGray) } else { Style::new().add_modifier(Modifier::DIM) }
    }

    pub(crate) fn selected(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    pub(crate) fn good(self) -> Style {
        self.tint(Color::Green)
    }

    pub(crate) fn warning(self) -> Style {
        self.tint(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    pub(crate) fn danger(self) -> Style {
        self.tint(Color::Red).add_modifier(Modifier::BOLD)
    }

    /// White on black, also on a light terminal: phones read a QR code whose light parts are light.
    pub(crate) fn qr(self) -> Style {
        if self.color { Style::new().fg(Color::White).bg(Color::Black) } else { Style::new() }
    }

    pub(crate) fn health(self, level: HealthLevel) -> Style {
        match level {
            HealthLevel::Ok => self.good(),
            HealthLevel::Warn => self.warning(),
            HealthLevel::Fail => self.danger(),
        }
    }

    pub(crate) fn log(self, level: LogLevel) -> Style {
        match level {
            LogLevel::Error => self.danger(),
            LogLevel::Warn => self.warning(),
            LogLevel::Info => Style::new(),
            LogLevel::Debug | LogLevel::Trace => self.dim(),
        }
    }
}

/// The word for a health level.
pub(crate) fn health_word(level: HealthLevel) -> &'static str {
    match level {
        HealthLevel::Ok => "ok",
        HealthLevel::Warn => "WARN",
        HealthLevel::Fail => "FAIL",
    }
}
