//! What one database read may spend on counting, and the events that cost too much for it.
//!
//! A reader thread is shared by all users, so it evaluates only what is cheap. Expensive evaluations, of thousands of
//! patterns on a body of 64 KiB, are returned as a [`Load`]; they run elsewhere, and the next read finds their results.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use hearth_base::limits;
use hearth_rooms::load::Event;
use hearth_store::ids::{EventSn, RoomSn};

use super::evaluate::{Evaluator, PushOutcome, size};
use super::rules::Rules;
use super::threads::RuleContext;

/// How much more one transaction may count, and the rooms for which that did not suffice.
#[derive(Debug)]
pub struct CountBudget {
    events: Cell<usize>,
    steps: Cell<u64>,
    behind: RefCell<Vec<RoomSn>>,
    unsaved: RefCell<Vec<RoomSn>>,
    known: Outcomes,
    load: RefCell<Load>,
}

/// Results of expensive evaluations.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    /// The hash of the rules that led to them.
    rules: i64,
    /// Each with the subscription that led to it.
    of: HashMap<EventSn, (Option<bool>, PushOutcome)>,
}

/// Evaluations that are too expensive for a reader thread.
#[derive(Debug, Default)]
pub(super) struct Load {
    rules: Option<Rules>,
    events: Vec<(Arc<Event>, RuleContext)>,
    steps: u64,
    bytes: usize,
}

impl CountBudget {
    /// Creates the budget of one read.
    #[must_use]
    pub fn new() -> Self {
        Self::knowing(Outcomes::default())
    }

    /// Creates the budget of a read that continues with the results of [`Load::run`].
    pub(super) fn knowing(known: Outcomes) -> Self {
        Self {
            events: Cell::new(limits::COUNTED_PER_READ_EVENTS_MAX),
            steps: Cell::new(limits::PUSH_STEPS_PER_READ_MAX),
            behind: RefCell::default(),
            unsaved: RefCell::default(),
            known,
            load: RefCell::default(),
        }
    }

    /// Returns the rooms with unfinished counts, and those whose tally should be saved.
    #[must_use]
    pub fn into_rooms(self) -> (Vec<RoomSn>, Vec<RoomSn>) {
        (self.behind.into_inner(), self.unsaved.into_inner())
    }

    /// Returns the results so far, the expensive evaluations, and whether a tally should be saved.
    pub(super) fn into_parts(self) -> (Outcomes, Load, bool) {
        (self.known, self.load.into_inner(), !self.unsaved.into_inner().is_empty())
    }

    pub(super) fn events_left(&self) -> usize {
        self.events.get()
    }

    pub(super) fn spend_events(&self, events: usize) {
        self.events.set(self.events.get().saturating_sub(events));
    }

    pub(super) fn is_behind(&self, room: RoomSn) {
        self.behind.borrow_mut().push(room);
    }

    pub(super) fn is_unsaved(&self, room: RoomSn) {
        self.unsaved.borrow_mut().push(room);
    }

    /// Returns whether no more events can be put off to be evaluated elsewhere.
    pub(super) fn is_loaded(&self) -> bool {
        let load = self.load.borrow();
        load.steps >= limits::PUSH_STEPS_PER_TURN_MAX || load.bytes >= limits::PUSH_LOAD_BYTES_MAX
    }

    /// Returns the result of the rules for an event; none when it must be evaluated elsewhere.
    pub(super) fn outcome(
        &self,
        (evaluator, rules): (&Evaluator, &Rules),
        event: &Arc<Event>,
        context: &RuleContext,
    ) -> Option<PushOutcome> {
        if let Some((subscribed, known)) = self.known.of.get(&event.sn).filter(|_| self.known.rules == rules.hash())
            && *subscribed == context.subscribed
        {
            return Some(*known);
        }
        let (most, left) = (rules.matcher().steps(size(event)), self.steps.get());
        if most <= left {
            let (rule, steps) = evaluator.first(rules, event, context);
            self.steps.set(left.saturating_sub(steps));
            return Some(rule.map_or_else(PushOutcome::default, |rule| rule.outcome));
        }
        // What follows is put off, too, even if it is cheap: results are needed in order.
        self.steps.set(0);
        if !self.is_loaded() {
            self.load.borrow_mut().add(rules, event, context, most);
        }
        None
    }
}

impl Default for CountBudget {
    fn default() -> Self {
        Self::new()
    }
}

impl Outcomes {
    /// Adds later results. Those of other rules are dropped.
    pub(super) fn add(&mut self, later: Self) {
        if self.rules != later.rules {
            self.of.clear();
        }
        self.rules = later.rules;
        self.of.extend(later.of);
    }
}

impl Load {
    fn add(&mut self, rules: &Rules, event: &Arc<Event>, context: &RuleContext, steps: u64) {
        self.rules.get_or_insert_with(|| rules.clone());
        self.events.push((event.clone(), context.clone()));
        self.steps += steps;
        self.bytes += size(event);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Evaluates the events until `is_stopped`. Blocks for up to [`limits::PUSH_STEPS_PER_TURN_MAX`] and one event.
    pub(super) fn run(self, evaluator: &Evaluator, is_stopped: impl Fn() -> bool) -> Outcomes {
        let Some(rules) = self.rules else { return Outcomes::default() };
        let mut of = HashMap::with_capacity(self.events.len());
        for (event, context) in self.events.into_iter().take_while(|_| !is_stopped()) {
            let (rule, _) = evaluator.first(&rules, &event, &context);
            of.insert(event.sn, (context.subscribed, rule.map_or_else(PushOutcome::default, |rule| rule.outcome)));
        }
        Outcomes { rules: rules.hash(), of }
    }
}
