//! The last look at a frame before it goes to the terminal.
//!
//! Text is made safe where it enters a view; this makes sure of it once more for every cell, whatever a view forgot, and
//! turns the frame into ASCII for terminals that show nothing else.

use ratatui::buffer::Buffer;
use unicode_width::UnicodeWidthStr;

use crate::text::safe_text;

/// Leaves no cell in the buffer that a terminal would obey; with `ascii`, none beyond ASCII.
pub(super) fn guard(buffer: &mut Buffer, ascii: bool) {
    for cell in &mut buffer.content {
        let symbol = cell.symbol();
        if symbol.is_ascii() && !symbol.bytes().any(|byte| byte.is_ascii_control()) {
            continue;
        }
        if safe_text(symbol) != symbol {
            cell.set_symbol("?");
        } else if ascii && !symbol.is_ascii() {
            let plain = if symbol.width() > 1 { "??" } else { ascii_for(symbol) };
            cell.set_symbol(plain);
        }
    }
}

fn ascii_for(symbol: &str) -> &'static str {
    match symbol {
        "─" | "═" => "-",
        "│" => "|",
        "┌" | "┐" | "└" | "┘" | "├" | "┤" => "+",
        "…" => "~",
        "▲" | "↑" => "^",
        "▼" | "↓" => "v",
        "←" => "<",
        "→" | "▸" => ">",
        "▁" => "_",
        "▂" => ".",
        "▃" => ":",
        "▄" => "-",
        "▅" => "=",
        "▆" => "+",
        "▇" => "*",
        "█" => "#",
        _ => "?",
    }
}
