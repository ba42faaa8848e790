//! The table `messages`, written: batches of drafts and of alterations.
//!
//! `Writer` is the lane's own connection and the only way to store or change messages. A batch of drafts is one
//! call of a database function, which is a transaction by itself: its first statement locks the chats; the
//! second, whose snapshot is therefore taken under the locks, does the rest. A batch that also alters messages
//! is a transaction of several statements, sent in one go: the drafts come first. The functions are in
//! `sql/migrations/0022_mentions.sql`.

use super::{Store, chats, is_answer, messages, sql, timestamp};
use crate::limits::{
    DATABASE_CONNECT_TIMEOUT, LANE_LOCK_TIMEOUT, NAMED_MAX, PINS_MAX, REACTION_EMOJI_MAX,
    REACTIONS_MAX,
};
use crate::model::error::{Error, Result};
use crate::model::ids::{Change, ChatId, MessageId, Position, Seq, UserId};
use crate::model::message::{Alteration, AlterationKind, ChatType, Draft, Message};
use crate::model::more::More;
use jiff::Timestamp;
use rustc_hash::FxHashMap;
use sha2::{Digest, Sha256};
use std::time::Duration;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

/// What is written together. The (chat, sender, key) triples of the drafts are all different.
pub struct Batch<'a> {
    pub drafts: Vec<NewDraft<'a>>,
    /// Each with the names in its new text.
    pub alterations: Vec<(&'a Alteration, Option<&'a str>)>,
    /// Whether it may have been committed before.
    pub is_again: bool,
}

/// A draft, the key by which it is recognised, and the names in it.
#[derive(Clone, Copy)]
pub struct NewDraft<'a> {
    pub draft: &'a Draft,
    pub key: &'a str,
    pub names: Option<&'a str>,
}

impl Batch<'_> {
    /// The chats that it writes to, some perhaps more than once.
    pub fn chats(&self) -> impl Iterator<Item = ChatId> {
        let of_drafts = self.drafts.iter().map(|new| new.draft.chat_id);
        of_drafts.chain(self.alterations.iter().map(|(alteration, _)| alteration.chat_id))
    }
}

/// What became of a batch: one outcome for each draft and alteration, in order.
#[derive(Default)]
pub struct Committed {
    pub drafts: Vec<Outcome>,
    pub alterations: Vec<Altered>,
}

/// What became of one draft in a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Stored by this batch.
    Stored(Stored),
    /// The same draft was stored before; this is the message it became, as it stands.
    Known(Message),
    /// Its key already belongs to a message with different content.
    KeyReused,
    /// The message that it answers is not there.
    BadReply,
    /// The sender may not write to that chat, or it does not exist.
    Unreachable,
    /// Nothing can be stored now, and it was not stored before.
    NoRoom,
}

/// Where a draft was stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    pub id: MessageId,
    pub seq: Seq,
    pub timestamp: Timestamp,
    pub chat_type: ChatType,
    pub receiver_id: Option<UserId>,
    /// Whom it names, and what it answers.
    pub more: Option<Box<More>>,
}

/// What became of one alteration in a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum Altered {
    /// The number of the change, and the message as it stands after the batch.
    Changed(Change, Message),
    /// There was nothing to change.
    Same(Message),
    /// The message does not exist, or not for this user.
    Unreachable,
    /// Not by this user, in a chat of this type.
    Forbidden(ChatType),
    /// The text breaks a rule.
    Invalid,
    Deleted,
    /// It is not the expected state that would be changed.
    Outdated,
    LimitReached,
    /// Nothing can be stored now.
    NoRoom,
    /// The same, and an earlier attempt may have changed it.
    InDoubt,
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
    lock: Statement,
    store: Statement,
    known: Statement,
    alter: Statement,
    current: Statement,
    backend: Backend,
    /// How long a commit is waited for.
    limit: Duration,
}

