//! What a route is, and which one a request asks for. The routes themselves are in `routes`. Pure.

use super::Call;
use super::form::Form;
use super::respond::Answer;
use super::routes::ROUTES;
use super::sockets::SocketPath;
use crate::model::error::Result;
use crate::model::ids::{ChatId, Seq, SessionNumber, UserId};
use hyper::Method;
use std::pin::Pin;

/// A line of the table.
pub(super) struct Route {
    pub method: Method,
    /// The path, with a name in braces for each parameter: what logs and metrics call the route.
    pub pattern: &'static str,
    pub access: Access,
    pub kind: Kind,
    pub handler: Handler,
}

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Anyone,
    /// Anyone; but if somebody is signed in, the handler knows who.
    OptionalUser,
    User,
    /// A user who is a moderator or an owner of the server.
    Moderator,
    /// Anyone, with any `Host`: health checks use addresses and internal names.
    Probe,
    /// Those who hold a token for it, or ask from the machine itself.
    Operator,
}

impl Access {
    /// Whether machines ask for it every few seconds.
    pub fn is_routine(self) -> bool {
        match self {
            Self::Probe | Self::Operator => true,
            Self::Anyone | Self::OptionalUser | Self::User | Self::Moderator => false,
        }
    }

    /// Whether the handler knows who asks, if anybody is signed in.
    pub fn knows_user(self) -> bool {
        match self {
            Self::User | Self::OptionalUser | Self::Moderator => true,
            Self::Anyone | Self::Probe | Self::Operator => false,
        }
    }
}

/// What is sent, and how it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Empty,
    Json,
    /// JSON, or the OAuth2 password form.
    JsonOrForm,
    /// JSON, or no body.
    OptionalJson,
    /// A handshake, followed by frames.
    Socket,
    /// Nothing is sent; the answer is HTML, even if it is a refusal. A user who is not signed in is
    /// redirected to the login page.
    Page,
    /// A page at which one signs in: it is answered as `Page`, but nobody is redirected to it afterwards.
    Door,
    /// What the form of a page sends, with its token; answered as `Page`.
    Form,
    /// Nothing is sent; the answer is JSON for a page's script, but a refusal is that of a `Page`.
    PageData,
}

impl Kind {
    /// Whether the callers are people who see pages.
    pub fn is_of_pages(self) -> bool {
        match self {
            Self::Page | Self::Door | Self::Form | Self::PageData => true,
            Self::Empty | Self::Json | Self::JsonOrForm | Self::OptionalJson | Self::Socket => {
                false
            }
        }
    }
}

