//! The nouns and their shapes, without effects: nothing here waits, locks, or asks for the time or for chance.

pub mod error;
pub mod export;
pub mod ids;
pub mod message;
pub mod more;
pub mod news;
pub mod signups;
pub mod sizes;
pub mod subnet;
pub mod text;
pub mod waits;
pub mod wire;
pub mod words;
