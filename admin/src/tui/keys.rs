//! Which key does what: the one table that both obeys keys and explains them in the help.
//!
//! No single unmodified key destroys anything: keys that begin something dangerous open a question.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::state::Screen;

/// What a key asks for when nothing lies over the screen.
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
    /// Try now: a server.
    Retry,
    /// Try every way to the relay.
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

/// One line of the table.
pub(crate) struct Binding {
    pub(crate) action: Action,
    keys: &'static [KeyCode],
    /// Held together with Ctrl.
    ctrl: bool,
    /// The keys as people name them; empty lines are left out of the help.
    pub(crate) label: &'static str,
    /// Where it works; empty means everywhere.
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

/// The table, in the order of the help.
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

/// What a key does on a screen.
pub(crate) fn action(screen: Screen, event: KeyEvent) -> Option<Action> {
    if event.modifiers.contains(KeyModifiers::ALT) {
        return None;
    }
    let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
    let hit =
        |binding: &&Binding| binding.ctrl == ctrl && binding.works_on(screen) && binding.keys.contains(&event.code);
    BINDINGS.iter().find(hit).map(|binding| binding.action)
}

/// The lines of a screen's help.
pub(crate) fn help(screen: Screen) -> impl Iterator<Item = &'static Binding> {
    BINDINGS.iter().filter(move |binding| binding.works_on(screen) && !binding.label.is_empty())
}

impl Binding {
    fn works_on(&self, screen: Screen) -> bool {
        self.screens.is_empty() || self.screens.contains(&screen)
    }
}

/// What a key does while text is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Typing {
    Insert(char),
    Backspace,
    DeleteWord,
    Clear,
    /// Tab: complete a command, or go to the next field.
    Next,
    Previous,
    Accept,
    Cancel,
}

/// Reads a key while text is typed.
pub(crate) fn typing(event: KeyEvent) -> Option<Typing> {
    let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
    Some(match event.code {
        KeyCode::Char('c') if ctrl => Typing::Cancel,
        KeyCode::Char('u') if ctrl => Typing::Clear,
        KeyCode::Char('w') if ctrl => Typing::DeleteWord,
        KeyCode::Char(c) if !ctrl && !event.modifiers.contains(KeyModifiers::ALT) => Typing::Insert(c),
        KeyCode::Backspace => Typing::Backspace,
        KeyCode::Tab | KeyCode::Down => Typing::Next,
        KeyCode::BackTab | KeyCode::Up => Typing::Previous,
        KeyCode::Enter => Typing::Accept,
        KeyCode::Esc => Typing::Cancel,
        _ => return None,
    })
}

/// What a key does in help, a menu, a question or a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choosing {
    Up,
    Down,
    /// To the other button.
    Switch,
    /// The box of a question.
    Tick,
    Accept,
    Cancel,
    Copy,
    /// A letter that may be a menu item's.
    Letter(char),
}

/// Reads a key in an overlay.
pub(crate) fn choosing(event: KeyEvent) -> Option<Choosing> {
    if event.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) {
        let cancel = event.modifiers == KeyModifiers::CONTROL && event.code == KeyCode::Char('c');
        return cancel.then_some(Choosing::Cancel);
    }
    Some(match event.code {
        KeyCode::Up => Choosing::Up,
        KeyCode::Down => Choosing::Down,
        KeyCode::Left | KeyCode::Right | KeyCode::Tab | KeyCode::BackTab => Choosing::Switch,
        KeyCode::Char(' ') => Choosing::Tick,
        KeyCode::Enter => Choosing::Accept,
        KeyCode::Esc => Choosing::Cancel,
        KeyCode::Char('y') => Choosing::Copy,
        KeyCode::Char(c) => Choosing::Letter(c),
        _ => return None,
    })
}
