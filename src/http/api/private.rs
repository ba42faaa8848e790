//! `/chats/private`: opening a private chat.

use crate::chat::PrivateChat;
use crate::http::Call;
use crate::http::respond::{self, Answer};
use crate::model::error::Result;
use crate::model::ids::{ID_MAX, UserId};
use serde_json::json;

pub async fn create(call: &Call) -> Result<Answer> {
    let mut fields = call.fields()?;
    let receiver_id = UserId(fields.integer("receiver_id", 1..=ID_MAX));
    fields.finish()?;
    Ok(match call.app.rules.open_private_chat(call.viewer()?, receiver_id).await? {
        PrivateChat::Created(chat_id) => {
            respond::created(&json!({"chat_id": chat_id, "status": "created"}))
        }
        PrivateChat::Exists(chat_id) => {
            respond::ok(&json!({"chat_id": chat_id, "status": "exists"}))
        }
    })
}
