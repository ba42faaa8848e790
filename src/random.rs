//! Chance that nobody can foresee, from the kernel: for salts, sessions, codes and the tokens of forms.
//!
//! Called by `chat` and `http`. A kernel that has none to give is broken.

use crate::error::{Error, Result};

/// 128 bits: enough that nobody guesses them, and that no two are ever the same.
pub fn bits() -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(broken)?;
    Ok(bytes)
}

/// 64 bits, for what must only differ.
pub fn number() -> Result<u64> {
    getrandom::u64().map_err(broken)
}

fn broken(error: getrandom::Error) -> Error {
    Error::broken("randomness", error.to_string())
}
