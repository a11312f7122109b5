//! Draws overlays as a box in the middle of the screen, or over all of it on small terminals.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear};

use crate::text::{cut, fit, safe_text, width};
use crate::tui::keys;
use crate::tui::parts::{Confirm, FieldValue, Form, Info, Menu, MenuItem, Overlay, TypedConfirm};
use crate::tui::screen::AnyScreen;
use crate::tui::state::State;
use crate::tui::strings;

use super::chrome::tail;
use super::facts::wrapped;
use super::theme::Theme;

/// Largest width of the box, in columns.
const BOX_WIDTH_MAX: u16 = 64;
/// Columns of border and padding.
const FRAME_COLUMNS: u16 = 4;

/// The content of a box.
struct Sheet<'a> {
    title: &'a str,
    lines: Vec<Line<'a>>,
    hint: &'static str,
    danger: bool,
    /// First visible line.
    scroll: usize,
    /// Cursor position: line and column within the content.
    cursor: Option<(usize, usize)>,
}

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &State, overlay: &Overlay, theme: Theme) {
    let wide = usize::from(area.width.min(BOX_WIDTH_MAX).saturating_sub(FRAME_COLUMNS));
    let sheet = match overlay {
        Overlay::Help { scroll } => help(state.screen(), *scroll),
        Overlay::Menu(menu) => menu_sheet(menu, wide, theme),
        Overlay::Confirm(confirm) => confirm_sheet(confirm, wide, theme),
        Overlay::TypedConfirm(typed) => typed_sheet(typed, wide, theme),
        Overlay::Form(form) => form_sheet(form, wide, theme),
        Overlay::Secret(secret) => text_sheet(&secret.title, &secret.lines, wide, strings::SECRET_HINT, 0),
        Overlay::Info(info) => info_sheet(info, wide, state.shared.settings.ascii, theme),
    };
    paint(frame, area, sheet, theme);
}

fn paint(frame: &mut Frame<'_>, area: Rect, sheet: Sheet<'_>, theme: Theme) {
    // Border above and below, and the hints.
    let height = u16::try_from(sheet.lines.len()).unwrap_or(u16::MAX).saturating_add(3);
    // An overlay is more important than the frame, so it may cover the whole terminal.
    let area = if height > area.height { frame.area() } else { area };
    let height = height.min(area.height);
    let width = area.width.min(BOX_WIDTH_MAX);
    let outer = Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    let style = if sheet.danger { theme.danger() } else { theme.title() };
    let title = format!(" {} ", cut(sheet.title, usize::from(width.saturating_sub(FRAME_COLUMNS + 2))));
    let block = Block::bordered().border_style(style).title(Line::styled(title, style));
    let inner = block.inner(outer);
    frame.render_widget(Clear, outer);
    frame.render_widget(block, outer);
    let text = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
    let room = usize::from(text.height.saturating_sub(1));
    let total = sheet.lines.len();
    let first = sheet.scroll.min(total.saturating_sub(room));
    let row = |offset: u16| Rect { y: text.y + offset, height: 1, ..text };
    for (offset, line) in (0..text.height.saturating_sub(1)).zip(sheet.lines.into_iter().skip(first)) {
        frame.render_widget(line, row(offset));
    }
    if text.height > 0 {
        let more = if first + room < total { strings::MORE_HINT } else { "" };
        frame.render_widget(Line::styled(format!("{more}{}", sheet.hint), theme.dim()), row(text.height - 1));
    }
    let cursor = sheet.cursor.filter(|(line, _)| *line >= first && line - first < room).unwrap_or((first, 0));
    let at = |value: usize| u16::try_from(value).unwrap_or(u16::MAX);
    frame.set_cursor_position(Position {
        x: text.x + at(cursor.1).min(text.width.saturating_sub(1)),
        y: text.y + at(cursor.0 - first).min(text.height.saturating_sub(1)),
    });
}

fn text_sheet<'a>(title: &'a str, lines: &'a [String], wide: usize, hint: &'static str, scroll: usize) -> Sheet<'a> {
    Sheet { title, lines: broken(lines, wide), hint, danger: false, scroll, cursor: None }
}

/// A text, with its QR code above it unless the terminal has only ASCII.
fn info_sheet(info: &Info, wide: usize, ascii: bool, theme: Theme) -> Sheet<'_> {
    let mut sheet = text_sheet(&info.title, &info.lines, wide, strings::CLOSE_HINT, info.scroll);
    if !ascii && info.qr.iter().all(|line| width(line) <= wide) {
        let code = info.qr.iter().map(|line| Line::from(Span::styled(line.as_str(), theme.qr())));
        sheet.lines.splice(0..0, code);
    }
    sheet
}

