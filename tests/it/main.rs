//! Tests from outside: each file keeps one promise.

#![allow(clippy::unwrap_used)]

mod commands;
mod process;
mod settings;
//! The promises, tested from outside; one file per promise.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod postgres;
