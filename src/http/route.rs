//! Every route of the API on one screen (those of pages: `pages::route`): what a method and a path mean,
//! who may ask, what the body is. Pure.
//!
//! Matches are exhaustive: a route without a declared access does not compile.

use super::pages::route::PageRoute;
use crate::ids::{ChatId, UserId};
use hyper::Method;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route<'a> {
    Signup,
    Login,
    Logout,
    Renew,
    Password,
    Me,
    Users,
    Chats,
    PostMessage(ChatId),
    PostRead(ChatId),
    GeneralHistory,
    CreatePrivate,
    PrivateHistory(ChatId),
    CreateRoom,
    Room(ChatId),
    Members(ChatId),
    RemoveMember(ChatId, UserId),
    Rotate(ChatId),
    Join(ChatId),
    JoinStatus(ChatId),
    Pending(ChatId),
    Approve(ChatId),
    Deny(ChatId),
    RoomHistory(ChatId),
    Socket(SocketRoute),
    Healthz,
    Readyz,
    Metrics,
    OpenApi,
    Docs,
    Asset(&'a str),
    Page(PageRoute),
}

/// What a socket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketRoute {
    All,
    General,
    Private(ChatId),
    Room(ChatId),
}

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Anyone,
    User,
    /// Anyone, but who is signed in is known.
    Door,
    /// Who holds a token for it, or asks from the machine itself.
    Operator,
}

/// What comes along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    None,
    Json,
    /// JSON, or the OAuth2 password form.
    JsonOrForm,
    /// What a page's form sends.
    Form,
    /// JSON, which may also be absent.
    OptionalJson,
}

/// Why a request is no route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoRoute {
    UnknownPath,
    /// The methods that the path knows.
    OtherMethod(&'static str),
}

impl<'a> Route<'a> {
    /// `HEAD` is answered as `GET` without its body. An id that cannot be one becomes 0, which no chat
    /// and no user has, so that it is answered like any other unknown one.
    pub fn parse(method: &Method, path: &'a str) -> Result<Self, NoRoute> {
        use Route::{
            Approve, Asset, Chats, CreatePrivate, CreateRoom, Deny, Docs, GeneralHistory, Healthz,
            Join, JoinStatus, Login, Logout, Me, Members, Metrics, OpenApi, Password, Pending,
            PostMessage, PostRead, PrivateHistory, Readyz, RemoveMember, Renew, Room, RoomHistory,
            Rotate, Signup, Socket, Users,
        };
        let path = path.strip_prefix('/').ok_or(NoRoute::UnknownPath)?;
        if let Some(asset) = path.strip_prefix("assets/") {
            return get(method, Asset(asset));
        }
        let segments: Vec<&str> = path.split('/').collect();
        match segments.as_slice() {
            ["auth", "signup"] => post(method, Signup),
            ["auth", "login"] => post(method, Login),
            ["auth", "logout"] => post(method, Logout),
            ["auth", "renew"] => post(method, Renew),
            ["auth", "password"] => post(method, Password),
            ["auth", "me"] => get(method, Me),
            ["users"] => get(method, Users),
            ["chats"] => get(method, Chats),
            ["chats", "general", "history"] => get(method, GeneralHistory),
            ["chats", "private"] => post(method, CreatePrivate),
            ["chats", "private", id, "history"] => get(method, PrivateHistory(chat(id))),
            ["chats", "room"] => post(method, CreateRoom),
            ["chats", "room", id] => get(method, Room(chat(id))),
            ["chats", "room", id, "members"] => get(method, Members(chat(id))),
            ["chats", "room", id, "members", user_id] => {
                delete(method, RemoveMember(chat(id), user(user_id)))
            }
            ["chats", "room", id, "history"] => get(method, RoomHistory(chat(id))),
            ["chats", "room", id, "join"] => {
                get_or_post(method, JoinStatus(chat(id)), Join(chat(id)))
            }
            ["chats", "room", id, "invite", "rotate"] => post(method, Rotate(chat(id))),
            ["chats", "room", id, "invite", "pending"] => get(method, Pending(chat(id))),
            ["chats", "room", id, "invite", "approve"] => post(method, Approve(chat(id))),
            ["chats", "room", id, "invite", "deny"] => post(method, Deny(chat(id))),
            ["chats", id, "messages"] => post(method, PostMessage(chat(id))),
            ["chats", id, "read"] => post(method, PostRead(chat(id))),
            ["ws"] => get(method, Socket(SocketRoute::All)),
            ["ws", "general"] => get(method, Socket(SocketRoute::General)),
            ["ws", "private", id] => get(method, Socket(SocketRoute::Private(chat(id)))),
            ["ws", "room", id] => get(method, Socket(SocketRoute::Room(chat(id)))),
            ["healthz"] => get(method, Healthz),
            ["readyz"] => get(method, Readyz),
            ["metrics"] => get(method, Metrics),
            ["openapi.json"] => get(method, OpenApi),
            ["docs"] => get(method, Docs),
            _ => PageRoute::parse(method, &segments).map(Self::Page),
        }
    }

