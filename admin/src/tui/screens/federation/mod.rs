//! Other homeservers and the state of sending to them: the table, one server in detail, retrying.

#[cfg(test)]
mod samples;
mod strings;
mod table;
#[cfg(test)]
mod tests;

use crate::client::ClientError;
use crate::text::safe_text;
use crate::tui::parts::{Detail, List, Pages, Panes, PanesMut, Table};
use crate::tui::request::Http;
use crate::tui::screen::{Action, Command, Context, Screen};
use crate::wire::{Destination, Done, paths};

/// The screen.
#[derive(Default)]
pub(crate) struct Federation {
    pub(crate) table: Table<Destination>,
    detail: Detail<Destination>,
}

const ROWS: Pages<Federation, Destination> = Pages::new(paths::destinations, |screen| &mut screen.table);

impl Screen for Federation {
    const NAME: &'static str = "Federation";
    const COMMAND: (&'static str, &'static str) = ("federation", "other servers and the state of sending to them");
    const COMMANDS: &'static [Command<Self>] =
        &[Command::with("server", "<name>", "open one other server", |screen, name, cx| screen.show(name, cx))];
    const ACTIONS: &'static [Action<Self>] = &[Action::key('t', "retry now", "retry the server now", Self::retry)
        .labelled(|screen| screen.target().map(|_| "Retry now"))
        .changing()];
    const BAR: &'static [&'static str] = &["Enter", "t", "/", "s"];
    const DETAIL_BAR: &'static [&'static str] = &["Esc", "t", "y"];

    fn load(&mut self, cx: &mut Context<'_, Self>) {
        self.load_opened(cx);
        ROWS.load(self, cx);
    }

    /// The opened server; without one, the whole list if it is one page, else the selected server.
    fn live(&mut self, cx: &mut Context<'_, Self>) {
        if self.detail.id().is_some() {
            self.load_opened(cx);
        } else if self.table.is_one_page() {
            ROWS.refresh(self, cx);
        } else if let Some(name) = self.table.selected_key() {
            self.load_server(name, cx);
        }
    }

    /// The answer to the change has the new state.
    fn changed(&mut self, _cx: &mut Context<'_, Self>) {}

    fn more(&mut self, near: usize, cx: &mut Context<'_, Self>) {
        ROWS.more(self, near, cx);
    }

    fn panes(&self) -> Panes<'_> {
        Panes::list(&self.table).with(&self.detail)
    }

    fn panes_mut(&mut self) -> PanesMut<'_> {
        PanesMut::list(&mut self.table).with(&mut self.detail)
    }

    fn open(&mut self, cx: &mut Context<'_, Self>) {
        if let Some(name) = self.table.selected_key() {
            self.show(&name, cx);
        }
    }

    fn menu_title(&self) -> Option<String> {
        self.target().map(|name| safe_text(&name))
    }

    #[cfg(test)]
    fn sample(request: &str) -> Option<serde_json::Value> {
        samples::answer(request)
    }
}

impl Federation {
    /// The server that actions apply to: the opened one, or the selected one.
    fn target(&self) -> Option<String> {
        self.detail.id().map(str::to_owned).or_else(|| self.table.selected_key())
    }

    fn show(&mut self, name: &str, cx: &mut Context<'_, Self>) {
        self.detail.open(name.to_owned(), None);
        self.load_opened(cx);
    }

    fn load_opened(&mut self, cx: &mut Context<'_, Self>) {
        if let Some(name) = self.detail.id().map(str::to_owned) {
            self.load_server(name, cx);
        }
    }

    fn load_server(&mut self, name: String, cx: &mut Context<'_, Self>) {
        let request = Http::get(paths::destination(&name)).then(|screen: &mut Self, server, _| screen.take(server));
        cx.load(
            "server",
            request.or_else(move |screen: &mut Self, error: &ClientError, cx| {
                if !error.is_down() {
                    screen.detail.refuse(&name);
                    cx.shared.notify_error(error.to_string());
                }
            }),
        );
    }

    /// Updates a server in the list and in the detail view.
    fn take(&mut self, server: Destination) {
        let name = server.server_name.clone();
        self.table.replace(server.clone());
        self.detail.arrive(&name, server);
    }

    fn retry(&mut self, cx: &mut Context<'_, Self>) {
        let Some(name) = self.target() else { return cx.nothing_selected() };
        let retry = Http::post(paths::destination_retry(&name), &Done {});
        cx.change(retry.then(|screen: &mut Self, server: Destination, cx| {
            let is_waiting = server.sending || table::waiting(&server) > 0;
            cx.shared.notify(strings::retried(&safe_text(&server.server_name), is_waiting));
            screen.take(server);
        }));
    }
}
