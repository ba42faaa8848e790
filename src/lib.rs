//! snug: a chat server for small machines.

pub mod chat;
pub mod cli;
pub mod config;
pub mod error;
pub mod ids;
pub mod limits;
pub mod live;
pub mod message;
pub mod metrics;
pub mod registry;
pub mod store;
pub mod text;
pub mod wire;
pub mod log;