impl Writer {
    pub async fn connect(database: &Store) -> Result<Self> {
        let mut config = database.config.clone();
        let lock_timeout = LANE_LOCK_TIMEOUT.as_millis();
        // A plan for all batches, small ones above all: tables are read by their keys, none is hashed.
        let ours = format!(
            "set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off; \
             set lock_timeout = {lock_timeout}"
        );
        let connector = database.connector.setting(&ours);
        // So that it can be told from the others in PostgreSQL's own lists.
        let name = config.get_application_name().unwrap_or_default();
        let name = format!("{name} lane");
        config.application_name(name);
        let connecting = async {
            let (client, _serving) = connector.connect(&config).await?;
            let (store, lock, known, alter, current) = tokio::try_join!(
                biased;
                client.prepare(sql!("messages/store")),
                client.prepare(sql!("messages/lock")),
                client.prepare(sql!("messages/known")),
                client.prepare(sql!("messages/alter")),
                client.prepare(sql!("messages/current")),
            )?;
            let row = client.query_one(BACKEND, &[]).await?;
            let backend = Backend { pid: row.get("pid"), began: row.get("backend_start") };
            let limit = database.waits.commit;
            Ok(Self { client, lock, store, known, alter, current, backend, limit })
        };
        match tokio::time::timeout(DATABASE_CONNECT_TIMEOUT, connecting).await {
            Ok(connected) => connected,
            Err(late) => Err(Error::unavailable("PostgreSQL", late)),
        }
    }

    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Commits a batch. After `Unknown`, this writer must be discarded.
    pub async fn write(&self, batch: &Batch<'_>) -> Result<Committed, WriteError> {
        if batch.alterations.is_empty() {
            let hashes = content_hashes(&batch.drafts);
            let columns = DraftColumns::of(&batch.drafts, &hashes);
            let rows = self.ask(&self.store, &columns.params()).await?;
            let drafts = self.outcomes(&rows, &batch.drafts).await?;
            return Ok(Committed { drafts, alterations: Vec::new() });
        }
        let (stored, altered, current) = self.alter(batch).await?;
        let current = messages::whole_messages(&current).map_err(WriteError::Failed)?;
        let alterations = alterations(&altered, &batch.alterations, &current);
        let alterations = alterations.map_err(WriteError::Failed)?;
        let drafts = self.outcomes(&stored, &batch.drafts).await?;
        Ok(Committed { drafts, alterations })
    }

    /// The same where nothing can be stored: drafts that were stored before are known all the same.
    pub async fn look_up(&self, batch: &Batch<'_>) -> Result<Committed, WriteError> {
        let hashes = content_hashes(&batch.drafts);
        let columns = DraftColumns::of(&batch.drafts, &hashes);
        let [chats, senders, keys, _, hashes, ..] = columns.params();
        let rows = self.ask(&self.known, &[chats, senders, keys, hashes]).await?;
        let drafts = self.outcomes(&rows, &batch.drafts).await?;
        let altered = if batch.is_again { Altered::InDoubt } else { Altered::NoRoom };
        Ok(Committed { drafts, alterations: vec![altered; batch.alterations.len()] })
    }

