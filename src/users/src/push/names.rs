//! The condition `contains_display_name` (client-server API 1.7, "Conditions"). Not ruma's version: that treats `*`
//! and `?` in a name as wildcards, so every message would mention a user who is named `*`.

use super::globs::is_word;

/// Returns whether `body` contains `name` as a separate word. Both must be in lower case.
///
/// Takes time in proportion to both lengths, also for a name and a body that consist of one repeated letter
/// (Knuth, Morris and Pratt): searching again behind each match that is no separate word would take their product.
pub(super) fn is_named(body: &str, name: &str) -> bool {
    let (body, name) = (body.as_bytes(), name.as_bytes());
    if name.is_empty() || name.len() > body.len() {
        return false;
    }
    let borders = borders(name);
    let mut matched = 0;
    for (at, byte) in body.iter().enumerate() {
        while matched > 0 && (matched == name.len() || name[matched] != *byte) {
            matched = borders[matched - 1];
        }
        matched += usize::from(name[matched] == *byte);
        if matched == name.len() {
            let (start, end) = (at + 1 - matched, at + 1);
            let is_inside = start > 0 && is_word(body[start - 1]) || end < body.len() && is_word(body[end]);
            if !is_inside {
                return true;
            }
        }
    }
    false
}

/// Returns, for each beginning of `name`, the length of its longest proper beginning that is also its end.
fn borders(name: &[u8]) -> Vec<usize> {
    let mut borders = vec![0; name.len()];
    let mut length = 0;
    for at in 1..name.len() {
        while length > 0 && name[length] != name[at] {
            length = borders[length - 1];
        }
        length += usize::from(name[length] == name[at]);
        borders[at] = length;
    }
    borders
}

#[cfg(test)]
mod tests {
    use super::is_named;

    #[test]
    fn a_name_is_a_word_and_not_a_pattern() {
        for (body, name, named) in [
            ("Berta: come to dinner", "berta", true),
            ("hello BERTA!", "Berta", true),
            ("Bertas dinner", "Berta", false),
            ("_Berta", "Berta", false),
            ("good morning, Anna Lena", "Anna Lena", true),
            ("anything", "*", false),
            ("a * star", "*", true),
            ("abc", "a?c", false),
            ("hello [benny] you", "[benny]", true),
            ("abc here", "a.c", false),
            ("Müller", "müller", true),
            ("xa a a", "a a", true),
            ("aaab aab", "aab", true),
            ("", "", false),
            ("", "a", false),
        ] {
            assert_eq!(is_named(&body.to_lowercase(), &name.to_lowercase()), named, "{name} in {body}");
        }
    }
}
