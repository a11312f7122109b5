//! Device and cross-signing keys: upload, query, claim, signatures, and device list changes.

use std::collections::BTreeMap;

use hearth_base::{Error, Result, limits};
use hearth_domain::crypto::cross_signing::{self, CrossSigningOutcome, Failed, SignedKeys};
use hearth_domain::crypto::keys::KeysUpload;
use hearth_domain::rooms::read::token::Token;
use hearth_domain::uia;
use ruma::api::client::keys::upload_signatures::v3::Failure;
use ruma::api::client::keys::{
    claim_keys, get_key_changes, get_keys, upload_keys, upload_signatures, upload_signing_keys,
};
use ruma::encryption::{CrossSigningKey, DeviceKeys};
use ruma::serde::Raw;
use ruma::{OwnedDeviceId, OwnedUserId};

use crate::App;
use crate::edge::Rate;
use crate::respond::{self, Json};
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    let keys = |endpoint: Endpoint| endpoint.body_bytes_max(limits::KEYS_BODY_BYTES_MAX).rate(Rate::Keys);
    vec![
        keys(Endpoint::new(upload)).all_but_locked(),
        keys(Endpoint::new(query)).all_but_locked(),
        keys(Endpoint::new(claim)).all_but_locked(),
        keys(Endpoint::new(changes)).all_but_locked(),
        keys(Endpoint::new(upload_signed)).suspended().appservices(),
        Endpoint::new(upload_cross_signing).uia().suspended().appservices(),
    ]
}

async fn upload(app: App, request: Ruma<upload_keys::v3::Request>) -> Result<upload_keys::v3::Response> {
    let who = request.user()?.clone();
    let upload_keys::v3::Request { device_keys, one_time_keys, fallback_keys, .. } = request.body;
    let upload = KeysUpload { device_keys, one_time_keys, fallback_keys };
    Ok(upload_keys::v3::Response::new(app.domain.crypto.upload_keys(&who, upload).await?))
}

/// A response with every field, including empty ones: clients read them without checking that they exist.
#[derive(serde::Serialize)]
struct KeysQueryResponse {
    device_keys: BTreeMap<OwnedUserId, BTreeMap<OwnedDeviceId, Raw<DeviceKeys>>>,
    master_keys: BTreeMap<OwnedUserId, Raw<CrossSigningKey>>,
    self_signing_keys: BTreeMap<OwnedUserId, Raw<CrossSigningKey>>,
    user_signing_keys: BTreeMap<OwnedUserId, Raw<CrossSigningKey>>,
    failures: BTreeMap<String, serde_json::Value>,
}

async fn query(app: App, request: Ruma<get_keys::v3::Request>) -> Result<Json<KeysQueryResponse>> {
    let who = request.user()?.clone();
    let queried = app.domain.actions.query_keys(&who, request.body.device_keys, request.body.timeout).await?;
    Ok(Json(KeysQueryResponse {
        device_keys: queried.device_keys,
        master_keys: queried.master_keys,
        self_signing_keys: queried.self_signing_keys,
        user_signing_keys: queried.user_signing_keys,
        failures: queried.failures,
    }))
}

async fn claim(app: App, request: Ruma<claim_keys::v3::Request>) -> Result<claim_keys::v3::Response> {
    request.user()?;
    let claimed = app.domain.actions.claim_keys(request.body.one_time_keys, request.body.timeout).await?;
    let mut response = claim_keys::v3::Response::new(claimed.keys);
    response.failures = claimed.failures;
    Ok(response)
}

async fn changes(app: App, request: Ruma<get_key_changes::v3::Request>) -> Result<get_key_changes::v3::Response> {
    let Token::Sync(from) = Token::parse(&request.from)? else {
        return Err(Error::invalid("`from` must be a next_batch of /sync."));
    };
    let (changed, left) = app.domain.crypto.key_changes(request.user()?, from).await?;
    Ok(get_key_changes::v3::Response::new(changed, left))
}

async fn upload_cross_signing(
    app: App,
    request: Ruma<upload_signing_keys::v3::Request>,
) -> Result<upload_signing_keys::v3::Response> {
    let who = request.user()?;
    let upload = cross_signing::CrossSigningUpload {
        master: request.master_key.clone(),
        self_signing: request.self_signing_key.clone(),
        user_signing: request.user_signing_key.clone(),
    };
    if app.domain.crypto.upload_cross_signing(who, upload.clone(), false).await?
        == CrossSigningOutcome::NeedsAuthentication
    {
        app.domain.uia.check_unless_service(request.uia(uia::PASSWORD)).await?;
        let _stored = app.domain.crypto.upload_cross_signing(who, upload, true).await?;
    }
    Ok(upload_signing_keys::v3::Response::new())
}

async fn upload_signed(
    app: App,
    request: Ruma<upload_signatures::v3::Request>,
) -> Result<upload_signatures::v3::Response> {
    let mut keys = SignedKeys::new();
    for (user, signed) in &request.signed_keys {
        let items = signed.iter().map(|(item, json)| (item.to_owned(), json.get().to_owned())).collect();
        keys.insert(user.clone(), items);
    }
    let failed = app.domain.crypto.upload_signatures(request.user()?, keys).await?;
    let mut response = upload_signatures::v3::Response::new();
    response.failures = failures(failed)?;
    Ok(response)
}

fn failures(failed: Failed) -> Result<BTreeMap<OwnedUserId, BTreeMap<String, Failure>>> {
    let mut failures = BTreeMap::new();
    for (user, items) in failed {
        let mut of_user = BTreeMap::new();
        for (item, refusal) in items {
            let errcode = refusal.reason().map_or("M_UNKNOWN", |reason| respond::code(reason).1);
            let failure = serde_json::json!({ "errcode": errcode, "error": refusal.to_string() });
            let failure = serde_json::from_value(failure).map_err(|error| Error::fault("writing a failure", error))?;
            of_user.insert(item, failure);
        }
        failures.insert(user, of_user);
    }
    Ok(failures)
}
