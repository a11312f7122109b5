//! The tabs of the screens on the first line: as much of them as fits.

use ratatui::style::Style;
use ratatui::text::Span;

use crate::text::width;

use super::theme::Theme;

/// Columns for the lamp at the end of the line and the space before it.
const LAMP_COLUMNS: usize = 7;

/// The tabs: all names if they fit, else the name of the current screen and the numbers of the others, else the screens
/// around the current one.
pub(super) fn spans(names: &[&'static str], current: usize, columns: usize, theme: Theme) -> Vec<Span<'static>> {
    let room = columns.saturating_sub(LAMP_COLUMNS);
    let full = |place: usize| format!(" {} {} ", place + 1, names[place]);
    let short = |place: usize| if place == current { full(place) } else { format!(" {} ", place + 1) };
    let all: Vec<String> = (0..names.len()).map(full).collect();
    let shorter: Vec<String> = (0..names.len()).map(short).collect();
    let is_small = |texts: &[String]| texts.iter().map(|text| width(text)).sum::<usize>() <= room;
    let (texts, first) = match (is_small(&all), is_small(&shorter)) {
        (true, _) => (all, 0),
        (false, true) => (shorter, 0),
        (false, false) => around(shorter, current, room),
    };
    let styled = |(place, text): (usize, String)| {
        Span::styled(text, if first + place == current { theme.selected() } else { Style::new() })
    };
    texts.into_iter().enumerate().map(styled).collect()
}

/// The tabs around the current one that fit, and the place of the first of them.
fn around(texts: Vec<String>, current: usize, room: usize) -> (Vec<String>, usize) {
    let (mut first, mut end, mut used) = (current, current + 1, width(&texts[current]));
    loop {
        let before = first.checked_sub(1).filter(|&place| used + width(&texts[place]) <= room);
        if let Some(place) = before {
            (first, used) = (place, used + width(&texts[place]));
        }
        let after = Some(end).filter(|&place| place < texts.len() && used + width(&texts[place]) <= room);
        if let Some(place) = after {
            (end, used) = (place + 1, used + width(&texts[place]));
        }
        if before.is_none() && after.is_none() {
            return (texts.into_iter().take(end).skip(first).collect(), first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::tests::fixtures::sample_state;

    fn text(names: &[&'static str], current: usize, columns: usize) -> String {
        let spans = spans(names, current, columns, Theme::of(&sample_state().shared));
        spans.into_iter().map(|span| span.content.into_owned()).collect()
    }

    #[test]
    fn names_are_shown_while_they_fit() {
        let names = ["Dashboard", "Users", "Rooms", "Log", "Tokens", "Federation", "Calls"];
        let all = " 1 Dashboard  2 Users  3 Rooms  4 Log  5 Tokens  6 Federation  7 Calls ";
        assert_eq!(text(&names, 1, 80), all);
        assert_eq!(text(&names, 1, all.len() + LAMP_COLUMNS), all);
        assert_eq!(text(&names, 1, all.len() + LAMP_COLUMNS - 1), " 1  2 Users  3  4  5  6  7 ");
        assert_eq!(text(&names, 0, 60), " 1 Dashboard  2  3  4  5  6  7 ");
        assert_eq!(text(&["Federation"; 20], 9, 60), " 4  5  6  7  8  9  10 Federation  11  12  13  14  15 ");
    }

    #[test]
    fn twenty_screens_fit_on_any_width() {
        let names = vec!["Federation"; 20];
        let theme = Theme::of(&sample_state().shared);
        for columns in [40, 60, 80, 120, 400] {
            for current in [0, 9, 19] {
                let spans = spans(&names, current, columns, theme);
                assert!(spans.iter().map(Span::width).sum::<usize>() + LAMP_COLUMNS <= columns);
                let marked: Vec<_> = spans.iter().filter(|span| span.style == theme.selected()).collect();
                assert_eq!(marked.len(), 1, "{spans:?}");
                assert_eq!(marked[0].content, format!(" {} Federation ", current + 1));
            }
        }
        assert_eq!(spans(&names, 3, 400, theme).len(), 20);
    }
}
