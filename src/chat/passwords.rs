//! Password hashing: argon2id on the blocking pool, as many at once as there are cores, with a bounded
//! queue in front, so that a flood of logins does not hold up anybody's messages.

use crate::error::{Error, Result};
use crate::limits::{HASH_MEMORY_KIB, HASH_PASSES, HASH_QUEUE_MAX, RETRY_SOON};
use crate::random;
use crate::text::{GivenPassword, Password};
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use tokio::sync::Semaphore;

pub struct Hasher {
    cores: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    /// A hash to compare an unknown user's login with, so that it takes the same time.
    dummy: String,
}

impl Hasher {
    pub fn new(cores: usize) -> Self {
        let dummy = hash("a password that nobody has").unwrap_or_default();
        Self { cores: Arc::new(Semaphore::new(cores)), waiting: Arc::default(), dummy }
    }

    /// Hashings that are running or waiting.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Relaxed)
    }

    /// The hash as a PHC string, with its salt and parameters.
    pub async fn hash(&self, password: Password) -> Result<String> {
        self.run(move || hash(&password)).await?
    }

    /// Whether the password matches the hash; without a hash, it takes as long and says no.
    pub async fn verify(&self, password: GivenPassword, hash: Option<String>) -> Result<bool> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.dummy.clone());
        self.run(move || {
            let parsed = PasswordHash::new(&hash)
                .map_err(|error| Error::broken("a stored password hash", error.to_string()))?;
            Ok(argon2()?.verify_password(password.as_bytes(), &parsed).is_ok() && known)
        })
        .await?
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let waiting = Waiting::enter(&self.waiting)?;
        let permit = Arc::clone(&self.cores).acquire_owned().await;
        let permit = permit.map_err(|error| Error::broken("the hashing queue", error))?;
        let working = tokio::task::spawn_blocking(move || {
            let result = work();
            drop((permit, waiting));
            result
        });
        working.await.map_err(|error| Error::broken("hashing a password", error))
    }
}

/// A place in the queue.
struct Waiting(Arc<AtomicUsize>);

impl Waiting {
    fn enter(waiting: &Arc<AtomicUsize>) -> Result<Self> {
        if waiting.fetch_add(1, Relaxed) >= HASH_QUEUE_MAX {
            waiting.fetch_sub(1, Relaxed);
            return Err(Error::busy(
                "Too many people are logging in right now; try again in a moment.",
                RETRY_SOON,
            ));
        }
        Ok(Self(Arc::clone(waiting)))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

fn hash(password: &str) -> Result<String> {
    let salt = random::bits()?;
    let hash: PasswordHash = argon2()?
        .hash_password_with_salt(password.as_bytes(), &salt)
        .map_err(|error| Error::broken("hashing a password", error.to_string()))?;
    Ok(hash.to_string())
}

fn argon2() -> Result<Argon2<'static>> {
    let params = Params::new(HASH_MEMORY_KIB, HASH_PASSES, 1, None)
        .map_err(|error| Error::broken("the parameters of argon2", error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_matches_only_its_own_hash() {
        let hasher = Hasher::new(1);
        let new = Password::parse("correct horse").expect("a password");
        let given = |text| GivenPassword::parse(text).expect("a password");
        let hash = hasher.hash(new).await.expect("a hash");
        let parameters = format!("$argon2id$v=19$m={HASH_MEMORY_KIB},t={HASH_PASSES},p=1$");
        assert!(hash.starts_with(&parameters), "{hash}");
        assert!(
            hasher.verify(given("correct horse"), Some(hash.clone())).await.expect("an answer")
        );
        assert!(!hasher.verify(given("battery staple"), Some(hash)).await.expect("an answer"));
        let unknown = hasher.verify(given("a password that nobody has"), None).await;
        assert!(!unknown.expect("an answer"));
        assert_eq!(hasher.waiting(), 0);
    }
}
