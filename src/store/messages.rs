//! The table `messages`, read: pages of history, single messages, what has changed, what is pinned. All as
//! they stand (the view `current_messages`). What is written is in `writer`.

use super::page_rows::PagePermit;
use super::{Store, chats, sql, timestamp};
use crate::limits::PINS_MAX;
use crate::model::error::Result;
use crate::model::ids::{Change, ChatId, MessageId, Position, Seq, UserId};
use crate::model::message::{ChatType, Message, shown_name};
use crate::model::more::{Answered, More, excerpt};
use rustc_hash::FxHashMap;
use std::sync::Arc;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

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
    /// This message with half of the page before it; near an end the page is shorter.
    Around(Seq),
}

impl PageQuery {
    /// The page around a message is one after another message, and may be shorter.
    fn spelt_out(self) -> Self {
        let PageStart::Around(seq) = self.from else { return self };
        let half = self.limit / 2;
        let above = (seq.0 - half - 1).max(0);
        let limit = seq.0 - above + self.limit - half - 1;
        Self { limit, from: PageStart::After(Seq(above)) }
    }

    /// How many messages the page has, if no rows are missing.
    fn expected(self, last_seq: Seq) -> i64 {
        let (above, upto) = match self.from {
            PageStart::Offset(count) => (last_seq.0 - count - self.limit, last_seq.0 - count),
            PageStart::Before(seq) => {
                let upto = last_seq.0.min(seq.0 - 1);
                (upto - self.limit, upto)
            }
            PageStart::After(seq) => (seq.0, last_seq.0.min(seq.0 + self.limit)),
            PageStart::Around(_) => return 0,
        };
        (upto - above.max(0)).max(0)
    }
}

/// Messages of a chat, oldest first, and how far the chat reached when they were read.
pub struct HistoryPage {
    pub messages: Vec<Message>,
    pub last: Position,
    /// Whether there may be more in the direction of the page, of which the last message is then the
    /// position from which to go on. Around a message, that is what is before the page.
    pub has_more: bool,
    /// Whether there is more after the page.
    pub has_newer: bool,
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
    /// `None` if the viewer may not see the chat, or if it is of another kind. Where an operator has deleted
    /// rows, a page by position is filled from beyond; one by offset is shorter, so that those that follow do
    /// not repeat anything.
    pub async fn history(
        &self,
        viewer: UserId,
        chat_id: ChatId,
        chat_type: ChatType,
        query: PageQuery,
    ) -> Result<Option<HistoryPage>> {
        let (mut offset, mut before, mut after) = (0, None, None);
        let PageQuery { limit, from } = query.spelt_out();
        match from {
            PageStart::Offset(n) => offset = n,
            PageStart::Before(seq) => before = Some(seq.0),
            PageStart::After(seq) | PageStart::Around(seq) => after = Some(seq.0),
        }
        let params: [&(dyn ToSql + Sync); 6] =
            [&viewer.0, &chat_id.0, &limit, &offset, &before, &after];
        let (mut rows, mut permit) =
            self.page(viewer, limit, history_statement(chat_type), &params).await?;
        let Some(mut last) = rows.first().map(last) else { return Ok(None) };
        if by_position(query.from) && found(&rows) < query.expected(last.seq) {
            let [reader, chat_id, limit_param, _, before, after] = params;
            let params = [reader, chat_id, limit_param, before, after];
            // Two permits at once could wait for each other.
            drop(permit);
            (rows, permit) =
                self.page(viewer, limit, sql!("messages/history_sparse"), &params).await?;
            let Some(first) = rows.first() else { return Ok(None) };
            last = self::last(first);
        }
        let is_full = found(&rows) >= query.limit;
        let mut messages = self.messages_in(&rows, chat_id, chat_type).await?;
        messages.sort_by_key(|message| message.seq);
        let has_older = messages.first().is_some_and(|message| message.seq > Seq(1));
        let has_newer = messages.last().is_some_and(|message| message.seq < last.seq);
        let has_more = match query.from {
            PageStart::Offset(count) => last.seq.0 - count - query.limit > 0,
            PageStart::Before(_) => is_full && has_older,
            PageStart::After(_) => is_full && has_newer,
            PageStart::Around(seq) if messages.iter().any(|message| message.seq == seq) => {
                has_older
            }
            PageStart::Around(_) => return Ok(None),
        };
        Ok(Some(HistoryPage { messages, last, has_more, has_newer, permit }))
    }

