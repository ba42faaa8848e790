//! The dashboard: the chats, and how to start another.

use super::refusal;
use crate::chat::{Join, PrivateChat};
use crate::http::Call;
use crate::http::form::Form;
use crate::http::respond::{self, Answer};
use crate::http::views::{self, JoinForm, PeopleSearch, Person, RoomForm};
use crate::limits::PEOPLE_SHOWN;
use crate::model::error::{Refusal, Result};
use crate::model::ids::UserId;
use crate::model::message::ChatType;
use crate::model::text::{self, RoomDescription, RoomName, SearchWord};
use hyper::StatusCode;

/// What is filled into the page's forms.
#[derive(Default)]
struct Forms {
    people: PeopleSearch,
    room: RoomForm,
    join: JoinForm,
}

pub async fn show(call: &Call) -> Result<Answer> {
    let typed = call.query.get("people").map(str::trim);
    let people = match typed {
        Some(typed) => search(call, typed).await,
        None => Ok(PeopleSearch::default()),
    };
    match people {
        Ok(people) => page(call, StatusCode::OK, Forms { people, ..Forms::default() }).await,
        Err(error) => {
            let refusal = refusal(error)?;
            let (text, fault) = (typed.unwrap_or_default().to_owned(), refusal.detail.to_string());
            let people = PeopleSearch { text, found: None, fault: Some(fault) };
            refused(call, &refusal, Forms { people, ..Forms::default() }).await
        }
    }
}

async fn page(call: &Call, status: StatusCode, forms: Forms) -> Result<Answer> {
    let viewer = call.viewer()?;
    let shell = match call.asks_part() {
        true => None,
        false => Some(call.shell(&viewer, "/".into(), None).await?),
    };
    let Forms { people, room, join } = forms;
    call.page(
        status,
        &views::DashboardPage { base: call.base(&viewer)?, shell, people, room, join },
    )
}

/// The page again, with the refusal.
async fn refused(call: &Call, refusal: &Refusal, forms: Forms) -> Result<Answer> {
    let mut answer = page(call, respond::status(refusal.because), forms).await?;
    respond::put_hints(refusal, answer.headers_mut());
    Ok(answer)
}

async fn search(call: &Call, typed: &str) -> Result<PeopleSearch> {
    let text = typed.to_owned();
    let part = match SearchWord::parse(typed) {
        Ok(part) => part,
        Err(fault) => return Ok(PeopleSearch { text, found: None, fault: Some(fault) }),
    };
    let viewer = call.viewer()?;
    let found = call.app.rules.find_people(&viewer, &part, PEOPLE_SHOWN).await?;
    let others = found.into_iter().filter(|(id, _)| *id != viewer.user_id);
    let found = others.map(|(id, name)| Person::new(id.0, &name)).collect();
    Ok(PeopleSearch { text, found: Some(found), fault: None })
}

pub async fn open_private(call: &Call, form: Form) -> Result<Answer> {
    let other = UserId(form.id("user_id"));
    match call.app.rules.open_private_chat(call.viewer()?, other).await {
        Ok(PrivateChat::Created(chat_id) | PrivateChat::Exists(chat_id)) => {
            Ok(respond::see_other(&views::href(ChatType::Private, chat_id)))
        }
        Err(error) => {
            let refusal = refusal(error)?;
            let fault = refusal.faults.first().map_or(&refusal.detail, |fault| &fault.detail);
            let fault = Some(fault.to_string());
            let people = PeopleSearch { fault, ..PeopleSearch::default() };
            refused(call, &refusal, Forms { people, ..Forms::default() }).await
        }
    }
}

pub async fn create_room(call: &Call, form: Form) -> Result<Answer> {
    let (name, description) = (form.text("name"), form.text("description"));
    let parsed = (RoomName::parse(&name), RoomDescription::parse(&description));
    let mut room = RoomForm { name, description, ..RoomForm::default() };
    let (name, description) = match parsed {
        (Ok(name), Ok(description)) => (name, description),
        (name, description) => {
            (room.name_fault, room.description_fault) = (name.err(), description.err());
            let forms = Forms { room, ..Forms::default() };
            return page(call, StatusCode::UNPROCESSABLE_ENTITY, forms).await;
        }
    };
    let act = Some(form.act);
    match call.app.rules.create_room(call.viewer()?, name, description, act).await {
        Ok((room_id, _)) => {
            Ok(respond::see_other(&format!("{}#panel", views::href(ChatType::Room, room_id))))
        }
        Err(error) => {
            let refusal = refusal(error)?;
            room.name_fault = Some(refusal.detail.to_string());
            refused(call, &refusal, Forms { room, ..Forms::default() }).await
        }
    }
}

/// Redirects to the invitation, which shows the state of the request.
pub async fn join(call: &Call, form: Form) -> Result<Answer> {
    let invite_link = form.text("invite_link");
    let no_link =
        "This is not an invite link of this server. Copy the whole link and paste it again.";
    let Some((room_id, code)) = text::invite(&invite_link) else {
        let join = JoinForm { invite_link, fault: Some(no_link.into()) };
        let forms = Forms { join, ..Forms::default() };
        return page(call, StatusCode::UNPROCESSABLE_ENTITY, forms).await;
    };
    match call.app.rules.ask_to_join(call.viewer()?, room_id, &code).await {
        Ok(Join::Pending) => Ok(respond::see_other(&text::invite_path(room_id, &code))),
        Ok(Join::Member) => Ok(respond::see_other(&views::href(ChatType::Room, room_id))),
        Err(error) => {
            let refusal = match error {
                crate::model::error::Error::Refused(refusal) => *refusal,
                other => return Err(other),
            };
            if refusal.code == "denied" {
                return Ok(respond::see_other(&text::invite_path(room_id, &code)));
            }
            let is_unknown = refusal.code == "not_found";
            let fault = if is_unknown { no_link.to_owned() } else { refusal.detail.to_string() };
            let join = JoinForm { invite_link, fault: Some(fault) };
            refused(call, &refusal, Forms { join, ..Forms::default() }).await
        }
    }
}
