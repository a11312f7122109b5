//! Draws the first screen.

use std::collections::VecDeque;

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Sparkline;

use crate::text::{cut, fit, safe_text};
use crate::tui::state::Shared;
use crate::tui::strings::{CONNECTING, NONE};
use crate::tui::view::format::{bytes, count, duration};
use crate::tui::view::theme::{Theme, health_word};
use crate::wire::{Problem, Status};

use super::{Overview, problems, strings};

/// Problems shown at once, including the selected one.
const PROBLEMS_SHOWN: usize = 5;
/// From this width on, figures have two columns.
const TWO_COLUMNS_FROM: u16 = 72;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, screen: &Overview, shared: &Shared) {
    let theme = Theme::of(shared);
    let mut rest = Rows { area };
    let Some(status) = &shared.status else {
        rest.put(frame, Line::styled(CONNECTING, theme.dim()));
        return;
    };
    health(frame, &mut rest, screen.problem, shared, theme);
    rest.skip();
    rest.put(frame, Line::styled(strings::FIGURES, theme.title()));
    for line in figures(status, area.width) {
        rest.put(frame, Line::raw(line));
    }
    rest.skip();
    spark(frame, &mut rest, strings::EVENTS_PER_MINUTE, &shared.history.events, theme);
    spark(frame, &mut rest, strings::COMMITS_PER_MINUTE, &shared.history.commits, theme);
    rest.skip();
    if rest.area.height > 1 && !status.listeners.is_empty() {
        rest.put(frame, Line::styled(strings::LISTENERS, theme.title()));
        for listener in &status.listeners {
            let tls = if listener.tls { " TLS" } else { "" };
            let text = format!("{}{tls}  {}", safe_text(&listener.address), safe_text(&listener.resources.join(" ")));
            rest.put(frame, Line::raw(cut(&text, usize::from(area.width))));
        }
    }
}

/// The remaining rows of the screen.
struct Rows {
    area: Rect,
}

impl Rows {
    /// Takes the next row. `None` if the screen is full.
    fn take(&mut self) -> Option<Rect> {
        let row = (self.area.height > 0).then_some(Rect { height: 1, ..self.area })?;
        self.area.y += 1;
        self.area.height -= 1;
        Some(row)
    }

    fn put(&mut self, frame: &mut Frame<'_>, line: Line<'_>) {
        if let Some(row) = self.take() {
            frame.render_widget(line, row);
        }
    }

    fn skip(&mut self) {
        self.take();
    }
}

fn health(frame: &mut Frame<'_>, rest: &mut Rows, selected: usize, shared: &Shared, theme: Theme) {
    let problems: Vec<&Problem> = problems(shared).collect();
    rest.put(frame, Line::styled(strings::PROBLEMS, theme.title()));
    if problems.is_empty() {
        rest.put(frame, Line::styled(strings::NO_PROBLEMS, theme.good()));
        return;
    }
    let selected = selected.min(problems.len() - 1);
    let first = selected / PROBLEMS_SHOWN * PROBLEMS_SHOWN;
    for (place, problem) in problems.iter().enumerate().skip(first).take(PROBLEMS_SHOWN) {
        let Some(row) = rest.take() else { return };
        let text = fit(&safe_text(&problem.what), usize::from(row.width).saturating_sub(6));
        let mut line = Line::from(vec![
            Span::styled(format!("{:<5} ", health_word(problem.level)), theme.health(problem.level)),
            Span::raw(text),
        ]);
        if place == selected {
            line = line.style(theme.selected());
            frame.set_cursor_position(Position { x: row.x, y: row.y });
        }
        frame.render_widget(line, row);
    }
}

/// Labels and figures, in one or two columns.
fn figures(status: &Status, columns: u16) -> Vec<String> {
    let used = status.disk_total_bytes.saturating_sub(status.disk_free_bytes);
    let percent = used.saturating_mul(100).checked_div(status.disk_total_bytes).unwrap_or(0);
    let relay = status.relay;
    let cells = [
        ("Version", safe_text(&status.version)),
        ("Up for", duration(status.uptime_s)),
        ("Users", count(status.users)),
        ("Memory", bytes(status.memory_resident_bytes)),
        ("Rooms", count(status.rooms)),
        ("Disk", format!("{} free, {percent} % used", bytes(status.disk_free_bytes))),
        (
            "Calls",
            relay.map_or_else(|| strings::NO_RELAY_SHORT.to_owned(), |it| strings::relayed(it.allocations, it.users)),
        ),
        ("Federation", strings::federation(status.federation.away, &count(status.federation.queued_events))),
        ("Events", count(status.events)),
        ("Database", format!("{} {}", safe_text(&status.store_engine), bytes(status.database_bytes))),
        ("Media", bytes(status.media_bytes)),
        ("WAL", bytes(status.wal_bytes)),
        ("Writes", format!("{}, {} waiting", count(status.commits), status.writer_queue)),
        ("Position", count(status.position)),
    ];
    let cell = |(label, value): &(&str, String), wide: usize| fit(&format!("{label:<10} {value}"), wide);
    if columns >= TWO_COLUMNS_FROM {
        let half = usize::from(columns) / 2;
        cells.chunks(2).map(|pair| pair.iter().map(|entry| cell(entry, half)).collect()).collect()
    } else {
        cells.iter().map(|entry| cell(entry, usize::from(columns))).collect()
    }
}

fn spark(frame: &mut Frame<'_>, rest: &mut Rows, label: &str, samples: &VecDeque<u64>, theme: Theme) {
    let Some(row) = rest.take() else { return };
    let now = samples.back().map_or_else(|| NONE.to_owned(), |sample| count(*sample));
    let label = format!("{label:<13}{now:>8} ");
    let start = u16::try_from(label.len()).unwrap_or(0).min(row.width);
    frame.render_widget(Line::raw(label), row);
    let bar = Rect { x: row.x + start, width: row.width - start, ..row };
    // The newest samples that fit; the right end is now.
    let shown = samples.len().min(usize::from(bar.width));
    let data: Vec<u64> = samples.iter().skip(samples.len() - shown).copied().collect();
    frame.render_widget(Sparkline::default().data(&data).style(theme.good()), bar);
}
