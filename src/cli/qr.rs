//! A QR code for the terminal: two modules in the height of one character.

use qrcode::{Color, EcLevel, QrCode};

/// Light modules around the code. Four are standard; readers of phones are content with two, and a terminal is small.
const QUIET: usize = 2;

/// The lines of a QR code for `text`, light on dark as most terminals are; `None` if the text is too long for one.
pub(super) fn lines(text: &str) -> Option<Vec<String>> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let (colours, width) = (code.to_colors(), code.width());
    let is_light = |x: usize, y: usize| {
        let inside = (QUIET..QUIET + width).contains(&x) && (QUIET..QUIET + width).contains(&y);
        !inside || colours[(y - QUIET) * width + x - QUIET] == Color::Light
    };
    let size = width + 2 * QUIET;
    let line = |row: usize| {
        let half = |x: usize| match (is_light(x, 2 * row), is_light(x, 2 * row + 1)) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        };
        (0..size).map(half).collect()
    };
    Some((0..size.div_ceil(2)).map(line).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_square_and_small_enough_for_a_terminal() {
        let lines = lines("http://192.168.178.120:8008").unwrap();
        assert!(lines.len() <= 17 && lines.iter().all(|line| line.chars().count() <= 33), "{lines:#?}");
        assert_eq!(lines.len(), lines[0].chars().count().div_ceil(2));
        assert!(lines[0].chars().all(|c| c == '█'), "a light margin");
        // The finder pattern at the top left: seven dark modules.
        assert!(lines[1].starts_with("██ ▄▄▄▄▄ "), "{lines:#?}");
    }
}
