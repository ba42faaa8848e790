//! Password hashing: argon2id on the blocking pool, as many at once as there are cores, with a bounded
//! queue in front, so that a flood of logins does not hold up anybody's messages. Sites take turns.
//!
//! Passwords are hashed and compared in their composed form (NFC). Hashes from before that was so fit the
//! text as it was typed.

use super::turns::Turns;
use crate::limits::{HASH_MEMORY_KIB, HASH_PASSES, HASH_QUEUE_MAX, RETRY_SOON};
use crate::model::error::{Error, Result};
use crate::model::subnet::Subnet;
use crate::model::text::{GivenPassword, Password, composed};
use crate::os::random;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use std::sync::Arc;

pub struct Hasher {
    turns: Arc<Turns>,
    /// A hash to compare an unknown user's login with, so that it takes the same time.
    dummy: String,
}

impl Hasher {
    pub fn new(cores: usize) -> Self {
        // Of a salt and an output of nothing but zeros, of which nobody knows a password.
        let (salt, output) = ("A".repeat(22), "A".repeat(43));
        let dummy =
            format!("$argon2id$v=19$m={HASH_MEMORY_KIB},t={HASH_PASSES},p=1${salt}${output}");
        Self { turns: Turns::new(cores, HASH_QUEUE_MAX), dummy }
    }

    /// Hashings that are running or waiting.
    pub fn waiting(&self) -> usize {
        self.turns.entered()
    }

    /// The hash as a PHC string, with its salt and parameters.
    pub async fn hash(&self, from: Subnet, password: Password) -> Result<String> {
        self.run(from, move || hash(&composed(&password))).await?
    }

    /// Whether the password matches the hash; without a hash, it takes as long and says no.
    pub async fn verify(
        &self,
        from: Subnet,
        password: GivenPassword,
        hash: Option<String>,
    ) -> Result<bool> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.dummy.clone());
        self.run(from, move || {
            let parsed = PasswordHash::new(&hash)
                .map_err(|error| Error::broken("a stored password hash", error.to_string()))?;
            let argon2 = argon2()?;
            let fits = |text: &str| argon2.verify_password(text.as_bytes(), &parsed).is_ok();
            let composed = composed(&password);
            let fits = fits(&composed) || *composed != *password && fits(&password);
            Ok(fits && known)
        })
        .await?
    }

    async fn run<T: Send + 'static>(
        &self,
        from: Subnet,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let turn = self.turns.take(from).await.ok_or_else(|| {
            Error::busy(
                "Too many people are logging in right now; try again in a moment.",
                RETRY_SOON,
            )
        })?;
        let working = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(turn);
            result
        });
        working.await.map_err(|error| Error::broken("hashing a password", error))
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
    use std::net::IpAddr;

    #[tokio::test]
    async fn a_password_matches_only_its_own_hash() {
        let (hasher, from) = (Hasher::new(1), Subnet::from(IpAddr::from([192, 0, 2, 1])));
        let new = Password::parse("correct horse").expect("a password");
        let hash = hasher.hash(from, new).await.expect("a hash");
        let parameters = format!("$argon2id$v=19$m={HASH_MEMORY_KIB},t={HASH_PASSES},p=1$");
        assert!(hash.starts_with(&parameters), "{hash}");
        let fits = async |text: &str, hash: Option<&String>| {
            let given = GivenPassword::parse(text).expect("a password");
            hasher.verify(from, given, hash.cloned()).await.expect("an answer")
        };
        assert!(fits("correct horse", Some(&hash)).await);
        assert!(!fits("battery staple", Some(&hash)).await);
        // What nobody's password is compared with asks for as much work as a real hash.
        assert!(hasher.dummy.starts_with(&parameters), "{}", hasher.dummy);
        assert!(!fits("correct horse", Some(&hasher.dummy)).await);
        assert!(!fits("a password that nobody has", None).await);
        assert_eq!(hasher.waiting(), 0);
    }
}