    pub fn access(self) -> Access {
        match self {
            Self::Signup
            | Self::Login
            | Self::Healthz
            | Self::Readyz
            | Self::OpenApi
            | Self::Docs
            | Self::Asset(_) => Access::Anyone,
            Self::Page(page) => page.access(),
            Self::Metrics => Access::Operator,
            Self::Logout
            | Self::Renew
            | Self::Password
            | Self::Me
            | Self::Users
            | Self::Chats
            | Self::PostMessage(_)
            | Self::PostRead(_)
            | Self::GeneralHistory
            | Self::CreatePrivate
            | Self::PrivateHistory(_)
            | Self::CreateRoom
            | Self::Room(_)
            | Self::Members(_)
            | Self::RemoveMember(..)
            | Self::Rotate(_)
            | Self::Join(_)
            | Self::JoinStatus(_)
            | Self::Pending(_)
            | Self::Approve(_)
            | Self::Deny(_)
            | Self::RoomHistory(_)
            | Self::Socket(_) => Access::User,
        }
    }

    pub fn body(self) -> Body {
        match self {
            Self::Login => Body::JsonOrForm,
            Self::Signup
            | Self::Password
            | Self::PostMessage(_)
            | Self::PostRead(_)
            | Self::CreatePrivate
            | Self::CreateRoom
            | Self::Join(_)
            | Self::Approve(_)
            | Self::Deny(_) => Body::Json,
            Self::GeneralHistory | Self::PrivateHistory(_) | Self::RoomHistory(_) => {
                Body::OptionalJson
            }
            Self::Logout
            | Self::Renew
            | Self::Me
            | Self::Users
            | Self::Chats
            | Self::Room(_)
            | Self::Members(_)
            | Self::RemoveMember(..)
            | Self::Rotate(_)
            | Self::JoinStatus(_)
            | Self::Pending(_)
            | Self::Socket(_)
            | Self::Healthz
            | Self::Readyz
            | Self::Metrics
            | Self::OpenApi
            | Self::Docs
            | Self::Asset(_) => Body::None,
            Self::Page(page) => page.body(),
        }
    }

    pub fn is_socket(self) -> bool {
        matches!(self, Self::Socket(_))
    }

