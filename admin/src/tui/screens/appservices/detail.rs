//! One application service: how deliveries to it go, and its namespaces.

use crate::text::{fit, safe_text};
use crate::tui::parts::DetailPage;
use crate::tui::strings::NONE;
use crate::tui::view::facts::{facts, or_none};
use crate::tui::view::format::{count, dated, until};
use crate::wire::{Appservice, AppserviceNamespace};

use super::{strings, table};

impl DetailPage for Appservice {
    const TABS: &'static [&'static str] = &strings::TABS;

    fn rows(&self, tab: usize) -> usize {
        if tab == 1 { namespaces(self).count() } else { 0 }
    }

    fn lines(&self, tab: usize, now_ms: u64, columns: usize) -> Vec<String> {
        if tab == 1 {
            let line = |(kind, namespace): (&str, &AppserviceNamespace)| {
                let claim = if namespace.exclusive { strings::EXCLUSIVE } else { strings::SHARED };
                fit(&format!("{}{}{}", fit(kind, 9), fit(claim, 11), safe_text(&namespace.regex)), columns)
            };
            return or_none(namespaces(self).map(line));
        }
        let source = if self.added { strings::SOURCE_ADDED } else { strings::SOURCE_FILE };
        let mut all = vec![
            ("State", table::word(self).to_owned()),
            ("URL", self.url.clone().unwrap_or_else(|| strings::URL_NONE.to_owned())),
            ("Own user", self.sender.clone()),
            ("Waiting", strings::waiting(self.behind_events)),
            ("Last sent", dated(self.last_success_ms, now_ms)),
            (
                "Last error",
                match &self.last_error {
                    Some(error) => format!("{}: {error}", dated(self.last_error_ms, now_ms)),
                    None => NONE.to_owned(),
                },
            ),
        ];
        if self.failures > 0 {
            all.push(("Failures", count(self.failures.into())));
            all.push(("Next try", self.retry_at_ms.map_or_else(|| NONE.to_owned(), |at_ms| until(at_ms, now_ms))));
        }
        all.push(("Source", source.to_owned()));
        facts(columns, &all)
    }
}

/// The namespaces with their kinds.
fn namespaces(service: &Appservice) -> impl Iterator<Item = (&'static str, &AppserviceNamespace)> {
    let all = &service.namespaces;
    let kinds = [(strings::USERS, &all.users), (strings::ALIASES, &all.aliases), (strings::ROOMS, &all.rooms)];
    kinds.into_iter().flat_map(|(kind, namespaces)| namespaces.iter().map(move |namespace| (kind, namespace)))
}
