//! `/chats`: the caller's list, reading, and what names the caller.

use super::page;
use crate::http::Call;
use crate::http::respond::{self, Answer};
use crate::model::error::Result;
use crate::model::ids::{ChatId, ID_MAX, Seq};
use crate::model::wire::ChatJson;

pub async fn list(call: &Call) -> Result<Answer> {
    let (limit, after) = page(&call.query)?;
    let (viewer, after) = (call.viewer()?, after.map(ChatId));
    let overview = call.app.rules.overview(&viewer, after, limit, None).await?;
    #[derive(serde::Serialize)]
    struct ChatsJson<'a> {
        chats: &'a [ChatJson],
        next: Option<ChatId>,
        epoch: &'a str,
    }
    Ok(respond::ok(&ChatsJson {
        chats: &overview.chats,
        next: overview.next,
        epoch: &overview.epoch,
    }))
}

pub async fn read(call: &Call, chat_id: ChatId) -> Result<Answer> {
    let mut fields = call.fields()?;
    let seq = Seq(fields.integer("seq", 0..=ID_MAX));
    fields.finish()?;
    call.app.rules.mark_read(&*call.viewer()?, chat_id, seq).await?;
    Ok(respond::no_content())
}

pub async fn mentions(call: &Call, chat_id: ChatId) -> Result<Answer> {
    let (limit, after) = page(&call.query)?;
    let (viewer, after) = (call.viewer()?, Seq(after.unwrap_or_default()));
    #[derive(serde::Serialize)]
    struct MentionsJson {
        seqs: Vec<Seq>,
        next: Option<Seq>,
    }
    let mut seqs = call.app.rules.unread_mentions(&viewer, chat_id, after, limit + 1).await?;
    let has_more = seqs.len() as i64 > limit;
    seqs.truncate(limit as usize);
    let next = seqs.last().copied().filter(|_| has_more);
    Ok(respond::ok(&MentionsJson { seqs, next }))
}
