//! Overlays: help, menus, confirmations, forms, and secrets that are shown once.

use crate::qr;
use crate::tui::request::Call;
use crate::tui::strings;

use super::Input;
use super::limits::DOCUMENT_BYTES_MAX;

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
    Secret(Secret),
    Info(Info),
}

/// Shown until closed and stored nowhere else.
pub(crate) struct Secret {
    pub(crate) title: String,
    pub(crate) lines: Vec<String>,
    /// The text for the clipboard.
    pub(crate) copy: String,
}

/// A longer text.
pub(crate) struct Info {
    pub(crate) title: String,
    pub(crate) lines: Vec<String>,
    pub(crate) scroll: usize,
    /// The text for the clipboard. Empty: nothing to copy.
    pub(crate) copy: String,
    /// The lines of a QR code above the text. Empty: none.
    pub(crate) qr: Vec<String>,
}

/// A menu: actions of the screen with their keys.
pub(crate) struct Menu {
    pub(crate) title: String,
    pub(crate) items: Vec<MenuItem>,
    pub(crate) selected: usize,
}

/// An action in a menu.
#[derive(Clone, Copy)]
pub(crate) struct MenuItem {
    pub(crate) key: char,
    pub(crate) label: &'static str,
    /// The place of the action in the table of the screen.
    pub(crate) action: usize,
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
    /// Makes the change from the state of the check box.
    pub(crate) change: Box<dyn FnOnce(bool) -> Call>,
}

/// A check box in a confirmation.
pub(crate) struct Toggle {
    pub(crate) label: &'static str,
    pub(crate) on: bool,
}

/// A confirmation that requires typing a name.
pub(crate) struct TypedConfirm {
    pub(crate) title: String,
    pub(crate) lines: Vec<String>,
    /// The text to type.
    pub(crate) expected: String,
    pub(crate) input: Input,
    pub(crate) change: Box<dyn FnOnce() -> Call>,
}

/// A form.
pub(crate) struct Form {
    pub(crate) title: &'static str,
    pub(crate) fields: Vec<Field>,
    pub(crate) focus: usize,
    /// The validation error.
    pub(crate) error: Option<&'static str>,
    /// Makes the change from the fields and the server's clock, or tells what is wrong.
    pub(crate) submit: Submit,
}

/// See [`Form::submit`].
type Submit = Box<dyn Fn(&[Field], u64) -> Result<Call, &'static str>>;

/// A field of a form.
pub(crate) struct Field {
    pub(crate) label: &'static str,
    pub(crate) value: FieldValue,
}

/// The value of a field.
pub(crate) enum FieldValue {
    Text(Input),
    Switch(bool),
    /// Text of several lines, such as a file, which is pasted as a whole.
    Document(String),
}

impl Info {
    /// A text from its start.
    pub(crate) fn new(title: impl Into<String>, lines: Vec<String>, copy: impl Into<String>) -> Self {
        Self { title: title.into(), lines, scroll: 0, copy: copy.into(), qr: Vec::new() }
    }

    /// With a QR code of `text`, if it is short enough for one.
    pub(crate) fn with_qr(self, text: &str) -> Self {
        Self { qr: qr::lines(text).unwrap_or_default(), ..self }
    }
}

impl TypedConfirm {
    pub(crate) fn new(title: String, lines: Vec<String>, expected: String, change: Box<dyn FnOnce() -> Call>) -> Self {
        Self { title, lines, expected, input: Input::default(), change }
    }
}

impl Field {
    /// An empty text field.
    pub(crate) fn text(label: &'static str) -> Self {
        Self { label, value: FieldValue::Text(Input::default()) }
    }

    /// A switch that is off.
    pub(crate) fn switch(label: &'static str) -> Self {
        Self { label, value: FieldValue::Switch(false) }
    }

    /// An empty field for a pasted document.
    pub(crate) fn document(label: &'static str) -> Self {
        Self { label, value: FieldValue::Document(String::new()) }
    }

    /// The trimmed text. Empty for a switch.
    pub(crate) fn value(&self) -> &str {
        match &self.value {
            FieldValue::Text(input) => input.as_str().trim(),
            FieldValue::Document(text) => text.trim(),
            FieldValue::Switch(_) => "",
        }
    }

    /// The trimmed text, unless it is empty.
    pub(crate) fn optional(&self) -> Option<String> {
        Some(self.value().to_owned()).filter(|text| !text.is_empty())
    }

    /// Whether it is a switch that is on.
    pub(crate) fn is_on(&self) -> bool {
        matches!(self.value, FieldValue::Switch(true))
    }
}

impl Form {
    /// Pastes text into the field with the focus.
    pub(crate) fn paste(&mut self, text: &str) {
        self.error = None;
        match self.fields.get_mut(self.focus).map(|field| &mut field.value) {
            Some(FieldValue::Text(input)) => input.push_str(text),
            // Half of a document would be another document.
            Some(FieldValue::Document(_)) if text.len() > DOCUMENT_BYTES_MAX => {
                self.error = Some(strings::DOCUMENT_TOO_LONG);
            }
            Some(FieldValue::Document(document)) => *document = with_line_feeds(text),
            Some(FieldValue::Switch(_)) | None => {}
        }
    }

    /// Moves the focus by `steps` fields, wrapping around.
    pub(crate) fn step(&mut self, steps: isize) {
        let count = self.fields.len().max(1);
        self.focus = self.focus.saturating_add_signed(steps + count.cast_signed()) % count;
    }
}

/// The text with line feeds. Terminals paste carriage returns in their place.
fn with_line_feeds(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}
