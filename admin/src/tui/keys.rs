//! The keys that work alike on every screen: one table for dispatch, help and key bar. The keys of a screen itself are
//! in its table of actions.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::screen::{AnyScreen, KeyRow, Step};
use super::strings;

/// What a key does while no overlay is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyAction {
    Step(Step),
    Left,
    Right,
    Open,
    Back,
    NextPane,
    PreviousPane,
    /// To a screen, by its place.
    Go(usize),
    Menu,
    /// An action of the screen, by its place in the table.
    Act(usize),
    Undo,
    Filter,
    Sort,
    Reverse,
    Copy,
    Command,
    Refresh,
    Repaint,
    Help,
    Quit,
}

/// Where a key makes sense.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    Menu,
    List,
    SortableList,
}

/// One row of the table.
struct Binding {
    action: KeyAction,
    keys: &'static [KeyCode],
    /// Whether Ctrl is held.
    ctrl: bool,
    /// The keys as shown in the help. Empty: not shown.
    label: &'static str,
    /// For the key bar.
    short: &'static str,
    help: &'static str,
    needs: Needs,
}

const fn key(
    action: KeyAction,
    keys: &'static [KeyCode],
    label: &'static str,
    short: &'static str,
    help: &'static str,
) -> Binding {
    Binding { action, keys, ctrl: false, label, short, help, needs: Needs::Nothing }
}

const fn ctrl(action: KeyAction, keys: &'static [KeyCode], label: &'static str, help: &'static str) -> Binding {
    Binding { action, keys, ctrl: true, label, short: "", help, needs: Needs::Nothing }
}

const fn needing(needs: Needs, binding: Binding) -> Binding {
    Binding { needs, ..binding }
}

/// The bindings before those of the screen, in the order of the help.
const MOVING: &[Binding] = &[
    key(KeyAction::Step(Step::Up), &[KeyCode::Up, KeyCode::Char('k')], "↑ k", "up", "up"),
    key(KeyAction::Step(Step::Down), &[KeyCode::Down, KeyCode::Char('j')], "↓ j", "down", "down"),
    key(KeyAction::Left, &[KeyCode::Left, KeyCode::Char('h')], "← h", "tab", "previous tab"),
    key(KeyAction::Right, &[KeyCode::Right, KeyCode::Char('l')], "→ l", "tab", "next tab"),
    key(KeyAction::Step(Step::PageUp), &[KeyCode::PageUp], "PgUp", "page", "page up"),
    key(KeyAction::Step(Step::PageDown), &[KeyCode::PageDown], "PgDn", "page", "page down"),
    key(KeyAction::Step(Step::First), &[KeyCode::Char('g'), KeyCode::Home], "g", "top", "to the top"),
    key(KeyAction::Step(Step::Last), &[KeyCode::Char('G'), KeyCode::End], "G", "end", "to the end"),
    key(KeyAction::Open, &[KeyCode::Enter], "Enter", "open", "open the selected item"),
    key(KeyAction::Back, &[KeyCode::Esc], "Esc", "back", "close, or clear the filter; never quits"),
    key(KeyAction::NextPane, &[KeyCode::Tab], "Tab", "next", "next tab, or next screen"),
    key(KeyAction::PreviousPane, &[KeyCode::BackTab], "Shift-Tab", "previous", "previous tab, or previous screen"),
    // The digits are dispatched by their number.
    key(KeyAction::Go(0), &[KeyCode::Char('1')], "1-9", "screen", "go to a screen"),
    needing(Needs::Menu, key(KeyAction::Menu, &[KeyCode::Char('a')], "a", "actions", "all actions")),
];

/// The bindings after those of the screen.
const OTHERS: &[Binding] = &[
    key(KeyAction::Undo, &[KeyCode::Char('u')], "u", "undo", "undo, within 10 s"),
    needing(Needs::List, key(KeyAction::Filter, &[KeyCode::Char('/')], "/", "filter", strings::HELP_FILTER)),
    needing(Needs::SortableList, key(KeyAction::Sort, &[KeyCode::Char('s')], "s", "sort", "sort by the next column")),
    needing(Needs::SortableList, key(KeyAction::Reverse, &[KeyCode::Char('S')], "S", "reverse", "reverse the order")),
    key(KeyAction::Copy, &[KeyCode::Char('y')], "y", "copy", "copy the id to the clipboard"),
    key(KeyAction::Command, &[KeyCode::Char(':')], ":", "command", "type a command; Tab completes it"),
    key(KeyAction::Refresh, &[KeyCode::Char('r')], "r", "reload", "reload"),
    ctrl(KeyAction::Repaint, &[KeyCode::Char('l')], "Ctrl-l", "redraw the screen"),
    key(KeyAction::Help, &[KeyCode::Char('?')], "?", "help", "this help"),
    key(KeyAction::Quit, &[KeyCode::Char('q')], "q", "quit", "quit; the server keeps running"),
    ctrl(KeyAction::Quit, &[KeyCode::Char('c')], "", ""),
];

impl Binding {
    fn works_on(&self, screen: &dyn AnyScreen) -> bool {
        let list = screen.panes().list;
        match self.needs {
            Needs::Nothing => true,
            Needs::Menu => screen.menu().is_some(),
            Needs::List => list.is_some(),
            Needs::SortableList => list.is_some_and(|list| list.is_sortable()),
        }
    }
}

