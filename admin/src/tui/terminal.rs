//! The terminal, borrowed: raw mode and the other screen while the dashboard runs, everything as before afterwards,
//! whether it ends by key, by signal or by panic.

use std::io::{self, Write, stdout};
use std::panic;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::execute;
use ratatui::DefaultTerminal;

use super::state::State;
use super::view::view;

/// Longest text put on the clipboard, bytes; many terminals drop longer ones without a word.
const COPY_BYTES_MAX: usize = 64 * 1024;

/// The terminal while it is ours. Dropping it gives it back.
pub(super) struct Terminal {
    inner: DefaultTerminal,
}

impl Terminal {
    /// Takes the terminal over.
    pub(super) fn take() -> io::Result<Self> {
        // This also makes a panic restore the screen before its message is printed.
        let terminal = Self { inner: ratatui::try_init()? };
        let hook = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            let _ = execute!(stdout(), DisableBracketedPaste);
            hook(panic);
        }));
        // So that pasted text arrives as text: as keys it could answer a question.
        execute!(stdout(), EnableBracketedPaste)?;
        Ok(terminal)
    }

    /// Columns and rows.
    pub(super) fn size(&self) -> io::Result<(u16, u16)> {
        self.inner.size().map(|size| (size.width, size.height))
    }

    /// Draws the state; only cells that differ from the last frame are written.
    pub(super) fn draw(&mut self, state: &State) -> io::Result<()> {
        self.inner.draw(|frame| view(state, frame)).map(|_| ())
    }

    /// Makes the next frame write every cell.
    pub(super) fn repaint(&mut self) -> io::Result<()> {
        self.inner.clear()
    }

    /// Puts text on the clipboard of the terminal the reader sits at, also through SSH (OSC 52).
    pub(super) fn copy(&mut self, text: &str) -> io::Result<()> {
        let mut out = stdout();
        out.write_all(copy_sequence(text).as_bytes())?;
        out.flush()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Nothing can be done about a terminal that is gone.
        let _ = execute!(stdout(), DisableBracketedPaste);
        let _ = ratatui::try_restore();
        let _ = self.inner.show_cursor();
    }
}

/// The text goes as base64, so nothing in it can reach the terminal as a command.
fn copy_sequence(text: &str) -> String {
    let end = text.floor_char_boundary(COPY_BYTES_MAX);
    format!("\x1b]52;c;{}\x07", STANDARD.encode(&text[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_copied_cannot_end_the_sequence() {
        assert_eq!(copy_sequence("a\x07\x1b]0;x"), "\x1b]52;c;YQcbXTA7eA==\x07");
        assert!(copy_sequence(&"ü".repeat(COPY_BYTES_MAX)).len() < 2 * COPY_BYTES_MAX);
    }
}
