//! The server's own signing key: made on the first start, kept in the database, never shipped.

use hearth_base::{Error, Result, Seams};
use hearth_store::tables::signing_keys;
use hearth_store::{Lane, Store};
use ruma::signatures::Ed25519KeyPair;

/// PKCS#8 for Ed25519 is this and then the 32 secret bytes (RFC 8410, section 7).
const PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// The key that signs events and requests.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// The key in use; a fresh one when there is none yet.
    pub fn load_or_create(store: &Store, seams: &Seams) -> Result<Self> {
        let now_ms = seams.clock.now_ms();
        let random = seams.random.clone();
        let row = store.write_blocking(Lane::Upkeep, "signing_key_load", move |tx| {
            if let Some(row) = signing_keys::all(tx.tx())?.into_iter().rfind(|row| row.expired_ms.is_none()) {
                return Ok((row.id, row.seed));
            }
            let id = format!("h_{}", random.alphanumeric(6));
            let mut seed = vec![0; 32];
            random.fill(&mut seed);
            signing_keys::insert(tx.tx(), &id, &seed, now_ms)?;
            Ok((id, seed))
        })?;
        Self::from_seed(&row.1, row.0)
    }

    /// The key of 32 secret bytes.
    pub fn from_seed(seed: &[u8], id: String) -> Result<Self> {
        let der = [&PKCS8_PREFIX, seed].concat();
        let pair =
            Ed25519KeyPair::from_der(&der, id).map_err(|error| Error::fault("reading the signing key", error))?;
        Ok(Self(pair))
    }

    /// For ruma's signing functions.
    #[must_use]
    pub fn pair(&self) -> &Ed25519KeyPair {
        &self.0
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey(ed25519:{})", self.0.version())
    }
}
