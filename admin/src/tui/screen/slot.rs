//! A screen without its type, for the list of screens. The one place where the type is recovered is [`apply`].

use std::any::Any;
use std::marker::PhantomData;

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::client::ClientError;
use crate::tui::parts::{Menu, MenuItem, Panes, PanesMut};
use crate::tui::request::{Failed, Pending, Then};
use crate::tui::state::{Shared, State};

use super::action::Run;
use super::{Action, Context, Screen, ScreenId, Step};

/// A screen of any type.
pub(crate) trait AnyScreen: Any {
    fn name(&self) -> &'static str;
    fn area(&self) -> Option<&'static str>;
    /// The commands. The first one shows the screen.
    fn commands(&self) -> Vec<CommandRow>;
    /// The keys of the actions.
    fn keys(&self) -> Vec<KeyRow>;
    /// The menu. `None` if the screen has none.
    fn menu(&self) -> Option<Menu>;
    fn panes(&self) -> Panes<'_>;
    fn panes_mut(&mut self) -> PanesMut<'_>;
    fn copied(&self, shared: &Shared) -> Option<String>;
    fn remarks(&self) -> Vec<String>;
    fn is_ticking(&self) -> bool;
    fn bar(&self) -> &'static [&'static str];
    fn detail_bar(&self) -> &'static [&'static str];
    fn view(&self, frame: &mut Frame<'_>, area: Rect, shared: &Shared);
    fn reconnected(&mut self);
    fn handle(&mut self, event: Event<'_>, shared: &mut Shared, id: ScreenId, is_shown: bool);
    #[cfg(test)]
    fn sample(&self, request: &str) -> Option<serde_json::Value>;
}

/// What a screen has to handle; each is a method of [`Screen`].
#[derive(Clone, Copy)]
pub(crate) enum Event<'a> {
    Enter,
    Load,
    Live,
    Open,
    Step(Step),
    Turn(isize),
    More(usize),
    /// The action at this place of the table.
    Act(usize),
    /// The command at this place of [`AnyScreen::commands`], with its argument.
    Command(usize, &'a str),
}

/// A command, for completion and help.
pub(crate) struct CommandRow {
    pub(crate) name: &'static str,
    pub(crate) argument: &'static str,
    pub(crate) help: &'static str,
}

/// A key, for dispatch, help and key bar.
pub(crate) struct KeyRow {
    /// The place of its action in the table.
    pub(crate) action: usize,
    pub(crate) key: char,
    pub(crate) help: &'static str,
    pub(crate) short: &'static str,
}

/// A screen with the loads that it waits for.
pub(crate) struct Slot<S> {
    pub(crate) screen: S,
    pending: Pending,
}

/// A new screen, for the list of screens.
pub(crate) fn boxed<S: Screen>() -> Box<dyn AnyScreen> {
    Box::new(Slot { screen: S::default(), pending: Pending::default() })
}

impl<S: Screen> AnyScreen for Slot<S> {
    fn name(&self) -> &'static str {
        S::NAME
    }

    fn area(&self) -> Option<&'static str> {
        S::AREA
    }

    fn commands(&self) -> Vec<CommandRow> {
        let (name, help) = S::COMMAND;
        let others = S::COMMANDS.iter().map(|it| CommandRow { name: it.name, argument: it.argument, help: it.help });
        std::iter::once(CommandRow { name, argument: "", help }).chain(others).collect()
    }

    fn keys(&self) -> Vec<KeyRow> {
        let direct = S::ACTIONS.iter().enumerate().filter(|(_, it)| it.is_direct);
        direct.map(|(action, it)| KeyRow { action, key: it.key, help: it.help, short: it.short }).collect()
    }

    fn menu(&self) -> Option<Menu> {
        if S::ACTIONS.iter().all(|action| action.label.is_none()) {
            return None;
        }
        let item = |(action, it): (usize, &Action<S>)| {
            let label = it.label.and_then(|label| label(&self.screen))?;
            Some(MenuItem { key: it.key, label, action })
        };
        let title = self.screen.menu_title().unwrap_or_else(|| S::NAME.to_owned());
        Some(Menu { title, items: S::ACTIONS.iter().enumerate().filter_map(item).collect(), selected: 0 })
    }

    fn panes(&self) -> Panes<'_> {
        self.screen.panes()
    }

    fn panes_mut(&mut self) -> PanesMut<'_> {
        self.screen.panes_mut()
    }

    fn copied(&self, shared: &Shared) -> Option<String> {
        self.screen.copied(shared)
    }

    fn remarks(&self) -> Vec<String> {
        self.screen.remarks()
    }

    fn is_ticking(&self) -> bool {
        self.screen.is_ticking()
    }

    fn bar(&self) -> &'static [&'static str] {
        self.screen.bar()
    }

    fn detail_bar(&self) -> &'static [&'static str] {
        S::DETAIL_BAR
    }

    fn view(&self, frame: &mut Frame<'_>, area: Rect, shared: &Shared) {
        self.screen.view(frame, area, shared);
    }

    fn reconnected(&mut self) {
        self.screen.reconnected();
    }

    fn handle(&mut self, event: Event<'_>, shared: &mut Shared, id: ScreenId, is_shown: bool) {
        let screen = &mut self.screen;
        let pending = &mut self.pending;
        let cx = &mut Context { shared, pending, id, is_shown, redraw: false, screen: PhantomData };
        match event {
            Event::Enter => screen.enter(cx),
            Event::Load => screen.load(cx),
            Event::Live => screen.live(cx),
            Event::Open => screen.open(cx),
            Event::Step(step) => screen.step(step, cx),
            Event::Turn(steps) => screen.turn(steps),
            Event::More(near) => screen.more(near, cx),
            Event::Act(place) => act(S::ACTIONS.get(place), screen, cx),
            Event::Command(place, argument) => {
                // The first one only shows the screen.
                let command = place.checked_sub(1).and_then(|place| S::COMMANDS.get(place));
                match command.map(|command| &command.run) {
                    Some(Run::Function(run)) => run(screen, argument, cx),
                    Some(Run::Action(key)) => act(S::ACTIONS.iter().find(|action| action.key == *key), screen, cx),
                    None => {}
                }
            }
        }
    }

    #[cfg(test)]
    fn sample(&self, request: &str) -> Option<serde_json::Value> {
        S::sample(request)
    }
}