    async fn ask(
        &self,
        statement: &Statement,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, WriteError> {
        // The answer is complete only after the commit.
        let stored = self.client.query(statement, params);
        match tokio::time::timeout(self.limit, stored).await {
            Ok(stored) => stored.map_err(write_error),
            Err(_late) => Err(too_late()),
        }
    }

    /// One transaction: the chats are locked, the drafts stored, the messages altered, and those that were
    /// to be altered read as they stand.
    async fn alter(&self, batch: &Batch<'_>) -> Result<(Vec<Row>, Vec<Row>, Vec<Row>), WriteError> {
        let hashes = content_hashes(&batch.drafts);
        let drafts = DraftColumns::of(&batch.drafts, &hashes);
        let alterations = AlterationColumns::of(&batch.alterations);
        let chats: Vec<i64> = batch.chats().map(|chat_id| chat_id.0).collect();
        let (draft_params, lock_params) = (drafts.params(), [&chats as &(dyn ToSql + Sync)]);
        let alter_params = alterations.params(&batch.is_again);
        let current_params = [alter_params[0], alter_params[1]];
        let client = &self.client;
        let writing = async {
            // Polled in this order, and each is sent when it is polled first.
            tokio::join!(
                biased;
                client.batch_execute("begin"),
                client.query(&self.lock, &lock_params),
                client.query(&self.store, &draft_params),
                client.query(&self.alter, &alter_params),
                client.query(&self.current, &current_params),
                client.batch_execute("commit"),
            )
        };
        let Ok(written) = tokio::time::timeout(self.limit, writing).await else {
            return Err(too_late());
        };
        let (begun, locked, stored, altered, current, committed) = written;
        // The first error says why; what follows it says only that something did.
        begun.map_err(write_error)?;
        locked.map_err(write_error)?;
        let stored = stored.map_err(write_error)?;
        let altered = altered.map_err(write_error)?;
        let current = current.map_err(write_error)?;
        committed.map_err(write_error)?;
        Ok((stored, altered, current))
    }

    /// What became of the drafts. Those that were stored before, and answers, are read as they stand: if that
    /// fails, the whole batch is run again, and knows them all.
    async fn outcomes(
        &self,
        rows: &[Row],
        drafts: &[NewDraft<'_>],
    ) -> Result<Vec<Outcome>, WriteError> {
        let mut outcomes = vec![Outcome::Unreachable; drafts.len()];
        let mut unread: Vec<(usize, bool)> = Vec::new();
        let (mut chats, mut seqs) = (Vec::new(), Vec::new());
        for row in rows {
            let place = row.get::<_, i64>("place") as usize - 1;
            let is_fresh = row.get("is_fresh");
            let Some(id) = row.get::<_, Option<i64>>("id") else {
                outcomes[place] = if is_fresh { Outcome::BadReply } else { Outcome::NoRoom };
                continue;
            };
            let NewDraft { draft, .. } = drafts[place];
            let is_read = is_fresh && draft.reply_to.is_none();
            outcomes[place] = match (is_fresh, row.get("is_same")) {
                (true, _) => Outcome::Stored(Stored {
                    id: MessageId(id),
                    seq: Seq(row.get("seq")),
                    timestamp: timestamp(row, "timestamp"),
                    chat_type: chats::chat_type(row).map_err(WriteError::Failed)?,
                    receiver_id: row.get::<_, Option<i64>>("receiver_id").map(UserId),
                    more: naming(row).map_err(WriteError::Failed)?,
                }),
                // Until it is read.
                (false, true) => Outcome::Unreachable,
                (false, false) => Outcome::KeyReused,
            };
            if !is_read && outcomes[place] != Outcome::KeyReused {
                unread.push((place, is_fresh));
                chats.push(draft.chat_id.0);
                seqs.push(row.get::<_, i64>("seq"));
            }
        }
        if unread.is_empty() {
            return Ok(outcomes);
        }
        let unknown = |error| match error {
            WriteError::Failed(error) | WriteError::Held(error) | WriteError::Unknown(error) => {
                WriteError::Unknown(error)
            }
        };
        let rows = self.ask(&self.current, &[&chats, &seqs]).await.map_err(unknown)?;
        let mut current = messages::whole_messages(&rows).map_err(WriteError::Unknown)?;
        for ((place, is_fresh), at) in unread.into_iter().zip(chats.into_iter().zip(seqs)) {
            let Some(message) = current.remove(&(ChatId(at.0), Seq(at.1))) else { continue };
            match &mut outcomes[place] {
                // As it was sent: what the same batch has changed about it is told as a change.
                Outcome::Stored(stored) if is_fresh => {
                    let reply_to = message.more.and_then(|more| more.reply_to);
                    stored.more.get_or_insert_default().reply_to = reply_to;
                }
                known => *known = Outcome::Known(message),
            }
        }
        Ok(outcomes)
    }
}

fn too_late() -> WriteError {
    WriteError::Unknown(Error::unavailable("PostgreSQL", "a commit took too long"))
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

/// Whom the message names that a row says was stored. The `known` ones are read as they stand.
fn naming(row: &Row) -> Result<Option<Box<More>>> {
    let json: Option<&str> = row.get("mentions");
    let more = json.map(More::naming).transpose();
    more.map(|more| more.map(Box::new))
        .map_err(|error| Error::broken("whom a message names", error))
}

fn content_hashes(drafts: &[NewDraft<'_>]) -> Vec<[u8; HASH_BYTES]> {
    drafts.iter().map(|new| content_hash(&new.draft.content)).collect()
}

/// The drafts of a batch as column arrays, which the statement takes.
struct DraftColumns<'a> {
    chats: Vec<i64>,
    senders: Vec<i64>,
    keys: Vec<&'a str>,
    contents: Vec<&'a str>,
    hashes: Vec<&'a [u8]>,
    replies: Vec<Option<i64>>,
    /// Nothing if there are none in all of them.
    names: Option<Vec<Option<&'a str>>>,
}

impl<'a> DraftColumns<'a> {
    fn of(drafts: &[NewDraft<'a>], hashes: &'a [[u8; HASH_BYTES]]) -> Self {
        let has_names = drafts.iter().any(|new| new.names.is_some());
        Self {
            chats: drafts.iter().map(|new| new.draft.chat_id.0).collect(),
            senders: drafts.iter().map(|new| new.draft.sender.user_id.0).collect(),
            keys: drafts.iter().map(|new| new.key).collect(),
            contents: drafts.iter().map(|new| &*new.draft.content).collect(),
            hashes: hashes.iter().map(<[u8; HASH_BYTES]>::as_slice).collect(),
            replies: drafts.iter().map(|new| new.draft.reply_to.map(|seq| seq.0)).collect(),
            names: has_names.then(|| drafts.iter().map(|new| new.names).collect()),
        }
    }

    fn params(&self) -> [&(dyn ToSql + Sync); 8] {
        let Self { chats, senders, keys, contents, hashes, replies, names } = self;
        [chats, senders, keys, contents, hashes, replies, names, &NAMED_MAX]
    }
}

/// The same of its alterations.
struct AlterationColumns<'a> {
    chats: Vec<i64>,
    seqs: Vec<i64>,
    users: Vec<i64>,
    kinds: Vec<&'static str>,
    texts: Vec<Option<&'a str>>,
    if_changes: Vec<Option<i64>>,
    names: Vec<Option<&'a str>>,
}

impl<'a> AlterationColumns<'a> {
    fn of(alterations: &[(&'a Alteration, Option<&'a str>)]) -> Self {
        let if_change = |kind: &AlterationKind| match kind {
            AlterationKind::Edit { if_change, .. } => if_change.map(|change| change.0),
            AlterationKind::Delete | AlterationKind::React { .. } | AlterationKind::Pin { .. } => {
                None
            }
        };
        Self {
            chats: alterations.iter().map(|(wanted, _)| wanted.chat_id.0).collect(),
            seqs: alterations.iter().map(|(wanted, _)| wanted.seq.0).collect(),
            users: alterations.iter().map(|(wanted, _)| wanted.by.user_id.0).collect(),
            kinds: alterations.iter().map(|(wanted, _)| name(&wanted.kind)).collect(),
            texts: alterations.iter().map(|(wanted, _)| wanted.kind.text()).collect(),
            if_changes: alterations.iter().map(|(wanted, _)| if_change(&wanted.kind)).collect(),
            names: alterations.iter().map(|(_, names)| *names).collect(),
        }
    }

    fn params<'b>(&'b self, is_again: &'b bool) -> [&'b (dyn ToSql + Sync); 12] {
        [
            &self.chats,
            &self.seqs,
            &self.users,
            &self.kinds,
            &self.texts,
            &self.if_changes,
            &self.names,
            is_again,
            &REACTION_EMOJI_MAX,
            &REACTIONS_MAX,
            &PINS_MAX,
            &NAMED_MAX,
        ]
    }
}

/// What the function `alter_messages` calls it.
fn name(kind: &AlterationKind) -> &'static str {
    match kind {
        AlterationKind::Edit { .. } => "edit",
        AlterationKind::Delete => "delete",
        AlterationKind::React { on: true, .. } => "react",
        AlterationKind::React { on: false, .. } => "unreact",
        AlterationKind::Pin { on: true } => "pin",
        AlterationKind::Pin { on: false } => "unpin",
    }
}

/// Of SHA-256: enough to distinguish contents forever.
const HASH_BYTES: usize = 16;

fn content_hash(content: &str) -> [u8; HASH_BYTES] {
    let digest = Sha256::digest(content.as_bytes());
    std::array::from_fn(|at| digest[at])
}

/// What became of the alterations, and of their messages.
fn alterations(
    rows: &[Row],
    wanted: &[(&Alteration, Option<&str>)],
    current: &FxHashMap<(ChatId, Seq), Message>,
) -> Result<Vec<Altered>> {
    let mut altered = vec![Altered::Unreachable; wanted.len()];
    for row in rows {
        let place = row.get::<_, i64>("place") as usize - 1;
        let (Alteration { chat_id, seq, .. }, _) = wanted[place];
        let message = || {
            let message = current.get(&(*chat_id, *seq)).cloned();
            message.ok_or_else(|| Error::broken("a message that was altered", "it is not there"))
        };
        altered[place] = match row.get("outcome") {
            "changed" => Altered::Changed(Change(row.get("number")), message()?),
            "same" => Altered::Same(message()?),
            "unreachable" => Altered::Unreachable,
            "forbidden" => Altered::Forbidden(chats::chat_type(row)?),
            "invalid" => Altered::Invalid,
            "deleted" => Altered::Deleted,
            "outdated" => Altered::Outdated,
            "limit" => Altered::LimitReached,
            other => return Err(Error::broken("an unknown outcome", other)),
        };
    }
    Ok(altered)
}

impl Store {
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

    /// How far these chats reach.
    pub async fn ends(&self, chats: &[ChatId]) -> Result<Vec<(ChatId, Position)>> {
        let ids: Vec<i64> = chats.iter().map(|chat| chat.0).collect();
        let rows = self.rows(ENDS, &[&ids]).await?;
        Ok(rows.iter().map(|row| (ChatId(row.get("id")), messages::last(row))).collect())
    }
}

const FREE_CHATS: &str =
    "select id from chats where id = any ($1) order by id for no key update skip locked";

const ENDS: &str = "select id, last_seq, last_change from chats where id = any ($1)";

const END_BACKEND: &str = "select pg_terminate_backend(pid) from pg_stat_activity \
     where pid = $1 and backend_start = $2";
