//! QR codes for terminals: two modules in one character, by half blocks.

use qrcode::{EcLevel, QrCode};

/// Modules around the code. The standard asks for four; phones find a code with two, and 80x24 has no room for more.
const QUIET_MODULES: usize = 2;

/// The lines of a QR code for `text`; `None` if it is too long for one.
///
/// The light modules are drawn, so the lines are right for a terminal with a dark background only: print them with
/// [`white_on_black`].
#[must_use]
pub fn lines(text: &str) -> Option<Vec<String>> {
    // The lowest level of error correction: a screen has no scratches, and the code stays small.
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let (width, modules) = (code.width(), code.to_colors());
    let side = width + 2 * QUIET_MODULES;
    let is_light = |x: usize, y: usize| {
        let inside = QUIET_MODULES..QUIET_MODULES + width;
        if y >= side {
            return false;
        }
        if !inside.contains(&x) || !inside.contains(&y) {
            return true;
        }
        modules.get((y - QUIET_MODULES) * width + x - QUIET_MODULES) == Some(&qrcode::Color::Light)
    };
    let line = |y: usize| {
        let cell = |x| match (is_light(x, y), is_light(x, y + 1)) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        };
        (0..side).map(cell).collect()
    };
    Some((0..side).step_by(2).map(line).collect())
}

/// A line of a code in white on black, whatever the terminal's colours are: phones expect dark modules on a light ground.
#[must_use]
pub fn white_on_black(line: &str) -> String {
    format!("\x1b[97;40m{line}\x1b[0m")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_of_an_invite_fits_a_small_terminal() {
        let lines = lines("https://family.example/join/abcdefghjkmnpqrs").expect("a code");
        assert_eq!((lines.len(), lines[0].chars().count()), (17, 33));
        assert!(lines.iter().all(|line| line.chars().count() == 33 && line.starts_with(['█', '▀'])));
        // The corner pattern: seven dark modules within the quiet zone.
        assert!(lines[1].starts_with("██ ▄▄▄▄▄ █"), "{}", lines[1]);
    }

    #[test]
    fn a_code_is_square_and_small_enough_for_a_terminal() {
        let lines = lines("http://192.168.178.120:8008").expect("a code");
        assert!(lines.len() <= 17 && lines.iter().all(|line| line.chars().count() <= 33), "{lines:#?}");
        assert_eq!(lines.len(), lines[0].chars().count().div_ceil(2));
        assert!(lines[0].chars().all(|c| c == '█'), "a light margin");
        // The finder pattern at the top left: seven dark modules.
        assert!(lines[1].starts_with("██ ▄▄▄▄▄ "), "{lines:#?}");
    }

    #[test]
    fn what_is_too_long_has_no_code() {
        assert_eq!(super::lines(&"x".repeat(3_000)), None);
    }
}
