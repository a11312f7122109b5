//! The screen of the relay for calls: how it is, and one of its parts below.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::text::{cut, fit, safe_text};
use crate::tui::state::{CallsPart, Held, Person, Screen, State, Tested};
use crate::tui::strings::{self, say};
use crate::wire::{HealthLevel, RelayCheck, RelayStatus};

use super::chrome::{CHROME_ROWS, wrapped};
use super::detail::{facts, or_none, tab_line};
use super::format::{self, ago, bytes, count, duration};
use super::table::{self, Column};
use super::theme::{Theme, health_word};

/// Columns of the word before a sentence, and of the space after it.
const WORD: usize = 6;

const HELD: &[Column<Held>] = &[
    Column::text("User", 0, 0, |call: &Held, _| call.allocation.user_id.clone()).sorted(0),
    Column::text("By", 3, 0, |call: &Held, _| call.allocation.transport.clone()),
    Column::text("Device at", 21, 112, |call: &Held, _| call.allocation.client.clone()),
    Column::text("Relayed as", 21, 136, |call: &Held, _| call.allocation.relayed.join(" ")),
    Column::text("Talks to", 15, 76, |call: &Held, _| peers(call)),
    Column::figure("For", 6, 0, |call: &Held, _| format::span(call.allocation.age_s)).sorted(1),
    Column::figure("Sent", 7, 52, |call: &Held, _| bytes(call.allocation.bytes_out)).sorted(2),
    Column::figure("Got", 7, 52, |call: &Held, _| bytes(call.allocation.bytes_in)).sorted(3),
    Column::figure("Now", 9, 0, |call: &Held, _| rate(call.rate)).sorted(4),
];

const PEOPLE: &[Column<Person>] = &[
    Column::text("User", 0, 0, |person: &Person, _| person.user.user_id.clone()).sorted(0),
    Column::figure("Held now", 9, 0, |person: &Person, _| person.user.allocations.to_string()).sorted(1),
    Column::figure("Ended", 8, 52, |person: &Person, _| count(person.user.ended)).sorted(2),
    Column::figure("Relayed", 8, 0, |person: &Person, _| bytes(person.user.relayed_bytes)).sorted(3),
    Column::figure("Now", 9, 52, |person: &Person, _| rate(person.rate)).sorted(4),
];

/// The first one, and how many more there are.
fn peers(call: &Held) -> String {
    match &call.allocation.peers[..] {
        [] => strings::NONE.to_owned(),
        [one] => one.clone(),
        [one, others @ ..] => format!("{one} +{}", others.len()),
    }
}

fn rate(rate: Option<u64>) -> String {
    rate.map_or_else(|| strings::NONE.to_owned(), format::rate)
}

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &State, theme: Theme) {
    let calls = &state.calls;
    let columns = usize::from(area.width);
    let Some(relay) = &calls.relay else {
        frame.render_widget(Line::styled(strings::LOADING, theme.dim()), Rect { height: 1, ..area });
        return;
    };
    if !relay.running {
        text_at(frame, area, state, text(state, relay, columns, theme), theme);
        return;
    }
    let head = head(state, relay, area.width, area.height, theme);
    let below = u16::try_from(head.len()).unwrap_or(area.height);
    lines_at(frame, area, head);
    let tabs = Rect { y: area.y + below, height: 1, ..area };
    frame.render_widget(tab_line(&strings::CALLS_PARTS, calls.part.index(), theme), tabs);
    let body = Rect { y: tabs.y + 1, height: area.height.saturating_sub(below + 1), ..area };
    match calls.part {
        CallsPart::Now => {
            table::draw(frame, body, state, &calls.now, HELD, strings::empty(Screen::Calls), |_, _| Style::new());
        }
        CallsPart::People => {
            table::draw(frame, body, state, &calls.people, PEOPLE, strings::UNUSED_RELAY, |_, _| Style::new());
        }
        CallsPart::Relay | CallsPart::Test => {
            text_at(frame, body, state, text(state, relay, columns, theme), theme);
        }
    }
}

