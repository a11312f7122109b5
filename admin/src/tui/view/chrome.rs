//! The frame around every screen: tabs and connection state on top, problems below them, and at the bottom the
//! latest notice, the input line and the most useful keys.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::text::{cut, safe_text, width};
use crate::tui::command;
use crate::tui::keys;
use crate::tui::parts::Input;
use crate::tui::state::{Line as InputLine, LineKind, Link, Shared, State};
use crate::tui::strings::{self, phrase};
use crate::wire::{HealthLevel, JobState};

use super::facts::wrapped;
use super::tabs;
use super::theme::{Theme, health_word};

/// Draws the frame and returns the area for the screen.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &State, theme: Theme) -> Rect {
    let row = |y: u16| Rect { y, height: 1, ..area };
    let columns = usize::from(area.width);
    let shared = &state.shared;
    frame.render_widget(top(state, columns, theme), row(area.y));
    let mut first = area.y + 1;
    for line in banner(shared, theme, columns) {
        frame.render_widget(line, row(first));
        first += 1;
    }
    frame.render_widget(rule(shared, columns, theme), row(first));
    first += 1;

    let last = area.bottom() - 1;
    frame.render_widget(news(state, theme, columns), row(last - 1));
    match &shared.line {
        Some(line) => typed(frame, row(last), state, line, theme),
        None => frame.render_widget(Line::styled(cut(&keys::bar(state.screen()), columns), theme.dim()), row(last)),
    }
    Rect { y: first, height: (last - 1).saturating_sub(first), ..area }
}

/// The tabs of the screens, and the lamp.
fn top(state: &State, columns: usize, theme: Theme) -> Line<'static> {
    let (word, style) = lamp(&state.shared, theme);
    let names: Vec<_> = state.screens.iter().map(|screen| screen.name()).collect();
    let mut spans = tabs::spans(&names, state.shown.index(), columns, theme);
    let used: usize = spans.iter().map(Span::width).sum();
    spans.push(Span::raw(" ".repeat(columns.saturating_sub(used + width(word)))));
    spans.push(Span::styled(word, style));
    Line::from(spans)
}

/// The separator with the server's name.
fn rule(shared: &Shared, columns: usize, theme: Theme) -> Line<'static> {
    let server = shared.status.as_ref().map(|status| phrase::at(&safe_text(&status.server_name)));
    let name = cut(&server.unwrap_or_else(|| strings::PRODUCT.to_owned()), columns.saturating_sub(6));
    let rest = columns.saturating_sub(width(&name) + 4);
    Line::from(vec![
        Span::styled("─ ", theme.dim()),
        Span::styled(name, theme.title()),
        Span::styled(format!(" {}", "─".repeat(rest + 1)), theme.dim()),
    ])
}

/// The worst problem level, in a word.
fn lamp(shared: &Shared, theme: Theme) -> (&'static str, Style) {
    match (&shared.link, &shared.status) {
        (Link::Down(_), _) => (strings::UNREACHABLE, theme.danger()),
        _ if shared.is_silent() => (strings::SILENT, theme.warning()),
        (Link::Connecting, _) | (_, None) => ("...", theme.dim()),
        (Link::Up, Some(status)) => {
            let worst = status.problems.iter().map(|problem| problem.level).max().unwrap_or(HealthLevel::Ok);
            (health_word(worst), theme.health(worst))
        }
    }
}

/// Why the server cannot be reached, and what to do.
fn banner(shared: &Shared, theme: Theme, columns: usize) -> Vec<Line<'static>> {
    let Link::Down(error) = &shared.link else { return Vec::new() };
    let mut lines = wrapped(&error.what, columns);
    lines.extend(wrapped(&error.remedy, columns));
    // More would leave no room for the screen on the smallest terminals.
    lines.truncate(4);
    let mut lines: Vec<_> = lines.into_iter().map(|line| Line::styled(line, theme.danger())).collect();
    lines.push(Line::styled(strings::RETRYING, theme.dim()));
    lines
}

/// The line above the last: the latest notice, the running job, or the number of rows.
fn news(state: &State, theme: Theme, columns: usize) -> Line<'static> {
    let shared = &state.shared;
    if let Some(notice) = &shared.notice {
        let style = if notice.error { theme.warning() } else { theme.good() };
        return Line::styled(cut(&safe_text(&notice.text), columns), style);
    }
    let mut parts = Vec::new();
    if shared.settings.readonly {
        parts.push(strings::READONLY_MARK.to_owned());
    }
    let running: Vec<_> = shared.jobs.iter().filter(|job| job.state == JobState::Running).collect();
    if let Some(job) = running.first() {
        let percent = (job.progress.clamp(0.0, 1.0) * 100.0).round() as u64;
        parts.push(phrase::jobs(running.len(), &safe_text(&job.name), percent));
    }
    parts.extend(extent(state));
    Line::styled(cut(&parts.join("   "), columns), theme.dim())
}

/// The number of rows, and the filter.
fn extent(state: &State) -> Vec<String> {
    let Some(list) = state.screen().panes().list else { return Vec::new() };
    let (shown, total, filter) = (list.len(), list.total().unwrap_or(list.loaded_rows() as u64), list.filter());
    let mut parts = state.screen().remarks();
    parts.push(phrase::shown(shown as u64, total, list.has_more() && list.total().is_none()));
    if !filter.is_empty() {
        parts.push(format!("/{}", safe_text(filter)));
    }
    parts
}

/// The input line, with command completions.
fn typed(frame: &mut Frame<'_>, area: Rect, state: &State, line: &InputLine, theme: Theme) {
    let (mark, help) = match line.kind {
        LineKind::Command => (":", command::candidates(state, line.input.as_str()).join(" ")),
        LineKind::Filter { .. } => ("/", strings::FILTER_HELP.to_owned()),
    };
    let text = format!("{mark}{}", tail(&line.input, usize::from(area.width).saturating_sub(2)));
    let at = u16::try_from(width(&text)).unwrap_or(u16::MAX);
    let room = usize::from(area.width).saturating_sub(width(&text) + 3);
    let help = if room < 12 { String::new() } else { cut(&help, room) };
    frame.render_widget(Line::from(vec![Span::raw(text), Span::styled(format!("   {help}"), theme.dim())]), area);
    frame.set_cursor_position(Position { x: area.x + at.min(area.width - 1), y: area.y });
}

/// The end of the input that fits, where the cursor is.
pub(super) fn tail(input: &Input, columns: usize) -> String {
    let text = safe_text(input.as_str());
    let starts = text.char_indices().map(|(start, _)| &text[start..]);
    starts.into_iter().find(|rest| width(rest) <= columns).unwrap_or_default().to_owned()
}
