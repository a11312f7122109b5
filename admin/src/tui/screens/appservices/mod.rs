//! Application services: whether they are reached and how far they are behind, one in detail with its namespaces,
//! testing, stopping, adding and removing one.

mod actions;
mod detail;
#[cfg(test)]
mod samples;
mod strings;
mod table;
#[cfg(test)]
mod tests;

use crate::text::safe_text;
use crate::tui::parts::{Detail, Details, Panes, PanesMut, Table};
use crate::tui::request::Http;
use crate::tui::screen::{Action, Command, Context, Screen};
use crate::wire::{Appservice, AppserviceList, paths};

/// The screen.
#[derive(Default)]
pub(crate) struct Appservices {
    table: Table<Appservice>,
    detail: Detail<Appservice>,
}

const DETAIL: Details<Appservices, Appservice> = Details::new(paths::appservice, |screen| &mut screen.detail);

impl Screen for Appservices {
    const NAME: &'static str = "Appservices";
    const COMMAND: (&'static str, &'static str) = ("appservices", "bridges and bots, and deliveries to them");
    const COMMANDS: &'static [Command<Self>] = &[
        Command::with("appservice", "<id>", "open one bridge or bot", |screen, id, cx| {
            DETAIL.open(screen, id.to_owned(), cx);
        }),
        Command::action("new-appservice", "add a bridge or bot", 'n'),
    ];
    const ACTIONS: &'static [Action<Self>] = &[
        Action::key('t', "test", "ping it: is it reached, does it accept the token?", Self::test)
            .labelled(|screen| screen.target().map(|_| "Test"))
            .changing(),
        Action::key('d', "stop", "stop deliveries, or resume them", Self::toggle_disabled)
            .labelled(|screen| {
                let service = screen.target().filter(|service| service.url.is_some())?;
                Some(if service.disabled { "Resume deliveries" } else { "Stop deliveries" })
            })
            .changing(),
        Action::key('n', "new", "add one by its registration", Self::add).labelled(|_| Some("New...")).changing(),
        Action::key('x', "remove", "remove (asks first)", Self::remove)
            .labelled(|screen| screen.target().filter(|service| service.added).map(|_| "Remove..."))
            .changing(),
    ];
    const BAR: &'static [&'static str] = &["Enter", "t", "d", "n", "x", "a", "/"];
    const DETAIL_BAR: &'static [&'static str] = &["Esc", "Tab next tab", "t", "d", "x", "y"];

    fn load(&mut self, cx: &mut Context<'_, Self>) {
        DETAIL.load(self, cx);
        let services = Http::get(paths::APPSERVICES);
        cx.load(
            "rows",
            services.then(|screen: &mut Self, list: AppserviceList, cx| {
                if !screen.table.fill(list.items) {
                    cx.unchanged();
                }
            }),
        );
    }

    fn live(&mut self, cx: &mut Context<'_, Self>) {
        self.load(cx);
    }

    fn panes(&self) -> Panes<'_> {
        Panes::list(&self.table).with(&self.detail)
    }

    fn panes_mut(&mut self) -> PanesMut<'_> {
        PanesMut::list(&mut self.table).with(&mut self.detail)
    }

    fn open(&mut self, cx: &mut Context<'_, Self>) {
        if let Some(id) = self.table.selected().map(|service| service.id.clone()) {
            DETAIL.open(self, id, cx);
        }
    }

    fn menu_title(&self) -> Option<String> {
        self.target().map(|service| safe_text(&service.id))
    }

    #[cfg(test)]
    fn sample(request: &str) -> Option<serde_json::Value> {
        samples::answer(request)
    }
}

impl Appservices {
    /// The service that actions apply to: the opened one, or the selected one.
    fn target(&self) -> Option<&Appservice> {
        match self.detail.id() {
            Some(_) => self.detail.data(),
            None => self.table.selected(),
        }
    }
}
