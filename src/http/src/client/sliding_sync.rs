//! Simplified sliding sync (MSC4186), in the shape that clients speak today.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use hearth_base::limits::TO_DEVICE_PER_SYNC_MAX;
use hearth_base::{Error, Result};
use hearth_domain::Requester;
use hearth_domain::sync::sliding::{
    Coverage, Extensions, List, ListFilters, Pos, ProfilesQuery, RoomConfig, SlidingQuery, parse_since,
};
use http::Method;
use ruma::OwnedRoomId;
use ruma::presence::PresenceState;
use serde::Deserialize;

use crate::App;
use crate::auth::Authentication;
use crate::completed::completed;
use crate::respond::Json;
use crate::route::{Call, Endpoint};

/// Changes of thread subscriptions that a client gets without a `limit` (MSC4308).
pub(super) const THREAD_SUBSCRIPTIONS_USUAL: u64 = 100;

const PATH: &str = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync";

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::plain(Method::POST, [PATH], Authentication::Token, sync).all_but_locked()]
}

/// Not `async`, as `/v3/sync`: the request would be in the future of the answer for as long as the client waits.
#[expect(clippy::needless_pass_by_value, reason = "a handler's signature")]
fn sync(app: App, call: Call) -> impl Future<Output = Result<Response>> + Send {
    let asked = read(&call);
    async move {
        let (who, query) = asked?;
        let answer = app.domain.sync.sliding(&who, query).await?;
        completed(&app, &who, Json(answer), |event| event)
    }
}

fn read(call: &Call) -> Result<(Requester, Arc<SlidingQuery>)> {
    let who = call.user()?.clone();
    let (parameters, body): (Parameters, Body) = (call.query()?, call.json_or_empty()?);
    let query = query(parameters, body, who.user_id.as_str())?;
    query.check()?;
    Ok((who, Arc::new(query)))
}

#[derive(Deserialize)]
struct Parameters {
    pos: Option<String>,
    timeout: Option<u64>,
    #[serde(default)]
    set_presence: PresenceState,
}

#[derive(Deserialize)]
struct Body {
    conn_id: Option<String>,
    txn_id: Option<String>,
    #[serde(default)]
    lists: BTreeMap<String, ListBody>,
    #[serde(default)]
    room_subscriptions: BTreeMap<OwnedRoomId, ConfigBody>,
    #[serde(default)]
    extensions: ExtensionsBody,
}

