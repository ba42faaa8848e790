//! The database at one moment, for as long as this is kept: what a backup contains, and what is said of it.
//!
//! Called by `process::backup`, `process::restore` and `process::doctor`. `pg_dump` reads the same moment by
//! the snapshot's name. A long one is dear: PostgreSQL cannot clean up the rows of busy chats meanwhile. So
//! nothing is done under it that could be done before or after.

use super::connect::Libpq;
use super::health::Disagreement;
use super::{Store, WriteKind, sql};
use crate::limits::SNAPSHOT_TIMEOUT;
use crate::model::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tokio::task::JoinHandle;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

/// A transaction that sees one moment.
pub struct Snapshot {
    client: Client,
    serving: JoinHandle<()>,
    /// By which others see the same.
    pub name: String,
    /// The major version of the PostgreSQL that keeps it.
    pub postgres: u32,
}

/// What a database contains, in numbers that any other copy of it must have as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// The version of its schema.
    pub schema: i32,
    /// When its newest message was stored.
    pub until: Option<String>,
    pub tables: Vec<TableContents>,
    pub chats: Vec<ChatContents>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableContents {
    pub name: String,
    pub rows: i64,
    pub digest: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatContents {
    pub chat_id: i64,
    pub last_seq: i64,
    pub messages: i64,
    pub first: i64,
    pub last: i64,
    pub digest: String,
}

impl Contents {
    pub fn messages(&self) -> i64 {
        self.chats.iter().map(|chat| chat.messages).sum()
    }

    pub fn people(&self) -> i64 {
        self.tables.iter().find(|table| table.name == "users").map_or(0, |table| table.rows)
    }

    /// The first thing in which another database differs from this one.
    pub fn difference(&self, other: &Self) -> Option<String> {
        if self.schema != other.schema {
            return Some(format!("the schema is {} and not {}", other.schema, self.schema));
        }
        let table = differing(&self.tables, &other.tables).map(|(one, two)| match two {
            Some(two) if two.rows != one.rows => {
                format!("the table {} has {} rows and not {}", one.name, two.rows, one.rows)
            }
            Some(_) => format!("the rows of the table {} are others", one.name),
            None => format!("the table {} is missing", one.name),
        });
        let chat = || {
            differing(&self.chats, &other.chats).map(|(one, two)| match two {
                Some(two) if two.messages != one.messages || two.last_seq != one.last_seq => {
                    format!(
                        "chat {} has {} messages up to {} and not {} up to {}",
                        one.chat_id, two.messages, two.last_seq, one.messages, one.last_seq
                    )
                }
                Some(_) => format!("the messages of chat {} are others", one.chat_id),
                None => format!("chat {} is missing", one.chat_id),
            })
        };
        let more = || (self != other).then(|| "there is more in it".to_owned());
        table.or_else(chat).or_else(more)
    }

    /// The first chat whose numbers have a hole, or do not end where the chat does.
    pub fn hole(&self) -> Option<&ChatContents> {
        self.chats.iter().find(|chat| {
            let is_whole = chat.messages == chat.last_seq && chat.last == chat.last_seq;
            !is_whole || (chat.messages > 0 && chat.first != 1)
        })
    }
}

/// The first of these that the others do not have, and what they have in its place.
fn differing<'a, T: PartialEq + Keyed>(
    ours: &'a [T],
    others: &'a [T],
) -> Option<(&'a T, Option<&'a T>)> {
    let others: BTreeMap<_, _> = others.iter().map(|other| (other.key(), other)).collect();
    let mut pairs = ours.iter().map(|one| (one, others.get(&one.key()).copied()));
    pairs.find(|(one, other)| other.is_none_or(|other| *one != other))
}

trait Keyed {
    fn key(&self) -> (i64, &str);
}

impl Keyed for TableContents {
    fn key(&self) -> (i64, &str) {
        (0, &self.name)
    }
}

impl Keyed for ChatContents {
    fn key(&self) -> (i64, &str) {
        (self.chat_id, "")
    }
}