/// The function to call.
pub(super) enum Handler {
    Call(for<'a> fn(&'a Call, &mut Parameters<'a>) -> Answering<'a>),
    /// Called only with a form whose token is valid.
    Form(for<'a> fn(&'a Call, Form, &mut Parameters<'a>) -> Answering<'a>),
    /// What the socket is for.
    Socket(fn(&mut Parameters<'_>) -> SocketPath),
}

/// Boxed, so that the future of a request is not as large as that of the largest handler.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Result<Answer>> + Send + 'a>>;

/// The table: `(call, form)`, which names the two values for the last column, and one line per route:
/// `METHOD /path/{parameter}, Access, Kind, handler;`.
macro_rules! routes {
    (
        ($call:ident, $form:ident)
        $(
            $method:ident
            $(/ $($literal:ident $(. $ending:ident)?)? $({ $parameter:ident })?)+,
            $access:ident, $kind:ident, $handler:expr;
        )+
    ) => {
        pub(super) static ROUTES: &[$crate::http::route::Route] = &[$($crate::http::route::Route {
            method: hyper::Method::$method,
            pattern: concat!($(
                "/",
                $(stringify!($literal), $(".", stringify!($ending),)?)?
                $("{", stringify!($parameter), "}",)?
            )+),
            access: $crate::http::route::Access::$access,
            kind: $crate::http::route::Kind::$kind,
            handler: $crate::http::route::handler!(
                $kind, ($call, $form), ($($($parameter)?)+), $handler
            ),
        }),+];
    };
}

/// The last column as a function. `_path` is unused where the path has no parameters.
macro_rules! handler {
    (Socket, $names:tt, ($($parameter:ident)*), $path:expr) => {
        $crate::http::route::Handler::Socket(|_path| {
            $(let $parameter = _path.take();)*
            $path
        })
    };
    (Form, ($call:ident, $form:ident), ($($parameter:ident)*), $answer:expr) => {
        $crate::http::route::Handler::Form(|$call, $form, _path| {
            $(let $parameter = _path.take();)*
            Box::pin($answer)
        })
    };
    ($kind:ident, ($call:ident, $form:ident), ($($parameter:ident)*), $answer:expr) => {
        $crate::http::route::Handler::Call(|$call, _path| {
            $(let $parameter = _path.take();)*
            Box::pin($answer)
        })
    };
}
pub(super) use {handler, routes};

/// Why a request has no route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoRoute {
    UnknownPath,
    /// The methods that the path has, as `Allow` lists them.
    OtherMethod(String),
}

impl Route {
    /// The route that a request asks for, and the parameters in its path.
    pub fn find<'a>(
        method: &Method,
        path: &'a str,
    ) -> Result<(&'static Self, Parameters<'a>), NoRoute> {
        // The server as a whole (RFC 9110, 9.3.7).
        let path = if *method == Method::OPTIONS && path == "*" { "/" } else { path };
        let fits = |route: &&Self| Parameters { pattern: route.pattern, path }.fit();
        let first = ROUTES.iter().find(fits).ok_or(NoRoute::UnknownPath)?;
        let here = ROUTES.iter().filter(|route| route.pattern == first.pattern);
        match here.clone().find(|route| route.takes(method)) {
            Some(route) => Ok((route, Parameters { pattern: route.pattern, path })),
            None => {
                let methods = here.flat_map(|route| route.methods()).map(Method::as_str);
                Err(NoRoute::OtherMethod(methods.collect::<Vec<_>>().join(", ")))
            }
        }
    }

    /// The name that the description of the API uses: `GET /chats`.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.pattern)
    }

    /// Whether this URL is one of our own pages, to which people may be redirected: never another
    /// host, never the login or signup page.
    pub fn is_page(address: &str) -> bool {
        let path = address.split(['?', '#']).next().unwrap_or_default();
        let is_plain = address.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
        let found = Self::find(&Method::GET, path);
        is_plain
            && found.is_ok_and(|(route, _)| route.kind == Kind::Page && route.access.knows_user())
    }

    /// `HEAD` is answered like `GET` without the body; a socket has no `HEAD`.
    fn methods(&self) -> impl Iterator<Item = &Method> {
        let has_head = self.method == Method::GET && self.kind != Kind::Socket;
        std::iter::once(&self.method).chain(has_head.then_some(&Method::HEAD))
    }

    fn takes(&self, method: &Method) -> bool {
        self.methods().any(|taken| taken == method)
    }
}

/// The one parameter that takes all the rest of its path, including slashes.
const REST: &str = "asset";

/// The values in a path where its pattern has names in braces, from left to right.
#[derive(Debug, Clone, Copy)]
pub struct Parameters<'a> {
    /// What is left of the pattern and the path.
    pattern: &'static str,
    path: &'a str,
}

impl<'a> Parameters<'a> {
    pub fn take<T: Parameter<'a>>(&mut self) -> T {
        T::of(self.segment().unwrap_or_default())
    }

    /// Whether the path fits the pattern.
    fn fit(mut self) -> bool {
        while self.segment().is_some() {}
        self.pattern == self.path
    }

    /// The next parameter, if there is one and the path fits the pattern up to there.
    fn segment(&mut self) -> Option<&'a str> {
        let (literal, rest) = self.pattern.split_once('{')?;
        let (name, pattern) = rest.split_once('}')?;
        let path = self.path.strip_prefix(literal)?;
        let end = if name == REST { None } else { path.find('/') };
        let (segment, path) = path.split_at(end.unwrap_or(path.len()));
        *self = Self { pattern, path };
        Some(segment)
    }
}

/// What a segment of a path can be. What cannot be an id becomes 0, which no chat, no user and no
/// message has, so that it is answered like any other unknown one.
pub trait Parameter<'a> {
    fn of(segment: &'a str) -> Self;
}

impl Parameter<'_> for ChatId {
    fn of(segment: &str) -> Self {
        Self::parse(segment).unwrap_or(Self(0))
    }
}

