//! Draws the calls screen: the relay's state above, one part below.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::Line;

use crate::text::{cut, safe_text};
use crate::tui::screen::Screen;
use crate::tui::state::{CHROME_ROWS, Shared};
use crate::tui::strings::LOADING;
use crate::tui::view::facts::{WORD, labelled, tab_line, wrapped};
use crate::tui::view::format::{self, ago, count};
use crate::tui::view::theme::{Theme, health_word};
use crate::wire::{HealthLevel, RelayCheck, RelayStatus};

use super::{Calls, CallsPart, RelayTestResult, strings};

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, calls: &Calls, shared: &Shared) {
    let theme = Theme::of(shared);
    let columns = usize::from(area.width);
    let Some(relay) = &calls.relay else {
        frame.render_widget(Line::styled(LOADING, theme.dim()), Rect { height: 1, ..area });
        return;
    };
    if !relay.running {
        text_at(frame, area, calls, text(calls, relay, columns, shared), theme);
        return;
    }
    let head = head(calls, relay, area.width, area.height, shared);
    let below = u16::try_from(head.len()).unwrap_or(area.height);
    lines_at(frame, area, head);
    let tabs = Rect { y: area.y + below, height: 1, ..area };
    frame.render_widget(tab_line(&strings::CALLS_PARTS, calls.part.index(), theme), tabs);
    let body = Rect { y: tabs.y + 1, height: area.height.saturating_sub(below + 1), ..area };
    match calls.panes().list {
        Some(list) => list.draw(frame, body, shared),
        None => text_at(frame, body, calls, text(calls, relay, columns, shared), theme),
    }
}

/// Draws text from the scroll position, never beyond the last page. Shows a hint if there is more below.
fn text_at(frame: &mut Frame<'_>, area: Rect, calls: &Calls, mut lines: Vec<Line<'_>>, theme: Theme) {
    let rows = usize::from(area.height);
    lines.drain(..calls.scroll.min(lines.len().saturating_sub(rows)));
    if lines.len() > rows {
        let hidden = lines.len() - rows.saturating_sub(1);
        lines.truncate(rows.saturating_sub(1));
        lines.push(Line::styled(strings::more_below(hidden), theme.dim()));
    }
    lines_at(frame, area, lines);
    frame.set_cursor_position(Position { x: area.x, y: area.y });
}

fn lines_at(frame: &mut Frame<'_>, area: Rect, lines: Vec<Line<'_>>) {
    for (y, line) in (area.y..area.bottom()).zip(lines) {
        frame.render_widget(line, Rect { y, height: 1, ..area });
    }
}

/// The largest scroll position of a text part: its last line is then the last row.
pub(super) fn text_scroll_max(calls: &Calls, shared: &Shared) -> usize {
    let Some(relay) = &calls.relay else { return 0 };
    let (columns, rows) = (shared.size.0, shared.size.1.saturating_sub(CHROME_ROWS));
    let above = if relay.running { head(calls, relay, columns, rows, shared).len() + 1 } else { 0 };
    text(calls, relay, usize::from(columns), shared).len().saturating_sub(usize::from(rows).saturating_sub(above))
}

fn text(calls: &Calls, relay: &RelayStatus, columns: usize, shared: &Shared) -> Vec<Line<'static>> {
    match calls.part {
        _ if !relay.running => absence_lines(calls, relay, columns, shared),
        CallsPart::Test => test(calls, relay, columns, shared),
        _ => external_address(relay, columns, Theme::of(shared)),
    }
}

/// Why no relay runs, what to do, which URIs clients get instead, and the last test.
fn absence_lines(calls: &Calls, relay: &RelayStatus, columns: usize, shared: &Shared) -> Vec<Line<'static>> {
    let theme = Theme::of(shared);
    let mut lines = vec![Line::styled(strings::NO_RELAY, theme.warning())];
    let why = safe_text(relay.absence.as_deref().unwrap_or_default());
    lines.extend(wrapped(&why, columns).into_iter().map(Line::raw));
    lines.push(Line::default());
    if relay.uris.is_empty() {
        lines.extend(wrapped(strings::WITHOUT_RELAY, columns).into_iter().map(Line::raw));
    } else {
        lines.push(Line::styled(strings::SENT_TO, theme.title()));
        lines.extend(relay.uris.iter().map(|uri| indented(uri, columns)));
    }
    // The test also covers other servers that clients are sent to.
    let words = testing(calls, shared);
    if words.is_some() || calls.test.last.is_some() {
        lines.push(Line::default());
        lines.extend(words.map(Line::raw));
        lines.extend(test(calls, relay, columns, shared));
    }
    lines
}

