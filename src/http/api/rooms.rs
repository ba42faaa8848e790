//! `/chats/room`: rooms, their members, their invite links.

use super::page;
use crate::http::Call;
use crate::http::respond::{self, Answer};
use crate::model::error::Result;
use crate::model::ids::{ChatId, UserId};
use crate::model::text::{RoomDescription, RoomName};
use crate::model::wire::Micros;
use serde_json::json;

pub async fn create(call: &Call) -> Result<Answer> {
    let mut fields = call.fields()?;
    let (name, description) = (fields.text("name"), fields.optional_text("description"));
    let description = description.unwrap_or_default();
    let name = fields.check("name", RoomName::parse(&name));
    let description = fields.check("description", RoomDescription::parse(&description));
    let (name, description) = fields.finish_with(name.zip(description))?;
    let (room_id, path) =
        call.app.rules.create_room(call.viewer()?, name, description, None).await?;
    let invite_link = invite_link(call, &path);
    Ok(respond::created(&json!({"room_id": room_id, "invite_link": invite_link})))
}

fn invite_link(call: &Call, path: &str) -> String {
    format!("{}{path}", call.caller.origin)
}

pub async fn show(call: &Call, room_id: ChatId) -> Result<Answer> {
    let viewer = call.viewer()?;
    let room = call.app.rules.room(&viewer, room_id).await?;
    let mut json = json!({
        "room_id": room.room_id,
        "name": room.name,
        "description": room.description,
        "creator_id": room.creator_id,
        "created_at": Micros(room.created_at),
        "members": room.members,
    });
    if room.creator_id == viewer.user_id {
        json["invite_link"] = invite_link(call, &room.invite_link).into();
    }
    Ok(respond::ok(&json))
}

pub async fn members(call: &Call, room_id: ChatId) -> Result<Answer> {
    let (limit, after) = page(&call.query)?;
    let after = UserId(after.unwrap_or(0));
    let listed = call.app.rules.members(&*call.viewer()?, room_id, after, limit).await?;
    #[derive(serde::Serialize)]
    struct MemberJson {
        user_id: UserId,
        username: String,
        is_creator: bool,
        online: bool,
    }
    let members: Vec<MemberJson> = listed
        .rows
        .into_iter()
        .map(|member| MemberJson {
            online: call.app.rules.is_online(&member),
            user_id: member.user_id,
            username: member.username,
            is_creator: member.is_creator,
        })
        .collect();
    Ok(respond::ok(&json!({"members": members, "next": listed.next})))
}

pub async fn rotate(call: &Call, room_id: ChatId) -> Result<Answer> {
    let path = call.app.rules.rotate_invite(&*call.viewer()?, room_id).await?;
    Ok(respond::ok(&json!({"invite_link": invite_link(call, &path)})))
}

pub async fn remove(call: &Call, room_id: ChatId, user_id: UserId) -> Result<Answer> {
    call.app.rules.remove_member(call.viewer()?, room_id, user_id, None).await?;
    Ok(respond::no_content())
}
