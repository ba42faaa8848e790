//! Tests from outside: each file keeps one promise.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod accounts;
mod chats;
mod commands;
mod conventions;
mod conversations;
mod oddities;
mod operators;
mod history;
mod limits;
mod machines;
mod markup;
mod origins;
mod postgres;
mod process;
mod rates;
mod reach;
mod rooms;
mod secrecy;
mod sessions;
mod settings;
mod starts;
mod smuggling;
mod support;
mod tidy;
