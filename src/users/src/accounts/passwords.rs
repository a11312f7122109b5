//! Password hashing: argon2id in PHC strings, on blocking threads. The number of concurrent hashes is bounded because
//! each needs its own memory.

use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher as _, PasswordVerifier as _, Version};
use hearth_base::config::Passwords;
use hearth_base::{Error, Reason, Result, Seams, error::refuse, limits};
use tokio::sync::Semaphore;

/// Hashes and verifies passwords.
pub(super) struct Hasher {
    turns: Arc<Semaphore>,
    params: Params,
    chars_min: usize,
    initial_chars_min: usize,
    seams: Seams,
    /// Verified in place of a missing hash, so that an unknown name takes as long as a known one.
    nobody: String,
}

/// The result of a password check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PasswordCheck {
    /// Wrong, or the account has no password.
    Wrong,
    /// Correct.
    Right,
    /// Correct, but hashed with parameters other than the configured ones: rehash it.
    RightButOld,
}

impl Hasher {
    /// Creates a hasher with the configured parameters.
    pub(super) fn new(config: &Passwords, seams: Seams) -> Result<Self> {
        let params = Params::new(config.memory_kib, config.iterations, config.parallelism, None)
            .map_err(|error| Error::broken(format!("reading the parameters of password hashes: {error}")))?;
        let turns = Arc::new(Semaphore::new(usize::try_from(config.concurrency).unwrap_or(1).max(1)));
        let [chars_min, initial_chars_min] = [config.chars_min, config.initial_chars_min.unwrap_or(config.chars_min)]
            .map(|chars| usize::try_from(chars).unwrap_or(usize::MAX));
        // Uses the configured parameters, so that it takes as long as a real hash.
        let nobody = hash(&params, &seams, "nobody has this password")?;
        Ok(Self { turns, params, chars_min, initial_chars_min, seams, nobody })
    }

    /// Refuses a new password that is too short or too long.
    pub(crate) fn check_strength(&self, password: &str) -> Result<()> {
        check_length(password, self.chars_min)
    }

    /// The same for the first password of an account.
    pub(crate) fn check_initial_strength(&self, password: &str) -> Result<()> {
        check_length(password, self.initial_chars_min)
    }

    /// Hashes a password into a PHC string.
    pub(super) async fn hash(&self, password: String) -> Result<String> {
        let (params, seams) = (self.params.clone(), self.seams.clone());
        self.run(move || hash(&params, &seams, &password)).await
    }

    /// Verifies a password against a hash. Without a hash, takes as long and returns [`PasswordCheck::Wrong`].
    pub(super) async fn verify(&self, password: String, hash: Option<String>) -> Result<PasswordCheck> {
        if password.len() > limits::PASSWORD_BYTES_MAX {
            return Ok(PasswordCheck::Wrong);
        }
        let known = hash.is_some();
        let (hash, params) = (hash.unwrap_or_else(|| self.nobody.clone()), self.params.clone());
        let verdict = self.run(move || verify(&params, &password, &hash)).await?;
        Ok(if known { verdict } else { PasswordCheck::Wrong })
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|error| Error::fault("waiting for a turn to hash a password", error))?;
        let task = tokio::task::spawn_blocking(move || {
            // The thread holds the permit, not the future: a caller that is dropped must not free memory that the
            // thread still uses.
            let _turn = turn;
            work()
        });
        task.await.map_err(|error| Error::fault("hashing a password", error))?
    }
}

fn check_length(password: &str, chars_min: usize) -> Result<()> {
    if password.len() > limits::PASSWORD_BYTES_MAX {
        let message = format!("A password can have {} bytes at most.", limits::PASSWORD_BYTES_MAX);
        return Err(refuse(Reason::InvalidParam, message));
    }
    if password.chars().count() < chars_min {
        return Err(refuse(Reason::WeakPassword, format!("Choose a password of at least {chars_min} characters.")));
    }
    Ok(())
}

fn hash(params: &Params, seams: &Seams, password: &str) -> Result<String> {
    let mut salt = [0; 16];
    seams.random.fill(&mut salt);
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    let hash = argon.hash_password_with_salt(password.as_bytes(), &salt);
    Ok(hash.map_err(|error| Error::broken(format!("hashing a password: {error}")))?.to_string())
}

fn verify(params: &Params, password: &str, stored: &str) -> Result<PasswordCheck> {
    let stored =
        PasswordHash::new(stored).map_err(|error| Error::broken(format!("reading a stored password hash: {error}")))?;
    if Argon2::default().verify_password(password.as_bytes(), &stored).is_err() {
        return Ok(PasswordCheck::Wrong);
    }
    let same = Params::try_from(&stored).is_ok_and(|used| {
        (used.m_cost(), used.t_cost(), used.p_cost()) == (params.m_cost(), params.t_cost(), params.p_cost())
    });
    Ok(if same { PasswordCheck::Right } else { PasswordCheck::RightButOld })
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hasher").field("turns", &self.turns.available_permits()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_right_wrong_or_in_need_of_a_new_hash() {
        let cheap = Hasher::new(&Passwords::cheap(), Seams::system()).unwrap();
        let hash = cheap.hash("correct horse".to_owned()).await.unwrap();
        let verify = |hasher: &'static Hasher, password: &str, hash: &str| {
            hasher.verify(password.to_owned(), Some(hash.to_owned()))
        };
        let cheap: &'static Hasher = Box::leak(Box::new(cheap));
        assert_eq!(verify(cheap, "correct horse", &hash).await.unwrap(), PasswordCheck::Right);
        assert_eq!(verify(cheap, "wrong horse", &hash).await.unwrap(), PasswordCheck::Wrong);
        assert_eq!(cheap.verify("nobody has this password".to_owned(), None).await.unwrap(), PasswordCheck::Wrong);
        let dearer = Passwords { iterations: 2, ..Passwords::cheap() };
        let dearer: &'static Hasher = Box::leak(Box::new(Hasher::new(&dearer, Seams::system()).unwrap()));
        assert_eq!(verify(dearer, "correct horse", &hash).await.unwrap(), PasswordCheck::RightButOld);
    }

    #[test]
    fn short_and_endless_passwords_are_not_taken() {
        let hasher = Hasher::new(&Passwords::cheap(), Seams::system()).unwrap();
        assert_eq!(hasher.check_strength("seven77").unwrap_err().reason(), Some(Reason::WeakPassword));
        assert!(hasher.check_strength("äöüäöüäö").is_ok());
        assert!(hasher.check_strength(&"x".repeat(limits::PASSWORD_BYTES_MAX + 1)).is_err());
    }
}
