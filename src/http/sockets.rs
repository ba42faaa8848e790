//! Requests for sockets: everything that is answered in HTTP before a 101, in the protocol's order.

use super::Peer;
use super::body::Query;
use super::guard::{self, Caller};
use super::respond::Answer;
use crate::limits::RETRY_SEAT;
use crate::live;
use crate::model::error::{Error, Result};
use crate::model::ids::ChatId;
use crate::model::message::{ChatType, Standing, Viewer};
use crate::registry::{Admitted, NoSeat, Scope};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{StatusCode, Version};
use std::sync::Arc;

/// What a socket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketPath {
    All,
    General,
    Private(ChatId),
    Room(ChatId),
}

pub struct Handshake {
    pub version: Version,
    pub headers: HeaderMap,
    pub query: Query,
    pub caller: Caller,
}

/// Handshake (400, 426), token (401, 400), origin (403), reach (404), query (422), limits (429, 503).
pub async fn upgrade(
    peer: &Peer,
    path: SocketPath,
    request: Handshake,
    seen: &mut Option<Arc<Viewer>>,
) -> Result<Answer> {
    let Handshake { version, headers, query, caller } = request;
    let app = &peer.app;
    if !headers.contains_key(header::UPGRADE) {
        app.notices.missing_upgrade();
    }
    refuse_body(&headers)?;
    let accept = live::handshake(version, &headers)?;
    let token = query.get("token");
    let (user, by) = guard::authenticate(app, &caller, &headers, token).await?;
    *seen = Some(Arc::clone(&user.viewer));
    guard::refuse_foreign(app, &caller, &headers, by)?;
    let (scope, standing) = reach(peer, path, &user.viewer).await?;
    let resume = live::resume(scope, query.pairs())?;
    if app.is_stopping() {
        return Err(Error::stopping());
    }
    let seat = app.seats.take(&user.viewer, caller.address).map_err(no_seat)?;
    let viewer = user.viewer;
    let expires_at = user.expires_at;
    peer.ticket.put(Admitted { viewer, expires_at, scope, standing, resume, seat });
    Ok(switching(&accept))
}

/// What came as a body would be taken for frames.
fn refuse_body(headers: &HeaderMap) -> Result<()> {
    let length = headers.get(header::CONTENT_LENGTH);
    if headers.contains_key(header::TRANSFER_ENCODING) || length.is_some_and(|length| length != "0")
    {
        return Err(Error::malformed("bad_handshake", "A request for a socket has no body."));
    }
    Ok(())
}

/// The chats that the socket is for, if the viewer may see them, and their standing in a single chat.
async fn reach(
    peer: &Peer,
    path: SocketPath,
    viewer: &Viewer,
) -> Result<(Scope, Option<Standing>)> {
    let chat = &peer.app.rules;
    let (chat_id, chat_type) = match path {
        SocketPath::All => return Ok((Scope::All, None)),
        SocketPath::General => {
            let scope = Scope::One(chat.general_chat().await?);
            return Ok((scope, chat.recent_standing(viewer)));
        }
        SocketPath::Private(chat_id) => (chat_id, ChatType::Private),
        SocketPath::Room(room_id) => (room_id, ChatType::Room),
    };
    let standing = chat.reach(viewer, chat_id, chat_type).await?;
    Ok((Scope::One(chat_id), Some(standing)))
}

fn no_seat(no_seat: NoSeat) -> Error {
    match no_seat {
        NoSeat::Total => {
            Error::busy("The server has no room for another socket; try again soon.", RETRY_SEAT)
        }
        NoSeat::User => Error::too_many("You have too many open sockets; close one.", RETRY_SEAT),
        NoSeat::Address => {
            Error::too_many("Your address has too many open sockets; close one.", RETRY_SEAT)
        }
    }
}

fn switching(accept: &str) -> Answer {
    let mut answer = Answer::default();
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = answer.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Ok(accept) = HeaderValue::from_str(accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    answer
}
