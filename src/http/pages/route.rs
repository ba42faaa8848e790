//! Every route of a page on one screen, as `http::route` has those of the API. Pure.
//!
//! A page answers in HTML, even when it refuses; a user who is not signed in is redirected to the login.

use crate::http::route::{Access, Body, NoRoute};
use crate::ids::ChatId;
use crate::message::ChatType;
use hyper::Method;

/// What is requested: a page, or an action that one of its forms sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageRoute {
    SignupForm,
    SignUp,
    LoginForm,
    LogIn,
    LogOut,
    Dashboard,
    Chat(ChatPath),
    Post(ChatPath),
    Read(ChatPath),
    OpenPrivate,
    CreateRoom,
    Join,
    Invite(ChatId),
    Ask(ChatId),
    Approve(ChatId),
    Deny(ChatId),
    Remove(ChatId),
    Rotate(ChatId),
    Leave(ChatId),
    /// For a page's script, which missed requests while it was disconnected: JSON, not a page.
    Requests,
    Settings,
    SetTheme,
    SetPassword,
}

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

impl PageRoute {
    /// `segments` are the path's, after its first slash.
    pub fn parse(method: &Method, segments: &[&str]) -> Result<Self, NoRoute> {
        let chat = |segment: &str| ChatId::parse(segment).unwrap_or(ChatId(0));
        let private = |id| ChatPath::Private(chat(id));
        let room = |id| ChatPath::Room(chat(id));
        let (get, post) = match segments {
            [""] => (Some(Self::Dashboard), None),
            ["signup"] => (Some(Self::SignupForm), Some(Self::SignUp)),
            ["login"] => (Some(Self::LoginForm), Some(Self::LogIn)),
            ["logout"] => (None, Some(Self::LogOut)),
            ["general"] => both(ChatPath::General),
            ["private", id] => both(private(id)),
            ["room", id] => both(room(id)),
            ["general", "read"] => (None, Some(Self::Read(ChatPath::General))),
            ["private", id, "read"] => (None, Some(Self::Read(private(id)))),
            ["room", id, "read"] => (None, Some(Self::Read(room(id)))),
            ["people"] => (None, Some(Self::OpenPrivate)),
            ["rooms"] => (None, Some(Self::CreateRoom)),
            ["join"] => (None, Some(Self::Join)),
            ["chats", "room", id, "invite"] => {
                (Some(Self::Invite(chat(id))), Some(Self::Ask(chat(id))))
            }
            ["room", id, "approve"] => (None, Some(Self::Approve(chat(id)))),
            ["room", id, "deny"] => (None, Some(Self::Deny(chat(id)))),
            ["room", id, "remove"] => (None, Some(Self::Remove(chat(id)))),
            ["room", id, "rotate"] => (None, Some(Self::Rotate(chat(id)))),
            ["room", id, "leave"] => (None, Some(Self::Leave(chat(id)))),
            ["requests"] => (Some(Self::Requests), None),
            ["settings"] => (Some(Self::Settings), None),
            ["settings", "theme"] => (None, Some(Self::SetTheme)),
            ["settings", "password"] => (None, Some(Self::SetPassword)),
            _ => return Err(NoRoute::UnknownPath),
        };
        let asked = match *method {
            Method::GET | Method::HEAD => get,
            Method::POST => post,
            _ => None,
        };
        asked.ok_or(NoRoute::OtherMethod(match (get, post) {
            (Some(_), Some(_)) => "GET, HEAD, POST",
            (Some(_), None) => "GET, HEAD",
            (None, _) => "POST",
        }))
    }

    /// The page at this URL of ours, if people may be redirected to it: never another host, never the
    /// login or signup page.
    pub fn at(address: &str) -> Option<Self> {
        let path = address.split(['?', '#']).next().unwrap_or_default();
        let plain = address.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
        let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        let page = Self::parse(&Method::GET, &segments).ok().filter(|_| plain)?;
        (page.access() == Access::User && page != Self::Requests).then_some(page)
    }

