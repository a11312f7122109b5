//! Sets the terminal up (raw mode, alternate screen) and restores it, whether the dashboard ends by key, signal
//! or panic.

use std::io::{self, Write, stdout};
use std::panic;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::execute;
use ratatui::DefaultTerminal;

use super::state::State;
use super::view::view;

/// Longest text for the clipboard, in bytes. Many terminals silently drop longer ones.
const COPY_BYTES_MAX: usize = 64 * 1024;

/// The terminal in raw mode. Dropping it restores the previous state.
pub(super) struct Terminal {
    inner: DefaultTerminal,
}

impl Terminal {
    /// Enters raw mode and the alternate screen.
    pub(super) fn take() -> io::Result<Self> {
        // `try_init` also installs a panic hook that restores the screen before the message is printed.
        let terminal = Self { inner: ratatui::try_init()? };
        let hook = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            let _ = execute!(stdout(), DisableBracketedPaste);
            hook(panic);
        }));
        // Bracketed paste, so that pasted text arrives as text: as keys, it could answer a confirmation.
        execute!(stdout(), EnableBracketedPaste)?;
        Ok(terminal)
    }

    /// Size in columns and rows.
    pub(super) fn size(&self) -> io::Result<(u16, u16)> {
        self.inner.size().map(|size| (size.width, size.height))
    }

    /// Draws the state. Only cells that differ from the last frame are written.
    pub(super) fn draw(&mut self, state: &State) -> io::Result<()> {
        self.inner.draw(|frame| view(state, frame)).map(|_| ())
    }

    /// Makes the next frame redraw every cell.
    pub(super) fn repaint(&mut self) -> io::Result<()> {
        self.inner.clear()
    }

    /// Copies text to the clipboard of the user's terminal with OSC 52, which also works through SSH.
    pub(super) fn copy(&mut self, text: &str) -> io::Result<()> {
        let mut out = stdout();
        out.write_all(copy_sequence(text).as_bytes())?;
        out.flush()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Best effort: the terminal may be gone.
        let _ = execute!(stdout(), DisableBracketedPaste);
        let _ = ratatui::try_restore();
        let _ = self.inner.show_cursor();
    }
}

/// The escape sequence. The text is base64, so nothing in it can act as a terminal command.
fn copy_sequence(text: &str) -> String {
    let end = text.floor_char_boundary(COPY_BYTES_MAX);
    format!("\x1b]52;c;{}\x07", STANDARD.encode(&text[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copied_text_cannot_end_the_sequence() {
        assert_eq!(copy_sequence("a\x07\x1b]0;x"), "\x1b]52;c;YQcbXTA7eA==\x07");
        assert!(copy_sequence(&"ü".repeat(COPY_BYTES_MAX)).len() < 2 * COPY_BYTES_MAX);
    }
}
