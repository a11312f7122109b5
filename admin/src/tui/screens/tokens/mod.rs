//! Registration tokens: the table, creating and revoking one.

#[cfg(test)]
mod samples;
mod strings;

use std::borrow::Cow;

use ratatui::style::Style;

use crate::text::safe_text;
use crate::tui::parts::{Column, Field, Info, Overlay, Panes, PanesMut, Row, Table};
use crate::tui::request::{Http, Request};
use crate::tui::screen::{Action, Command, Context, Question, Screen};
use crate::tui::strings::{NEVER, NONE};
use crate::tui::view::format;
use crate::tui::view::theme::Theme;
use crate::wire::{Done, NewRegistrationToken, RegistrationToken, RegistrationTokenList, paths};

const MS_PER_DAY: u64 = 24 * 60 * 60 * 1_000;

/// The screen.
#[derive(Default)]
pub(crate) struct Tokens {
    table: Table<RegistrationToken>,
}

impl Screen for Tokens {
    const NAME: &'static str = "Tokens";
    const COMMAND: (&'static str, &'static str) = ("tokens", "registration tokens");
    const COMMANDS: &'static [Command<Self>] = &[Command::action("new-token", "create a registration token", 'n')];
    const ACTIONS: &'static [Action<Self>] = &[
        Action::key('n', "new", "new", Self::new_token).labelled(|_| Some("New token...")).changing(),
        Action::key('x', "revoke", "revoke (asks first)", Self::revoke)
            .labelled(|screen| screen.table.selected().map(|_| "Revoke..."))
            .changing(),
    ];
    const BAR: &'static [&'static str] = &["n", "x", "y", "s"];

    fn load(&mut self, cx: &mut Context<'_, Self>) {
        let tokens = Http::get(paths::REGISTRATION_TOKENS);
        cx.load(
            "rows",
            tokens.then(|screen: &mut Self, list: RegistrationTokenList, cx| {
                if !screen.table.fill(list.items) {
                    cx.unchanged();
                }
            }),
        );
    }

    fn panes(&self) -> Panes<'_> {
        Panes::list(&self.table)
    }

    fn panes_mut(&mut self) -> PanesMut<'_> {
        PanesMut::list(&mut self.table)
    }

    #[cfg(test)]
    fn sample(request: &str) -> Option<serde_json::Value> {
        samples::answer(request)
    }
}

impl Tokens {
    fn new_token(&mut self, cx: &mut Context<'_, Self>) {
        let fields = [strings::FIELD_USES, strings::FIELD_DAYS, strings::FIELD_TOKEN].map(Field::text);
        cx.form(strings::NEW_TOKEN, fields.into(), create);
    }

    fn revoke(&mut self, cx: &mut Context<'_, Self>) {
        let Some(selected) = self.table.selected() else { return cx.nothing_selected() };
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

/// The token of a form.
fn create(fields: &[Field], now_ms: u64) -> Result<Request<Tokens>, &'static str> {
    let [uses, days, token] = fields else { return Err(strings::ERROR_NUMBER) };
    let uses_allowed = number(uses.value())?;
    let expires_ms = match number(days.value())? {
        Some(_) if now_ms == 0 => return Err(strings::ERROR_CLOCK),
        Some(days) => Some(now_ms.saturating_add(days.saturating_mul(MS_PER_DAY))),
        None => None,
    };
    let token = NewRegistrationToken { token: token.optional(), uses_allowed, expires_ms };
    Ok(Http::post(paths::REGISTRATION_TOKENS, &token).then(|_: &mut Tokens, made: RegistrationToken, cx| {
        let heading = made.notice.as_deref().map_or_else(|| strings::TOKEN_MADE.to_owned(), safe_text);
        let lines = vec![heading, String::new(), safe_text(&made.token)];
        cx.shared.overlay = Some(Overlay::Info(Info::new(strings::NEW_TOKEN, lines, made.token)));
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
        Column::<Self>::figure("Pending", 8, 64, |token, _| token.pending.to_string()),
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
        self.token.clone()
    }

    /// Dims tokens without remaining uses. Expired ones show by their date.
    fn style(&self, theme: Theme) -> Style {
        let spent = self.uses_allowed.is_some_and(|allowed| self.completed >= allowed);
        if spent { theme.dim() } else { Style::new() }
    }
}
