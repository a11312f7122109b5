//! The final check of a frame before it is written to the terminal.
//!
//! Views make text safe themselves. This checks every cell again, in case a view forgot, and converts the frame
//! to ASCII for terminals without Unicode.

use ratatui::buffer::Buffer;
use unicode_width::UnicodeWidthStr;

use crate::text::safe_text;

/// Replaces cells that a terminal would interpret; with `ascii`, also those beyond ASCII.
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