/// Wraps lines to the box. Empty lines are kept.
fn broken(lines: &[String], wide: usize) -> Vec<Line<'static>> {
    let mut out = Vec::new();
    for line in lines {
        if line.is_empty() {
            out.push(Line::default());
        } else if width(line) <= wide {
            out.push(Line::raw(line.clone()));
        } else {
            out.extend(wrapped(line, wide).into_iter().map(Line::raw));
        }
    }
    out
}

fn help(screen: &dyn AnyScreen, scroll: usize) -> Sheet<'static> {
    let line = |(label, help): (String, &str)| Line::raw(format!("{} {help}", fit(&label, 10)));
    Sheet {
        title: strings::HELP_TITLE,
        lines: keys::help(screen).into_iter().map(line).collect(),
        hint: strings::CLOSE_HINT,
        danger: false,
        scroll,
        cursor: None,
    }
}

fn menu_sheet(menu: &Menu, wide: usize, theme: Theme) -> Sheet<'_> {
    let line = |(place, MenuItem { key, label, .. }): (usize, &MenuItem)| {
        let style = if place == menu.selected { theme.selected() } else { Style::new() };
        Line::styled(fit(&format!("{key}  {label}"), wide), style)
    };
    Sheet {
        title: &menu.title,
        lines: menu.items.iter().enumerate().map(line).collect(),
        hint: strings::MENU_HINT,
        danger: false,
        scroll: menu.selected,
        cursor: Some((menu.selected, 0)),
    }
}

fn confirm_sheet<'a>(confirm: &'a Confirm, wide: usize, theme: Theme) -> Sheet<'a> {
    let mut lines = Vec::new();
    if confirm.danger {
        lines.push(Line::styled(strings::DELETE_MARK, theme.danger()));
    }
    lines.extend(broken(&confirm.lines, wide));
    if let Some(toggle) = &confirm.toggle {
        let mark = if toggle.on { "[x]" } else { "[ ]" };
        lines.push(Line::raw(format!("{mark} {}  (Space)", toggle.label)));
    }
    lines.push(Line::default());
    let style = |chosen: bool| if chosen { theme.selected() } else { Style::new() };
    lines.push(Line::from(vec![
        Span::styled(format!("[ {} ]", strings::BUTTON_NO), style(!confirm.yes)),
        Span::raw("   "),
        Span::styled(format!("[ {} ]", confirm.verb), style(confirm.yes)),
    ]));
    // The cursor is on the selected button, for screen readers.
    let column = if confirm.yes { strings::BUTTON_NO.len() + 7 } else { 0 };
    let cursor = Some((lines.len() - 1, column));
    // Scroll to the end: the buttons must be visible.
    let scroll = lines.len();
    Sheet { title: &confirm.title, lines, hint: strings::CONFIRM_HINT, danger: confirm.danger, scroll, cursor }
}

fn typed_sheet<'a>(typed: &'a TypedConfirm, wide: usize, theme: Theme) -> Sheet<'a> {
    let mut lines = vec![Line::styled(strings::DELETE_MARK, theme.danger())];
    lines.extend(broken(&typed.lines, wide));
    lines.push(Line::raw(strings::TYPE_TO_CONFIRM));
    lines.push(Line::styled(safe_text(&typed.expected), theme.danger()));
    let text = format!("> {}", tail(&typed.input, wide.saturating_sub(3)));
    let cursor = Some((lines.len(), width(&text)));
    lines.push(Line::raw(text));
    let scroll = lines.len();
    Sheet { title: &typed.title, lines, hint: strings::CLOSE_HINT, danger: true, scroll, cursor }
}

fn form_sheet<'a>(form: &'a Form, wide: usize, theme: Theme) -> Sheet<'a> {
    let label_width = form.fields.iter().map(|field| width(field.label)).max().unwrap_or(0) + 2;
    let room = wide.saturating_sub(label_width + 1);
    let mut lines = Vec::new();
    let mut cursor = None;
    for (place, field) in form.fields.iter().enumerate() {
        let value = match &field.value {
            FieldValue::Text(input) => tail(input, room),
            FieldValue::Switch(true) => "[x]".to_owned(),
            FieldValue::Switch(false) => "[ ]".to_owned(),
            FieldValue::Document(text) => strings::phrase::document(text.lines().count()),
        };
        let focused = place == form.focus;
        if focused {
            let inside = if matches!(field.value, FieldValue::Switch(_)) { 1 } else { width(&value) };
            cursor = Some((place, label_width + inside));
        }
        let label = Span::styled(fit(field.label, label_width), if focused { theme.title() } else { theme.dim() });
        let value = Span::styled(fit(&value, room), if focused { theme.selected() } else { Style::new() });
        lines.push(Line::from(vec![label, value]));
    }
    lines.push(form.error.map_or_else(Line::default, |error| Line::styled(error, theme.danger())));
    let scroll = form.focus;
    Sheet { title: form.title, lines, hint: strings::FORM_HINT, danger: false, scroll, cursor }
}