    /// The path's pattern, for logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Signup => "/auth/signup",
            Self::Login => "/auth/login",
            Self::Logout => "/auth/logout",
            Self::Renew => "/auth/renew",
            Self::Password => "/auth/password",
            Self::Me => "/auth/me",
            Self::Users => "/users",
            Self::Chats => "/chats",
            Self::PostMessage(_) => "/chats/{chat_id}/messages",
            Self::PostRead(_) => "/chats/{chat_id}/read",
            Self::GeneralHistory => "/chats/general/history",
            Self::CreatePrivate => "/chats/private",
            Self::PrivateHistory(_) => "/chats/private/{chat_id}/history",
            Self::CreateRoom => "/chats/room",
            Self::Room(_) => "/chats/room/{room_id}",
            Self::Members(_) => "/chats/room/{room_id}/members",
            Self::RemoveMember(..) => "/chats/room/{room_id}/members/{user_id}",
            Self::Rotate(_) => "/chats/room/{room_id}/invite/rotate",
            Self::Join(_) | Self::JoinStatus(_) => "/chats/room/{room_id}/join",
            Self::Pending(_) => "/chats/room/{room_id}/invite/pending",
            Self::Approve(_) => "/chats/room/{room_id}/invite/approve",
            Self::Deny(_) => "/chats/room/{room_id}/invite/deny",
            Self::RoomHistory(_) => "/chats/room/{room_id}/history",
            Self::Socket(SocketRoute::All) => "/ws",
            Self::Socket(SocketRoute::General) => "/ws/general",
            Self::Socket(SocketRoute::Private(_)) => "/ws/private/{chat_id}",
            Self::Socket(SocketRoute::Room(_)) => "/ws/room/{room_id}",
            Self::Healthz => "/healthz",
            Self::Readyz => "/readyz",
            Self::Metrics => "/metrics",
            Self::OpenApi => "/openapi.json",
            Self::Docs => "/docs",
            Self::Asset(_) => "/assets/{asset}",
            Self::Page(page) => page.name(),
        }
    }
}

fn get<'a>(method: &Method, route: Route<'a>) -> Result<Route<'a>, NoRoute> {
    match *method {
        Method::GET => Ok(route),
        // A socket cannot be had without a body.
        Method::HEAD if !route.is_socket() => Ok(route),
        _ if route.is_socket() => Err(NoRoute::OtherMethod("GET")),
        _ => Err(NoRoute::OtherMethod("GET, HEAD")),
    }
}

fn post<'a>(method: &Method, route: Route<'a>) -> Result<Route<'a>, NoRoute> {
    if *method == Method::POST { Ok(route) } else { Err(NoRoute::OtherMethod("POST")) }
}

fn delete<'a>(method: &Method, route: Route<'a>) -> Result<Route<'a>, NoRoute> {
    if *method == Method::DELETE { Ok(route) } else { Err(NoRoute::OtherMethod("DELETE")) }
}

fn get_or_post<'a>(
    method: &Method,
    on_get: Route<'a>,
    on_post: Route<'a>,
) -> Result<Route<'a>, NoRoute> {
    match *method {
        Method::GET | Method::HEAD => Ok(on_get),
        Method::POST => Ok(on_post),
        _ => Err(NoRoute::OtherMethod("GET, HEAD, POST")),
    }
}

fn chat(segment: &str) -> ChatId {
    ChatId::parse(segment).unwrap_or(ChatId(0))
}

fn user(segment: &str) -> UserId {
    UserId::parse(segment).unwrap_or(UserId(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_parsed_and_impossible_ones_are_nobodys() {
        fn parse(path: &str) -> Result<Route<'_>, NoRoute> {
            Route::parse(&Method::GET, path)
        }
        assert_eq!(parse("/chats/room/9/history"), Ok(Route::RoomHistory(ChatId(9))));
        for odd in ["0", "-1", "1e9", "9223372036854775808", "%31", ".."] {
            let path = format!("/chats/room/{odd}/history");
            assert_eq!(parse(&path), Ok(Route::RoomHistory(ChatId(0))), "{odd}");
        }
        for unknown in ["", "//", "/chats/", "/chats//history", "/CHATS", "/chats/room/1/../2"] {
            assert_eq!(parse(unknown), Err(NoRoute::UnknownPath), "{unknown}");
        }
    }

    #[test]
    fn a_known_path_names_its_methods() {
        let other = |method, path| Route::parse(&method, path);
        assert_eq!(other(Method::GET, "/auth/login"), Err(NoRoute::OtherMethod("POST")));
        assert_eq!(other(Method::POST, "/ws"), Err(NoRoute::OtherMethod("GET")));
        assert_eq!(
            other(Method::PUT, "/chats/room/9/join"),
            Err(NoRoute::OtherMethod("GET, HEAD, POST"))
        );
        assert_eq!(other(Method::HEAD, "/chats"), Ok(Route::Chats));
    }
}