fn act<S: Screen>(action: Option<&Action<S>>, screen: &mut S, cx: &mut Context<'_, S>) {
    let Some(action) = action else { return };
    match cx.shared.obstacle().filter(|_| action.is_change) {
        Some(obstacle) => cx.shared.notify_error(obstacle),
        None => (action.run)(screen, cx),
    }
}

/// Gives an answer to its screen, unless a newer load has replaced the one it belongs to.
pub(crate) fn apply<S: Screen>(
    state: &mut State,
    id: ScreenId,
    ticket: Option<(&'static str, u64)>,
    then: Result<Then<S>, ClientError>,
    failed: Option<Failed<S>>,
) {
    let is_shown = state.shown == id;
    let slot = state.screens.get_mut(id.index()).map(|screen| -> &mut dyn Any { &mut **screen });
    // The id was given to a screen of this type, so the types agree.
    let Some(Slot { screen, pending }) = slot.and_then(|slot| slot.downcast_mut::<Slot<S>>()) else { return };
    if ticket.is_some_and(|(name, generation)| !pending.end(name, generation)) {
        return;
    }
    let shared = &mut state.shared;
    let mut cx = Context { shared, pending, id, is_shown, redraw: true, screen: PhantomData };
    match (then, failed) {
        (Ok(then), _) => {
            then(screen, &mut cx);
            if ticket.is_none() {
                cx.pending.outdate();
                screen.changed(&mut cx);
            }
        }
        (Err(error), Some(failed)) => failed(screen, &error, &mut cx),
        // The frame shows that the server is unreachable; for a change it must be clear that it was not made.
        (Err(error), None) if ticket.is_some() && error.is_down() => {}
        (Err(error), None) => cx.shared.notify_error(error.to_string()),
    }
    let redraw = cx.redraw;
    state.shared.dirty |= redraw;
}
