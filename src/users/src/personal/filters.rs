//! Filters (client-server API, "Filtering"), stored as the client wrote them. The filter ID is a hash of the content:
//! the same filter always has the same ID, and the meaning of an ID never changes.

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::limits::users::FILTERS_PARSED_MAX;
use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_core::Requester;
use hearth_core::quotas::Quota;
use hearth_rooms::RoomCore;
use hearth_store::WriteTx;
use hearth_store::ids::UserSn;
use hearth_store::tables::filters as table;
use quick_cache::sync::Cache;
use ruma::api::client::filter::FilterDefinition;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// The filter use cases.
#[derive(Debug)]
pub struct Filters {
    core: Arc<RoomCore>,
    parsed: Cache<(UserSn, String), Arc<FilterDefinition>>,
    /// The filter of requests that name none.
    open: Arc<FilterDefinition>,
}

impl Filters {
    pub(super) fn new(core: Arc<RoomCore>) -> Self {
        Self { core, parsed: Cache::new(FILTERS_PARSED_MAX), open: Arc::default() }
    }

    /// Stores a filter and returns its ID. Deletes a user's oldest one at the quota.
    ///
    /// Refuses with `M_BAD_JSON` a malformed filter, `M_TOO_LARGE` one over [`limits::FILTER_BYTES_MAX`].
    #[boxed]
    pub async fn create(&self, who: &Requester, json: &str) -> Result<String> {
        let (json, _) = read(json)?;
        let id = id(&json);
        let (user, known) = (who.user, id.clone());
        // Clients upload the same filter at each start: only a new one costs a write.
        if self.core.store.read("filter_find", move |tx| table::get(tx.tx(), user, &known)).await?.is_some() {
            return Ok(id);
        }
        let (core, new) = (self.core.clone(), id.clone());
        let write = move |tx: &mut WriteTx<'_>| {
            for _ in 0..Quota::Filters.superfluous(&core.config.quotas, tx.tx(), user)? {
                table::drop_oldest(tx.tx(), user)?;
            }
            let at = tx.position();
            table::insert(tx.tx(), user, &new, &json, at)
        };
        self.core.store.write("filter_create", write).await?;
        Ok(id)
    }

    /// A filter as the client wrote it, as JSON. `M_NOT_FOUND` for an unknown ID.
    #[boxed]
    pub async fn definition(&self, who: &Requester, id: &str) -> Result<String> {
        let (user, id) = (who.user, id.to_owned());
        let found = self.core.store.read("filter_get", move |tx| table::get(tx.tx(), user, &id)).await?;
        found.ok_or_else(|| Error::not_found("There is no such filter; make it first, or send the filter itself."))
    }

    /// A parsed filter. `M_NOT_FOUND` for an unknown ID.
    #[boxed]
    pub async fn get(&self, who: &Requester, id: &str) -> Result<Arc<FilterDefinition>> {
        let key = (who.user, id.to_owned());
        if let Some(filter) = self.parsed.get(&key) {
            return Ok(filter);
        }
        let json = self.definition(who, id).await?;
        let filter = serde_json::from_str(&json).map_err(|error| Error::fault("reading a stored filter", error))?;
        let filter = Arc::new(filter);
        self.parsed.insert(key, Arc::clone(&filter));
        Ok(filter)
    }

    /// The filter of a request: an ID, inline JSON, or `None`, which matches everything.
    #[boxed]
    pub async fn choose(&self, who: &Requester, text: Option<&str>) -> Result<Arc<FilterDefinition>> {
        match text {
            None | Some("") => Ok(self.open.clone()),
            Some(json) if json.starts_with('{') => Ok(Arc::new(read(json)?.1)),
            Some(id) => self.get(who, id).await,
        }
    }
}

/// Validates a filter; returns its canonical JSON and its parsed form.
fn read(json: &str) -> Result<(String, FilterDefinition)> {
    if json.len() > limits::FILTER_BYTES_MAX {
        return Err(refuse(Reason::TooLarge, format!("A filter can have {} bytes at most.", limits::FILTER_BYTES_MAX)));
    }
    let wrong = |error: serde_json::Error| Error::bad_json(format!("This is not a filter: {error}"));
    let object: Map<String, Value> = serde_json::from_str(json).map_err(wrong)?;
    let filter = serde_json::from_str(json).map_err(wrong)?;
    Ok((Value::Object(object).to_string(), filter))
}

/// The ID of a filter: 64 bits of its hash, which suffice because IDs are per user.
fn id(json: &str) -> String {
    let hash: [u8; 32] = Sha256::digest(json.as_bytes()).into();
    hash[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_filter_has_the_same_id() {
        let (one, _) = read(r#"{"room":{"timeline":{"limit":3}},"event_fields":["type"]}"#).expect("a filter");
        let (other, _) = read(r#"{ "event_fields": ["type"], "room": {"timeline": {"limit": 3}} }"#).expect("a filter");
        assert_eq!(id(&one), id(&other));
        assert_eq!(id(&one).len(), 16);
        assert_ne!(id(&one), id("{}"));
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        let large = format!("{{\"a\":\"{}\"}}", "x".repeat(limits::FILTER_BYTES_MAX));
        for bad in ["", "[]", "7", "{", r#"{"room":7}"#, r#"{"room":{"rooms":["not a room"]}}"#] {
            assert_eq!(read(bad).expect_err(bad).reason(), Some(Reason::BadJson), "{bad}");
        }
        assert_eq!(read(&large).expect_err("too large").reason(), Some(Reason::TooLarge));
    }

    #[test]
    fn what_we_do_not_know_is_kept() {
        let (json, _) = read(r#"{"org.example.new":{"x":1}}"#).expect("a filter");
        assert_eq!(json, r#"{"org.example.new":{"x":1}}"#);
    }
}
