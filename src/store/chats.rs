//! The table `chats`: what all kinds of chat have in common.

use super::{Store, messages, sql};
use crate::limits::MENTIONED_COUNTED_MAX;
use crate::model::error::{Error, Result};
use crate::model::ids::{ChatId, Seq, UserId};
use crate::model::message::{ChatType, Message, Standing};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// A chat as it appears in its viewer's list.
#[derive(Debug, Clone)]
pub struct ChatRow {
    pub standing: Standing,
    /// The other user in a private chat.
    pub other_id: Option<UserId>,
    /// How far they have read, if both show their presence.
    pub seen_seq: Option<Seq>,
    pub name: String,
    pub last_message: Option<Message>,
}

impl Store {
    /// Every chat of the viewer, by id.
    pub async fn standings(&self, viewer: UserId) -> Result<Vec<Standing>> {
        let rows = self.rows(sql!("chats/standings"), &[&viewer.0, &MENTIONED_COUNTED_MAX]).await?;
        rows.iter().map(standing).collect()
    }

    /// One chat, if the viewer may see it.
    pub async fn standing(&self, viewer: UserId, chat_id: ChatId) -> Result<Option<Standing>> {
        let params: [&(dyn ToSql + Sync); 3] = [&viewer.0, &chat_id.0, &MENTIONED_COUNTED_MAX];
        let row = self.maybe(sql!("chats/standing"), &params).await?;
        row.as_ref().map(standing).transpose()
    }

    /// The chats that a user has read or written in, also those that they have left, after this id.
    pub async fn chats_read(
        &self,
        user_id: UserId,
        after: ChatId,
        limit: i64,
    ) -> Result<Vec<(ChatId, ChatType)>> {
        let params: [&(dyn ToSql + Sync); 3] = [&user_id.0, &after.0, &limit];
        let rows = self.rows(sql!("read_positions/chats"), &params).await?;
        rows.iter().map(|row| Ok((ChatId(row.get("id")), chat_type(row)?))).collect()
    }

    pub async fn general_chat(&self) -> Result<ChatId> {
        Ok(ChatId(self.one(sql!("chats/general"), &[]).await?.get("id")))
    }

    /// A page of the viewer's chats, most recent activity first, after the chat `after` in that order.
    /// Of each last message, `last_chars` characters after white space are read, or all of it.
    pub async fn list_chats(
        &self,
        viewer: UserId,
        after: Option<ChatId>,
        limit: i64,
        last_chars: Option<i32>,
    ) -> Result<Vec<ChatRow>> {
        let (after, one) = (after.map(|id| id.0), None::<i64>);
        let params: [&(dyn ToSql + Sync); 6] =
            [&viewer.0, &after, &limit, &one, &last_chars, &MENTIONED_COUNTED_MAX];
        let rows = self.rows(sql!("chats/list"), &params).await?;
        rows.iter().map(chat).collect()
    }

    /// The list's row for one chat, if the viewer may see it.
    pub async fn chat(&self, viewer: UserId, chat_id: ChatId) -> Result<Option<ChatRow>> {
        let (after, limit, last_chars) = (None::<i64>, 1i64, None::<i32>);
        let params: [&(dyn ToSql + Sync); 6] =
            [&viewer.0, &after, &limit, &chat_id.0, &last_chars, &MENTIONED_COUNTED_MAX];
        let row = self.maybe(sql!("chats/list"), &params).await?;
        row.as_ref().map(chat).transpose()
    }
}

pub(super) fn chat_type(row: &Row) -> Result<ChatType> {
    let name: &str = row.get("chat_type");
    ChatType::from_name(name).ok_or_else(|| Error::broken("an unknown type of chat", name))
}

fn standing(row: &Row) -> Result<Standing> {
    Ok(Standing {
        chat_id: ChatId(row.get("chat_id")),
        chat_type: chat_type(row)?,
        last: messages::last(row),
        read_seq: Seq(row.get("read_seq")),
        mentioned: row.get("mentioned"),
    })
}

fn chat(row: &Row) -> Result<ChatRow> {
    let standing = standing(row)?;
    let sender: Option<&str> = row.get("username");
    Ok(ChatRow {
        standing,
        other_id: row.get::<_, Option<i64>>("other_id").map(UserId),
        seen_seq: row.get::<_, Option<i64>>("seen_seq").map(Seq),
        name: row.get("name"),
        last_message: sender.and_then(|sender| {
            messages::whole_message(row, standing.chat_id, standing.chat_type, sender.into())
        }),
    })
}
