//! The key bindings: one table for both handling and help.
//!
//! No unmodified key destroys anything: dangerous actions first open a confirmation.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::state::Screen;

/// The action of a key while no overlay is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    First,
    Last,
    Open,
    Back,
    NextPane,
    PreviousPane,
    Go(Screen),
    Command,
    Filter,
    Sort,
    Reverse,
    Menu,
    New,
    Revoke,
    /// Try to reach a server now.
    Retry,
    /// Test every relay URI.
    Test,
    Disconnect,
    Undo,
    Pause,
    Level,
    Copy,
    Refresh,
    Repaint,
    Help,
    Quit,
}

/// One row of the table.
pub(crate) struct Binding {
    pub(crate) action: Action,
    keys: &'static [KeyCode],
    /// Whether Ctrl is held.
    ctrl: bool,
    /// The keys as shown in the help. Empty: not shown.
    pub(crate) label: &'static str,
    /// The screens where it works. Empty: all.
    screens: &'static [Screen],
}

const LISTS: &[Screen] =
    &[Screen::Users, Screen::Rooms, Screen::Log, Screen::Tokens, Screen::Federation, Screen::Calls];
const TABLES: &[Screen] = &[Screen::Users, Screen::Rooms, Screen::Tokens, Screen::Federation, Screen::Calls];

const fn key(action: Action, keys: &'static [KeyCode], label: &'static str, screens: &'static [Screen]) -> Binding {
    Binding { action, keys, ctrl: false, label, screens }
}

const fn ctrl(action: Action, keys: &'static [KeyCode], label: &'static str) -> Binding {
    Binding { action, keys, ctrl: true, label, screens: &[] }
}

/// The bindings, in the order of the help.
const BINDINGS: &[Binding] = &[
    key(Action::Up, &[KeyCode::Up, KeyCode::Char('k')], "↑ k", &[]),
    key(Action::Down, &[KeyCode::Down, KeyCode::Char('j')], "↓ j", &[]),
    key(Action::Left, &[KeyCode::Left, KeyCode::Char('h')], "← h", &[]),
    key(Action::Right, &[KeyCode::Right, KeyCode::Char('l')], "→ l", &[]),
    key(Action::PageUp, &[KeyCode::PageUp], "PgUp", &[]),
    key(Action::PageDown, &[KeyCode::PageDown], "PgDn", &[]),
    key(Action::First, &[KeyCode::Char('g'), KeyCode::Home], "g", &[]),
    key(Action::Last, &[KeyCode::Char('G'), KeyCode::End], "G", &[]),
    key(Action::Open, &[KeyCode::Enter], "Enter", &[]),
    key(Action::Back, &[KeyCode::Esc], "Esc", &[]),
    key(Action::NextPane, &[KeyCode::Tab], "Tab", &[]),
    key(Action::PreviousPane, &[KeyCode::BackTab], "Shift-Tab", &[]),
    key(Action::Go(Screen::Dashboard), &[KeyCode::Char('1')], "1-7", &[]),
    key(Action::Go(Screen::Users), &[KeyCode::Char('2')], "", &[]),
    key(Action::Go(Screen::Rooms), &[KeyCode::Char('3')], "", &[]),
    key(Action::Go(Screen::Log), &[KeyCode::Char('4')], "", &[]),
    key(Action::Go(Screen::Tokens), &[KeyCode::Char('5')], "", &[]),
    key(Action::Go(Screen::Federation), &[KeyCode::Char('6')], "", &[]),
    key(Action::Go(Screen::Calls), &[KeyCode::Char('7')], "", &[]),
    key(Action::Menu, &[KeyCode::Char('a')], "a", &[Screen::Users, Screen::Tokens, Screen::Federation, Screen::Calls]),
    key(Action::New, &[KeyCode::Char('n')], "n", &[Screen::Users, Screen::Tokens]),
    key(Action::Revoke, &[KeyCode::Char('x')], "x", &[Screen::Tokens]),
    key(Action::Retry, &[KeyCode::Char('t')], "t", &[Screen::Federation]),
    key(Action::Test, &[KeyCode::Char('t')], "t", &[Screen::Calls]),
    key(Action::Disconnect, &[KeyCode::Char('x')], "x", &[Screen::Calls]),
    key(Action::Undo, &[KeyCode::Char('u')], "u", &[Screen::Users]),
    key(Action::Filter, &[KeyCode::Char('/')], "/", LISTS),
    key(Action::Sort, &[KeyCode::Char('s')], "s", TABLES),
    key(Action::Reverse, &[KeyCode::Char('S')], "S", TABLES),
    key(Action::Pause, &[KeyCode::Char('p')], "p", &[Screen::Log]),
    key(Action::Level, &[KeyCode::Char('v')], "v", &[Screen::Log]),
    key(Action::Copy, &[KeyCode::Char('y')], "y", &[]),
    key(Action::Command, &[KeyCode::Char(':')], ":", &[]),
    key(Action::Refresh, &[KeyCode::Char('r')], "r", &[]),
    ctrl(Action::Repaint, &[KeyCode::Char('l')], "Ctrl-l"),
    key(Action::Help, &[KeyCode::Char('?')], "?", &[]),
    key(Action::Quit, &[KeyCode::Char('q')], "q", &[]),
    ctrl(Action::Quit, &[KeyCode::Char('c')], ""),
];

/// The action of a key on a screen.
pub(crate) fn action(screen: Screen, event: KeyEvent) -> Option<Action> {
    if event.modifiers.contains(KeyModifiers::ALT) {
        return None;
    }
    let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
    let hit =
        |binding: &&Binding| binding.ctrl == ctrl && binding.works_on(screen) && binding.keys.contains(&event.code);
    BINDINGS.iter().find(hit).map(|binding| binding.action)
}

/// The rows of a screen's help.
pub(crate) fn help(screen: Screen) -> impl Iterator<Item = &'static Binding> {
    BINDINGS.iter().filter(move |binding| binding.works_on(screen) && !binding.label.is_empty())
}

impl Binding {
    fn works_on(&self, screen: Screen) -> bool {
        self.screens.is_empty() || self.screens.contains(&screen)
    }
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
