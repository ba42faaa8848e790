//! The table `messages`: writing batches of drafts, reading pages of history.
//!
//! `Writer` is the lane's own connection and the only way to store messages. A batch is one call of a
//! database function, which is a transaction by itself: its first statement locks the chats; the second,
//! whose snapshot is therefore taken under the locks, does the rest (see
//! `sql/migrations/0010_keys_by_index.sql`).

use super::page_rows::PagePermit;
use super::{Store, chats, is_answer, sql, timestamp};
use crate::limits::{DATABASE_CONNECT_TIMEOUT, LANE_LOCK_TIMEOUT};
use crate::model::error::{Error, Result};
use crate::model::ids::{ChatId, MessageId, Seq, UserId};
use crate::model::message::{ChatType, Draft, Message};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

/// What became of one draft in a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Stored by this batch.
    Stored(Stored),
    /// The same draft was stored before; this is the message it became.
    Known(Stored),
    /// Its key already belongs to a message with different content.
    KeyReused,
    /// The sender may not write to that chat, or it does not exist.
    Unreachable,
    /// Nothing can be stored now, and it was not stored before.
    NoRoom,
}

/// Where a draft was stored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stored {
    pub id: MessageId,
    pub seq: Seq,
    pub timestamp: Timestamp,
    pub chat_type: ChatType,
    pub receiver_id: Option<UserId>,
}

/// Why a batch has no outcomes.
#[derive(Debug)]
pub enum WriteError {
    /// PostgreSQL refused it; nothing was stored.
    Failed(Error),
    /// Somebody else holds the row of one of its chats; nothing was stored.
    Held(Error),
    /// No answer came; it may or may not have been stored.
    Unknown(Error),
}

/// A PostgreSQL server process: its pid, and when it started, because pids are reused.
#[derive(Debug, Clone, Copy)]
pub struct Backend {
    pid: i32,
    began: std::time::SystemTime,
}

/// The connection that writes messages.
pub struct Writer {
    client: Client,
    store: Statement,
    known: Statement,
    backend: Backend,
    /// How long a commit is waited for.
    limit: Duration,
}

impl Writer {
    pub async fn connect(database: &Store) -> Result<Self> {
        let mut config = database.config.clone();
        let lock_timeout = LANE_LOCK_TIMEOUT.as_millis();
        let ours = format!("set enable_seqscan = off; set lock_timeout = {lock_timeout}");
        let connector = database.connector.setting(&ours);
        // So that it can be told from the others in PostgreSQL's own lists.
        let name = config.get_application_name().unwrap_or_default();
        let name = format!("{name} lane");
        config.application_name(name);
        let connecting = async {
            let (client, _serving) = connector.connect(&config).await?;
            let store = client.prepare(sql!("messages/store")).await?;
            let known = client.prepare(sql!("messages/known")).await?;
            let row = client.query_one(BACKEND, &[]).await?;
            let backend = Backend { pid: row.get("pid"), began: row.get("backend_start") };
            Ok(Self { client, store, known, backend, limit: database.waits.commit })
        };
        match tokio::time::timeout(DATABASE_CONNECT_TIMEOUT, connecting).await {
            Ok(connected) => connected,
            Err(late) => Err(Error::unavailable("PostgreSQL", late)),
        }
    }

    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Stores a batch whose (chat, sender, key) triples are all different; one outcome per draft, in
    /// order. After `Unknown`, this writer must be discarded.
    pub async fn store(&self, drafts: &[(&Draft, &str)]) -> Result<Vec<Outcome>, WriteError> {
        let hashes = content_hashes(drafts);
        let columns = Columns::of(drafts, &hashes);
        self.ask(&self.store, &columns.params(), drafts.len()).await
    }

    /// The same where nothing can be stored: what was stored before is known all the same.
    pub async fn look_up(&self, drafts: &[(&Draft, &str)]) -> Result<Vec<Outcome>, WriteError> {
        let hashes = content_hashes(drafts);
        let columns = Columns::of(drafts, &hashes);
        let [chats, senders, keys, _, hashes] = columns.params();
        self.ask(&self.known, &[chats, senders, keys, hashes], drafts.len()).await
    }

    async fn ask(
        &self,
        statement: &Statement,
        params: &[&(dyn ToSql + Sync)],
        drafts: usize,
    ) -> Result<Vec<Outcome>, WriteError> {
        // The answer is complete only after the commit.
        let stored = self.client.query(statement, params);
        let Ok(stored) = tokio::time::timeout(self.limit, stored).await else {
            return Err(WriteError::Unknown(Error::unavailable(
                "PostgreSQL",
                "a commit took too long",
            )));
        };
        let rows = stored.map_err(write_error)?;
        outcomes(&rows, drafts).map_err(WriteError::Failed)
    }
}

const BACKEND: &str =
    "select pid, backend_start from pg_stat_activity where pid = pg_backend_pid()";

