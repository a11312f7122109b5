//! Registration tokens and their invite links: the table, one token with its link and who joined by it, creating and
//! revoking one.

mod detail;
#[cfg(test)]
mod samples;
mod strings;

use std::borrow::Cow;

use ratatui::style::Style;

use crate::text::safe_text;
use crate::tui::parts::{Column, Detail, Details, Field, Info, Overlay, Panes, PanesMut, Row, Table};
use crate::tui::request::{Http, Request};
use crate::tui::screen::{Action, Command, Context, Question, Screen};
use crate::tui::strings::{NEVER, NONE};
use crate::tui::view::format;
use crate::tui::view::theme::Theme;
use crate::wire::{
    Done, NewRegistrationToken, RegistrationMode, RegistrationToken, RegistrationTokenList, SetRegistrationMode, paths,
};

const MS_PER_DAY: u64 = 24 * 60 * 60 * 1_000;

/// The screen.
#[derive(Default)]
pub(crate) struct Tokens {
    table: Table<RegistrationToken>,
    detail: Detail<RegistrationToken>,
    /// Whether registration is closed, so that no token works.
    is_closed: bool,
}

const DETAIL: Details<Tokens, RegistrationToken> = Details::new(paths::registration_token, |screen| &mut screen.detail);

impl Screen for Tokens {
    const NAME: &'static str = "Tokens";
    const COMMAND: (&'static str, &'static str) = ("tokens", "registration tokens and invite links");
    const COMMANDS: &'static [Command<Self>] = &[Command::action("new-token", "create a registration token", 'n')];
    const ACTIONS: &'static [Action<Self>] = &[
        Action::key('n', "new", "new", Self::new_token).labelled(|_| Some("New token...")).changing(),
        Action::key('i', "link", "invite link and QR code", Self::show_link)
            .labelled(|screen| screen.target().map(|_| "Invite link and QR code")),
        Action::key('x', "revoke", "revoke (asks first)", Self::revoke)
            .labelled(|screen| screen.target().map(|_| "Revoke..."))
            .changing(),
        Action::item('o', |screen| screen.is_closed.then_some("Let tokens work..."), Self::allow).changing(),
    ];
    const BAR: &'static [&'static str] = &["n", "Enter", "i", "x", "a"];
    const DETAIL_BAR: &'static [&'static str] = &["Esc", "Tab next tab", "i", "x", "y"];

    fn load(&mut self, cx: &mut Context<'_, Self>) {
        DETAIL.load(self, cx);
        let tokens = Http::get(paths::REGISTRATION_TOKENS);
        cx.load(
            "rows",
            tokens.then(|screen: &mut Self, list: RegistrationTokenList, cx| {
                screen.is_closed = list.items.iter().any(is_blocked);
                if !screen.table.fill(list.items) {
                    cx.unchanged();
                }
            }),
        );
    }

    fn panes(&self) -> Panes<'_> {
        Panes::list(&self.table).with(&self.detail)
    }

    fn panes_mut(&mut self) -> PanesMut<'_> {
        PanesMut::list(&mut self.table).with(&mut self.detail)
    }

    fn open(&mut self, cx: &mut Context<'_, Self>) {
        if let Some(token) = self.table.selected().map(|token| token.token.clone()) {
            DETAIL.open(self, token, cx);
        }
    }

    fn menu_title(&self) -> Option<String> {
        self.target().map(|token| safe_text(&token.token))
    }

    #[cfg(test)]
    fn sample(request: &str) -> Option<serde_json::Value> {
        samples::answer(request)
    }
}

/// Whether registration is closed for a token. With open registration there is a notice as well, and the token works.
fn is_blocked(token: &RegistrationToken) -> bool {
    let has_uses = token.uses_allowed.is_none_or(|allowed| token.completed < allowed);
    token.notice.is_some() && has_uses && !token.works
}

impl Tokens {
    /// The token that actions apply to: the opened one, or the selected one.
    fn target(&self) -> Option<&RegistrationToken> {
        match self.detail.id() {
            Some(_) => self.detail.data(),
            None => self.table.selected(),
        }
    }

    fn new_token(&mut self, cx: &mut Context<'_, Self>) {
        let fields = [
            strings::FIELD_USES,
            strings::FIELD_DAYS,
            strings::FIELD_TOKEN,
            strings::FIELD_CONTACT,
            strings::FIELD_ROOMS,
            strings::FIELD_NOTE,
        ];
        cx.form(strings::NEW_TOKEN, fields.map(Field::text).into(), create);
    }

    fn show_link(&mut self, cx: &mut Context<'_, Self>) {
        match self.target() {
            Some(token) => cx.shared.overlay = Some(link_of(token)),
            None => cx.nothing_selected(),
        }
    }

