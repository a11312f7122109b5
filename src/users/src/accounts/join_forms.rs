//! Forms of invite links. Each has a key that the server recognises without storing it: when the form expires, for
//! which network it was issued, and an HMAC under a key of this run. Another site cannot make a browser send a form,
//! because it cannot read one.
//!
//! Which forms have created an account is remembered for a while: a form that is sent twice, because the button was
//! pressed twice or the answer was lost, creates one account and gets the same answer.

use std::collections::HashMap;
use std::net::IpAddr;

use hearth_base::boxed;
use hearth_base::limits::users::{JOIN_FORM_MS_MAX, JOIN_FORMS_SENT_MAX};
use hearth_base::{Millis, Seams};
use hearth_core::rates::RateSubject;
use hearth_core::turns::{KeyedLocks, KeyedPermit};
use hmac::{Hmac, Mac};
use parking_lot::Mutex;
use ruma::{OwnedUserId, UserId};
use sha2::Sha256;

use super::Accounts;

/// Random characters of a form, and of the key.
const FORM_CHARS: usize = 16;
const KEY_CHARS: usize = 43;

/// Issues forms and remembers the sent ones.
pub(super) struct JoinForms {
    key: String,
    /// The accounts that forms created, with the expiry time of the form.
    sent: Mutex<HashMap<String, (Millis, OwnedUserId)>>,
    turns: KeyedLocks<String>,
}

impl std::fmt::Debug for JoinForms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JoinForms").field("sent", &self.sent.lock().len()).finish_non_exhaustive()
    }
}

/// A form that was sent. While it exists, the same form is not handled a second time.
#[derive(Debug)]
pub struct JoinForm {
    key: String,
    expires_ms: Millis,
    _turn: KeyedPermit,
}

impl JoinForms {
    /// With a new key: forms of an earlier run are not valid.
    pub(super) fn new(seams: &Seams) -> Self {
        Self { key: seams.random.alphanumeric(KEY_CHARS), sent: Mutex::default(), turns: KeyedLocks::default() }
    }

    fn mac(&self, body: &str, token: &str, client: Option<IpAddr>) -> Option<Hmac<Sha256>> {
        // An address can change within its network while a form is filled in, but no more than that.
        let network = format!("{:?}", RateSubject::network(client));
        let mac = Hmac::<Sha256>::new_from_slice(self.key.as_bytes()).ok()?;
        Some(mac.chain_update(body).chain_update([0]).chain_update(token).chain_update([0]).chain_update(network))
    }

    fn issue(&self, seams: &Seams, token: &str, client: Option<IpAddr>) -> String {
        let expires_ms = seams.clock.now_ms() + JOIN_FORM_MS_MAX;
        let body = format!("{expires_ms}-{}", seams.random.alphanumeric(FORM_CHARS));
        let seal = self.mac(&body, token, client).map(|mac| mac.finalize().into_bytes().to_vec()).unwrap_or_default();
        let seal: String = seal.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{body}-{seal}")
    }

    /// When a form expires; `None` for text that is no form of this run, token and network.
    fn expires_ms(&self, form: &str, token: &str, client: Option<IpAddr>) -> Option<Millis> {
        let (body, seal) = form.rsplit_once('-')?;
        let seal = bytes_of(seal)?;
        // `verify_slice` takes the same time wherever the bytes differ.
        self.mac(body, token, client)?.verify_slice(&seal).ok()?;
        body.split_once('-')?.0.parse().ok()
    }
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks_exact(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

impl Accounts {
    /// The key of a new form for an invite link.
    #[must_use]
    pub fn issue_join_form(&self, token: &str, client: Option<IpAddr>) -> String {
        self.join_forms.issue(&self.core.seams, token, client)
    }

    /// Takes a form that was sent; waits while the same form is handled. `None` for a form that is too old, or that
    /// this server did not issue to that network for that token.
    #[boxed]
    pub async fn take_join_form(&self, form: &str, token: &str, client: Option<IpAddr>) -> Option<JoinForm> {
        let expires_ms = self.join_forms.expires_ms(form, token, client)?;
        if expires_ms <= self.core.now_ms() {
            return None;
        }
        let turn = self.join_forms.turns.take(form.to_owned()).await;
        Some(JoinForm { key: form.to_owned(), expires_ms, _turn: turn })
    }

    /// The account that a form has created.
    #[must_use]
    pub fn joined_by(&self, form: &JoinForm) -> Option<OwnedUserId> {
        self.join_forms.sent.lock().get(&form.key).map(|(_, user_id)| user_id.clone())
    }

    /// Remembers the account that a form has created.
    pub fn note_joined(&self, form: &JoinForm, user_id: &UserId) {
        let (mut sent, now_ms) = (self.join_forms.sent.lock(), self.core.now_ms());
        if sent.len() >= JOIN_FORMS_SENT_MAX {
            sent.retain(|_, (expires_ms, _)| *expires_ms > now_ms);
        }
        // Above the bound nothing is remembered: a form that is sent twice is then told that its name is taken.
        if sent.len() < JOIN_FORMS_SENT_MAX {
            sent.insert(form.key.clone(), (form.expires_ms, user_id.to_owned()));
        }
    }
}
