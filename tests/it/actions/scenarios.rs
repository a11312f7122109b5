//! The actions that are interrupted: setup, request and expected result of each.

use reqwest::Method;

use hearth_admin::wire::{NewRegistrationToken, RegistrationToken, paths};

use super::membership;
use crate::harness::{Person, Value, World, encoded, json, v3};

/// Actions with more than one step. They run on `a.example`; `b.example` is the other server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Join,
    Knock,
    RejectInvite,
    WithdrawKnock,
    Invite,
    InviteByState,
    CreateRoom,
    Deactivate,
    ChangeProfile,
    Upgrade,
    LogOutEverywhere,
    SendDelayedInvite,
    RegisterByLink,
}

pub(super) const ALL: &[Action] = &[
    Action::Join,
    Action::Knock,
    Action::RejectInvite,
    Action::WithdrawKnock,
    Action::Invite,
    Action::InviteByState,
    Action::CreateRoom,
    Action::Deactivate,
    Action::ChangeProfile,
    Action::Upgrade,
    Action::LogOutEverywhere,
    Action::SendDelayedInvite,
    Action::RegisterByLink,
];

/// An action with its setup done.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Value,
    pub(super) token: Option<String>,
    goal: Goal,
}

impl Ready {
    /// A user of the first server joins a public room of the second one.
    pub(super) fn join(who: &Person, room: &crate::harness::Room) -> Self {
        Self {
            method: Method::POST,
            path: format!("{}?via=b.example", v3!("join/{}", room)),
            body: json!({}),
            token: Some(who.token.clone()),
            goal: Goal::Memberships(vec![(room.0.clone(), who.id.clone(), "join")]),
        }
    }
}