    /// What a user has said in a chat, by key, after the key `after`, as far as is asked for; each with its key.
    pub async fn own_messages(
        &self,
        user_id: UserId,
        chat_id: ChatId,
        chat_type: ChatType,
        after: &str,
        limit: i64,
    ) -> Result<Vec<(String, Message)>> {
        let params: [&(dyn ToSql + Sync); 5] =
            [&chat_type.name(), &chat_id.0, &user_id.0, &after, &limit];
        let rows = self.rows(sql!("messages/own"), &params).await?;
        let messages = self.messages_in(&rows, chat_id, chat_type).await?;
        Ok(rows.iter().map(|row| row.get("draft_key")).zip(messages).collect())
    }

    /// One message, if the viewer may see it.
    pub async fn message(
        &self,
        viewer: UserId,
        chat_id: ChatId,
        seq: Seq,
    ) -> Result<Option<Message>> {
        let params: [&(dyn ToSql + Sync); 3] = [&viewer.0, &chat_id.0, &seq.0];
        let rows = self.rows(sql!("messages/one"), &params).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(self.messages_in(&rows, chat_id, chats::chat_type(row)?).await?.pop())
    }

    /// The pinned messages of a chat, the last pinned first; `None` if the viewer may not see the chat.
    pub async fn pinned(&self, viewer: UserId, chat_id: ChatId) -> Result<Option<Vec<Message>>> {
        let params: [&(dyn ToSql + Sync); 3] = [&viewer.0, &chat_id.0, &PINS_MAX];
        let (rows, _permit) = self.page(viewer, PINS_MAX, sql!("messages/pinned"), &params).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        self.messages_in(&rows, chat_id, chats::chat_type(row)?).await.map(Some)
    }

    /// Messages that changed, in the order of their last changes, and how far the chat reached when they
    /// were read; `None` if the viewer may not see the chat.
    pub async fn changed_messages(
        &self,
        viewer: UserId,
        chat_id: ChatId,
        query: ChangedQuery,
    ) -> Result<Option<ChangedPage>> {
        let ChangedQuery { after, upto, held, limit } = query;
        let params: [&(dyn ToSql + Sync); 7] =
            [&viewer.0, &chat_id.0, &after.0, &upto.0, &held.seq.0, &held.change.0, &limit];
        let (rows, permit) = self.page(viewer, limit, sql!("messages/changed"), &params).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let messages = self.messages_in(&rows, chat_id, chats::chat_type(row)?).await?;
        let has_more = found(&rows) >= limit;
        Ok(Some(ChangedPage { messages, last: last(row), has_more, permit }))
    }

    /// How many messages up to a position changed since, but no more than `limit` of them.
    pub async fn count_changed(&self, chat_id: ChatId, since: Position, limit: i64) -> Result<i64> {
        let params: [&(dyn ToSql + Sync); 4] = [&chat_id.0, &since.change.0, &since.seq.0, &limit];
        Ok(self.one(sql!("messages/count_changed"), &params).await?.get("count"))
    }

    /// The messages in rows of one chat, in the order of the rows.
    pub(super) async fn messages_in(
        &self,
        rows: &[Row],
        chat_id: ChatId,
        chat_type: ChatType,
    ) -> Result<Vec<Message>> {
        let names = self.names(rows.iter().filter_map(sender)).await?;
        let read = |row| message(row, chat_id, chat_type, Arc::clone(names.get(&sender(row)?)?));
        let mut messages: Vec<Message> = rows.iter().filter_map(read).collect();
        let answers = rows.iter().filter(|row| sender(row).is_some()).enumerate();
        let answers: Vec<(usize, Seq)> =
            answers.filter_map(|(place, row)| Some((place, reply_seq(row)?))).collect();
        if !answers.is_empty() {
            self.put_answered(chat_id, chat_type, &mut messages, &answers).await?;
        }
        Ok(messages)
    }