impl Snapshot {
    /// All that is said of what it contains. Reads everything once.
    pub async fn contents(&self) -> Result<Contents> {
        let schema = self.client.query_one(super::migrate::VERSION, &[]).await?;
        let tables = self.client.query(sql!("backup/tables"), &[]).await?;
        let chats = self.client.query(sql!("backup/chats"), &[]).await?;
        let until = chats.iter().filter_map(|row| row.get::<_, Option<String>>("until")).max();
        let tables = tables.iter().map(|row| TableContents {
            name: row.get("name"),
            rows: row.get("rows"),
            digest: row.get("digest"),
        });
        let chats = chats.iter().map(|row| ChatContents {
            chat_id: row.get("chat_id"),
            last_seq: row.get("last_seq"),
            messages: row.get("messages"),
            first: row.get("first"),
            last: row.get("last"),
            digest: row.get("digest"),
        });
        let schema = schema.get::<_, Option<i32>>(0).unwrap_or(0);
        Ok(Contents { schema, until, tables: tables.collect(), chats: chats.collect() })
    }

    /// What must never be in it, and how often it is.
    pub async fn disagreements(&self) -> Result<Vec<Disagreement>> {
        self.counted(sql!("doctor/disagreements")).await
    }

    /// How the index of words differs from the messages, and how often.
    pub async fn index_faults(&self) -> Result<Vec<Disagreement>> {
        self.counted(sql!("doctor/index_faults")).await
    }

    async fn counted(&self, statement: &str) -> Result<Vec<Disagreement>> {
        let rows = self.client.query(statement, &[]).await?;
        let found =
            rows.iter().map(|row| Disagreement { what: row.get("what"), rows: row.get("rows") });
        Ok(found.collect())
    }

    pub async fn end(self) {
        drop(self.client);
        let _ended = self.serving.await;
    }
}

impl Store {
    /// This moment, kept until it is dropped.
    pub async fn snapshot(&self) -> Result<Snapshot> {
        let (client, serving) = self.connector.connect(&self.config).await?;
        let begin = format!(
            "set statement_timeout = {0}; set idle_in_transaction_session_timeout = {0}; \
             set datestyle = 'ISO'; set extra_float_digits = 1; set bytea_output = 'hex'; \
             begin isolation level repeatable read read only",
            SNAPSHOT_TIMEOUT.as_millis()
        );
        client.batch_execute(&begin).await?;
        let asked = "select pg_export_snapshot() as name, \
             current_setting('server_version_num')::integer / 10000 as postgres";
        let row = client.query_one(asked, &[]).await?;
        let postgres = row.get::<_, i32>("postgres").unsigned_abs();
        Ok(Snapshot { client, serving, name: row.get("name"), postgres })
    }

    /// How PostgreSQL's own programs reach the same database.
    pub fn libpq(&self) -> Libpq {
        self.connector.libpq(&self.config)
    }

    /// Rows that are being copied, by table, and how many there are in all, about.
    pub async fn copied(&self) -> Result<BTreeMap<i64, i64>> {
        let rows = self.rows(sql!("backup/copied"), &[]).await?;
        Ok(rows.iter().map(|row| (row.get("relation"), row.get("rows"))).collect())
    }

    pub async fn expected_rows(&self) -> Result<i64> {
        Ok(self.one(sql!("backup/expected"), &[]).await?.get("rows"))
    }

    /// How much room the database takes.
    pub async fn database_bytes(&self) -> Result<u64> {
        let asked = "select pg_database_size(current_database()) as bytes";
        Ok(self.one(asked, &[]).await?.get::<_, i64>("bytes").unsigned_abs())
    }

    /// Whether there is anything where a backup would be restored.
    pub async fn is_occupied(&self) -> Result<bool> {
        Ok(self.one(sql!("backup/occupied"), &[]).await?.get("is_occupied"))
    }

