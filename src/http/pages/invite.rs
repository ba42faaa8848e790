//! An invitation to a room: who invites, and the state of the viewer's request.

use super::refusal;
use super::signup_login::at_the_door;
use crate::chat::MemberState;
use crate::http::Call;
use crate::http::form::Form;
use crate::http::respond::{self, Answer};
use crate::http::views::{self, InviteStanding, Person, door};
use crate::model::error::{Error, Result};
use crate::model::ids::ChatId;
use crate::model::text;
use hyper::StatusCode;

/// A wrong code looks like an unknown room.
pub async fn show(call: &Call, room_id: ChatId) -> Result<Answer> {
    let code = call.query.get("code").map(text::beginning_code);
    let Some(viewer) = call.viewer.clone() else {
        return show_at_the_door(call, room_id, code.unwrap_or_default()).await;
    };
    let code = code.ok_or_else(Error::not_found)?;
    let invite = call.app.rules.invite(&viewer, room_id, code).await?;
    let shell = call.shell(&viewer, invite.invite_link, None).await?;
    let standing = match invite.state {
        None => InviteStanding::Stranger,
        Some(MemberState::Pending) => InviteStanding::Waiting,
        Some(MemberState::Approved) => InviteStanding::Member,
        Some(MemberState::Denied) => InviteStanding::Denied,
    };
    let page = views::InvitePage {
        base: call.base(&viewer)?,
        shell,
        room_id: room_id.0,
        room_name: invite.name,
        description: invite.description,
        creator: Person::new(invite.creator_id.0, &invite.creator_name),
        members: invite.members,
        code: code.to_owned(),
        standing,
    };
    call.page(StatusCode::OK, &page)
}

/// For somebody who is not signed in. If there is anything wrong with the link, the page says nothing about
/// it: one signs in first, as for every other page.
async fn show_at_the_door(call: &Call, room_id: ChatId, code: &str) -> Result<Answer> {
    let shown = call.app.rules.invite_at_the_door(call.caller.subnet(), room_id, code).await;
    let invite = shown.map_err(|error| match error {
        Error::Refused(_) => Error::unauthenticated(),
        Error::Unavailable(_) | Error::Broken(_) => error,
    })?;
    at_the_door(call, |base| {
        let page = views::InviteDoorPage {
            base,
            room_name: invite.name,
            description: invite.description,
            creator: Person::new(invite.creator_id.0, &invite.creator_name),
            members: invite.members,
            signup_href: door("/signup", &invite.invite_link),
            login_href: door("/login", &invite.invite_link),
        };
        call.page(StatusCode::OK, &page)
    })
}

/// Redirects back to the invitation, which shows the state of the request, even after a denial.
pub async fn ask(call: &Call, room_id: ChatId, form: Form) -> Result<Answer> {
    let code = form.text("code");
    if let Err(error) = call.app.rules.ask_to_join(call.viewer()?, room_id, &code).await {
        let refusal = refusal(error)?;
        if refusal.code != "denied" {
            return Err(refusal.into());
        }
    }
    Ok(respond::see_other(&text::invite_path(room_id, &code)))
}
