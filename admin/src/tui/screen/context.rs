//! What a screen may do to the rest of the dashboard.

use std::marker::PhantomData;

use crate::tui::parts::{Confirm, Field, Form, Overlay, Toggle, TypedConfirm};
use crate::tui::request::{Pending, Request};
use crate::tui::state::{Effect, Shared, Undo};
use crate::tui::strings;

use super::{Screen, ScreenId};

/// How long a change can be undone, in seconds.
const UNDO_S: u64 = 10;

/// Access of a screen of type `S` to what is shared, while it handles something.
pub(crate) struct Context<'a, S> {
    pub(crate) shared: &'a mut Shared,
    pub(super) pending: &'a mut Pending,
    pub(super) id: ScreenId,
    pub(super) is_shown: bool,
    pub(super) redraw: bool,
    pub(super) screen: PhantomData<fn(S)>,
}

/// A question before a change with a cost.
pub(crate) struct Question {
    pub(crate) title: String,
    /// What will happen, with figures.
    pub(crate) lines: Vec<String>,
    /// The label of the confirm button.
    pub(crate) verb: &'static str,
    /// Whether the change cannot be undone. Shown in red and in words.
    pub(crate) danger: bool,
    /// The label of a check box.
    pub(crate) toggle: Option<&'static str>,
}

impl<S: Screen> Context<'_, S> {
    /// Whether this is the screen that is shown.
    pub(crate) fn is_shown(&self) -> bool {
        self.is_shown
    }

    /// Loads something. Replaces an earlier load with the same name, whose answer will be dropped; does nothing if
    /// the same request is pending.
    pub(crate) fn load(&mut self, name: &'static str, request: Request<S>) {
        if let Some(generation) = self.pending.begin(name, request.path()) {
            let call = request.into_call(self.id, Some((name, generation)));
            self.shared.effects.push(Effect::Send(call));
        }
    }

    /// Whether a load with this name is pending.
    pub(crate) fn is_loading(&self, name: &str) -> bool {
        self.pending.is_waiting(name)
    }

    /// Changes something on the server, or shows why that is not possible now. After it [`Screen::changed`] is called.
    pub(crate) fn change(&mut self, request: Request<S>) {
        let call = request.into_call(self.id, None);
        self.shared.change(call);
    }

    /// Offers to undo what was just changed, for ten seconds.
    pub(crate) fn offer_undo(&mut self, request: Request<S>) {
        let change = request.into_call(self.id, None);
        self.shared.undo = Some(Undo { change, until: self.shared.ticks + UNDO_S });
    }

    /// Asks first, with No selected. `change` gets the state of the check box.
    pub(crate) fn confirm(&mut self, question: Question, change: impl FnOnce(bool) -> Request<S> + 'static) {
        let id = self.id;
        let Question { title, lines, verb, danger, toggle } = question;
        self.shared.overlay = Some(Overlay::Confirm(Confirm {
            title,
            lines,
            verb,
            danger,
            toggle: toggle.map(|label| Toggle { label, on: false }),
            yes: false,
            change: Box::new(move |ticked| change(ticked).into_call(id, None)),
        }));
    }

    /// Asks to type `expected` first, for changes that destroy something.
    pub(crate) fn confirm_typed(
        &mut self,
        title: String,
        lines: Vec<String>,
        expected: String,
        change: impl FnOnce() -> Request<S> + 'static,
    ) {
        let id = self.id;
        let change = Box::new(move || change().into_call(id, None));
        self.shared.overlay = Some(Overlay::TypedConfirm(TypedConfirm::new(title, lines, expected, change)));
    }

    /// Opens a form. `submit` makes the change from its fields and the server's clock, or tells what is wrong.
    pub(crate) fn form(
        &mut self,
        title: &'static str,
        fields: Vec<Field>,
        submit: impl Fn(&[Field], u64) -> Result<Request<S>, &'static str> + 'static,
    ) {
        let id = self.id;
        let submit = Box::new(move |fields: &[Field], now_ms: u64| Ok(submit(fields, now_ms)?.into_call(id, None)));
        self.shared.overlay = Some(Overlay::Form(Form { title, fields, focus: 0, error: None, submit }));
    }

    /// Tells that an action has nothing to act on.
    pub(crate) fn nothing_selected(&mut self) {
        self.shared.notify_error(strings::NOTHING_SELECTED);
    }

    /// The answer changed nothing visible, so no frame is due.
    pub(crate) fn unchanged(&mut self) {
        self.redraw = false;
    }
}
