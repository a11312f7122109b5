//! LiveKit's webhooks. Processed only with a valid signature of the SFU.

use hearth_base::{Error, Result};
use serde::Deserialize;
use tokio::time::Instant;

use super::Leaves;
use super::model::SfuNotice;

/// The fields of a webhook that matter here.
#[derive(Deserialize)]
struct Webhook {
    #[serde(default)]
    event: String,
    room: Option<Room>,
    participant: Option<Participant>,
}

#[derive(Deserialize)]
struct Room {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Participant {
    #[serde(default)]
    identity: String,
}

impl Leaves {
    /// Processes a webhook of the SFU; `authorization` is the header with that name. Ignores webhooks that concern no
    /// delegated leave.
    ///
    /// Refuses with `M_UNAUTHORIZED` a webhook that the SFU has not signed, with `M_BAD_JSON` a malformed one.
    pub fn hear(&self, authorization: &str, body: &[u8]) -> Result<()> {
        self.rtc.verify_webhook(authorization, body)?;
        let webhook: Webhook = serde_json::from_slice(body)
            .map_err(|error| Error::bad_json(format!("This is no webhook of LiveKit: {error}")))?;
        let news = match webhook.event.as_str() {
            "participant_joined" => SfuNotice::Joined,
            "participant_left" | "participant_connection_aborted" | "room_finished" => SfuNotice::Left,
            _ => return Ok(()),
        };
        let Some(room) = webhook.room else { return Ok(()) };
        // Without a participant, the room has ended, which concerns all its participants.
        let identity = webhook.participant.map(|participant| participant.identity);
        if identity.is_none() && webhook.event != "room_finished" {
            return Ok(());
        }
        if self.book.lock().hear(&room.name, identity.as_deref(), news, Instant::now()) {
            self.sooner.notify_one();
        }
        Ok(())
    }
}
