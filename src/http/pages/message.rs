//! One message, and what people do with it without scripts: answering, changing, reacting, pinning, deleting.
//!
//! Each form says what shall be, and not what to turn around: sent twice, it does what it did the first time.

use super::chat::{may, named};
use super::refusal;
use crate::http::Call;
use crate::http::form::{Form, fresh_name};
use crate::http::respond::{self, Answer};
use crate::http::views::{self, MessageForms, MessagePage};
use crate::model::error::{Because, Error, FrameCode, FrameRefusal, Refusal, Result};
use crate::model::ids::{ChatId, Seq};
use crate::model::message::{Alteration, AlterationKind, ChatType, Draft};
use crate::model::text::{Content, Emoji};
use hyper::StatusCode;

pub async fn show(call: &Call, chat_id: ChatId, seq: Seq) -> Result<Answer> {
    page(call, StatusCode::OK, chat_id, seq, MessageForms::default()).await
}

async fn page(
    call: &Call,
    status: StatusCode,
    chat_id: ChatId,
    seq: Seq,
    mut forms: MessageForms,
) -> Result<Answer> {
    let viewer = call.viewer()?;
    // If the message is out of reach, nothing else is read.
    let message = call.app.rules.message(&viewer, chat_id, seq).await?;
    let mut shell = call.shell(&viewer, address(chat_id, seq), Some(chat_id)).await?;
    let chat = shell.line(chat_id).cloned().ok_or_else(Error::not_found)?;
    let created = match chat.chat_type {
        ChatType::Room => call.app.rules.room(&viewer, chat_id).await?.creator_id == viewer.user_id,
        ChatType::General | ChatType::Private => false,
    };
    let may = may(&viewer, chat.chat_type, created);
    if forms.client_id.is_empty() {
        forms.client_id = fresh_name()?;
    }
    if forms.content_fault.is_none() {
        forms.content = message.content.to_string();
    }
    let message = views::lone_message(&message, &viewer);
    let base = call.base(&viewer)?;
    call.page(status, &MessagePage { base, shell, chat, message, forms, may })
}

fn address(chat_id: ChatId, seq: Seq) -> String {
    format!("/message/{chat_id}/{seq}")
}

/// Leads to the conversation, where the answer is.
pub async fn answer(call: &Call, chat_id: ChatId, seq: Seq, form: Form) -> Result<Answer> {
    let (client_id, answer) = (form.text("client_id"), form.text("content"));
    let error = match send(call, chat_id, seq, &client_id, &answer).await {
        Ok(chat_type) => return Ok(respond::see_other(&views::href(chat_type, chat_id))),
        Err(error) => error,
    };
    let refusal = refusal(error)?;
    // A client_id that belongs to another message would be refused again.
    let client_id = match refusal.because {
        Because::Conflict => String::new(),
        _ => client_id,
    };
    let answer_fault = Some(refusal.detail.to_string());
    let forms = MessageForms { client_id, answer, answer_fault, ..MessageForms::default() };
    refused(call, chat_id, seq, &refusal, forms).await
}

async fn send(
    call: &Call,
    chat_id: ChatId,
    seq: Seq,
    client_id: &str,
    answer: &str,
) -> Result<ChatType> {
    let content = Content::parse(answer).map_err(FrameRefusal::of_content)?;
    let (client_id, reply_to) = (Some(named(client_id)?), Some(seq));
    let draft = Draft { chat_id, sender: call.viewer()?, content, client_id, reply_to };
    Ok(call.app.rules.post(draft).await?.message().chat_type)
}

pub async fn edit(call: &Call, chat_id: ChatId, seq: Seq, form: Form) -> Result<Answer> {
    let typed = form.text("content");
    let content = Content::parse(&typed).map_err(FrameRefusal::of_content);
    let kind = AlterationKind::Edit { content, if_change: None };
    alter(call, chat_id, seq, kind, |fault| MessageForms {
        content: typed,
        content_fault: Some(fault),
        ..MessageForms::default()
    })
    .await
}

/// Puts the reaction of one field, or takes back that of the other.
pub async fn react(call: &Call, chat_id: ChatId, seq: Seq, form: Form) -> Result<Answer> {
    let (put, taken) = (form.text("put"), form.text("take"));
    let on = taken.is_empty();
    let typed = if on { put } else { taken };
    let emoji = Emoji::parse(typed.trim());
    let emoji = emoji.map_err(|rule| FrameRefusal::new(FrameCode::BadEmoji, rule));
    alter(call, chat_id, seq, AlterationKind::React { emoji, on }, |fault| MessageForms {
        emoji: typed,
        emoji_fault: Some(fault),
        ..MessageForms::default()
    })
    .await
}

pub async fn pin(call: &Call, chat_id: ChatId, seq: Seq, form: Form) -> Result<Answer> {
    let on = form.text("pinned") == "yes";
    alter(call, chat_id, seq, AlterationKind::Pin { on }, at_fault).await
}

pub async fn delete(call: &Call, chat_id: ChatId, seq: Seq, _form: Form) -> Result<Answer> {
    alter(call, chat_id, seq, AlterationKind::Delete, at_fault).await
}

fn at_fault(fault: String) -> MessageForms {
    MessageForms { fault: Some(fault), ..MessageForms::default() }
}

/// Shows the message as it has become, or the forms with what was wrong.
async fn alter(
    call: &Call,
    chat_id: ChatId,
    seq: Seq,
    kind: AlterationKind,
    forms: impl FnOnce(String) -> MessageForms,
) -> Result<Answer> {
    let alteration = Alteration { chat_id, seq, by: call.viewer()?, kind };
    match call.app.rules.alter(alteration).await {
        Ok(_) => Ok(respond::see_other(&address(chat_id, seq))),
        Err(error) => {
            let refusal = refusal(error)?;
            let forms = forms(refusal.detail.to_string());
            refused(call, chat_id, seq, &refusal, forms).await
        }
    }
}

async fn refused(
    call: &Call,
    chat_id: ChatId,
    seq: Seq,
    refusal: &Refusal,
    forms: MessageForms,
) -> Result<Answer> {
    let mut answer = page(call, respond::status(refusal.because), chat_id, seq, forms).await?;
    respond::put_hints(refusal, answer.headers_mut());
    Ok(answer)
}
