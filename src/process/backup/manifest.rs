//! What a backup says of itself: `manifest.json` in it.

use crate::model::error::Fatal;
use crate::store::{Contents, SCHEMA_VERSION};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version that made it.
    pub snug: String,
    pub made_at: String,
    /// The major version of the PostgreSQL that it was made from.
    pub postgres: u32,
    /// The epoch that clients were told there.
    pub epoch: String,
    /// How much room the database took there.
    pub database_bytes: u64,
    pub people: i64,
    pub messages: i64,
    #[serde(flatten)]
    pub contents: Contents,
}

impl Manifest {
    pub fn new(contents: Contents, postgres: u32, epoch: String, database_bytes: u64) -> Self {
        Self {
            snug: env!("CARGO_PKG_VERSION").to_owned(),
            made_at: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            postgres,
            epoch,
            database_bytes,
            people: contents.people(),
            messages: contents.messages(),
            contents,
        }
    }

    /// In one line for people: how much there is in it, and until when.
    pub fn summary(&self) -> String {
        let count = |n: i64, one: &str, more: &str| match n {
            1 => format!("1 {one}"),
            _ => format!("{n} {more}"),
        };
        let until = match self.contents.until.as_deref().and_then(|until| until.split('.').next()) {
            Some(until) => format!(", until {}Z", until.replace('T', " ")),
            None => String::new(),
        };
        format!(
            "{}, {}, {}{until}",
            count(self.people, "person", "people"),
            count(self.contents.chats.len() as i64, "chat", "chats"),
            count(self.messages, "message", "messages")
        )
    }

    /// Refuses what a newer snug has made, which this one would not understand.
    pub fn check_schema(&self) -> Result<(), Fatal> {
        if self.contents.schema <= SCHEMA_VERSION {
            return Ok(());
        }
        Err(Fatal::new(format!(
            "the backup is by snug {} and has schema version {}, but this snug ({}) only knows \
             {SCHEMA_VERSION}: install snug {0} or later",
            self.snug,
            self.contents.schema,
            env!("CARGO_PKG_VERSION")
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(schema: i32) -> Manifest {
        let until = Some("2026-11-27T03:30:00.123456Z".to_owned());
        let contents = Contents { schema, until, tables: Vec::new(), chats: Vec::new() };
        Manifest::new(contents, 15, "e".to_owned(), 1)
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let written = manifest(1);
        let text = serde_json::to_string(&written).unwrap();
        assert_eq!(serde_json::from_str::<Manifest>(&text).unwrap(), written);
        assert_eq!(written.summary(), "0 people, 0 chats, 0 messages, until 2026-11-27 03:30:00Z");
    }

    #[test]
    fn what_a_newer_snug_made_is_refused() {
        assert!(manifest(SCHEMA_VERSION).check_schema().is_ok());
        let fatal = manifest(SCHEMA_VERSION + 1).check_schema().unwrap_err();
        assert!(fatal.message.contains("install snug"), "{fatal}");
    }
}
