//! The unread count of a user over all rooms: what an app shows at its icon.

use std::collections::HashMap;

use hearth_base::{Position, Result};
use hearth_rooms::RoomCore;
use hearth_rooms::read::ignored::{self, HiddenInvites};
use hearth_store::engine::Tx;
use hearth_store::ids::RoomSn;
use hearth_store::tables::memberships::{self, Membership};
use hearth_store::tables::rooms;
use ruma::UserId;

use super::super::counts::{CountBudget, CountQuery, Counter};
use super::live::PusherId;

/// The counts of rooms that have not changed since they were counted.
#[derive(Debug, Default)]
pub(super) struct Badges {
    /// Of what else the counts depend on: the rules and the ignored users.
    inputs: Option<(i64, Vec<i64>)>,
    rooms: HashMap<RoomSn, (Position, u64)>,
}

/// A count, or the rooms that are to be counted in pieces first.
pub(super) type Badge = std::result::Result<u64, Vec<RoomSn>>;

impl Badges {
    /// Counts the unread notifications of a user, an invite as one.
    pub(super) fn count(
        &mut self,
        (core, counter): (&RoomCore, &Counter),
        (tx, position): (&mut dyn Tx, Position),
        (id, user_id): (&PusherId, &UserId),
    ) -> Result<Badge> {
        let (ignored, budget) = (ignored::by(tx, id.user)?, CountBudget::new());
        let mut senders: Vec<_> = ignored.iter().map(|sender| sender.0).collect();
        senders.sort_unstable();
        let inputs = Some((counter.rules.get(core, tx, id.user, user_id)?.hash(), senders));
        if self.inputs != inputs {
            self.rooms.clear();
            self.inputs = inputs;
        }
        let hidden = HiddenInvites::of(id.user, ignored.clone());
        let (mut total, mut known) = (0, HashMap::new());
        for member in memberships::of_user(tx, id.user)? {
            match member.membership {
                Membership::Invite => total += u64::from(!hidden.hides(core, tx, &member)?),
                Membership::Join => {
                    let newest = core.notifier.newest_in(member.room);
                    let count = match self.rooms.get(&member.room).filter(|(at, _)| *at == newest) {
                        Some((_, count)) => *count,
                        None => {
                            let Some(room) = rooms::by_sn(tx, member.room)? else { continue };
                            let query =
                                CountQuery { room: &room, member: &member, user_id, ignored: &ignored, upto: position };
                            let Some(counts) = counter.count(core, tx, query, &budget)? else { continue };
                            counts.total().notify
                        }
                    };
                    total += count;
                    // A change that is not published yet is not in this count.
                    if newest <= position {
                        known.insert(member.room, (newest, count));
                    }
                }
                _ => {}
            }
        }
        self.rooms = known;
        let (behind, _) = budget.into_rooms();
        Ok(if behind.is_empty() { Ok(total) } else { Err(behind) })
    }
}
