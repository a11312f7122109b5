//! The server's signing key: generated on the first start and stored in the database.
//!
//! `rotate` replaces it while the server runs. Retired keys stay published, so that other servers can still verify old
//! signatures.

mod rotate;

pub use rotate::rotate;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use hearth_base::limits::core::KEYS_PER_RUN_MAX;
use hearth_base::random::Random;
use hearth_base::{Error, Millis, Result, Seams};
use hearth_store::engine::Tx;
use hearth_store::tables::signing_keys::{self, SigningKeyRow};
use hearth_store::{Lane, Store};
use parking_lot::RwLock;
use ruma::signatures::{Ed25519KeyPair, KeyPair};
use sha2::{Digest, Sha256};

/// The prefix of an Ed25519 key in PKCS#8; the 32 secret bytes follow (RFC 8410, section 7).
const PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// The current signing key, and those used before in this run.
pub struct SigningKey {
    /// Keys in order of use. None is ever removed: concurrent signers hold references.
    pairs: [OnceLock<Ed25519KeyPair>; KEYS_PER_RUN_MAX],
    /// Index of the current key. The key is stored before this index points to it.
    current: AtomicUsize,
    retired: RwLock<Vec<RetiredKey>>,
}

/// The public half of a retired key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetiredKey {
    /// The key ID with its algorithm, such as `ed25519:h_Xy12ab`.
    pub id: String,
    /// The Ed25519 public key.
    pub public: [u8; 32],
    /// When it was retired.
    pub expired_ms: Millis,
}

impl SigningKey {
    /// Loads the current key, or generates one if there is none.
    pub fn load_or_create(store: &Store, seams: &Seams) -> Result<Self> {
        let now_ms = seams.clock.now_ms();
        let random = seams.random.clone();
        let (retired, current) = store.write_blocking(Lane::Upkeep, "signing_key_load", move |tx| {
            let (retired, mut current): (Vec<_>, Vec<_>) =
                signing_keys::all(tx.tx())?.into_iter().partition(|row| row.expired_ms.is_some());
            match current.pop() {
                Some(row) => Ok((retired, row)),
                None => Ok((retired, make(tx.tx(), &*random, now_ms)?)),
            }
        })?;
        let key = Self::from_seed(&current.seed, current.id)?;
        for row in retired {
            let pair = pair_of(&row.seed, row.id)?;
            key.retired.write().push(RetiredKey::new(&pair, row.expired_ms.unwrap_or(0)));
        }
        Ok(key)
    }

    /// Builds the key from 32 secret bytes.
    pub fn from_seed(seed: &[u8], id: String) -> Result<Self> {
        let pairs: [OnceLock<Ed25519KeyPair>; KEYS_PER_RUN_MAX] = Default::default();
        pairs[0].get_or_init({
            let pair = pair_of(seed, id)?;
            || pair
        });
        Ok(Self { pairs, current: AtomicUsize::new(0), retired: RwLock::default() })
    }

    /// The key pair for ruma's signing functions.
    #[must_use]
    pub fn pair(&self) -> &Ed25519KeyPair {
        // Pairs with the `Release` in `rotate`.
        self.pairs[self.current.load(Ordering::Acquire)].get().expect("a key is set before `current` names it")
    }

    /// The current key ID with its algorithm.
    #[must_use]
    pub fn id(&self) -> String {
        key_id(self.pair())
    }

    /// Derives a secret from the key and `purpose`, which need not be stored and cannot be guessed without the key. It
    /// is the hash of a signature that is never published: published signatures are over JSON, which begins with `{`.
    /// After a rotation the secrets differ.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        let text = format!("hearth secret: {purpose}");
        Sha256::digest(self.pair().sign(text.as_bytes()).as_bytes()).into()
    }

    /// The retired keys, oldest first.
    #[must_use]
    pub fn retired(&self) -> Vec<RetiredKey> {
        self.retired.read().clone()
    }
}

impl RetiredKey {
    fn new(pair: &Ed25519KeyPair, expired_ms: Millis) -> Self {
        Self { id: key_id(pair), public: pair.public_key(), expired_ms }
    }
}

fn key_id(pair: &Ed25519KeyPair) -> String {
    format!("ed25519:{}", pair.version())
}

fn pair_of(seed: &[u8], id: String) -> Result<Ed25519KeyPair> {
    let der = [&PKCS8_PREFIX, seed].concat();
    Ed25519KeyPair::from_der(&der, id).map_err(|error| Error::fault("reading the signing key", error))
}

/// Generates a key and stores it.
fn make(tx: &mut dyn Tx, random: &(dyn Random + 'static), now_ms: Millis) -> Result<SigningKeyRow> {
    let id = format!("h_{}", random.alphanumeric(6));
    let mut seed = vec![0; 32];
    random.fill(&mut seed);
    signing_keys::insert(tx, &id, &seed, now_ms)?;
    Ok(SigningKeyRow { id, seed, created_ms: now_ms, expired_ms: None })
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.id())
    }
}
