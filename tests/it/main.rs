//! Tests from outside: each file keeps one promise.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod accounts;
mod chats;
mod commands;
mod conventions;
mod conversations;
mod history;
mod limits;
mod machines;
mod markup;
mod oddities;
mod operators;
mod origins;
mod pages;
mod postgres;
mod process;
mod rates;
mod reach;
mod rooms;
mod secrecy;
mod sessions;
mod settings;
mod smuggling;
mod stalls;
mod starts;
mod support;
mod tidy;
