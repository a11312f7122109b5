//! Local accounts: the table, one account in detail, and everything that can be done to it.

mod actions;
mod detail;
#[cfg(test)]
mod samples;
mod strings;
mod table;

use crate::text::safe_text;
use crate::tui::parts::{Detail, Details, Pages, Panes, PanesMut, Table};
use crate::tui::screen::{Action, Command, Context, Screen};
use crate::wire::{UserDetail, UserSummary, paths};

/// The screen.
#[derive(Default)]
pub(crate) struct Users {
    pub(crate) table: Table<UserSummary>,
    detail: Detail<UserDetail>,
}

const ROWS: Pages<Users, UserSummary> = Pages::new(paths::users, |screen| &mut screen.table);
const DETAIL: Details<Users, UserDetail> = Details::new(paths::user, |screen| &mut screen.detail);

impl Screen for Users {
    const NAME: &'static str = "Users";
    const COMMAND: (&'static str, &'static str) = ("users", "local accounts");
    const COMMANDS: &'static [Command<Self>] = &[
        Command::with("user", "<id>", "open one user", |screen, id, cx| DETAIL.open(screen, id.to_owned(), cx)),
        Command::action("new-user", "create an account", 'n'),
    ];
    const ACTIONS: &'static [Action<Self>] = &[
        Action::key('n', "new", "new", Self::new_user).labelled(|_| Some("New user...")).changing(),
        Action::item('p', |screen| screen.usable().map(|_| "Reset password..."), Self::reset_password).changing(),
        Action::item('l', Self::lock_label, Self::toggle_locked).changing(),
        Action::item('m', Self::admin_label, Self::toggle_admin).changing(),
        Action::item('o', |screen| screen.usable().map(|_| "Log out everywhere..."), Self::log_out).changing(),
        Action::item('d', |screen| screen.usable().map(|_| "Deactivate..."), Self::deactivate).changing(),
        Action::item('e', |screen| screen.target().map(|_| "Deactivate and erase..."), Self::erase).changing(),
    ];
    const BAR: &'static [&'static str] = &["Enter", "a", "/", "s"];
    const DETAIL_BAR: &'static [&'static str] = &["Esc", "Tab next tab", "a", "y"];

    fn load(&mut self, cx: &mut Context<'_, Self>) {
        DETAIL.load(self, cx);
        ROWS.load(self, cx);
    }

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
        if let Some(id) = self.table.selected().map(|user| user.user_id.clone()) {
            DETAIL.open(self, id, cx);
        }
    }

    fn menu_title(&self) -> Option<String> {
        self.target().map(|user| safe_text(&user.user_id))
    }

    #[cfg(test)]
    fn sample(request: &str) -> Option<serde_json::Value> {
        samples::answer(request)
    }
}

impl Users {
    /// The user that actions apply to: the opened one, or the selected one.
    fn target(&self) -> Option<&UserSummary> {
        match self.detail.id() {
            Some(_) => self.detail.data().map(|user| &user.summary),
            None => self.table.selected(),
        }
    }

    /// The same, unless the account is closed.
    fn usable(&self) -> Option<&UserSummary> {
        self.target().filter(|user| !user.deactivated)
    }

    fn lock_label(&self) -> Option<&'static str> {
        self.usable().map(|user| if user.locked { "Unlock" } else { "Lock" })
    }

    fn admin_label(&self) -> Option<&'static str> {
        self.usable().map(|user| if user.admin { "Remove admin rights..." } else { "Make administrator..." })
    }
}