    pub fn access(self) -> Access {
        match self {
            Self::SignupForm | Self::SignUp | Self::LoginForm | Self::LogIn => Access::Door,
            Self::LogOut
            | Self::Dashboard
            | Self::Chat(_)
            | Self::Post(_)
            | Self::Read(_)
            | Self::OpenPrivate
            | Self::CreateRoom
            | Self::Join
            | Self::Invite(_)
            | Self::Ask(_)
            | Self::Approve(_)
            | Self::Deny(_)
            | Self::Remove(_)
            | Self::Rotate(_)
            | Self::Leave(_)
            | Self::Requests
            | Self::Settings
            | Self::SetTheme
            | Self::SetPassword => Access::User,
        }
    }

    /// A form for everything that changes something.
    pub fn body(self) -> Body {
        match self {
            Self::SignupForm
            | Self::LoginForm
            | Self::Dashboard
            | Self::Chat(_)
            | Self::Invite(_)
            | Self::Requests
            | Self::Settings => Body::None,
            Self::SignUp
            | Self::LogIn
            | Self::LogOut
            | Self::Post(_)
            | Self::Read(_)
            | Self::OpenPrivate
            | Self::CreateRoom
            | Self::Join
            | Self::Ask(_)
            | Self::Approve(_)
            | Self::Deny(_)
            | Self::Remove(_)
            | Self::Rotate(_)
            | Self::Leave(_)
            | Self::SetTheme
            | Self::SetPassword => Body::Form,
        }
    }

    /// The path's pattern, for logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::SignupForm | Self::SignUp => "/signup",
            Self::LoginForm | Self::LogIn => "/login",
            Self::LogOut => "/logout",
            Self::Dashboard => "/",
            Self::Chat(ChatPath::General) | Self::Post(ChatPath::General) => "/general",
            Self::Chat(ChatPath::Private(_)) | Self::Post(ChatPath::Private(_)) => {
                "/private/{chat_id}"
            }
            Self::Chat(ChatPath::Room(_)) | Self::Post(ChatPath::Room(_)) => "/room/{room_id}",
            Self::Read(ChatPath::General) => "/general/read",
            Self::Read(ChatPath::Private(_)) => "/private/{chat_id}/read",
            Self::Read(ChatPath::Room(_)) => "/room/{room_id}/read",
            Self::OpenPrivate => "/people",
            Self::CreateRoom => "/rooms",
            Self::Join => "/join",
            Self::Invite(_) | Self::Ask(_) => "/chats/room/{room_id}/invite",
            Self::Approve(_) => "/room/{room_id}/approve",
            Self::Deny(_) => "/room/{room_id}/deny",
            Self::Remove(_) => "/room/{room_id}/remove",
            Self::Rotate(_) => "/room/{room_id}/rotate",
            Self::Leave(_) => "/room/{room_id}/leave",
            Self::Requests => "/requests",
            Self::Settings => "/settings",
            Self::SetTheme => "/settings/theme",
            Self::SetPassword => "/settings/password",
        }
    }
}

fn both(place: ChatPath) -> (Option<PageRoute>, Option<PageRoute>) {
    (Some(PageRoute::Chat(place)), Some(PageRoute::Post(place)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_lead_only_to_our_own_pages() {
        let invite = "/chats/room/9/invite?code=x%26y";
        for ours in ["/", "/general", "/room/9?before=50", "/settings", invite] {
            assert!(PageRoute::at(ours).is_some(), "{ours}");
        }
        for not in [
            "",
            "general",
            "//evil.example/general",
            "///general",
            "/\\evil.example",
            "https://evil.example/",
            "/general\r\nSet-Cookie: a=b",
            "/login",
            "/signup?next=/login",
            "/logout",
            "/docs",
            "/chats",
            "/requests",
            "/unknown",
        ] {
            assert_eq!(PageRoute::at(not), None, "{not}");
        }
    }

    #[test]
    fn every_change_is_a_form() {
        for path in ["signup", "login", "logout", "general", "people", "rooms", "join"] {
            let route = PageRoute::parse(&Method::POST, &[path]).expect("a form");
            assert_eq!(route.body(), Body::Form, "{path}");
        }
        let logout = PageRoute::parse(&Method::GET, &["logout"]);
        assert_eq!(logout, Err(NoRoute::OtherMethod("POST")));
    }
}
