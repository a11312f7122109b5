//! What lies over a screen and takes all keys: help, menu, questions, forms, and the one look at a secret.

use crate::tui::message::Change;

use super::input::Input;

/// One overlay.
pub(crate) enum Overlay {
    /// Keys of this screen; the first line shown.
    Help {
        scroll: usize,
    },
    Menu(Menu),
    Confirm(Confirm),
    Typed(Typed),
    Form(Form),
    /// Shown until closed and kept nowhere else; `copy` is what the copy key takes.
    Secret {
        title: String,
        lines: Vec<String>,
        copy: String,
    },
    /// Longer text to read.
    Info {
        title: String,
        lines: Vec<String>,
        scroll: usize,
        copy: String,
    },
}

/// A list of actions, each with its key.
pub(crate) struct Menu {
    pub(crate) title: String,
    pub(crate) items: Vec<(char, &'static str, MenuItem)>,
    pub(crate) selected: usize,
}

/// What a menu can begin. Most ask before they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MenuItem {
    NewUser,
    ResetPassword,
    ToggleLocked,
    ToggleAdmin,
    LogoutEverywhere,
    Deactivate,
    Erase,
    NewToken,
    RevokeToken,
    RetryServer,
    TestCalls,
    /// The one relayed address.
    Disconnect,
    /// All relayed addresses of one user.
    DisconnectAll,
}

/// A yes-or-no question. `yes` is false to begin with: Enter alone never destroys.
pub(crate) struct Confirm {
    pub(crate) title: String,
    pub(crate) lines: Vec<String>,
    /// The word on the button that does it.
    pub(crate) verb: &'static str,
    /// Whether it cannot be taken back; shown in words and red.
    pub(crate) danger: bool,
    pub(crate) toggle: Option<Toggle>,
    pub(crate) yes: bool,
    pub(crate) change: Change,
}

/// A box to tick in a question.
pub(crate) struct Toggle {
    pub(crate) label: String,
    pub(crate) on: bool,
}

/// A question that is answered by typing a name.
pub(crate) struct Typed {
    pub(crate) title: String,
    pub(crate) lines: Vec<String>,
    /// What has to be typed.
    pub(crate) expected: String,
    pub(crate) input: Input,
    pub(crate) change: Change,
}

/// Fields to fill in.
pub(crate) struct Form {
    pub(crate) kind: FormKind,
    pub(crate) title: &'static str,
    pub(crate) fields: Vec<Field>,
    pub(crate) focus: usize,
    /// What is wrong with what was entered.
    pub(crate) error: Option<&'static str>,
}

/// Which form, hence what its fields mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FormKind {
    NewUser,
    NewToken,
}

/// One field of a form.
pub(crate) struct Field {
    pub(crate) label: &'static str,
    pub(crate) value: FieldValue,
}

/// What a field holds.
pub(crate) enum FieldValue {
    Text(Input),
    Switch(bool),
}

impl Form {
    /// The text of a field; empty for a switch.
    pub(crate) fn text(&self, field: usize) -> &str {
        match self.fields.get(field).map(|field| &field.value) {
            Some(FieldValue::Text(input)) => input.as_str().trim(),
            _ => "",
        }
    }

    /// Whether a field is a switch that is on.
    pub(crate) fn is_on(&self, field: usize) -> bool {
        matches!(self.fields.get(field).map(|field| &field.value), Some(FieldValue::Switch(true)))
    }

    /// Moves to another field, round and round.
    pub(crate) fn step(&mut self, steps: isize) {
        let count = self.fields.len().max(1);
        self.focus = self.focus.saturating_add_signed(steps + count.cast_signed()) % count;
    }
}