/// Text from where it is scrolled to, as far down as leaves no row empty; says so when there is more of it.
fn text_at(frame: &mut Frame<'_>, area: Rect, state: &State, mut lines: Vec<Line<'_>>, theme: Theme) {
    let rows = usize::from(area.height);
    lines.drain(..state.calls.scroll.min(lines.len().saturating_sub(rows)));
    if lines.len() > rows {
        let hidden = lines.len() - rows.saturating_sub(1);
        lines.truncate(rows.saturating_sub(1));
        lines.push(Line::styled(say::more_below(hidden), theme.dim()));
    }
    lines_at(frame, area, lines);
    frame.set_cursor_position(Position { x: area.x, y: area.y });
}

fn lines_at(frame: &mut Frame<'_>, area: Rect, lines: Vec<Line<'_>>) {
    for (y, line) in (area.y..area.bottom()).zip(lines) {
        frame.render_widget(line, Rect { y, height: 1, ..area });
    }
}

/// How far the part that is text can be scrolled: to where its last line is the last on the screen.
pub(crate) fn text_scroll_max(state: &State) -> usize {
    let Some(relay) = &state.calls.relay else { return 0 };
    let theme = Theme { color: false };
    let (columns, rows) = (state.size.0, state.size.1.saturating_sub(CHROME_ROWS));
    let above = if relay.running { head(state, relay, columns, rows, theme).len() + 1 } else { 0 };
    text(state, relay, usize::from(columns), theme).len().saturating_sub(usize::from(rows).saturating_sub(above))
}

fn text(state: &State, relay: &RelayStatus, columns: usize, theme: Theme) -> Vec<Line<'static>> {
    match state.calls.part {
        _ if !relay.running => absence(state, relay, columns, theme),
        CallsPart::Test => test(state, relay, columns, theme),
        _ => external_address(relay, columns, theme),
    }
}

/// A word with a style, and a sentence beside it on as many lines as it takes.
fn remark(word: &'static str, style: Style, text: &str, columns: usize) -> Vec<Line<'static>> {
    let parts = wrapped(&safe_text(text), columns.saturating_sub(WORD));
    let line = |(place, part): (usize, String)| {
        Line::from(vec![Span::styled(fit(if place == 0 { word } else { "" }, WORD), style), Span::raw(part)])
    };
    parts.into_iter().enumerate().map(line).collect()
}

/// Why no relay runs, what to do, where clients are sent instead, and the last test.
fn absence(state: &State, relay: &RelayStatus, columns: usize, theme: Theme) -> Vec<Line<'static>> {
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
    // What else calls need can be tested all the same.
    let words = testing(state);
    if words.is_some() || state.calls.test.last.is_some() {
        lines.push(Line::default());
        lines.extend(words.map(Line::raw));
        lines.extend(test(state, relay, columns, theme));
    }
    lines
}

/// How it is, in a line; what is wrong; how the last test went. Never more than a third: the list counts more.
fn head(state: &State, relay: &RelayStatus, columns: u16, rows: u16, theme: Theme) -> Vec<Line<'static>> {
    let columns = usize::from(columns);
    let level = if relay.warnings.is_empty() { HealthLevel::Ok } else { HealthLevel::Warn };
    let people = relay.users.iter().filter(|user| user.allocations > 0).count();
    let rate = state.calls.rate().map(format::rate);
    let runs = say::relay_runs(relay.allocations.len(), people, rate.as_deref());
    let mut lines = remark(health_word(level), theme.health(level), &runs, columns);
    let warnings: Vec<_> =
        relay.warnings.iter().flat_map(|warning| remark("", Style::new(), warning, columns)).collect();
    // Whole where there are few; the rest is on the part about the relay.
    let shown = if warnings.len() > 4 { 3 } else { warnings.len() };
    let hidden = warnings.len() - shown;
    lines.extend(warnings.into_iter().take(shown));
    if hidden > 0 {
        lines.extend(remark("", theme.dim(), &say::more_warnings(hidden), columns));
    }
    let (style, words) = last_test(state, theme);
    lines.push(Line::styled(cut(&format!("{:WORD$}{words}", ""), columns), style));
    lines.truncate(usize::from(rows / 3).max(1));
    lines
}

