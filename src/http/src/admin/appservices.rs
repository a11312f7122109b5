//! Application services: `/api/v1/appservices`.

use hearth_admin::wire::{
    Appservice, AppserviceList, AppserviceNamespace, AppserviceNamespaces, AppservicePing, Done, NewAppservice,
    SetAppserviceDisabled, paths,
};
use hearth_base::Result;
use hearth_domain::appservices::{AppserviceStatus, Namespaces};
use http::Method;

use super::endpoint;
use crate::App;
use crate::respond::Json;
use crate::route::{Call, Endpoint};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, paths::APPSERVICES, list),
        endpoint(Method::POST, paths::APPSERVICES, add),
        endpoint(Method::GET, paths::APPSERVICE, detail),
        endpoint(Method::DELETE, paths::APPSERVICE, remove),
        endpoint(Method::PUT, paths::APPSERVICE_DISABLED, set_disabled),
        endpoint(Method::POST, paths::APPSERVICE_TEST, test),
    ]
}

async fn list(app: App, _: Call) -> Result<Json<AppserviceList>> {
    let items = app.domain.appservices.list().await?.into_iter().map(shown).collect();
    Ok(Json(AppserviceList { items }))
}

async fn detail(app: App, call: Call) -> Result<Json<Appservice>> {
    Ok(Json(shown(app.domain.appservices.show(call.param(0)).await?)))
}

async fn add(app: App, call: Call) -> Result<Json<Appservice>> {
    let caller = call.operator()?;
    let NewAppservice { registration } = call.json()?;
    let id = app.domain.appservices.add(&caller.name, registration).await?;
    Ok(Json(shown(app.domain.appservices.show(&id).await?)))
}

async fn remove(app: App, call: Call) -> Result<Json<Done>> {
    let caller = call.operator()?;
    app.domain.appservices.remove(&caller.name, call.param(0)).await?;
    Ok(Json(Done {}))
}

async fn set_disabled(app: App, call: Call) -> Result<Json<Done>> {
    let caller = call.operator()?;
    let SetAppserviceDisabled { disabled } = call.json()?;
    app.domain.appservices.set_disabled(&caller.name, call.param(0), disabled).await?;
    Ok(Json(Done {}))
}

async fn test(app: App, call: Call) -> Result<Json<AppservicePing>> {
    let took = app.domain.appservices.test(call.param(0)).await?;
    Ok(Json(AppservicePing { duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX) }))
}

fn shown(status: AppserviceStatus) -> Appservice {
    let AppserviceStatus { registration, added, disabled, health, succeeded_ms, behind } = status;
    let (last_error, last_error_ms) = health.last_error.unzip();
    Appservice {
        id: registration.id.clone(),
        sender: registration.sender.to_string(),
        url: registration.url.as_ref().map(|url| url.as_str().to_owned()),
        added,
        disabled,
        failures: health.failures,
        last_success_ms: succeeded_ms,
        last_error,
        last_error_ms,
        retry_at_ms: health.retry_at_ms.filter(|_| health.failures > 0),
        behind_events: behind,
        namespaces: AppserviceNamespaces {
            users: namespaces(&registration.users),
            aliases: namespaces(&registration.aliases),
            rooms: namespaces(&registration.rooms),
        },
    }
}

fn namespaces(all: &Namespaces) -> Vec<AppserviceNamespace> {
    let shown = all.iter().map(|one| AppserviceNamespace { regex: one.regex().to_owned(), exclusive: one.exclusive });
    shown.collect()
}