/// An error that PostgreSQL sent while the connection stays alive refuses the whole batch; after any
/// other error it is unknown what happened.
fn write_error(error: tokio_postgres::Error) -> WriteError {
    use tokio_postgres::error::SqlState;
    match error.code() {
        Some(&SqlState::LOCK_NOT_AVAILABLE) => WriteError::Held(error.into()),
        Some(_) if is_answer(&error) => WriteError::Failed(error.into()),
        Some(_) | None => WriteError::Unknown(error.into()),
    }
}

fn content_hashes(drafts: &[(&Draft, &str)]) -> Vec<[u8; HASH_BYTES]> {
    drafts.iter().map(|(draft, _)| content_hash(&draft.content)).collect()
}

/// The drafts of a batch as column arrays, which the statement takes.
struct Columns<'a> {
    chats: Vec<i64>,
    senders: Vec<i64>,
    keys: Vec<&'a str>,
    contents: Vec<&'a str>,
    hashes: Vec<&'a [u8]>,
}

impl<'a> Columns<'a> {
    fn of(drafts: &[(&'a Draft, &'a str)], hashes: &'a [[u8; HASH_BYTES]]) -> Self {
        Self {
            chats: drafts.iter().map(|(draft, _)| draft.chat_id.0).collect(),
            senders: drafts.iter().map(|(draft, _)| draft.sender.user_id.0).collect(),
            keys: drafts.iter().map(|(_, key)| *key).collect(),
            contents: drafts.iter().map(|(draft, _)| &*draft.content).collect(),
            hashes: hashes.iter().map(<[u8; HASH_BYTES]>::as_slice).collect(),
        }
    }

    fn params(&self) -> [&(dyn ToSql + Sync); 5] {
        [&self.chats, &self.senders, &self.keys, &self.contents, &self.hashes]
    }
}

/// Of SHA-256: enough to distinguish contents forever.
const HASH_BYTES: usize = 16;

fn content_hash(content: &str) -> [u8; HASH_BYTES] {
    let digest = Sha256::digest(content.as_bytes());
    std::array::from_fn(|at| digest[at])
}

fn outcomes(rows: &[Row], drafts: usize) -> Result<Vec<Outcome>> {
    let mut outcomes = vec![Outcome::Unreachable; drafts];
    for row in rows {
        let place = row.get::<_, i64>("place") as usize - 1;
        if row.get::<_, Option<i64>>("id").is_none() {
            outcomes[place] = Outcome::NoRoom;
            continue;
        }
        let stored = Stored {
            id: MessageId(row.get("id")),
            seq: Seq(row.get("seq")),
            timestamp: timestamp(row, "timestamp"),
            chat_type: chats::chat_type(row)?,
            receiver_id: row.get::<_, Option<i64>>("receiver_id").map(UserId),
        };
        let (is_fresh, is_same) = (row.get("is_fresh"), row.get("is_same"));
        outcomes[place] = match (is_fresh, is_same) {
            (true, _) => Outcome::Stored(stored),
            (false, true) => Outcome::Known(stored),
            (false, false) => Outcome::KeyReused,
        };
    }
    Ok(outcomes)
}

/// Which messages of a chat: at most `limit`, by distance from the end or by position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageQuery {
    pub limit: i64,
    pub from: PageStart,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageStart {
    /// The newest, after skipping this many.
    Offset(i64),
    /// The newest of those before this message.
    Before(Seq),
    /// The oldest of those after this message.
    After(Seq),
}

impl PageQuery {
    /// How many messages the page has, if nobody has deleted any.
    fn expected(self, last_seq: Seq) -> i64 {
        let (above, upto) = match self.from {
            PageStart::Offset(count) => (last_seq.0 - count - self.limit, last_seq.0 - count),
            PageStart::Before(seq) => {
                let upto = last_seq.0.min(seq.0 - 1);
                (upto - self.limit, upto)
            }
            PageStart::After(seq) => (seq.0, last_seq.0.min(seq.0 + self.limit)),
        };
        (upto - above.max(0)).max(0)
    }
}

/// Messages of a chat, oldest first, and the chat's last number when they were read.
pub struct HistoryPage {
    pub messages: Vec<Message>,
    pub last_seq: Seq,
    /// Whether there may be more in the direction of the page, of which the last message is then the
    /// position from which to go on.
    pub has_more: bool,
    /// Bounds the memory that pages take until they have become answers.
    pub permit: PagePermit,
}

/// A page of a chat of this kind; the build makes the others out of the one for the general chat.
pub fn history_statement(chat_type: ChatType) -> &'static str {
    macro_rules! made {
        ($name:literal) => {
            include_str!(concat!(env!("OUT_DIR"), "/", $name, ".sql"))
        };
    }
    match chat_type {
        ChatType::General => sql!("messages/history"),
        ChatType::Private => made!("history_private"),
        ChatType::Room => made!("history_room"),
    }
}

