//! Overlays: help, menus, confirmations, forms, and secrets that are shown once.

use crate::tui::message::Change;

use super::input::Input;

/// An overlay. It takes all keys.
pub(crate) enum Overlay {
    /// The keys of the screen, with the first visible line.
    Help {
        scroll: usize,
    },
    Menu(Menu),
    Confirm(Confirm),
    TypedConfirm(TypedConfirm),
    Form(Form),
    /// Shown until closed and stored nowhere else. `copy` is the text for the clipboard.
    Secret {
        title: String,
        lines: Vec<String>,
        copy: String,
    },
    /// A longer text.
    Info {
        title: String,
        lines: Vec<String>,
        scroll: usize,
        copy: String,
    },
}

/// A menu: actions with their keys.
pub(crate) struct Menu {
    pub(crate) title: String,
    pub(crate) items: Vec<(char, &'static str, MenuItem)>,
    pub(crate) selected: usize,
}

/// An action of a menu. Most ask for confirmation.
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
    /// One relayed address.
    Disconnect,
    /// All relayed addresses of one user.
    DisconnectAll,
}

/// A confirmation. `yes` starts as `false`, so that Enter alone never destroys anything.
pub(crate) struct Confirm {
    pub(crate) title: String,
    pub(crate) lines: Vec<String>,
    /// The label of the confirm button.
    pub(crate) verb: &'static str,
    /// Whether the change cannot be undone. Shown in red and in words.
    pub(crate) danger: bool,
    pub(crate) toggle: Option<Toggle>,
    pub(crate) yes: bool,
    pub(crate) change: Change,
}

/// A check box in a confirmation.
pub(crate) struct Toggle {
    pub(crate) label: String,
    pub(crate) on: bool,
}

/// A confirmation that requires typing a name.
pub(crate) struct TypedConfirm {
    pub(crate) title: String,
    pub(crate) lines: Vec<String>,
    /// The text to type.
    pub(crate) expected: String,
    pub(crate) input: Input,
    pub(crate) change: Change,
}

/// A form.
pub(crate) struct Form {
    pub(crate) kind: FormKind,
    pub(crate) title: &'static str,
    pub(crate) fields: Vec<Field>,
    pub(crate) focus: usize,
    /// The validation error.
    pub(crate) error: Option<&'static str>,
}

/// The kind of a form, which defines its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FormKind {
    NewUser,
    NewToken,
}

/// A field of a form.
pub(crate) struct Field {
    pub(crate) label: &'static str,
    pub(crate) value: FieldValue,
}

/// The value of a field.
pub(crate) enum FieldValue {
    Text(Input),
    Switch(bool),
}

impl Form {
    /// The trimmed text of a field. Empty for a switch.
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

    /// Moves the focus by `steps` fields, wrapping around.
    pub(crate) fn step(&mut self, steps: isize) {
        let count = self.fields.len().max(1);
        self.focus = self.focus.saturating_add_signed(steps + count.cast_signed()) % count;
    }
}
