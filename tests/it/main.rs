//! Tests from outside: each file keeps one promise.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod account_events;
mod accounts;
mod bounds;
mod chats;
mod commands;
mod conformance;
mod conventions;
mod conversations;
mod crashes;
mod events_after_faults;
mod faults;
mod files;
mod floods;
mod frames;
mod history;
mod lost_answers;
mod machines;
mod markup;
mod memory;
mod operators;
mod order;
mod origins;
mod pages;
mod postgres;
mod process;
mod protocol;
mod quotas;
mod rate_limits;
mod reach;
mod reads;
mod resumption;
mod retries;
mod rooms;
mod secrecy;
mod sessions;
mod settings;
mod slow_clients;
mod smuggling;
mod starts;
mod support;
mod templates;
mod tidy;
mod upgrades;
mod violations;