impl Store {
    /// `None` if the viewer may not see the chat, or if it is of another kind. Where somebody has deleted
    /// messages, a page by position is filled from beyond; one by offset is shorter, so that those that
    /// follow do not repeat anything.
    pub async fn history(
        &self,
        viewer: UserId,
        chat_id: ChatId,
        chat_type: ChatType,
        query: PageQuery,
    ) -> Result<Option<HistoryPage>> {
        let (mut offset, mut before, mut after) = (0, None, None);
        match query.from {
            PageStart::Offset(n) => offset = n,
            PageStart::Before(seq) => before = Some(seq.0),
            PageStart::After(seq) => after = Some(seq.0),
        }
        let params: [&(dyn ToSql + Sync); 6] =
            [&viewer.0, &chat_id.0, &query.limit, &offset, &before, &after];
        let (mut rows, mut permit) =
            self.page(viewer, query.limit, history_statement(chat_type), &params).await?;
        let Some(first) = rows.first() else { return Ok(None) };
        let mut last_seq = Seq(first.get("last_seq"));
        if by_position(query.from) && found(&rows) < query.expected(last_seq) {
            let [reader, chat_id, limit, _, before, after] = params;
            let params = [reader, chat_id, limit, before, after];
            // Two permits at once could wait for each other.
            drop(permit);
            (rows, permit) =
                self.page(viewer, query.limit, sql!("messages/history_sparse"), &params).await?;
            let Some(first) = rows.first() else { return Ok(None) };
            last_seq = Seq(first.get("last_seq"));
        }
        let is_full = found(&rows) >= query.limit;
        let names = self.names(rows.iter().filter_map(sender)).await?;
        let mut messages: Vec<Message> = rows
            .iter()
            .filter_map(|row| {
                let name = Arc::clone(names.get(&sender(row)?)?);
                message(row, chat_id, chat_type, name)
            })
            .collect();
        messages.sort_by_key(|message| message.seq);
        let has_more = match query.from {
            PageStart::Offset(count) => last_seq.0 - count - query.limit > 0,
            PageStart::Before(_) => {
                is_full && messages.first().is_some_and(|message| message.seq > Seq(1))
            }
            PageStart::After(_) => {
                is_full && messages.last().is_some_and(|message| message.seq < last_seq)
            }
        };
        Ok(Some(HistoryPage { messages, last_seq, has_more, permit }))
    }

    /// Terminates one of our server processes whose commit is unknown, and waits until it is gone: only
    /// then is it certain that what it did can no longer change.
    pub async fn end_backend(&self, backend: Backend) -> Result<bool> {
        let params: [&(dyn ToSql + Sync); 2] = [&backend.pid, &backend.began];
        let rows = self.rows_within(DATABASE_CONNECT_TIMEOUT, END_BACKEND, &params).await?;
        Ok(rows.is_empty())
    }

    /// Those of these chats whose row nobody holds; waits for none.
    pub async fn free_chats(&self, chats: &[ChatId]) -> Result<Vec<ChatId>> {
        let ids: Vec<i64> = chats.iter().map(|chat| chat.0).collect();
        let rows = self.rows(FREE_CHATS, &[&ids]).await?;
        Ok(rows.iter().map(|row| ChatId(row.get("id"))).collect())
    }

    /// The last numbers of these chats.
    pub async fn last_seqs(&self, chats: &[ChatId]) -> Result<Vec<(ChatId, Seq)>> {
        let ids: Vec<i64> = chats.iter().map(|chat| chat.0).collect();
        let rows = self.rows(LAST_SEQS, &[&ids]).await?;
        Ok(rows.iter().map(|row| (ChatId(row.get("id")), Seq(row.get("last_seq")))).collect())
    }
}

const FREE_CHATS: &str =
    "select id from chats where id = any ($1) order by id for no key update skip locked";

const LAST_SEQS: &str = "select id, last_seq from chats where id = any ($1)";

const END_BACKEND: &str = "select pg_terminate_backend(pid) from pg_stat_activity \
     where pid = $1 and backend_start = $2";

fn by_position(from: PageStart) -> bool {
    match from {
        PageStart::Offset(_) => false,
        PageStart::Before(_) | PageStart::After(_) => true,
    }
}

/// How many of the rows have a message.
fn found(rows: &[Row]) -> i64 {
    rows.iter().filter_map(sender).count() as i64
}

/// The sender of a row's message, if the row has one.
fn sender(row: &Row) -> Option<UserId> {
    row.get::<_, Option<i64>>("sender_id").map(UserId)
}

/// The message in a row, which may have none (`id` is null then).
pub(super) fn message(
    row: &Row,
    chat_id: ChatId,
    chat_type: ChatType,
    username: Arc<str>,
) -> Option<Message> {
    let id: Option<i64> = row.get("id");
    let receiver_id: Option<i64> = match chat_type {
        ChatType::Private => row.get("receiver_id"),
        ChatType::General | ChatType::Room => None,
    };
    Some(Message {
        id: MessageId(id?),
        seq: Seq(row.get("seq")),
        chat_id,
        chat_type,
        sender_id: UserId(row.get("sender_id")),
        receiver_id: receiver_id.map(UserId),
        username,
        content: row.get::<_, &str>("content").into(),
        timestamp: timestamp(row, "timestamp"),
        client_id: row.get::<_, &str>("draft_key").strip_prefix('c').map(Arc::from),
    })
}
