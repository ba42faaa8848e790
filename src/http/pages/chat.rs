//! A chat: its history, and the form that sends a message.

use super::refusal;
use crate::chat::{HistoryPage, PageQuery, PageStart};
use crate::http::Call;
use crate::http::cookies::{Cookie, KEPT_SECS};
use crate::http::form::{Form, fresh_name};
use crate::http::respond::{self, Answer};
use crate::http::views::{self, ChatLine, Composer, HistoryView, PinView};
use crate::limits::{PAGE_ROWS_DEFAULT, UNREAD_CONTEXT_ROWS};
use crate::model::error::{Because, Error, Refusal, Result};
use crate::model::ids::{ChatId, Seq};
use crate::model::message::{ChatType, Draft, Standing, Viewer};
use crate::model::text::{ClientId, Content};
use hyper::StatusCode;

/// Which chat a page shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChatPath {
    General,
    Private(ChatId),
    Room(ChatId),
}

impl ChatPath {
    pub fn chat_type(self) -> ChatType {
        match self {
            Self::General => ChatType::General,
            Self::Private(_) => ChatType::Private,
            Self::Room(_) => ChatType::Room,
        }
    }
}

pub async fn show(call: &Call, place: ChatPath) -> Result<Answer> {
    let position = |name| match call.query.get(name) {
        Some(seq) => Seq::parse(seq).map(Some).ok_or_else(Error::not_found),
        None => Ok(None),
    };
    let from = match (position("at")?, position("before")?, position("after")?) {
        (Some(at), ..) => Some(PageStart::Around(at)),
        (None, Some(before), _) => Some(PageStart::Before(before)),
        (None, None, after) => after.map(PageStart::After),
    };
    let composer = Composer { client_id: fresh_name()?, ..Composer::default() };
    page(call, StatusCode::OK, place, from, composer).await
}

/// The page from this position, or else the one where the viewer stopped reading.
async fn page(
    call: &Call,
    status: StatusCode,
    place: ChatPath,
    from: Option<PageStart>,
    composer: Composer,
) -> Result<Answer> {
    let viewer = call.viewer()?;
    let chat_id = chat_id(call, place).await?;
    // If the chat is out of reach, nothing else is read.
    let standing = call.app.rules.reach(&viewer, chat_id, place.chat_type()).await?;
    let from = from.unwrap_or_else(|| first_unread(&standing));
    let query = PageQuery { limit: PAGE_ROWS_DEFAULT, from };
    let history = call.app.rules.history(&viewer, chat_id, place.chat_type(), query).await?.page;
    let (around, panel, pins) = tokio::try_join!(
        around(call, &viewer, place, chat_id),
        panel(call, &viewer, place),
        call.app.rules.pinned(&viewer, chat_id)
    )?;
    let pins = pins.iter().map(PinView::new).collect();
    let (mut shell, mut chat) = around;
    // The page's socket resumes from what is shown, not from what came a moment later.
    (chat.last_seq, chat.last_change) = (history.last.seq.0, history.last.change.0);
    chat.unread = (chat.last_seq - chat.read_seq).max(0);
    if let Some(line) = shell.as_mut().and_then(|shell| shell.line(chat_id)) {
        *line = chat.clone();
    }
    let is_alone = |shell: &views::Shell| shell.private_chats.is_empty() && shell.rooms.is_empty();
    let welcome = call.query.get(views::WELCOME).is_some() && shell.as_ref().is_some_and(is_alone);
    let mut history = view(&history, &chat, &viewer);
    if let PageStart::Around(Seq(at)) = from {
        history.at = at;
    }
    let base = call.base(&viewer)?;
    let created = panel.as_ref().is_some_and(|panel| panel.is_creator);
    let may = may(&viewer, place.chat_type(), created);
    let page = views::ChatPage { base, shell, chat, history, composer, pins, panel, welcome, may };
    let mut answer = call.page(status, &page)?;
    let here = chat_id.to_string();
    // A part may be asked for before anybody opens it.
    if !call.asks_part() && call.cookie(Cookie::LastChat) != Some(&here) {
        call.set_cookie(&mut answer, Cookie::LastChat, &here, Some(KEPT_SECS));
    }
    Ok(answer)
}

/// The chat's line in the list, with all that surrounds the page unless only its part is asked for.
async fn around(
    call: &Call,
    viewer: &Viewer,
    place: ChatPath,
    chat_id: ChatId,
) -> Result<(Option<views::Shell>, ChatLine)> {
    if call.asks_part() {
        return Ok((None, call.chat_line(viewer, chat_id).await?));
    }
    let href = views::href(place.chat_type(), chat_id);
    let mut shell = call.shell(viewer, href, Some(chat_id)).await?;
    let line = shell.line(chat_id).cloned().ok_or_else(Error::not_found)?;
    Ok((Some(shell), line))
}

