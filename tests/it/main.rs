//! Tests from outside: each file keeps one promise.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod accounts;
mod chats;
mod commands;
mod conformance;
mod conventions;
mod conversations;
mod crashes;
mod faults;
mod files;
mod frames;
mod history;
mod limits;
mod machines;
mod markup;
mod memory;
mod news;
mod oddities;
mod operators;
mod order;
mod origins;
mod pace;
mod pages;
mod partings;
mod postgres;
mod process;
mod rates;
mod reach;
mod reads;
mod resumption;
mod retries;
mod rooms;
mod secrecy;
mod sessions;
mod settings;
mod smuggling;
mod stalls;
mod starts;
mod support;
mod tidy;
mod unanswered;
mod upgrades;
mod violations;
