//! What an event is worth to one user: evaluates push rules (client-server API, "Push rules") through ruma.

use std::sync::Arc;

use futures_util::FutureExt;
use hearth_base::{Error, Result};
use hearth_store::engine::Tx;
use hearth_store::ids::{EventSn, UserSn};
use hearth_store::tables::memberships::{self, Membership};
use hearth_store::tables::rooms::Room;
use hearth_store::tables::state;
use quick_cache::sync::Cache;
use ruma::events::AnySyncTimelineEvent;
use ruma::push::{AnyPushRuleRef, FlattenedJson, PushConditionRoomCtx, Ruleset};
use ruma::{RoomId, UInt, UserId};

use crate::core::Core;
use crate::rooms::event::client::{Unsigned, show};
use crate::rooms::load::Event;
use crate::rooms::power;

/// Events whose flattened form is remembered: an event is evaluated once for each member, mostly at about the same time.
const FLATTENED_MAX: usize = 256;

/// What the rules say about an event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PushOutcome {
    /// It counts as a notification.
    pub notify: bool,
    /// It counts as a highlight.
    pub highlight: bool,
}

/// Evaluates rules, remembering events in the form that rules want.
#[derive(Debug)]
pub struct Evaluator {
    flattened: Cache<EventSn, Arc<FlattenedJson>>,
}

impl Default for Evaluator {
    fn default() -> Self {
        Self { flattened: Cache::new(FLATTENED_MAX) }
    }
}

impl Evaluator {
    /// What `rules` say about `event` in `context`.
    pub fn outcome(&self, rules: &Ruleset, event: &Event, context: &PushConditionRoomCtx) -> PushOutcome {
        self.matching(rules, event, context).map_or(PushOutcome::default(), |rule| PushOutcome {
            notify: rule.triggers_notification(),
            highlight: rule.triggers_highlight(),
        })
    }

    /// The rule that decides about an event; none when no rule matches, and for the user's own events.
    pub fn matching<'a>(
        &self,
        rules: &'a Ruleset,
        event: &Event,
        context: &PushConditionRoomCtx,
    ) -> Option<AnyPushRuleRef<'a>> {
        if event.pdu.sender == context.user_id {
            return None;
        }
        let flat = self.flatten(event, &context.room_id);
        // Without thread subscriptions, which Hearth does not have, nothing in ruma's rules waits for anything.
        rules.iter().find(|rule| rule.applies(&flat, context).now_or_never().unwrap_or(false))
    }

    fn flatten(&self, event: &Event, room_id: &RoomId) -> Arc<FlattenedJson> {
        if let Some(flat) = self.flattened.get(&event.sn) {
            return flat;
        }
        let raw = show::<AnySyncTimelineEvent>(&event.pdu, Some(room_id), &Unsigned::default());
        let flat = Arc::new(FlattenedJson::from_raw(&raw));
        self.flattened.insert(event.sn, flat.clone());
        flat
    }
}

/// What rules look at beside the event: the room and the user in it, as they stand now.
pub fn context(core: &Core, tx: &mut dyn Tx, room: &Room, user: (UserSn, &UserId)) -> Result<PushConditionRoomCtx> {
    let room_id = RoomId::parse(room.id.as_str()).map_err(|error| Error::fault("reading a stored room id", error))?;
    let counts = memberships::counts(tx, room.sn)?;
    let joined = counts.iter().find(|(membership, _)| *membership == Membership::Join).map_or(0, |(_, count)| *count);
    let member = state::current_named(tx, room.sn, "m.room.member", user.1.as_str())?;
    let name = match member {
        Some(sn) => core.events.get(tx, sn)?.pdu.content_str("displayname"),
        None => None,
    };
    let name = name.unwrap_or_else(|| user.1.localpart().to_owned());
    let levels = power::levels(core, tx, room)?;
    let context = PushConditionRoomCtx::new(room_id, UInt::new_saturating(joined), user.1.to_owned(), name);
    Ok(context.with_power_levels(levels.into()))
}