/// The expected result of an action.
#[derive(Debug)]
enum Goal {
    /// Memberships on both servers: room, user, membership.
    Memberships(Vec<(String, String, &'static str)>),
    /// The user's newest room has these invited guests, on both servers.
    Guests(String, Vec<String>),
    /// The user has this display name in these rooms.
    Name(String, Vec<String>),
    /// The room has a tombstone, and the replacement room exists.
    Replaced(String, String),
    /// The token is invalid.
    LoggedOut(String),
}

impl Action {
    /// Sets up an action. `n` distinguishes the rounds.
    pub(super) async fn prepare(self, a: &World, b: &World, n: usize, version: &str) -> Ready {
        let name = |who: &str| format!("{who}{n}{version}{}", format!("{self:?}").to_lowercase());
        let (ann, bob) = (a.register(&name("ann")).await, b.register(&name("bob")).await);
        let token = Some(ann.token.clone());
        let post = |path: String, body: Value, goal: Goal| Ready {
            method: Method::POST,
            path,
            body,
            token: token.clone(),
            goal,
        };
        let is = |room: &str, user: &str, membership: &'static str| {
            Goal::Memberships(vec![(room.to_owned(), user.to_owned(), membership)])
        };
        match self {
            Self::Join => {
                let room = bob.creates_room().public().version(version).await;
                Ready::join(&ann, &room)
            }
            Self::Knock => {
                let room = knockable(&bob, version).await;
                let path = format!("{}?via=b.example", v3!("knock/{}", room));
                post(path, json!({}), is(&room.0, &ann.id, "knock"))
            }
            Self::RejectInvite => {
                let room = bob.creates_room().version(version).await;
                bob.invites(&ann, &room).await;
                post(v3!("rooms/{}/leave", room), json!({}), is(&room.0, &ann.id, "leave"))
            }
            Self::WithdrawKnock => {
                let room = knockable(&bob, version).await;
                ann.post(format!("{}?via=b.example", v3!("knock/{}", room)), json!({})).await.ok();
                post(v3!("rooms/{}/leave", room), json!({}), is(&room.0, &ann.id, "leave"))
            }
            Self::Invite => {
                let room = ann.creates_room().version(version).await;
                post(v3!("rooms/{}/invite", room), json!({ "user_id": bob.id }), is(&room.0, &bob.id, "invite"))
            }
            Self::InviteByState => {
                let room = ann.creates_room().version(version).await;
                let path = v3!("rooms/{}/state/m.room.member/{}", room, bob.id);
                let ready = post(path, json!({ "membership": "invite" }), is(&room.0, &bob.id, "invite"));
                Ready { method: Method::PUT, ..ready }
            }
            Self::CreateRoom => {
                let mut guests = vec![bob.id.clone()];
                for guest in ["ben", "bea"] {
                    guests.push(b.register(&name(guest)).await.id.clone());
                }
                let body = json!({ "room_version": version, "invite": guests });
                post(v3!("createRoom"), body, Goal::Guests(ann.id.clone(), guests))
            }
            Self::Deactivate => {
                let others = a.register(&name("amy")).await;
                let here = others.creates_room_with(&[&ann]).await;
                let own = ann.creates_room().version(version).await;
                let there = bob.creates_room().public().version(version).await;
                ann.post(format!("{}?via=b.example", v3!("join/{}", there)), json!({})).await.ok();
                let invited = bob.creates_room().version(version).await;
                bob.invites(&ann, &invited).await;
                let rooms = [here.0, own.0, there.0, invited.0];
                let goal = rooms.into_iter().map(|room| (room, ann.id.clone(), "leave")).collect();
                post(v3!("account/deactivate"), json!({ "auth": ann.proof(None) }), Goal::Memberships(goal))
            }
            Self::ChangeProfile => {
                let mut rooms = Vec::new();
                for _ in 0..3 {
                    rooms.push(ann.creates_room().version(version).await.0);
                }
                let name = format!("Ann {n}");
                let ready = post(
                    v3!("profile/{}/displayname", ann.id),
                    json!({ "displayname": name }),
                    Goal::Name(ann.id.clone(), rooms),
                );
                Ready { method: Method::PUT, ..ready }
            }
            Self::Upgrade => {
                let room = ann.creates_room().version(version).await;
                let goal = Goal::Replaced(room.0.clone(), ann.token.clone());
                post(v3!("rooms/{}/upgrade", room), json!({ "new_version": "12" }), goal)
            }
            Self::LogOutEverywhere => {
                let other = ann.at_another_device().await;
                post(v3!("logout/all"), json!({}), Goal::LoggedOut(other.token.clone()))
            }
            Self::SendDelayedInvite => {
                let room = ann.creates_room().version(version).await;
                let path = v3!("rooms/{}/state/m.room.member/{}", room, bob.id);
                let invite = ann.put(&path, json!({ "membership": "invite" }));
                let later = invite.query(&[("org.matrix.msc4140.delay", "3600000")]).await.ok();
                let id = later["delay_id"].as_str().expect("an id").to_owned();
                let path = format!("/_matrix/client/unstable/org.matrix.msc4140/delayed_events/{}/send", encoded(&id));
                post(path, json!({}), is(&room.0, &bob.id, "invite"))
            }
            Self::RegisterByLink => {
                let mut goal = Vec::new();
                let user = name("new");
                for is_public in [true, false] {
                    let room = ann.creates_room().version(version);
                    let room = if is_public { room.public().await } else { room.await };
                    // So that the other server sees who joins.
                    ann.invites(&bob, &room).await;
                    bob.joins(&room).await;
                    goal.push((room.0, format!("@{user}:a.example"), "join"));
                }
                let rooms = goal.iter().map(|(room, ..)| room.clone()).collect();
                let wish = NewRegistrationToken { contact: Some(ann.id.clone()), rooms, ..Default::default() };
                let token: RegistrationToken =
                    a.operator().post(paths::REGISTRATION_TOKENS, &wish).await.expect("a token");
                let path = format!("/join/{}", token.token);
                let key = crate::join::form_key(&a.anyone().get(&path).await);
                let password = encoded(crate::harness::PASSWORD);
                let form = format!("form={key}&name={user}&password={password}&again={password}");
                post(path, Value::String(form), Goal::Memberships(goal))
            }
        }
    }

    /// Whether the action is a single write: it is either queued before the client can disconnect, or never made.
    pub(super) fn is_one_transaction(self) -> bool {
        matches!(self, Self::Upgrade | Self::LogOutEverywhere)
    }

    /// Whether a restarted server completes it by itself. A delayed event does not count: it stays scheduled until it
    /// is due.
    pub(super) fn is_resumed(self) -> bool {
        self != Self::SendDelayedInvite
    }
}

async fn knockable(bob: &Person, version: &str) -> crate::harness::Room {
    let room = bob.creates_room().version(version).await;
    bob.sets("m.room.join_rules", "", json!({ "join_rule": "knock" })).in_room(&room).await;
    room
}

/// The progress of an action, as both servers see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Both servers have the result.
    Done,
    /// Neither server has any part of it.
    Nothing,
    /// The servers differ, or have a part of it.
    Half,
}

