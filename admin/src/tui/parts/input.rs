//! A text field of one line. The cursor stays at the end, as the text is short.

use super::limits::INPUT_CHARS_MAX;

/// The text field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Input {
    text: String,
}

impl Input {
    pub(crate) fn new(text: &str) -> Self {
        let mut input = Self::default();
        input.push_str(text);
        input
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Appends typed or pasted text, without control characters.
    pub(crate) fn push_str(&mut self, text: &str) {
        let room = INPUT_CHARS_MAX.saturating_sub(self.text.chars().count());
        self.text.extend(text.chars().filter(|c| !c.is_control()).take(room));
    }

    /// Removes the last character. Returns `false` if the field was empty.
    pub(crate) fn backspace(&mut self) -> bool {
        self.text.pop().is_some()
    }

    pub(crate) fn clear(&mut self) {
        self.text.clear();
    }

    /// Removes the last word.
    pub(crate) fn delete_word(&mut self) {
        let kept = self.text.trim_end().rfind(' ').map_or(0, |space| space + 1);
        self.text.truncate(kept);
    }
}