    /// Whether another snug uses this database.
    pub async fn is_used(&self) -> Result<bool> {
        let (client, serving) = self.connector.connect(&self.config).await?;
        let row = client.query_one(sql!("backup/others"), &[]).await?;
        drop(client);
        let _ended = serving.await;
        Ok(row.get::<_, i64>("others") > 0)
    }

    /// Lets PostgreSQL look at its tables, so that it knows how to find what is asked for.
    pub async fn analyze(&self) -> Result<()> {
        let (client, serving) = self.connector.connect(&self.config).await?;
        client.batch_execute("set statement_timeout = 0; analyze").await?;
        drop(client);
        let _ended = serving.await;
        Ok(())
    }

    /// The epoch, also where an early snug made the schema.
    pub async fn epoch_of_any_schema(&self) -> Result<String> {
        match self.client().await?.query_one(sql!("meta/epoch"), &[]).await {
            Err(error) if error.code() == Some(&SqlState::UNDEFINED_FUNCTION) => {
                Ok(self.one("select epoch from meta", &[]).await?.get("epoch"))
            }
            told => Ok(told?.get("epoch")),
        }
    }

    /// Gives the history another epoch, because it has been restored.
    pub async fn renew_epoch(&self) -> Result<()> {
        let renewed = self.changed(WriteKind::Upkeep, sql!("meta/renew"), &[]).await?;
        if renewed == 1 { Ok(()) } else { Err(Error::broken("the epoch", "there is none")) }
    }

    /// The major version of PostgreSQL, and what version the schema has; none if there is no schema.
    pub async fn versions(&self) -> Result<(u32, Option<i32>)> {
        let asked = "select current_setting('server_version_num')::integer / 10000 as postgres";
        let postgres = self.one(asked, &[]).await?.get::<_, i32>("postgres").unsigned_abs();
        let client = self.client().await?;
        match client.query_one(super::migrate::VERSION, &[]).await {
            Ok(row) => Ok((postgres, row.get(0))),
            Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => Ok((postgres, None)),
            Err(error) => Err(error.into()),
        }
    }

    /// Undoes a restoring, which may have moved what was there into another schema.
    pub async fn put_back(&self, aside: Option<&str>) -> Result<()> {
        let back = match aside {
            Some(aside) => format!("alter schema {aside} rename to public"),
            None => "create schema public".to_owned(),
        };
        let undo = format!("begin; drop schema public cascade; {back}; commit");
        let (client, serving) = self.connector.connect(&self.config).await?;
        client.batch_execute(&format!("set statement_timeout = 0; {undo}")).await?;
        drop(client);
        let _ended = serving.await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(chats: &[(i64, i64, i64, i64)]) -> Contents {
        let chats = chats.iter().map(|&(chat_id, last_seq, messages, last)| ChatContents {
            chat_id,
            last_seq,
            messages,
            first: i64::from(messages > 0),
            last,
            digest: format!("{messages}"),
        });
        Contents { schema: 1, until: None, tables: Vec::new(), chats: chats.collect() }
    }

    #[test]
    fn a_hole_and_a_wrong_end_are_found() {
        assert!(contents(&[(1, 0, 0, 0), (2, 3, 3, 3)]).hole().is_none());
        for broken in [(1, 3, 2, 3), (1, 3, 3, 4), (1, 2, 3, 3), (1, 1, 0, 0)] {
            assert!(contents(&[broken]).hole().is_some(), "{broken:?}");
        }
    }

    #[test]
    fn a_difference_says_where_it_is() {
        let whole = contents(&[(1, 3, 3, 3), (2, 1, 1, 1)]);
        assert_eq!(whole.difference(&whole.clone()), None);
        let shorter = contents(&[(1, 3, 2, 3), (2, 1, 1, 1)]);
        assert!(whole.difference(&shorter).unwrap().contains("chat 1 has 2 messages up to 3"));
        assert!(
            whole.difference(&contents(&[(1, 3, 3, 3)])).unwrap().contains("chat 2 is missing")
        );
        assert!(contents(&[]).difference(&whole).is_some());
    }
}
