//! The edge for sockets: from the upgrade to the close frame.
//!
//! `upgrade` answers the handshake and hands the bare socket to a shard; from then on, that shard's
//! worker (one task with one poll) is the only code that touches it. `client_frames` says what frames
//! mean, `follow` where a connection is in a chat. Rules and database are reached through `chat`.

pub mod client_frames;
pub mod close;
mod connection;
mod delivery;
mod errands;
mod events;
mod follow;
pub mod frame_parser;
mod incoming;
mod poll;
mod signals;
mod slab;
mod upgrade;
mod wheel;
mod worker;

pub use upgrade::{Ticket, handshake, resume};
pub use worker::begin;