/// The action of a key on a screen. The keys of the screen come first.
pub(crate) fn action(screen: &dyn AnyScreen, event: KeyEvent) -> Option<KeyAction> {
    if event.modifiers.contains(KeyModifiers::ALT) {
        return None;
    }
    let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
    if let (KeyCode::Char(c), false) = (event.code, ctrl) {
        if let Some(own) = screen.keys().into_iter().find(|row| row.key == c) {
            return Some(KeyAction::Act(own.action));
        }
        if let Some(number) = c.to_digit(10) {
            return number.checked_sub(1).map(|place| KeyAction::Go(place as usize));
        }
    }
    let hit = |binding: &&Binding| {
        // Without a list the filter key tells so.
        let works = binding.needs == Needs::List || binding.works_on(screen);
        works && binding.ctrl == ctrl && binding.keys.contains(&event.code)
    };
    MOVING.iter().chain(OTHERS).find(hit).map(|binding| binding.action)
}

/// The rows of a screen's help: the keys, and what they do.
pub(crate) fn help(screen: &dyn AnyScreen) -> Vec<(String, &'static str)> {
    let common = |bindings: &'static [Binding]| {
        let shown = bindings.iter().filter(|binding| !binding.label.is_empty() && binding.works_on(screen));
        shown.map(|binding| (binding.label.to_owned(), binding.help))
    };
    let mut rows: Vec<_> = common(MOVING).collect();
    rows.extend(screen.keys().into_iter().map(|KeyRow { key, help, .. }| (key.to_string(), help)));
    rows.extend(common(OTHERS));
    rows
}

/// The last line: the keys that the screen finds most useful, and those for help and for the way out.
pub(crate) fn bar(screen: &dyn AnyScreen) -> String {
    let opened = screen.panes().opened().is_some();
    let (keys, end) = if opened { (screen.detail_bar(), &["?"][..]) } else { (screen.bar(), &["?", "q"][..]) };
    let words = |entry: &&'static str| named(screen, entry).unwrap_or_else(|| (*entry).to_owned());
    keys.iter().chain(end).map(words).collect::<Vec<_>>().join("  ")
}

/// An entry of a key bar, `t` or `t own words`, with the words of the table if it has none. `None` if there is no such
/// key.
pub(crate) fn named(screen: &dyn AnyScreen, entry: &str) -> Option<String> {
    let (label, own) = entry.split_once(' ').unwrap_or((entry, ""));
    let mut keys = screen.keys().into_iter();
    let found = keys.find(|row| label.chars().eq([row.key])).map(|row| row.short);
    let is_it = |binding: &&Binding| binding.label.split(' ').any(|key| key == label);
    let short = found.or_else(|| MOVING.iter().chain(OTHERS).find(is_it).map(|binding| binding.short))?;
    Some(format!("{label} {}", if own.is_empty() { short } else { own }))
}

/// The meaning of a key in a text field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EditKey {
    Insert(char),
    Backspace,
    DeleteWord,
    Clear,
    /// Tab: completes a command, or moves to the next field.
    Next,
    Previous,
    Accept,
    Cancel,
}

/// Maps a key in a text field.
pub(crate) fn edit_key(event: KeyEvent) -> Option<EditKey> {
    let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
    Some(match event.code {
        KeyCode::Char('c') if ctrl => EditKey::Cancel,
        KeyCode::Char('u') if ctrl => EditKey::Clear,
        KeyCode::Char('w') if ctrl => EditKey::DeleteWord,
        KeyCode::Char(c) if !ctrl && !event.modifiers.contains(KeyModifiers::ALT) => EditKey::Insert(c),
        KeyCode::Backspace => EditKey::Backspace,
        KeyCode::Tab | KeyCode::Down => EditKey::Next,
        KeyCode::BackTab | KeyCode::Up => EditKey::Previous,
        KeyCode::Enter => EditKey::Accept,
        KeyCode::Esc => EditKey::Cancel,
        _ => return None,
    })
}

/// The meaning of a key in help, a menu, a confirmation or a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OverlayKey {
    Up,
    Down,
    /// Moves to the other button.
    Switch,
    /// Toggles the check box.
    Tick,
    Accept,
    Cancel,
    Copy,
    /// Any letter; it may belong to a menu item.
    Letter(char),
}

/// Maps a key in an overlay.
pub(crate) fn overlay_key(event: KeyEvent) -> Option<OverlayKey> {
    if event.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) {
        let cancel = event.modifiers == KeyModifiers::CONTROL && event.code == KeyCode::Char('c');
        return cancel.then_some(OverlayKey::Cancel);
    }
    Some(match event.code {
        KeyCode::Up => OverlayKey::Up,
        KeyCode::Down => OverlayKey::Down,
        KeyCode::Left | KeyCode::Right | KeyCode::Tab | KeyCode::BackTab => OverlayKey::Switch,
        KeyCode::Char(' ') => OverlayKey::Tick,
        KeyCode::Enter => OverlayKey::Accept,
        KeyCode::Esc => OverlayKey::Cancel,
        KeyCode::Char('y') => OverlayKey::Copy,
        KeyCode::Char(c) => OverlayKey::Letter(c),
        _ => return None,
    })
}
