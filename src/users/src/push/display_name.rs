//! The condition `contains_display_name` (client-server API 1.7, "Conditions"). Not ruma's version: that treats `*`
//! and `?` in a name as wildcards, so every message would mention a user who is named `*`.

/// Returns whether `body` contains `name` as a separate word, in any case.
pub(super) fn is_named(body: &str, name: &str) -> bool {
    if name.is_empty() {
        return false;
    }
    let (body, name) = (body.to_lowercase(), name.to_lowercase());
    let is_word = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    body.match_indices(&name).any(|(at, found)| {
        let (before, after) = (body[..at].chars().next_back(), body[at + found.len()..].chars().next());
        !is_word(before) && !is_word(after)
    })
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
            ("", "", false),
            ("", "a", false),
        ] {
            assert_eq!(is_named(body, name), named, "{name} in {body}");
        }
    }
}