#[derive(Deserialize)]
struct ConfigBody {
    #[serde(default)]
    timeline_limit: u64,
    #[serde(default)]
    required_state: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct ListBody {
    ranges: Option<Vec<(usize, usize)>>,
    /// The only range, as MSC4186 has it.
    range: Option<(usize, usize)>,
    #[serde(flatten)]
    config: ConfigBody,
    #[serde(default)]
    filters: Option<FiltersBody>,
}

#[derive(Default, Deserialize)]
struct FiltersBody {
    is_dm: Option<bool>,
    is_encrypted: Option<bool>,
    #[serde(alias = "is_invited")]
    is_invite: Option<bool>,
    room_types: Option<Vec<Option<String>>>,
    not_room_types: Option<Vec<Option<String>>>,
    spaces: Option<Vec<OwnedRoomId>>,
    tags: Option<Vec<String>>,
    not_tags: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
struct ExtensionsBody {
    to_device: Option<ToDeviceBody>,
    e2ee: Option<E2eeBody>,
    account_data: Option<CoverageBody>,
    receipts: Option<CoverageBody>,
    typing: Option<CoverageBody>,
    #[serde(rename = "io.element.msc4308.thread_subscriptions")]
    thread_subscriptions: Option<LimitBody>,
    #[serde(rename = "org.matrix.msc4262.profiles")]
    profiles: Option<ProfilesBody>,
}

#[derive(Deserialize)]
struct ProfilesBody {
    fields: Option<BTreeSet<String>>,
    #[serde(flatten)]
    coverage: CoverageBody,
}

#[derive(Deserialize)]
struct LimitBody {
    enabled: Option<bool>,
    limit: Option<u64>,
}

#[derive(Deserialize)]
struct ToDeviceBody {
    enabled: Option<bool>,
    limit: Option<u64>,
    since: Option<String>,
}

#[derive(Deserialize)]
struct E2eeBody {
    enabled: Option<bool>,
}

#[derive(Deserialize)]
struct CoverageBody {
    enabled: Option<bool>,
    lists: Option<Vec<String>>,
    rooms: Option<Vec<String>>,
}

fn query(parameters: Parameters, body: Body, me: &str) -> Result<SlidingQuery> {
    let lists = body.lists.into_iter().map(|(name, list)| Ok((name, read_list(list, me)?)));
    let subscriptions = body.room_subscriptions.into_iter().map(|(room, config)| Ok((room, read_config(config, me)?)));
    Ok(SlidingQuery {
        pos: parameters.pos.filter(|pos| !pos.is_empty()).map(|pos| Pos::parse(&pos)).transpose()?,
        conn_id: body.conn_id.unwrap_or_default(),
        txn_id: body.txn_id,
        wait: Duration::from_millis(parameters.timeout.unwrap_or_default()),
        presence: parameters.set_presence,
        lists: lists.collect::<Result<_>>()?,
        subscriptions: subscriptions.collect::<Result<_>>()?,
        extensions: read_extensions(body.extensions)?,
    })
}

fn read_config(config: ConfigBody, me: &str) -> Result<RoomConfig> {
    RoomConfig::new(config.timeline_limit, config.required_state, me)
}

fn read_list(list: ListBody, me: &str) -> Result<List> {
    let filters = list.filters.unwrap_or_default();
    let ranges = list.ranges.or_else(|| list.range.map(|range| vec![range]));
    if ranges.iter().flatten().any(|(first, last)| first > last) {
        return Err(Error::invalid("A range of a list ends before it starts."));
    }
    let filters = ListFilters {
        is_dm: filters.is_dm,
        is_encrypted: filters.is_encrypted,
        is_invite: filters.is_invite,
        // An empty list of types would hide all rooms; clients send it for "any".
        room_types: filters.room_types.filter(|types| !types.is_empty()),
        not_room_types: filters.not_room_types.unwrap_or_default(),
        spaces: filters.spaces,
        tags: filters.tags,
        not_tags: filters.not_tags.unwrap_or_default(),
    };
    Ok(List { ranges, config: read_config(list.config, me)?, filters })
}

fn read_extensions(body: ExtensionsBody) -> Result<Extensions> {
    let to_device = match body.to_device.filter(|body| body.enabled == Some(true)) {
        Some(ToDeviceBody { limit, since, .. }) => {
            let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(TO_DEVICE_PER_SYNC_MAX);
            Some((since.filter(|since| !since.is_empty()).map(|since| parse_since(&since)).transpose()?, limit))
        }
        None => None,
    };
    Ok(Extensions {
        to_device,
        e2ee: body.e2ee.is_some_and(|body| body.enabled == Some(true)),
        account_data: coverage(body.account_data),
        receipts: coverage(body.receipts),
        typing: coverage(body.typing),
        thread_subscriptions: body
            .thread_subscriptions
            .filter(|body| body.enabled == Some(true))
            .map(|body| body.limit.unwrap_or(THREAD_SUBSCRIPTIONS_USUAL)),
        profiles: body.profiles.map_or_else(ProfilesQuery::default, |body| ProfilesQuery {
            coverage: coverage(Some(body.coverage)),
            fields: body.fields,
        }),
    })
}

fn coverage(body: Option<CoverageBody>) -> Coverage {
    let Some(body) = body else { return Coverage::default() };
    Coverage { enabled: body.enabled == Some(true), lists: body.lists, rooms: body.rooms }
}
