//! What can be done to an application service, and the question before it.
//!
//! Stopping deliveries loses nothing, so it happens at once and offers undo. Removing a registration loses what waits
//! for the service, so it asks first.

use crate::text::safe_text;
use crate::tui::parts::Field;
use crate::tui::request::{Http, Request};
use crate::tui::screen::{Context, Question};
use crate::tui::view::format::count;
use crate::wire::{Appservice, AppservicePing, Done, NewAppservice, SetAppserviceDisabled, paths};

use super::{Appservices, strings};

type Cx<'a> = Context<'a, Appservices>;

impl Appservices {
    pub(super) fn test(&mut self, cx: &mut Cx<'_>) {
        let Some(service) = self.target() else { return cx.nothing_selected() };
        let name = safe_text(&service.id);
        let test = Http::post(paths::appservice_test(&service.id), &Done {});
        cx.change(test.then(move |_: &mut Self, ping: AppservicePing, cx| {
            cx.shared.notify(strings::answers(&name, &count(ping.duration_ms)));
        }));
    }

    pub(super) fn toggle_disabled(&mut self, cx: &mut Cx<'_>) {
        let Some(service) = self.target() else { return cx.nothing_selected() };
        match service.url {
            Some(_) => cx.change(set_disabled(service.id.clone(), !service.disabled)),
            None => cx.shared.notify_error(strings::NO_DELIVERIES),
        }
    }

    pub(super) fn add(&mut self, cx: &mut Cx<'_>) {
        cx.form(strings::NEW, vec![Field::document(strings::FIELD_REGISTRATION)], |fields, _| register(fields));
    }

    pub(super) fn remove(&mut self, cx: &mut Cx<'_>) {
        let Some(service) = self.target() else { return cx.nothing_selected() };
        if !service.added {
            return cx.shared.notify_error(strings::FROM_A_FILE);
        }
        let (id, name) = (service.id.clone(), safe_text(&service.id));
        let question = Question {
            title: strings::remove_title(&name),
            lines: strings::remove_lines(&safe_text(&service.sender), service.behind_events),
            verb: strings::VERB_REMOVE,
            danger: true,
            toggle: None,
        };
        cx.confirm(question, move |_| {
            Http::delete(paths::appservice(&id)).then(move |screen: &mut Self, Done {}, cx| {
                screen.detail.close_if(&id);
                cx.shared.notify(strings::removed(&name));
            })
        });
    }
}

/// Stops or resumes deliveries, and offers the opposite.
fn set_disabled(id: String, disabled: bool) -> Request<Appservices> {
    let set = Http::put(paths::appservice_disabled(&id), &SetAppserviceDisabled { disabled });
    set.then(move |_: &mut Appservices, Done {}, cx| {
        let name = safe_text(&id);
        cx.shared.notify(if disabled { strings::stopped(&name) } else { strings::resumed(&name) });
        cx.offer_undo(set_disabled(id, !disabled));
    })
}

/// The registration of a form.
fn register(fields: &[Field]) -> Result<Request<Appservices>, &'static str> {
    let registration = fields.first().and_then(Field::optional).ok_or(strings::ERROR_REGISTRATION)?;
    Ok(Http::post(paths::APPSERVICES, &NewAppservice { registration }).then(
        |_: &mut Appservices, added: Appservice, cx| {
            cx.shared.notify(strings::added(&safe_text(&added.id), &safe_text(&added.sender)));
        },
    ))
}