impl Ready {
    /// The current progress of the action.
    pub(super) async fn progress(&self, a: &World, b: &World) -> Progress {
        let parts = match &self.goal {
            Goal::Memberships(wanted) => memberships_are(a, b, wanted).await,
            Goal::Guests(creator, guests) => match newest_room(a, creator).await {
                None => vec![false],
                Some(room) => {
                    let wanted: Vec<_> = guests.iter().map(|guest| (room.clone(), guest.clone(), "invite")).collect();
                    // The existence of the room is one part.
                    let mut parts = memberships_are(a, b, &wanted).await;
                    parts.push(true);
                    parts
                }
            },
            Goal::Name(user, rooms) => {
                let wanted = &self.body["displayname"];
                let seer = a.anyone().with_token(self.token.as_deref().expect("a token"));
                let mut parts =
                    vec![seer.get(v3!("profile/{}/displayname", user)).await.json()["displayname"] == *wanted];
                for room in rooms {
                    let member = seer.get(v3!("rooms/{}/state/m.room.member/{}", room, user)).await.json();
                    parts.push(member["displayname"] == *wanted);
                }
                parts
            }
            Goal::Replaced(room, token) => {
                let seer = a.anyone().with_token(token);
                let tombstone = seer.get(v3!("rooms/{}/state/m.room.tombstone/", room)).await;
                match tombstone.json()["replacement_room"].as_str() {
                    None => vec![false],
                    Some(new) => vec![seer.get(v3!("rooms/{}/state/m.room.power_levels/", new)).await.status == 200],
                }
            }
            Goal::LoggedOut(token) => {
                let tokens = [token.as_str(), self.token.as_deref().expect("a token")];
                let mut parts = Vec::new();
                for token in tokens {
                    parts.push(a.anyone().with_token(token).get(v3!("account/whoami")).await.status == 401);
                }
                parts
            }
        };
        match (parts.iter().all(|is_done| *is_done), parts.iter().any(|is_done| *is_done)) {
            (true, _) => Progress::Done,
            (false, true) => Progress::Half,
            (false, false) => Progress::Nothing,
        }
    }
}

/// For each server and membership, whether it matches. A server that does not know the room is left out.
async fn memberships_are(a: &World, b: &World, wanted: &[(String, String, &'static str)]) -> Vec<bool> {
    let mut parts = Vec::new();
    for (room, user, wanted) in wanted {
        let (here, there) = (membership(a, room, user).await, membership(b, room, user).await);
        parts.push(here == *wanted);
        // A room of one server only is unknown to the other.
        if there != "none" || *wanted != "leave" {
            parts.push(there == *wanted);
        }
    }
    parts
}

/// The id of the newest room that a local user created and is joined to.
async fn newest_room(world: &World, creator: &str) -> Option<String> {
    let token_owner = creator.to_owned();
    let read = world.server().domain.core.store.read("test_rooms", move |tx| {
        let Some(user) = hearth_store::tables::users::find(tx.tx(), &token_owner)? else { return Ok(None) };
        let joined = hearth_store::tables::memberships::joined_rooms(tx.tx(), user)?;
        let Some(newest) = joined.into_iter().max_by_key(|room| room.0) else { return Ok(None) };
        Ok(hearth_store::tables::rooms::by_sn(tx.tx(), newest)?.map(|room| room.id))
    });
    read.await.expect("rooms")
}