/// The state, the warnings and the last test. At most a third of the rows, as the list matters more.
fn head(calls: &Calls, relay: &RelayStatus, columns: u16, rows: u16, shared: &Shared) -> Vec<Line<'static>> {
    let theme = Theme::of(shared);
    let columns = usize::from(columns);
    let level = if relay.warnings.is_empty() { HealthLevel::Ok } else { HealthLevel::Warn };
    let users = relay.users.iter().filter(|user| user.allocations > 0).count();
    let rate = calls.rate().map(format::rate);
    let runs = strings::relay_runs(relay.allocations.len(), users, rate.as_deref());
    let mut lines = labelled(health_word(level), theme.health(level), &runs, columns);
    let warnings: Vec<_> =
        relay.warnings.iter().flat_map(|warning| labelled("", Style::new(), warning, columns)).collect();
    // All warnings if there are few; the relay part shows the rest.
    let shown = if warnings.len() > 4 { 3 } else { warnings.len() };
    let hidden = warnings.len() - shown;
    lines.extend(warnings.into_iter().take(shown));
    if hidden > 0 {
        lines.extend(labelled("", theme.dim(), &strings::more_warnings(hidden), columns));
    }
    let (style, words) = last_test(calls, shared);
    lines.push(Line::styled(cut(&format!("{:WORD$}{words}", ""), columns), style));
    lines.truncate(usize::from(rows / 3).max(1));
    lines
}

fn last_test(calls: &Calls, shared: &Shared) -> (Style, String) {
    let theme = Theme::of(shared);
    let test = &calls.test;
    if let Some(words) = testing(calls, shared) {
        return (theme.dim(), words);
    }
    let Some(tested) = &test.last else { return (theme.dim(), strings::NEVER_TESTED.to_owned()) };
    let when = when(shared, tested);
    match &tested.result {
        Ok(checks) => {
            let working = checks.iter().filter(|check| check.works).count();
            let style = if working == checks.len() { theme.good() } else { theme.warning() };
            (style, strings::tested(&when, checks.len(), working))
        }
        Err(_) => (theme.warning(), strings::test_failed(&when)),
    }
}

/// Progress of the running test.
fn testing(calls: &Calls, shared: &Shared) -> Option<String> {
    let since = calls.test.since?;
    Some(strings::testing(calls.ways(), shared.ticks.saturating_sub(since)))
}

fn when(shared: &Shared, tested: &RelayTestResult) -> String {
    match shared.now_ms().saturating_sub(tested.at_ms) {
        0..60_000 => strings::JUST_NOW.to_owned(),
        _ => ago(shared.now_ms(), tested.at_ms),
    }
}

/// External addresses and refusals.
fn external_address(relay: &RelayStatus, columns: usize, theme: Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for warning in &relay.warnings {
        lines.extend(labelled(health_word(HealthLevel::Warn), theme.warning(), warning, columns));
    }
    let mut list = |title: &'static str, items: Vec<String>, none: &str| {
        lines.push(Line::styled(title, theme.title()));
        if items.is_empty() {
            lines.push(indented(none, columns));
        }
        lines.extend(items.iter().map(|item| indented(item, columns)));
    };
    list(strings::SENT_TO, relay.uris.clone(), strings::SENT_NOWHERE);
    list(strings::SEEN_AS, relay.public.clone(), strings::SEEN_NOWHERE);
    let refused = relay.refused.iter().map(|it| format!("{:>9}  {}", count(it.count), it.words()));
    list(strings::REFUSED, refused.collect(), strings::REFUSED_NOTHING);
    lines
}

fn indented(text: &str, columns: usize) -> Line<'static> {
    Line::raw(cut(&format!("  {}", safe_text(text)), columns))
}

/// The running test, or the result of the last one.
fn test(calls: &Calls, relay: &RelayStatus, columns: usize, shared: &Shared) -> Vec<Line<'static>> {
    let theme = Theme::of(shared);
    let test = &calls.test;
    if test.since.is_some() {
        return relay.uris.iter().flat_map(|uri| labelled(strings::WAITING, theme.dim(), uri, columns)).collect();
    }
    let Some(tested) = &test.last else {
        return wrapped(strings::NEVER_TESTED, columns).into_iter().map(Line::raw).collect();
    };
    match &tested.result {
        Err(why) => labelled(strings::FAILS, theme.danger(), why, columns),
        Ok(checks) => {
            let words = strings::test_ended(&when(shared, tested));
            let mut lines: Vec<_> = wrapped(&words, columns).into_iter().map(Line::raw).collect();
            lines.extend(checks.iter().flat_map(|check| check_lines(check, columns, theme)));
            lines
        }
    }
}

/// One relay URI: whether it works, its round trip, and what to do if it fails.
fn check_lines(check: &RelayCheck, columns: usize, theme: Theme) -> Vec<Line<'static>> {
    let (word, style) = if check.works { (strings::WORKS, theme.good()) } else { (strings::FAILS, theme.danger()) };
    let mut lines = labelled(word, style, &check.uri, columns);
    let figures = match (check.round_trip_ms, check.lost) {
        (Some(ms), Some(lost)) => format!("{} ", strings::round_trip(ms, lost * 100.0)),
        _ => String::new(),
    };
    lines.extend(labelled("", Style::new(), &format!("{figures}{}", check.message), columns));
    lines
}
