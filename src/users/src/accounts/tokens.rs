//! Access and refresh tokens. The database stores only their SHA-256.

use hearth_base::Result;
use hearth_base::limits::users::TOKEN_BYTES_MAX;
use hearth_rooms::RoomCore;
use hearth_store::engine::Tx;
use hearth_store::ids::DeviceSn;
use hearth_store::tables::tokens::{self, TokenHash};
use sha2::{Digest, Sha256};

/// Random characters of a token: 238 bits.
const RANDOM_CHARS: usize = 40;
/// Prefixes of the token kinds, so that secret scanners recognise a leaked token.
const ACCESS: &str = "hea_";
const REFRESH: &str = "her_";
const LOGIN: &str = "hel_";

/// Tokens to return to a client.
#[derive(Clone)]
pub struct Issued {
    /// The access token.
    pub access_token: String,
    /// The refresh token, if the client supports it.
    pub refresh_token: Option<String>,
    /// Lifetime of the access token in milliseconds; `None` if it does not expire.
    pub expires_in_ms: Option<u64>,
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issued").field("expires_in_ms", &self.expires_in_ms).finish_non_exhaustive()
    }
}

/// SHA-256 of a token. A slow or salted hash would add nothing: the token has more entropy than the hash needs.
pub(super) fn hash(token: &str) -> Option<TokenHash> {
    (token.len() <= TOKEN_BYTES_MAX).then(|| Sha256::digest(token.as_bytes()).into())
}

fn random(core: &RoomCore, prefix: &str) -> String {
    format!("{prefix}{}", core.seams.random.alphanumeric(RANDOM_CHARS))
}

/// Generates a login token.
pub(super) fn login(core: &RoomCore) -> String {
    random(core, LOGIN)
}

fn sha(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

/// Issues an access token that does not expire or, for a client that supports it, a pair with a refresh token.
pub(super) fn issue(core: &RoomCore, tx: &mut dyn Tx, device: DeviceSn, refreshable: bool) -> Result<Issued> {
    if refreshable {
        return issue_pair(core, tx, device, None);
    }
    let access_token = random(core, ACCESS);
    tokens::insert(tx, &sha(&access_token), device, None, None)?;
    Ok(Issued { access_token, refresh_token: None, expires_in_ms: None })
}

/// Issues a token pair, in exchange for the refresh token `parent` if there is one.
pub(crate) fn issue_pair(
    core: &RoomCore,
    tx: &mut dyn Tx,
    device: DeviceSn,
    parent: Option<&TokenHash>,
) -> Result<Issued> {
    let (now_ms, lifetimes) = (core.now_ms(), &core.config.tokens);
    let (access_token, refresh_token) = (random(core, ACCESS), random(core, REFRESH));
    let refresh = sha(&refresh_token);
    let lifetime_ms = lifetimes.access_token_lifetime_ms;
    tokens::refresh_insert(tx, &refresh, device, lifetimes.refresh_token_lifetime_ms.map(|ms| now_ms + ms), parent)?;
    tokens::insert(tx, &sha(&access_token), device, Some(now_ms + lifetime_ms), Some(&refresh))?;
    Ok(Issued { access_token, refresh_token: Some(refresh_token), expires_in_ms: Some(lifetime_ms) })
}