fn last_test(state: &State, theme: Theme) -> (Style, String) {
    let test = &state.calls.test;
    if let Some(words) = testing(state) {
        return (theme.dim(), words);
    }
    let Some(tested) = &test.last else { return (theme.dim(), strings::NEVER_TESTED.to_owned()) };
    let when = when(state, tested);
    match &tested.result {
        Ok(checks) => {
            let working = checks.iter().filter(|check| check.works).count();
            let style = if working == checks.len() { theme.good() } else { theme.warning() };
            (style, say::tested(&when, checks.len(), working))
        }
        Err(_) => (theme.warning(), say::test_failed(&when)),
    }
}

/// How far the running test is, if one runs.
fn testing(state: &State) -> Option<String> {
    let since = state.calls.test.since?;
    Some(say::testing(state.calls.ways(), state.ticks.saturating_sub(since)))
}

fn when(state: &State, tested: &Tested) -> String {
    match state.now_ms().saturating_sub(tested.at_ms) {
        0..60_000 => strings::JUST_NOW.to_owned(),
        _ => ago(state.now_ms(), tested.at_ms),
    }
}

/// Where it is, and what it refused.
fn external_address(relay: &RelayStatus, columns: usize, theme: Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for warning in &relay.warnings {
        lines.extend(remark(health_word(HealthLevel::Warn), theme.warning(), warning, columns));
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

/// The test that is running, or what came of the last one.
fn test(state: &State, relay: &RelayStatus, columns: usize, theme: Theme) -> Vec<Line<'static>> {
    let test = &state.calls.test;
    if test.since.is_some() {
        return relay.uris.iter().flat_map(|uri| remark(strings::WAITING, theme.dim(), uri, columns)).collect();
    }
    let Some(tested) = &test.last else {
        return wrapped(strings::NEVER_TESTED, columns).into_iter().map(Line::raw).collect();
    };
    match &tested.result {
        Err(why) => remark(strings::FAILS, theme.danger(), why, columns),
        Ok(checks) => {
            let words = say::test_ended(&when(state, tested));
            let mut lines: Vec<_> = wrapped(&words, columns).into_iter().map(Line::raw).collect();
            lines.extend(checks.iter().flat_map(|check| one_way(check, columns, theme)));
            lines
        }
    }
}

/// One way to the relay: whether it works, how well, and what to do if not.
fn one_way(check: &RelayCheck, columns: usize, theme: Theme) -> Vec<Line<'static>> {
    let (word, style) = if check.works { (strings::WORKS, theme.good()) } else { (strings::FAILS, theme.danger()) };
    let mut lines = remark(word, style, &check.uri, columns);
    let figures = match (check.round_trip_ms, check.lost) {
        (Some(ms), Some(lost)) => format!("{} ", say::round_trip(ms, lost * 100.0)),
        _ => String::new(),
    };
    lines.extend(remark("", Style::new(), &format!("{figures}{}", check.message), columns));
    lines
}

/// Everything about one relayed address.
pub(super) fn lines(call: &Held, tab: usize, columns: usize) -> Vec<String> {
    let one = &call.allocation;
    if tab == 1 {
        return or_none(one.peers.iter().map(|peer| fit(&safe_text(peer), columns)));
    }
    let now = call.rate.map_or_else(|| strings::RATE_UNKNOWN.to_owned(), format::rate);
    facts(
        columns,
        &[
            ("User", one.user_id.clone()),
            ("Device at", one.client.clone()),
            ("By", one.transport.to_uppercase()),
            ("Relayed as", one.relayed.join(" ")),
            ("Talks to", if one.peers.is_empty() { strings::NONE.to_owned() } else { one.peers.join(" ") }),
            ("For", duration(one.age_s)),
            ("Sent", say::traffic(&bytes(one.bytes_out), &count(one.packets_out))),
            ("Got", say::traffic(&bytes(one.bytes_in), &count(one.packets_in))),
            ("Now", now),
            ("Id", one.id.clone()),
        ],
    )
}
