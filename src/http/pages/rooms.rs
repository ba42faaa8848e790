//! A room's panel, and what its creator and its members do there.

use super::next;
use crate::chat::MemberState;
use crate::http::Call;
use crate::http::form::Form;
use crate::http::respond::{self, Answer};
use crate::http::views::{self, PanelMember, Person, RoomPanel};
use crate::limits::{DENIED_SHOWN, MEMBERS_SHOWN};
use crate::model::error::Result;
use crate::model::ids::{ChatId, UserId};
use crate::model::message::{ChatType, Viewer};
use serde_json::json;

/// The panel as this member of the room sees it.
pub async fn panel(call: &Call, viewer: &Viewer, room_id: ChatId) -> Result<RoomPanel> {
    let chat = &call.app.rules;
    let (room, members) = tokio::try_join!(
        chat.room(viewer, room_id),
        chat.members(viewer, room_id, UserId(0), MEMBERS_SHOWN)
    )?;
    let is_creator = room.creator_id == viewer.user_id;
    let denied = if is_creator {
        chat.requests(viewer, room_id, MemberState::Denied, None, DENIED_SHOWN).await?.rows
    } else {
        Vec::new()
    };
    let mut members: Vec<PanelMember> = members
        .rows
        .into_iter()
        .map(|member| PanelMember {
            user: Person::new(member.user_id.0, &member.username),
            is_creator: member.is_creator,
            is_viewer: member.user_id == viewer.user_id,
        })
        .collect();
    members.sort_by_key(|member| !member.is_creator);
    Ok(RoomPanel {
        room_id: room_id.0,
        description: room.description,
        is_creator,
        members,
        members_count: room.members,
        denied: denied.iter().map(|one| Person::new(one.user_id.0, &one.username)).collect(),
        invite_link: is_creator.then(|| format!("{}{}", call.caller.origin, room.invite_link)),
    })
}

/// The users who are waiting for the viewer's answer, as the list above each page shows them, to join a room or
/// for an account, and the rooms whose creators have not answered the viewer.
pub async fn open_requests(call: &Call) -> Result<Answer> {
    let viewer = call.viewer()?;
    let rules = &call.app.rules;
    let (requests, asked, signups) = tokio::try_join!(
        rules.open_requests(&viewer, None),
        rules.asked(&viewer),
        rules.open_signups(&viewer)
    )?;
    let signups: Vec<_> = signups
        .iter()
        .map(|one| json!({"user_id": one.user_id, "username": one.username}))
        .collect();
    let asked: Vec<_> =
        asked.iter().map(|room| json!({"room_id": room.room_id, "room_name": room.name})).collect();
    let requests: Vec<_> = requests
        .iter()
        .map(|one| {
            let user = json!({"user_id": one.user_id, "username": one.username});
            json!({"room_id": one.room_id, "room_name": one.room_name, "user": user})
        })
        .collect();
    Ok(respond::ok(&json!({"requests": requests, "signups": signups, "asked": asked})))
}

pub async fn approve(call: &Call, room_id: ChatId, form: Form) -> Result<Answer> {
    call.app.rules.approve(call.viewer()?, room_id, UserId(form.id("user_id"))).await?;
    Ok(respond::see_other(&next(&form).unwrap_or_else(|| panel_of(room_id))))
}

pub async fn deny(call: &Call, room_id: ChatId, form: Form) -> Result<Answer> {
    call.app.rules.deny(call.viewer()?, room_id, UserId(form.id("user_id"))).await?;
    Ok(respond::see_other(&next(&form).unwrap_or_else(|| panel_of(room_id))))
}

pub async fn remove(call: &Call, room_id: ChatId, form: Form) -> Result<Answer> {
    let (member, act) = (UserId(form.id("user_id")), Some(form.act));
    call.app.rules.remove_member(call.viewer()?, room_id, member, act).await?;
    Ok(respond::see_other(&panel_of(room_id)))
}

pub async fn rotate(call: &Call, room_id: ChatId, _form: Form) -> Result<Answer> {
    call.app.rules.rotate_invite(&*call.viewer()?, room_id).await?;
    Ok(respond::see_other(&panel_of(room_id)))
}

pub async fn leave(call: &Call, room_id: ChatId, form: Form) -> Result<Answer> {
    let viewer = call.viewer()?;
    let user_id = viewer.user_id;
    call.app.rules.remove_member(viewer, room_id, user_id, Some(form.act)).await?;
    Ok(respond::see_other("/"))
}

fn panel_of(room_id: ChatId) -> String {
    format!("{}#panel", views::href(ChatType::Room, room_id))
}
