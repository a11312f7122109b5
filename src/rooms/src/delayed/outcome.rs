//! Handles a delayed event that could not be sent: retries if the error is likely temporary, otherwise stores the
//! error for its owner to read.

use std::sync::Arc;

pub(super) use hearth_base::limits::rooms::DELAYED_TRIES_MAX;
use hearth_base::{Backoff, Error, Reason, Result, limits};
use hearth_store::tables::delayed_events as table;
use serde_json::{Value, json};

use super::model::DelayId;
use crate::RoomCore;

/// Returns whether to retry: for faults of this server, because it has promised to send the event; and while a policy
/// server is unreachable.
pub(super) fn may_pass(error: &Error, tries: u32) -> bool {
    match error.reason() {
        None | Some(Reason::OutOfSpace) => true,
        Some(Reason::ConnectionFailed | Reason::NotAuthenticated | Reason::LimitExceeded { .. }) => {
            tries < DELAYED_TRIES_MAX
        }
        Some(_) => false,
    }
}

/// Backoff between attempts, in milliseconds.
pub(super) const RETRY: Backoff = Backoff::new(1_000, 60_000);

/// Records that an event failed with an error. Returns whether it was scheduled.
pub(super) async fn fail(core: &Arc<RoomCore>, id: DelayId, error: &Error) -> Result<bool> {
    end(core, id, Some(as_json(error))).await
}

/// Records that an event is not sent; `error` is the reason, or none if a client cancelled it. Returns whether it was
/// scheduled.
pub(super) async fn end(core: &Arc<RoomCore>, id: DelayId, error: Option<Value>) -> Result<bool> {
    let (shared_core, error) = (core.clone(), error.map(|error| error.to_string()));
    let write = core.store.write("delayed_end", move |tx| {
        let was_waiting = table::ended(tx.tx(), &id, shared_core.now_ms(), error.as_deref())?;
        if was_waiting && let Some((wanted, _)) = table::get(tx.tx(), &id)? {
            table::prune_user(tx.tx(), wanted.user, limits::DELAYED_FINALISED_PER_USER_MAX)?;
        }
        tx.after_commit(move || shared_core.delayed.book.lock().remove(&id));
        Ok(was_waiting)
    });
    write.await
}

/// Returns the Matrix error object for an error.
fn as_json(error: &Error) -> Value {
    let errcode = match error.reason() {
        Some(Reason::Forbidden | Reason::NotAuthenticated) => "M_FORBIDDEN",
        Some(Reason::NotFound) => "M_NOT_FOUND",
        Some(Reason::BadJson) => "M_BAD_JSON",
        Some(Reason::InvalidParam) => "M_INVALID_PARAM",
        Some(Reason::TooLarge) => "M_TOO_LARGE",
        Some(Reason::LimitExceeded { .. }) => "M_LIMIT_EXCEEDED",
        Some(Reason::DuplicateAnnotation) => "M_DUPLICATE_ANNOTATION",
        Some(Reason::UserDeactivated) => "M_USER_DEACTIVATED",
        Some(Reason::UserLocked) => "M_USER_LOCKED",
        Some(Reason::UserSuspended) => "M_USER_SUSPENDED",
        _ => "M_UNKNOWN",
    };
    json!({ "errcode": errcode, "error": error.to_string() })
}
