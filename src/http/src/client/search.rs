//! Full-text search of messages.

use std::collections::BTreeMap;

use hearth_base::{Error, Result};
use hearth_domain::rooms::read::search::{Hit, Results, Search};
use hearth_domain::rooms::read::term::{SearchField, SearchTerm};
use ruma::UInt;
use ruma::api::client::search::search_events::v3::{
    Criteria, EventContextResult, GroupingKey, OrderBy, Request, ResultGroup, ResultGroupMap, ResultRoomEvents,
    SearchKeys, SearchResult, UserProfile,
};
use serde_json::{Value, json};

use super::amount;
use crate::edge::Rate;
use crate::respond::Json;
use crate::route::{Endpoint, Ruma};
use crate::{App, json};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(search).rate(Rate::Search).suspended().appservices()]
}

async fn search(app: App, request: Ruma<Request>) -> Result<Json<Value>> {
    check_objects(&request.call.raw)?;
    let Some(criteria) = &request.search_categories.room_events else {
        return Ok(Json(json!({ "search_categories": {} })));
    };
    let question = question(criteria, request.next_batch.clone())?;
    let results = app.domain.rooms.search(request.user()?, question).await?;
    let answer = serde_json::to_value(answer(results, criteria));
    let mut answer = answer.map_err(|error| Error::fault("writing search results", error))?;
    // ruma omits empty lists, and clients read them without checking that they exist.
    for list in ["results", "highlights"] {
        fill(&mut answer, list);
    }
    for result in answer["results"].as_array_mut().into_iter().flatten() {
        for list in ["events_before", "events_after"] {
            fill(&mut result["context"], list);
        }
    }
    Ok(Json(json!({ "search_categories": { "room_events": answer } })))
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

/// Adds an empty list where there is none.
fn fill(object: &mut Value, list: &str) {
    if let Some(object) = object.as_object_mut() {
        object.entry(list).or_insert_with(|| json!([]));
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

fn answer(results: Results, criteria: &Criteria) -> ResultRoomEvents {
    let mut answer = ResultRoomEvents::new();
    answer.count = Some(UInt::new_saturating(results.count as u64));
    answer.highlights = results.words;
    answer.next_batch = results.next;
    answer.state = results.state;
    for grouping in &criteria.groupings.group_by {
        let map = match grouping.key {
            Some(GroupingKey::RoomId) => ResultGroupMap::RoomId(groups(&results.hits, |hit| hit.room_id.clone())),
            Some(GroupingKey::Sender) => ResultGroupMap::Sender(groups(&results.hits, |hit| hit.sender.clone())),
            _ => continue,
        };
        answer.groups.insert(map);
    }
    answer.results = results.hits.into_iter().map(result).collect();
    answer
}

/// Groups results by a key; groups are ordered by their first result.
fn groups<K: Ord>(hits: &[Hit], key: impl Fn(&Hit) -> K) -> BTreeMap<K, ResultGroup> {
    let mut groups: BTreeMap<K, ResultGroup> = BTreeMap::new();
    for hit in hits {
        let order = UInt::new_saturating(groups.len() as u64 + 1);
        let group = groups.entry(key(hit)).or_default();
        group.order.get_or_insert(order);
        group.results.push(hit.event_id.clone());
    }
    groups
}

fn result(hit: Hit) -> SearchResult {
    let mut context = EventContextResult::new();
    context.start = Some(hit.around.0.to_string());
    context.end = Some(hit.around.1.to_string());
    context.events_before = hit.before;
    context.events_after = hit.after;
    context.profile_info = hit
        .profiles
        .into_iter()
        .map(|(user, face)| {
            let mut profile = UserProfile::new();
            profile.displayname = face.displayname;
            profile.avatar_url = face.avatar_url.map(Into::into);
            (user, profile)
        })
        .collect();
    let mut result = SearchResult::new();
    // Ranks are small counts, which f64 represents exactly.
    result.rank = Some(f64::from(u32::try_from(hit.rank).unwrap_or(u32::MAX)));
    result.result = Some(hit.event);
    result.context = context;
    result
}