async fn panel(call: &Call, viewer: &Viewer, place: ChatPath) -> Result<Option<views::RoomPanel>> {
    match place {
        ChatPath::Room(room_id) => super::rooms::panel(call, viewer, room_id).await.map(Some),
        ChatPath::General | ChatPath::Private(_) => Ok(None),
    }
}

/// `created`: whether the viewer made the room.
pub fn may(viewer: &Viewer, chat_type: ChatType, created: bool) -> views::May {
    let moderates = viewer.role.moderates();
    let pin = match chat_type {
        ChatType::General => moderates,
        ChatType::Private => true,
        ChatType::Room => created,
    };
    views::May { pin, delete: moderates || created }
}

/// The end of the chat, unless more is unread than a page has: then the first unread message, below some
/// that were read.
fn first_unread(standing: &Standing) -> PageStart {
    let Standing { last, read_seq, .. } = *standing;
    if last.seq.0 - read_seq.0 + UNREAD_CONTEXT_ROWS <= PAGE_ROWS_DEFAULT {
        return PageStart::Offset(0);
    }
    PageStart::After(Seq((read_seq.0 - UNREAD_CONTEXT_ROWS).max(0)))
}

fn view(page: &HistoryPage, chat: &ChatLine, viewer: &Viewer) -> HistoryView {
    let first = page.messages.first().filter(|first| first.seq > Seq(1));
    let last = page.messages.last().filter(|last| last.seq < page.last.seq);
    HistoryView {
        messages: views::messages(&page.messages, viewer, Seq(chat.read_seq)),
        older: first.map(|first| format!("{}?before={}", chat.href, first.seq)),
        newer: last.map(|last| format!("{}?after={}", chat.href, last.seq)),
        latest: format!("{}?before={}", chat.href, page.last.seq.next()),
        last_seq: page.last.seq.0,
        read_seq: chat.read_seq,
        at: 0,
    }
}

async fn chat_id(call: &Call, place: ChatPath) -> Result<ChatId> {
    match place {
        ChatPath::General => call.app.rules.general_chat().await,
        ChatPath::Private(chat_id) | ChatPath::Room(chat_id) => Ok(chat_id),
    }
}

/// A draft that a rule refuses comes back with the sentence that says why.
pub async fn post(call: &Call, place: ChatPath, form: Form) -> Result<Answer> {
    let chat_id = chat_id(call, place).await?;
    let (client_id, typed) = (form.text("client_id"), form.text("content"));
    let content = match Content::parse(&typed) {
        Ok(content) => content,
        Err(fault) => {
            let refusal = Refusal::new(Because::Invalid, fault.code().name(), fault.detail());
            return refused(call, place, &refusal, client_id, typed).await;
        }
    };
    let named = named(&client_id)?;
    let client_id = named.to_string();
    let draft =
        Draft { chat_id, sender: call.viewer()?, content, client_id: Some(named), reply_to: None };
    match call.app.rules.post(draft).await {
        Ok(_) => Ok(respond::see_other(&views::href(place.chat_type(), chat_id))),
        Err(error) => refused(call, place, &refusal(error)?, client_id, typed).await,
    }
}

/// The name of a draft as a form has it, or a fresh one.
pub fn named(client_id: &str) -> Result<ClientId> {
    if let Ok(named) = ClientId::parse(client_id) {
        return Ok(named);
    }
    ClientId::parse(&fresh_name()?).map_err(|rule| Error::broken("a fresh name", rule))
}

async fn refused(
    call: &Call,
    place: ChatPath,
    refusal: &Refusal,
    client_id: String,
    content: String,
) -> Result<Answer> {
    // A client_id that belongs to another message would be refused again.
    let client_id = match refusal.because {
        Because::Conflict => fresh_name()?,
        _ => client_id,
    };
    let composer = Composer { client_id, content, fault: Some(refusal.detail.to_string()) };
    let mut answer = page(call, respond::status(refusal.because), place, None, composer).await?;
    respond::put_hints(refusal, answer.headers_mut());
    Ok(answer)
}

pub async fn read(call: &Call, place: ChatPath, form: Form) -> Result<Answer> {
    let chat_id = chat_id(call, place).await?;
    call.app.rules.mark_read(&*call.viewer()?, chat_id, Seq(form.id("seq"))).await?;
    Ok(respond::see_other(&views::href(place.chat_type(), chat_id)))
}
