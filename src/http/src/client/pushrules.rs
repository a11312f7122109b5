//! Push rules.

use hearth_base::{Error, Result};
use hearth_domain::personal::push_rules::Placed;
use hearth_domain::push::rules;
use ruma::api::client::push::{
    delete_pushrule, get_pushrule, get_pushrule_actions, get_pushrule_enabled, get_pushrules_all,
    get_pushrules_global_scope, set_pushrule, set_pushrule_actions, set_pushrule_enabled,
};
use serde_json::{Map, Value, json};

use crate::App;
use crate::edge::Rate;
use crate::loose::Loose;
use crate::respond::Json;
use crate::route::{Endpoint, Ruma};

/// Paths without the trailing slash, which some clients use.
const ALL_PATHS: &[&str] = &["/_matrix/client/r0/pushrules", "/_matrix/client/v3/pushrules"];
/// As [`ALL_PATHS`].
const GLOBAL_PATHS: &[&str] = &["/_matrix/client/r0/pushrules/global", "/_matrix/client/v3/pushrules/global"];

/// The rules of one kind, which old clients request; with and without the trailing slash.
const KIND_PATHS: &[&str] = &[
    "/_matrix/client/r0/pushrules/global/{kind}",
    "/_matrix/client/r0/pushrules/global/{kind}/",
    "/_matrix/client/v3/pushrules/global/{kind}",
    "/_matrix/client/v3/pushrules/global/{kind}/",
];

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(all).also_at(ALL_PATHS).all_but_locked(),
        Endpoint::new(global).also_at(GLOBAL_PATHS).all_but_locked(),
        Endpoint::new(of_kind).at(KIND_PATHS).all_but_locked(),
        Endpoint::new(get).all_but_locked(),
        Endpoint::new(put).rate(Rate::Other).all_but_locked(),
        Endpoint::new(delete).rate(Rate::Other).all_but_locked(),
        Endpoint::new(actions).all_but_locked(),
        Endpoint::new(set_actions).rate(Rate::Other).all_but_locked(),
        Endpoint::new(enabled).all_but_locked(),
        Endpoint::new(set_enabled).rate(Rate::Other).all_but_locked(),
    ]
}

async fn all(app: App, request: Ruma<get_pushrules_all::v3::Request>) -> Result<Json<Value>> {
    let rules = app.domain.personal.push_rules.all(request.user()?).await?;
    Ok(Json(json!({ "global": rules::shown(&rules)? })))
}

async fn global(app: App, request: Ruma<get_pushrules_global_scope::v3::Request>) -> Result<Json<Map<String, Value>>> {
    let rules = app.domain.personal.push_rules.all(request.user()?).await?;
    Ok(Json(rules::shown(&rules)?))
}

async fn of_kind(app: App, request: Ruma<Loose<get_pushrules_global_scope::v3::Request>>) -> Result<Json<Value>> {
    let kind = request.text(0);
    let rules = app.domain.personal.push_rules.all(request.user()?).await?;
    let of_kind = rules::shown(&rules)?.remove(kind);
    let unknown = || Error::invalid(format!("{kind:?} is no kind of push rules."));
    Ok(Json(of_kind.ok_or_else(unknown)?))
}

async fn get(app: App, request: Ruma<get_pushrule::v3::Request>) -> Result<get_pushrule::v3::Response> {
    let rules = &app.domain.personal.push_rules;
    let rule = rules.get(request.user()?, request.kind.clone(), &request.rule_id).await?;
    Ok(get_pushrule::v3::Response::new(rule))
}

async fn put(app: App, request: Ruma<set_pushrule::v3::Request>) -> Result<set_pushrule::v3::Response> {
    let set_pushrule::v3::Request { rule, before, after, .. } = request.body.clone();
    app.domain.personal.push_rules.put(request.user()?, Placed { rule, before, after }).await?;
    Ok(set_pushrule::v3::Response::new())
}

async fn delete(app: App, request: Ruma<delete_pushrule::v3::Request>) -> Result<delete_pushrule::v3::Response> {
    let (kind, id) = (request.kind.clone(), request.rule_id.clone());
    app.domain.personal.push_rules.delete(request.user()?, kind, id).await?;
    Ok(delete_pushrule::v3::Response::new())
}

async fn actions(
    app: App,
    request: Ruma<get_pushrule_actions::v3::Request>,
) -> Result<get_pushrule_actions::v3::Response> {
    let rules = &app.domain.personal.push_rules;
    let rule = rules.get(request.user()?, request.kind.clone(), &request.rule_id).await?;
    Ok(get_pushrule_actions::v3::Response::new(rule.actions))
}

async fn set_actions(
    app: App,
    request: Ruma<set_pushrule_actions::v3::Request>,
) -> Result<set_pushrule_actions::v3::Response> {
    let (kind, id, actions) = (request.kind.clone(), request.rule_id.clone(), request.actions.clone());
    app.domain.personal.push_rules.set_actions(request.user()?, kind, id, actions).await?;
    Ok(set_pushrule_actions::v3::Response::new())
}

async fn enabled(
    app: App,
    request: Ruma<get_pushrule_enabled::v3::Request>,
) -> Result<get_pushrule_enabled::v3::Response> {
    let rules = &app.domain.personal.push_rules;
    let rule = rules.get(request.user()?, request.kind.clone(), &request.rule_id).await?;
    Ok(get_pushrule_enabled::v3::Response::new(rule.enabled))
}

async fn set_enabled(
    app: App,
    request: Ruma<set_pushrule_enabled::v3::Request>,
) -> Result<set_pushrule_enabled::v3::Response> {
    let (kind, id) = (request.kind.clone(), request.rule_id.clone());
    app.domain.personal.push_rules.set_enabled(request.user()?, kind, id, request.enabled).await?;
    Ok(set_pushrule_enabled::v3::Response::new())
}
