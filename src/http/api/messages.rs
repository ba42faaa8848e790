//! `/chats/{chat_id}/messages`: sending a message, looking at one, and changing it; `/chats/{chat_id}/pins`.

use crate::chat::{Posted, Reacted};
use crate::http::Call;
use crate::http::body::Fields;
use crate::http::respond::{self, Answer};
use crate::limits::PINS_MAX;
use crate::model::error::{Because, Error, FrameCode, FrameRefusal, Result};
use crate::model::ids::{Change, ChatId, ID_MAX, Seq};
use crate::model::message::{Alteration, AlterationKind, Draft, Message};
use crate::model::text::{ClientId, Content, Emoji};
use crate::model::wire::{MEMBERS_BYTES, MessageJson, UserJson};
use hyper::StatusCode;
use percent_encoding::percent_decode_str;

pub async fn post(call: &Call, chat_id: ChatId) -> Result<Answer> {
    let mut fields = call.fields()?;
    let client_id = fields.optional_text("client_id");
    let reply_to = fields.optional_integer("reply_to", i64::MIN..=i64::MAX).map(Seq);
    let content = fields.text("content");
    fields.finish()?;
    let bad_name = |rule| FrameRefusal::new(FrameCode::BadClientId, rule);
    let client_id = client_id.as_deref().map(ClientId::parse).transpose().map_err(bad_name)?;
    let content = Content::parse(&content).map_err(FrameRefusal::of_content)?;
    if reply_to.is_some_and(|seq| !(1..=ID_MAX).contains(&seq.0)) {
        return Err(FrameRefusal::bad_reply().into());
    }
    let draft = Draft { chat_id, sender: call.viewer()?, content, client_id, reply_to };
    Ok(match call.app.rules.post(draft).await? {
        Posted::New(message) => respond::created(&MessageJson(message)),
        Posted::Known(message) => respond::ok(&MessageJson(message)),
    })
}

pub async fn show(call: &Call, chat_id: ChatId, seq: Seq) -> Result<Answer> {
    let message = call.app.rules.message(&*call.viewer()?, chat_id, seq).await?;
    Ok(respond::ok(&MessageJson(message)))
}

/// What is wrong with the values is said only to those who may edit the message.
pub async fn edit(call: &Call, chat_id: ChatId, seq: Seq) -> Result<Answer> {
    let (kind, fault) = match edit_of(call) {
        Ok(kind) => (kind, None),
        Err(Error::Refused(refusal)) if refusal.because == Because::Invalid => {
            let content = Err(FrameRefusal::new(FrameCode::ContentInvalid, ""));
            (AlterationKind::Edit { content, if_change: None }, Some(Error::Refused(refusal)))
        }
        Err(error) => return Err(error),
    };
    match (alter(call, chat_id, seq, kind).await, fault) {
        (Err(Error::Refused(refusal)), Some(fault)) if refusal.because == Because::Invalid => {
            Err(fault)
        }
        (altered, _) => Ok(respond::ok(&MessageJson(altered?))),
    }
}

fn edit_of(call: &Call) -> Result<AlterationKind> {
    let mut fields: Fields = call.fields()?;
    let content = fields.text("content");
    let if_change = fields.optional_integer("if_change", 0..=ID_MAX).map(Change);
    fields.finish()?;
    let content = Ok(Content::parse(&content).map_err(FrameRefusal::of_content)?);
    Ok(AlterationKind::Edit { content, if_change })
}

pub async fn delete(call: &Call, chat_id: ChatId, seq: Seq) -> Result<Answer> {
    alter(call, chat_id, seq, AlterationKind::Delete).await?;
    Ok(respond::no_content())
}

/// Who has put which, by name.
pub async fn reactions(call: &Call, chat_id: ChatId, seq: Seq) -> Result<Answer> {
    #[derive(serde::Serialize)]
    struct ReactionsJson<'a> {
        reactions: Vec<ReactionJson<'a>>,
    }
    #[derive(serde::Serialize)]
    struct ReactionJson<'a> {
        emoji: &'a str,
        users: Vec<UserJson<'a>>,
    }
    let reactions = call.app.rules.reactions(&*call.viewer()?, chat_id, seq).await?;
    let named = reactions.iter().map(|Reacted { emoji, users }| {
        let users = users.iter().map(|(id, name)| UserJson { user_id: *id, username: name });
        ReactionJson { emoji, users: users.collect() }
    });
    Ok(respond::ok(&ReactionsJson { reactions: named.collect() }))
}

/// Puts a reaction, or takes it back.
pub async fn react(
    call: &Call,
    chat_id: ChatId,
    seq: Seq,
    emoji: &str,
    on: bool,
) -> Result<Answer> {
    // What is not UTF-8 is not an emoji either.
    let emoji = percent_decode_str(emoji).decode_utf8_lossy();
    let emoji = Emoji::parse(&emoji).map_err(|rule| FrameRefusal::new(FrameCode::BadEmoji, rule));
    alter(call, chat_id, seq, AlterationKind::React { emoji, on }).await?;
    Ok(respond::no_content())
}

pub async fn pin(call: &Call, chat_id: ChatId, seq: Seq, on: bool) -> Result<Answer> {
    alter(call, chat_id, seq, AlterationKind::Pin { on }).await?;
    Ok(respond::no_content())
}

async fn alter(call: &Call, chat_id: ChatId, seq: Seq, kind: AlterationKind) -> Result<Message> {
    let alteration = Alteration { chat_id, seq, by: call.viewer()?, kind };
    call.app.rules.alter(alteration).await
}

pub async fn pins(call: &Call, chat_id: ChatId) -> Result<Answer> {
    #[derive(serde::Serialize)]
    struct PinsJson {
        messages: Vec<MessageJson>,
    }
    let pinned = call.app.rules.pinned(&*call.viewer()?, chat_id).await?;
    let bytes = pinned.iter().map(|message| message.content.len()).sum::<usize>()
        + PINS_MAX as usize * MEMBERS_BYTES;
    let messages = pinned.into_iter().map(MessageJson).collect();
    Ok(respond::json_of(StatusCode::OK, &PinsJson { messages }, bytes))
}
