//! Group calls (MatrixRTC: MSC4143, MSC4195). Audio and video go through an SFU, LiveKit, which is a separate
//! program. This module controls access to it: tokens for members of the room, and a room at the SFU when a local
//! user takes part.
//!
//! The events of a call, including call memberships, are ordinary room events and not handled here.

mod check;
mod evict;
mod issue;
mod issued;
pub mod leave;
pub mod names;
mod permit;
mod sfu;
#[cfg(test)]
mod tests;
pub mod token;
mod wanted;

use hearth_base::boxed;
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hearth_base::config::SfuUrl;
use hearth_base::{Error, Reason, Result, error::refuse};
use hearth_core::ports::Appointed;
use hearth_federation::Federation;
use hearth_rooms::RoomCore;
use hearth_users::personal::Personal;
use ruma::{RoomId, UserId};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

pub use issue::{OpenIdProof, TokenRequest};
use issued::IssuedTokens;
pub use names::CallMember;
pub use permit::SignallingPermit;
use permit::SignallingPermits;
pub use sfu::Participant;
use sfu::Sfu;
use token::{SfuKey, TokenClaims};

/// Path of the token service below this server's URL. It is under `/_matrix` because every reverse proxy already
/// forwards that.
pub const SERVICE_PATH: &str = "/_matrix/livekit/jwt";
/// Path of the proxy to an SFU that clients cannot reach directly.
pub const PASSAGE_PATH: &str = "/_matrix/livekit/sfu";

/// The group call service.
#[derive(Debug)]
pub struct Rtc {
    core: Arc<RoomCore>,
    federation: Arc<Federation>,
    personal: Arc<Personal>,
    key: Option<SfuKey>,
    sfu: OnceLock<Sfu>,
    given: IssuedTokens,
    passage: SignallingPermits,
}

impl Rtc {
    /// Creates the service; without an SFU until [`Rtc::reached_by`].
    #[must_use]
    pub fn new(core: Arc<RoomCore>, personal: Arc<Personal>, federation: Arc<Federation>) -> Self {
        let livekit = &core.config.livekit;
        let pair = livekit.address.as_ref().and_then(|_| livekit.key_pair());
        let key = pair.map(|(name, secret)| SfuKey::new(name, secret));
        let (given, passage) = (IssuedTokens::default(), SignallingPermits::default());
        Self { core, federation, personal, key, sfu: OnceLock::new(), given, passage }
    }

    /// Sets the connection to the SFU, once.
    pub fn reached_by(&self, line: Arc<dyn Appointed>) {
        if let (Some(address), Some(key)) = (self.address(), &self.key) {
            // A second call would be a mistake of the composition root; the first connection stays.
            let _ = self.sfu.set(Sfu { base: address.http(), key: key.clone(), line });
        }
    }

    /// Returns whether group calls are available.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.key.is_some()
    }

    fn address(&self) -> Option<&SfuUrl> {
        self.core.config.livekit.address.as_ref().filter(|_| self.key.is_some())
    }

    /// Returns the WebSocket URL of the SFU for clients.
    #[must_use]
    pub fn sfu_url(&self) -> Option<String> {
        let address = self.address()?;
        if !address.is_plain() {
            return Some(address.as_str().to_owned());
        }
        let base = self.core.config.public_baseurl();
        Some(format!("{}{PASSAGE_PATH}", base.replacen("http", "ws", 1)))
    }

    /// Returns the URL of the token service, for clients that do not use the homeserver's endpoint.
    #[must_use]
    pub fn service_url(&self) -> Option<String> {
        self.address().map(|_| format!("{}{SERVICE_PATH}", self.core.config.public_baseurl()))
    }

    /// Returns a participant's identity at the SFU; see [`names::identity`].
    #[must_use]
    pub fn identity(&self, user: &UserId, member: CallMember<'_>) -> String {
        names::identity(user, member)
    }

    /// Returns the name of a slot's room at the SFU; see [`names::room_name`].
    #[must_use]
    pub fn room_name(&self, room: &RoomId, slot: &str) -> String {
        names::room_name(room, slot)
    }

    /// Refuses with `M_INVALID_PARAM` a URL of another SFU.
    pub fn check_url(&self, url: &str) -> Result<()> {
        let ours = self.sfu_url().is_some_and(|ours| ours == url.trim_end_matches('/'));
        if ours { Ok(()) } else { Err(Error::invalid("This server has no SFU at that `url`.")) }
    }

    /// Verifies that the SFU sent a webhook: `authorization` is its token, which contains the SHA-256 of the body.
    ///
    /// Refuses with `M_UNAUTHORIZED`; with `M_UNRECOGNIZED` when there is no SFU.
    pub fn verify_webhook(&self, authorization: &str, body: &[u8]) -> Result<()> {
        let token = authorization.strip_prefix("Bearer ").unwrap_or(authorization);
        let claims = self.read_token(token)?;
        let said = claims.sha256.as_deref().and_then(|sha256| STANDARD.decode(sha256).ok()).unwrap_or_default();
        if bool::from(said.ct_eq(&Sha256::digest(body))) {
            return Ok(());
        }
        Err(refuse(Reason::Unauthorized, "The token is of another body than this."))
    }

    /// Verifies a token from this server or the SFU and returns its claims; see [`SfuKey::verify`].
    pub fn read_token(&self, token: &str) -> Result<TokenClaims> {
        self.key.as_ref().ok_or_else(nothing_here)?.verify(token, self.now_s())
    }

    /// Returns the participants of a room at the SFU.
    ///
    /// Refuses with `M_CONNECTION_FAILED` when the SFU fails to answer; with `M_UNRECOGNIZED` when there is none.
    #[boxed]
    pub async fn participants(&self, room_name: &str) -> Result<Vec<Participant>> {
        self.sfu()?.participants(room_name, self.now_s()).await
    }

    fn sfu(&self) -> Result<&Sfu> {
        self.sfu.get().ok_or_else(nothing_here)
    }

    fn now_s(&self) -> u64 {
        self.core.now_ms() / 1_000
    }
}

fn nothing_here() -> Error {
    refuse(Reason::Unrecognized, "This server has no group calls: `livekit.address` is unset.")
}
