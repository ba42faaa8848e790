//! What surrounds every page of a signed-in user, and what every page begins with.

use crate::http::cookies::{Cookie, KEPT_SECS};
use crate::http::form::TokenHolder;
use crate::http::public_url::Scheme;
use crate::http::views::{
    AskedRoomView, Base, ChatLine, JoinRequestView, LastLine, Person, Shell, Theme, tell_apart,
};
use crate::http::{App, Call};
use crate::limits::{CHATS_SHOWN, LAST_LINE_CHARS_READ};
use crate::model::error::{Error, Result};
use crate::model::ids::{ChatId, Position};
use crate::model::message::{ChatType, Standing, Viewer};
use crate::model::wire::{ChatJson, StandingJson};
use hyper::header::HeaderMap;
use std::time::Duration;

/// A session is renewed long before it ends, but not on every page.
const RENEWALS_PER_LIFETIME: u32 = 4;
const RENEW_AFTER_MIN: Duration = Duration::from_secs(60);

/// The theme's cookie is known before the scheme is: it has the same name for both.
pub const THEME_SCHEME: Scheme = Scheme::Http;

pub fn theme(app: &App, headers: &HeaderMap) -> Theme {
    let name = app.cookies.find(Cookie::Theme, THEME_SCHEME, headers);
    Theme::from_name(name.unwrap_or_default())
}

pub fn base(app: &App, headers: &HeaderMap, holder: TokenHolder<'_>) -> Result<Base> {
    Ok(Base { theme: theme(app, headers), form_token: app.form_key.token(holder)? })
}

impl Call {
    pub(super) fn base(&self, viewer: &Viewer) -> Result<Base> {
        base(&self.app, &self.headers, TokenHolder::Session(viewer.session))
    }

    /// Whether a script that has all the rest asks for the middle of the page only.
    pub(super) fn asks_part(&self) -> bool {
        self.query.get("part").is_some()
    }

    /// One line of the list.
    pub(super) async fn chat_line(&self, viewer: &Viewer, chat_id: ChatId) -> Result<ChatLine> {
        Ok(line_of(self.app.rules.chat(viewer, chat_id).await?, viewer))
    }

    /// `here` is the page's own path, `current` the chat in its middle.
    pub(super) async fn shell(
        &self,
        viewer: &Viewer,
        here: String,
        current: Option<ChatId>,
    ) -> Result<Shell> {
        let chat = &self.app.rules;
        let (overview, requests, asked, signups) = tokio::try_join!(
            chat.overview(viewer, None, CHATS_SHOWN, Some(LAST_LINE_CHARS_READ)),
            chat.open_requests(viewer, current),
            chat.asked(viewer),
            chat.open_signups(viewer)
        )?;
        let (mut general, mut private_chats, mut rooms) = (None, Vec::new(), Vec::new());
        for chat in overview.chats {
            let line = line_of(chat, viewer);
            match line.chat_type {
                ChatType::General => general = Some(line),
                ChatType::Private => private_chats.push(line),
                ChatType::Room => rooms.push(line),
            }
        }
        tell_apart(&mut rooms);
        let renew_after = self.app.terms.token_lifetime / RENEWALS_PER_LIFETIME;
        Ok(Shell {
            viewer: Person::new(viewer.user_id.0, &viewer.username),
            here,
            current: current.map(|id| id.0),
            general: general.ok_or_else(|| Error::broken("a list of chats", "without general"))?,
            private_chats,
            rooms,
            asked: asked
                .into_iter()
                .map(|asked| AskedRoomView { room_id: asked.room_id.0, name: asked.name })
                .collect(),
            requests: requests
                .into_iter()
                .map(|request| JoinRequestView {
                    room_id: request.room_id.0,
                    room_name: request.room_name,
                    user: Person::new(request.user_id.0, &request.username),
                })
                .collect(),
            signups: signups
                .into_iter()
                .map(|pending| Person::new(pending.user_id.0, &pending.username))
                .collect(),
            epoch: overview.epoch.to_string(),
            renew_seconds: renew_after.max(RENEW_AFTER_MIN).as_secs(),
            last_chat: self.app.cookies.written(
                self.caller.scheme,
                Cookie::LastChat,
                "{chat}",
                Some(KEPT_SECS),
            ),
        })
    }
}

fn line_of(chat: ChatJson, viewer: &Viewer) -> ChatLine {
    let StandingJson { chat_id, chat_type, last_seq, last_change, read_seq, mentioned } =
        chat.standing;
    let last = chat.last_message.map(|message| {
        let message = message.0;
        let own = message.sender_id == viewer.user_id;
        LastLine::new(&message.username, own, &message.content, message.timestamp)
    });
    let name = if chat_type == ChatType::General { "" } else { &chat.name };
    let reach = Position { seq: last_seq, change: last_change };
    let standing = Standing { chat_id, chat_type, last: reach, read_seq, mentioned };
    ChatLine::new(standing, name, chat.other.map(|other| (other.user_id, other.seen_seq)), last)
}