    fn allow(&mut self, cx: &mut Context<'_, Self>) {
        let question = Question {
            title: strings::ALLOW_TITLE.to_owned(),
            lines: strings::allow_lines(),
            verb: strings::VERB_ALLOW,
            danger: false,
            toggle: None,
        };
        cx.confirm(question, |_| {
            Http::put(paths::REGISTRATION_MODE, &SetRegistrationMode { mode: RegistrationMode::Token })
                .then(|_: &mut Self, Done {}, cx| cx.shared.notify(strings::ALLOWED))
        });
    }

    fn revoke(&mut self, cx: &mut Context<'_, Self>) {
        let Some(selected) = self.target() else { return cx.nothing_selected() };
        let token = selected.token.clone();
        let name = safe_text(&token);
        let question = Question {
            title: strings::revoke_title(&name),
            lines: strings::revoke_lines(selected.pending, selected.completed),
            verb: strings::VERB_REVOKE,
            danger: true,
            toggle: None,
        };
        cx.confirm(question, move |_| {
            Http::delete(paths::registration_token(&token))
                .then(move |_: &mut Self, Done {}, cx| cx.shared.notify(strings::revoked(&name)))
        });
    }
}

/// The link of a token with its QR code, and why it does not work.
fn link_of(token: &RegistrationToken) -> Overlay {
    if token.link.is_empty() {
        let lines = vec![safe_text(&token.token), strings::NO_LINK.to_owned()];
        return Overlay::Info(Info::new(strings::NEW_TOKEN, lines, token.token.as_str()));
    }
    let mut lines = vec![safe_text(&token.link)];
    lines.extend(token.notice.as_deref().map(safe_text));
    Overlay::Info(Info::new(strings::TOKEN_MADE, lines, token.link.as_str()).with_qr(&token.link))
}

/// The token of a form.
fn create(fields: &[Field], now_ms: u64) -> Result<Request<Tokens>, &'static str> {
    let [uses, days, token, contact, rooms, note] = fields else { return Err(strings::ERROR_NUMBER) };
    let uses_allowed = number(uses.value())?;
    let expires_ms = match number(days.value())? {
        Some(_) if now_ms == 0 => return Err(strings::ERROR_CLOCK),
        Some(days) => Some(now_ms.saturating_add(days.saturating_mul(MS_PER_DAY))),
        None => None,
    };
    let rooms = rooms.value().split([',', ' ']).filter(|room| !room.is_empty()).map(str::to_owned).collect();
    let (token, contact, note) = (token.optional(), contact.optional(), note.optional());
    let token = NewRegistrationToken { token, uses_allowed, expires_ms, contact, rooms, note };
    Ok(Http::post(paths::REGISTRATION_TOKENS, &token).then(|_: &mut Tokens, made: RegistrationToken, cx| {
        cx.shared.overlay = Some(link_of(&made));
    }))
}

/// Parses an optional positive number. `None` for an empty field.
fn number(text: &str) -> Result<Option<u64>, &'static str> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().ok().filter(|number| *number > 0).map(Some).ok_or(strings::ERROR_NUMBER)
}

impl Row for RegistrationToken {
    const COLUMNS: &'static [Column<Self>] = &[
        Column::<Self>::text("Token", 0, 0, |token, _| token.token.clone()).sorted(|a, b| a.token.cmp(&b.token)),
        Column::<Self>::figure("Used", 6, 0, |token, _| token.completed.to_string())
            .sorted(|a, b| b.completed.cmp(&a.completed)),
        Column::<Self>::figure("Allowed", 8, 0, |token, _| {
            token.uses_allowed.map_or_else(|| NONE.to_owned(), |uses| uses.to_string())
        }),
        Column::<Self>::text("Contact", 16, 64, |token, _| token.contact.clone().unwrap_or_else(|| NONE.to_owned())),
        Column::<Self>::text("Expires", 11, 0, |token, _| {
            token.expires_ms.map_or_else(|| NEVER.to_owned(), format::date)
        })
        .sorted(|a, b| a.expires_ms.unwrap_or(u64::MAX).cmp(&b.expires_ms.unwrap_or(u64::MAX))),
        Column::<Self>::text("Created", 11, 70, |token, _| match token.created_ms {
            0 => NONE.to_owned(),
            made => format::date(made),
        }),
    ];
    const EMPTY: &'static str = "No registration tokens. Press n to create one.";

    fn key(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.token)
    }

    fn searchable_text(&self) -> String {
        [Some(&self.token), self.contact.as_ref(), self.note.as_ref()]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Dims tokens without remaining uses. Expired ones show by their date.
    fn style(&self, theme: Theme) -> Style {
        let spent = self.uses_allowed.is_some_and(|allowed| self.completed >= allowed);
        if spent { theme.dim() } else { Style::new() }
    }
}
