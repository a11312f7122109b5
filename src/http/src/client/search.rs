//! Full-text search of messages.

use std::collections::BTreeMap;

use axum::response::Response;
use hearth_base::{Error, Result};
use hearth_domain::rooms::member_profile::MemberProfile;
use hearth_domain::rooms::read::search::{Hit, Results, Search};
use hearth_domain::rooms::read::term::{SearchField, SearchTerm};
use ruma::UInt;
use ruma::api::client::search::search_events::v3::{
    Criteria, GroupingKey, OrderBy, Request, ResultGroup, SearchKeys, UserProfile,
};
use ruma::events::{AnyStateEvent, AnyTimelineEvent};
use ruma::serde::Raw;
use ruma::{OwnedRoomId, OwnedUserId};
use serde::Serialize;
use serde_json::Value;

use super::amount;
use crate::completed::completed;
use crate::edge::Rate;
use crate::respond::Json;
use crate::route::{Endpoint, Ruma};
use crate::{App, json};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(search).rate(Rate::Search).suspended().appservices()]
}

/// The body of the response. Its lists are always present: clients read them without checking that they exist, and ruma
/// omits empty ones.
#[derive(Serialize)]
struct Answer {
    search_categories: Categories,
}

#[derive(Serialize)]
struct Categories {
    #[serde(skip_serializing_if = "Option::is_none")]
    room_events: Option<RoomEvents>,
}

#[derive(Serialize)]
struct RoomEvents {
    count: usize,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    groups: BTreeMap<&'static str, BTreeMap<String, ResultGroup>>,
    highlights: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_batch: Option<String>,
    results: Vec<Found>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    state: BTreeMap<OwnedRoomId, Vec<Raw<AnyStateEvent>>>,
}

#[derive(Serialize)]
struct Found {
    context: Context,
    rank: f64,
    result: Raw<AnyTimelineEvent>,
}

#[derive(Serialize)]
struct Context {
    start: String,
    end: String,
    events_before: Vec<Raw<AnyTimelineEvent>>,
    events_after: Vec<Raw<AnyTimelineEvent>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    profile_info: BTreeMap<OwnedUserId, UserProfile>,
}

async fn search(app: App, request: Ruma<Request>) -> Result<Response> {
    check_objects(&request.call.raw)?;
    let who = request.user()?;
    let room_events = match &request.search_categories.room_events {
        Some(criteria) => {
            let question = question(criteria, request.next_batch.clone())?;
            Some(room_events(app.domain.rooms.search(who, question).await?, criteria))
        }
        None => None,
    };
    completed(&app, who, Json(Answer { search_categories: Categories { room_events } }), |event| event)
}

/// Refuses lists in place of objects (`M_BAD_JSON`). serde reads a list as an object's fields in order, which no client
/// means.
fn check_objects(body: &[u8]) -> Result<()> {
    let body: Value = serde_json::from_slice(body).map_err(|error| json::explain(body, &error))?;
    let criteria = &body["search_categories"]["room_events"];
    let mut objects = vec![("search_categories", &body["search_categories"]), ("room_events", criteria)];
    objects.extend(["filter", "event_context", "groupings"].map(|name| (name, &criteria[name])));
    let groups = criteria["groupings"]["group_by"].as_array().into_iter().flatten();
    objects.extend(groups.map(|group| ("group_by", group)));
    match objects.into_iter().find(|(_, value)| value.is_array()) {
        Some((name, _)) => Err(Error::bad_json(format!("`{name}` takes objects, and no lists in their place."))),
        None => Ok(()),
    }
}

fn question(criteria: &Criteria, from: Option<String>) -> Result<Search> {
    let fields = criteria.keys.iter().flatten().map(|key| match key {
        SearchKeys::ContentBody => Ok(SearchField::Body),
        SearchKeys::ContentName => Ok(SearchField::Name),
        SearchKeys::ContentTopic => Ok(SearchField::Topic),
        other => Err(Error::invalid(format!("{:?} cannot be searched.", other.as_str()))),
    });
    let by_rank = match &criteria.order_by {
        None | Some(OrderBy::Rank) => true,
        Some(OrderBy::Recent) => false,
        Some(other) => return Err(Error::invalid(format!("Results cannot be ordered by {:?}.", other.as_str()))),
    };
    for group in &criteria.groupings.group_by {
        if let Some(key) = group.key.as_ref().filter(|key| !matches!(key, GroupingKey::RoomId | GroupingKey::Sender)) {
            return Err(Error::invalid(format!("Results cannot be grouped by {:?}.", key.as_str())));
        }
    }
    Ok(Search {
        term: SearchTerm::new(&criteria.search_term, fields.collect::<Result<_>>()?)?,
        filter: criteria.filter.clone(),
        by_rank,
        context: (amount(criteria.event_context.before_limit), amount(criteria.event_context.after_limit)),
        profiles: criteria.event_context.include_profile,
        state: criteria.include_state.unwrap_or(false),
        from,
    })
}

fn room_events(results: Results, criteria: &Criteria) -> RoomEvents {
    let mut by_key = BTreeMap::new();
    for grouping in &criteria.groupings.group_by {
        match grouping.key {
            Some(GroupingKey::RoomId) => {
                _ = by_key.insert("room_id", groups(&results.hits, |hit| hit.room_id.as_str()))
            }
            Some(GroupingKey::Sender) => _ = by_key.insert("sender", groups(&results.hits, |hit| hit.sender.as_str())),
            _ => {}
        }
    }
    RoomEvents {
        count: results.count,
        groups: by_key,
        highlights: results.words,
        next_batch: results.next,
        results: results.hits.into_iter().map(found).collect(),
        state: results.state,
    }
}

/// Groups results by a key; groups are ordered by their first result.
fn groups(hits: &[Hit], key: impl Fn(&Hit) -> &str) -> BTreeMap<String, ResultGroup> {
    let mut groups: BTreeMap<String, ResultGroup> = BTreeMap::new();
    for hit in hits {
        let order = UInt::new_saturating(groups.len() as u64 + 1);
        let group = groups.entry(key(hit).to_owned()).or_default();
        group.order.get_or_insert(order);
        group.results.push(hit.event_id.clone());
    }
    groups
}

fn found(hit: Hit) -> Found {
    let profile = |face: MemberProfile| {
        let mut profile = UserProfile::new();
        profile.displayname = face.displayname;
        profile.avatar_url = face.avatar_url.map(Into::into);
        profile
    };
    let context = Context {
        start: hit.around.0.to_string(),
        end: hit.around.1.to_string(),
        events_before: hit.before,
        events_after: hit.after,
        profile_info: hit.profiles.into_iter().map(|(user, face)| (user, profile(face))).collect(),
    };
    // Ranks are small counts, which f64 represents exactly.
    let rank = f64::from(u32::try_from(hit.rank).unwrap_or(u32::MAX));
    Found { context, rank, result: hit.event }
}
