//! Cryptographic randomness from the kernel, for salts, sessions, codes and form tokens.
//!
//! Called by `chat` and `http`. A kernel that cannot supply any is broken.

use crate::model::error::{Error, Result};

/// 128 bits: enough that nobody guesses the value and that no two are ever the same.
pub fn bits() -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(broken)?;
    Ok(bytes)
}

/// 64 bits, for values that only have to differ.
pub fn number() -> Result<u64> {
    getrandom::u64().map_err(broken)
}

fn broken(error: getrandom::Error) -> Error {
    Error::broken("randomness", error.to_string())
}