    /// Puts what they quote into those of the messages that answer others, which are often on the same page.
    async fn put_answered(
        &self,
        chat_id: ChatId,
        chat_type: ChatType,
        messages: &mut [Message],
        answers: &[(usize, Seq)],
    ) -> Result<()> {
        let mut answered: FxHashMap<Seq, Answered> = FxHashMap::default();
        let mut absent = Vec::new();
        for (_, seq) in answers {
            match messages.iter().find(|message| message.seq == *seq) {
                Some(message) => drop(answered.insert(*seq, Answered::of(message))),
                None => absent.push(seq.0),
            }
        }
        if !absent.is_empty() {
            let params: [&(dyn ToSql + Sync); 3] = [&chat_type.name(), &chat_id.0, &absent];
            let rows = self.rows(sql!("messages/answered"), &params).await?;
            let names = self.names(rows.iter().filter_map(sender)).await?;
            for row in &rows {
                let (seq, user_id) = (Seq(row.get("seq")), UserId(row.get("sender_id")));
                let Some(username) = names.get(&user_id).cloned() else { continue };
                let (excerpt, is_deleted) = (excerpt(row.get("beginning")), row.get("is_deleted"));
                answered.insert(seq, Answered { seq, user_id, username, excerpt, is_deleted });
            }
        }
        for (place, seq) in answers {
            let more = messages[*place].more.get_or_insert_default();
            more.reply_to = answered.get(seq).cloned();
        }
        Ok(())
    }
}

/// Which of the messages that changed: those up to `upto` after this change; those after `held.seq` only if
/// also after `held.change`.
#[derive(Debug, Clone, Copy)]
pub struct ChangedQuery {
    pub after: Change,
    pub upto: Seq,
    pub held: Position,
    pub limit: i64,
}

pub struct ChangedPage {
    pub messages: Vec<Message>,
    pub last: Position,
    pub has_more: bool,
    pub permit: PagePermit,
}

/// How far the chat reaches, as a row says.
pub(super) fn last(row: &Row) -> Position {
    Position { seq: Seq(row.get("last_seq")), change: Change(row.get("last_change")) }
}

fn by_position(from: PageStart) -> bool {
    match from {
        PageStart::Offset(_) | PageStart::Around(_) => false,
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

/// Which message the one in a row answers.
fn reply_seq(row: &Row) -> Option<Seq> {
    row.get::<_, Option<i64>>("reply_seq").map(Seq)
}

/// The messages in these rows of `messages/current`, by chat and number.
pub(super) fn whole_messages(rows: &[Row]) -> Result<FxHashMap<(ChatId, Seq), Message>> {
    let mut messages = FxHashMap::default();
    for row in rows {
        let (chat_id, chat_type) = (ChatId(row.get("chat_id")), chats::chat_type(row)?);
        let username = shown_name(UserId(row.get("sender_id")), row.get("username"));
        if let Some(message) = whole_message(row, chat_id, chat_type, username) {
            messages.insert((chat_id, message.seq), message);
        }
    }
    Ok(messages)
}

/// The message in a row that has, too, what it quotes.
pub(super) fn whole_message(
    row: &Row,
    chat_id: ChatId,
    chat_type: ChatType,
    username: Arc<str>,
) -> Option<Message> {
    let mut message = message(row, chat_id, chat_type, username)?;
    if let Some(seq) = reply_seq(row)
        && let Some(user_id) = row.get::<_, Option<i64>>("answered_id").map(UserId)
    {
        message.more.get_or_insert_default().reply_to = Some(Answered {
            seq,
            user_id,
            username: shown_name(user_id, row.get("answered_username")),
            excerpt: excerpt(row.get("answered")),
            is_deleted: row.get("is_answered_deleted"),
        });
    }
    Some(message)
}

/// The message in a row, which may have none (`id` is null then).
fn message(row: &Row, chat_id: ChatId, chat_type: ChatType, username: Arc<str>) -> Option<Message> {
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
        more: more(row),
    })
}

fn more(row: &Row) -> Option<Box<More>> {
    let json: &str = row.get::<_, Option<&str>>("more")?;
    match More::parse(json) {
        Ok(more) => Some(Box::new(more)),
        Err(error) => {
            tracing::error!(%error, "cannot read what has been added to a message");
            None
        }
    }
}
