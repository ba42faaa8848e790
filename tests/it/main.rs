//! Tests from outside: each file keeps one promise.

#![allow(clippy::unwrap_used)]

mod commands;
mod process;
mod settings;