impl Parameter<'_> for UserId {
    fn of(segment: &str) -> Self {
        Self::parse(segment).unwrap_or(Self(0))
    }
}

impl Parameter<'_> for SessionNumber {
    fn of(segment: &str) -> Self {
        Self::parse(segment).unwrap_or(Self(0))
    }
}

impl Parameter<'_> for Seq {
    fn of(segment: &str) -> Self {
        Self::parse(segment).unwrap_or(Self(0))
    }
}

impl<'a> Parameter<'a> for &'a str {
    fn of(segment: &'a str) -> Self {
        segment
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pattern of the route that was found, and the parameters.
    fn found<'a>(method: &Method, path: &'a str) -> Result<(&'static str, Vec<&'a str>), NoRoute> {
        let (route, mut parameters) = Route::find(method, path)?;
        Ok((route.pattern, std::iter::from_fn(|| parameters.segment()).collect()))
    }

    #[test]
    fn every_route_is_found_by_its_own_path() {
        for route in ROUTES {
            let (other, _) = Route::find(&route.method, route.pattern).expect("a route");
            assert!(std::ptr::eq(route, other), "{} is never found", route.name());
        }
    }

    #[test]
    fn an_impossible_id_becomes_one_that_nothing_has() {
        let id =
            |path: &str| -> ChatId { Route::find(&Method::GET, path).expect("a route").1.take() };
        assert_eq!(id("/chats/room/9/history"), ChatId(9));
        for odd in ["0", "-1", "1e9", "9223372036854775808", "%31", "..", "", "{room_id}"] {
            assert_eq!(id(&format!("/chats/room/{odd}/history")), ChatId(0), "{odd}");
        }
        let both = found(&Method::DELETE, "/chats/room/9/members/7").expect("a route");
        assert_eq!(both, ("/chats/room/{room_id}/members/{user_id}", vec!["9", "7"]));
    }

    #[test]
    fn every_other_path_is_unknown() {
        for unknown in [
            "",
            "*",
            "//",
            "chats",
            "/chats/",
            "/chats//history",
            "/CHATS",
            "/chats/room/1/../2",
            "/chats/{chat_id}",
            "/assets",
        ] {
            assert_eq!(found(&Method::GET, unknown), Err(NoRoute::UnknownPath), "{unknown}");
        }
    }

    #[test]
    fn a_known_path_lists_its_methods() {
        let allow = |method, path| match found(&method, path) {
            Err(NoRoute::OtherMethod(allow)) => allow,
            other => panic!("{path}: {other:?}"),
        };
        assert_eq!(allow(Method::GET, "/auth/login"), "POST");
        assert_eq!(allow(Method::POST, "/ws"), "GET");
        assert_eq!(allow(Method::HEAD, "/ws/room/9"), "GET");
        assert_eq!(allow(Method::POST, "/chats"), "GET, HEAD");
        assert_eq!(allow(Method::PUT, "/chats/room/9/join"), "GET, HEAD, POST");
        assert_eq!(allow(Method::POST, "/chats/room/messages"), "GET, HEAD");
        assert_eq!(found(&Method::HEAD, "/chats"), Ok(("/chats", vec![])));
    }

    #[test]
    fn an_asset_is_the_rest_of_its_path() {
        let asset = |path| found(&Method::GET, path).map(|(_, parameters)| parameters);
        assert_eq!(asset("/assets/f00/js/app.js"), Ok(vec!["f00/js/app.js"]));
        assert_eq!(asset("/assets/"), Ok(vec![""]));
    }

    #[test]
    fn redirects_lead_only_to_our_own_pages() {
        let invite = "/chats/room/9/invite?code=x%26y";
        for ours in ["/", "/general", "/room/9?before=50", "/settings", invite] {
            assert!(Route::is_page(ours), "{ours}");
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
            assert!(!Route::is_page(not), "{not}");
        }
    }

    /// The token is checked only for forms.
    #[test]
    fn every_change_on_a_page_is_a_form() {
        for route in ROUTES.iter().filter(|route| route.kind.is_of_pages()) {
            let is_form = matches!(route.handler, Handler::Form(_));
            assert_eq!(is_form, route.method == Method::POST, "{}", route.name());
        }
    }
}
