//! Actions and commands of a screen: what starts them, what they are called, and the function that they run.

use super::Context;

/// Something that a screen does on a key. One table of these per screen is its keys, menu, key bar and help.
///
/// No key destroys anything: an action that costs something asks first ([`Context::confirm`]).
pub(crate) struct Action<S> {
    pub(super) key: char,
    /// Whether the key works on the screen itself, and not in the menu only.
    pub(super) is_direct: bool,
    /// For the help.
    pub(super) help: &'static str,
    /// For the key bar.
    pub(super) short: &'static str,
    /// Its label in the menu; `None` while it makes no sense.
    pub(super) label: Option<fn(&S) -> Option<&'static str>>,
    /// Whether it changes something on the server.
    pub(super) is_change: bool,
    pub(super) run: fn(&mut S, &mut Context<'_, S>),
}

impl<S> Action<S> {
    /// An action on a key.
    pub(crate) const fn key(
        key: char,
        short: &'static str,
        help: &'static str,
        run: fn(&mut S, &mut Context<'_, S>),
    ) -> Self {
        Self { key, is_direct: true, help, short, label: None, is_change: false, run }
    }

    /// An action in the menu only, with the key there.
    pub(crate) const fn item(
        key: char,
        label: fn(&S) -> Option<&'static str>,
        run: fn(&mut S, &mut Context<'_, S>),
    ) -> Self {
        Self { key, is_direct: false, help: "", short: "", label: Some(label), is_change: false, run }
    }

    /// Also in the menu.
    pub(crate) const fn labelled(mut self, label: fn(&S) -> Option<&'static str>) -> Self {
        self.label = Some(label);
        self
    }

    /// Changes something on the server: not possible read-only or while the server is unreachable.
    pub(crate) const fn changing(mut self) -> Self {
        self.is_change = true;
        self
    }
}

/// A command behind `:`.
pub(crate) struct Command<S> {
    pub(super) name: &'static str,
    /// The argument for the help, such as `<id>`. Empty: it has none.
    pub(super) argument: &'static str,
    pub(super) help: &'static str,
    pub(super) run: Run<S>,
}

/// What a command does.
pub(super) enum Run<S> {
    /// The action with this key.
    Action(char),
    /// A function with the argument.
    Function(fn(&mut S, &str, &mut Context<'_, S>)),
}

impl<S> Command<S> {
    /// With an argument, which must not be empty.
    pub(crate) const fn with(
        name: &'static str,
        argument: &'static str,
        help: &'static str,
        run: fn(&mut S, &str, &mut Context<'_, S>),
    ) -> Self {
        Self { name, argument, help, run: Run::Function(run) }
    }

    /// The same as an action of the screen.
    pub(crate) const fn action(name: &'static str, help: &'static str, key: char) -> Self {
        Self { name, argument: "", help, run: Run::Action(key) }
    }
}
