//! List filters: plain text, `~` for letters in order, `!` to invert.

/// A parsed filter. An empty one matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    text: String,
}

impl Filter {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.to_owned() }
    }

    /// The filter as typed.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The text that the server can search for. `None` for filters that only the dashboard supports.
    pub(crate) fn for_server(&self) -> Option<&str> {
        let plain = !self.text.starts_with(['!', '~']);
        (plain && !self.text.is_empty()).then_some(self.text.as_str())
    }

    /// Whether a row with this text matches. Ignores case.
    pub(crate) fn matches(&self, row: &str) -> bool {
        let row = row.to_lowercase();
        let (inverse, wanted) = match self.text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, self.text.as_str()),
        };
        if wanted.is_empty() || wanted == "~" {
            return true;
        }
        let found = match wanted.strip_prefix('~') {
            Some(letters) => in_order(&row, &letters.to_lowercase()),
            None => row.contains(&wanted.to_lowercase()),
        };
        found != inverse
    }
}

/// Whether all letters occur in the row in this order.
fn in_order(row: &str, letters: &str) -> bool {
    let mut row = row.chars();
    letters.chars().all(|letter| row.any(|c| c == letter))
}

#[cfg(test)]
mod tests {
    use super::Filter;

    #[test]
    fn plain_fuzzy_and_inverse() {
        let row = "@alice:home.example Alice";
        for (filter, shown) in [
            ("", true),
            ("ALI", true),
            ("bob", false),
            ("~ahe", true),
            ("~eha@", false),
            ("!ali", false),
            ("!bob", true),
            ("!~ahe", false),
            ("!", true),
            ("~", true),
        ] {
            assert_eq!(Filter::new(filter).matches(row), shown, "{filter}");
        }
        assert_eq!(Filter::new("ali").for_server(), Some("ali"));
        assert_eq!(Filter::new("!ali").for_server(), None);
        assert_eq!(Filter::new("").for_server(), None);
    }
}
