//! The process itself: the command line and its settings, the log, signals, the watchdog, commands, and
//! `run`, which starts everything that serves and stops it again.
//!
//! The top floor: called by `main` and by the tests; calls everything below.

pub mod backup;
pub mod cli;
pub mod commands;
pub mod config;
pub mod database;
pub mod doctor;
pub mod log;
pub mod measure;
pub mod memory;
pub mod progress;
pub mod prompt;
pub mod run;
pub mod systemd;
pub mod upgrade;
