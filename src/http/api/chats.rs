//! `/chats`: the caller's list, posting, reading.

use super::page;
use crate::chat::Posted;
use crate::http::Call;
use crate::http::respond::{self, Answer};
use crate::model::error::{Because, Error, Fault, FrameCode, Refusal, Result};
use crate::model::ids::{ChatId, ID_MAX, Seq};
use crate::model::message::Draft;
use crate::model::text::{ClientId, Content};
use crate::model::wire::{ChatJson, MessageJson};

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

pub async fn post(call: &Call, chat_id: ChatId) -> Result<Answer> {
    let mut fields = call.fields()?;
    let client_id = fields.optional_text("client_id");
    let content = fields.text("content");
    fields.finish()?;
    let client_id = client_id.as_deref().map(ClientId::parse).transpose();
    let client_id = client_id.map_err(|rule| invalid(FrameCode::BadClientId, "client_id", rule))?;
    let content = Content::parse(&content)
        .map_err(|fault| invalid(fault.code(), "content", fault.detail()))?;
    let draft = Draft { chat_id, sender: call.viewer()?, content, client_id };
    Ok(match call.app.rules.post(draft).await? {
        Posted::New(message) => respond::created(&MessageJson(message)),
        Posted::Known(message) => respond::ok(&MessageJson(message)),
    })
}

/// A 422 with the code that an error frame would have.
fn invalid(code: FrameCode, field: &'static str, detail: String) -> Error {
    let mut refusal = Refusal::new(Because::Invalid, code.name(), detail.clone());
    refusal.faults = vec![Fault::new(field, detail)];
    refusal.into()
}

pub async fn read(call: &Call, chat_id: ChatId) -> Result<Answer> {
    let mut fields = call.fields()?;
    let seq = Seq(fields.integer("seq", 0..=ID_MAX));
    fields.finish()?;
    call.app.rules.mark_read(&*call.viewer()?, chat_id, seq).await?;
    Ok(respond::no_content())
}
