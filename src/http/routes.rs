//! Every route, one line each: method, path, who may call it, what is sent and answered, and the
//! handler.
//!
//! Everything else follows from these lines: what a path means and which methods it has (`route`), who
//! may call and what runs (`http`), the names in logs and metrics, where a login may redirect. Tests
//! compare the description of the API and the rows of `tests/it/reach.rs` with them. In the last
//! column `{room_id}` is a variable, whose type is the one that the handler asks for; `{asset}` is the rest
//! of its path, slashes too. If two paths fit, the upper line wins.

#[cfg(test)]
mod openapi_tests;

use super::pages::chat::ChatPath::{General, Private, Room};
use super::route::routes;
use super::sockets::SocketPath;
use super::{api, pages};

routes! {
    (call, form)

    // The API.
    POST   /auth/signup,                            Anyone, Json,         api::accounts::sign_up(call);
    POST   /auth/login,                             Anyone, JsonOrForm,   api::accounts::log_in(call);
    POST   /auth/logout,                            User,   Empty,        api::accounts::log_out(call);
    POST   /auth/renew,                             User,   Empty,        api::accounts::renew(call);
    POST   /auth/password,                          User,   Json,         api::accounts::change_password(call);
    GET    /auth/me,                                User,   Empty,        api::accounts::me(call);
    PATCH  /auth/me,                                User,   Json,         api::accounts::change_me(call);
    DELETE /auth/me,                                User,   Json,         api::accounts::delete_me(call);
    GET    /auth/me/export,                         User,   Empty,        api::accounts::export(call);
    POST   /auth/forgot,                            Anyone, Json,         api::accounts::forgot(call);
    POST   /auth/reset,                             Anyone, Json,         api::accounts::reset_password(call);
    GET    /auth/sessions,                          User,   Empty,        api::sessions::list(call);
    DELETE /auth/sessions/{session_id},             User,   Empty,        api::sessions::end(call, session_id);
    POST   /setup,                                  Anyone, Json,         api::accounts::set_up(call);
    GET    /admin/signups,                          Moderator, Empty,     api::signups::list(call);
    POST   /admin/signups/{user_id}/approve,        Moderator, Empty,     api::signups::approve(call, user_id);
    POST   /admin/signups/{user_id}/deny,           Moderator, Empty,     api::signups::deny(call, user_id);
    GET    /users,                                  User,   Empty,        api::users::search(call);
    GET    /search,                                 User,   Empty,        api::search::search(call);
    GET    /chats,                                  User,   Empty,        api::chats::list(call);
    GET    /chats/general/history,                  User,   OptionalJson, api::history::general(call);
    POST   /chats/private,                          User,   Json,         api::private::create(call);
    GET    /chats/private/{chat_id}/history,        User,   OptionalJson, api::history::private(call, chat_id);
    POST   /chats/room,                             User,   Json,         api::rooms::create(call);
    GET    /chats/room/{room_id},                   User,   Empty,        api::rooms::show(call, room_id);
    GET    /chats/room/{room_id}/history,           User,   OptionalJson, api::history::room(call, room_id);
    GET    /chats/room/{room_id}/members,           User,   Empty,        api::rooms::members(call, room_id);
    DELETE /chats/room/{room_id}/members/{user_id}, User,   Empty,        api::rooms::remove(call, room_id, user_id);
    POST   /chats/room/{room_id}/invite/rotate,     User,   Empty,        api::rooms::rotate(call, room_id);
    GET    /chats/room/{room_id}/invite/pending,    User,   Empty,        api::join_requests::list(call, room_id);
    POST   /chats/room/{room_id}/invite/approve,    User,   Json,         api::join_requests::approve(call, room_id);
    POST   /chats/room/{room_id}/invite/deny,       User,   Json,         api::join_requests::deny(call, room_id);
    GET    /chats/room/{room_id}/join,              User,   Empty,        api::join_requests::status(call, room_id);
    POST   /chats/room/{room_id}/join,              User,   Json,         api::join_requests::ask(call, room_id);
    POST   /chats/{chat_id}/messages,               User,   Json,         api::messages::post(call, chat_id);
    GET    /chats/{chat_id}/messages/{seq},         User,   Empty,        api::messages::show(call, chat_id, seq);
    PATCH  /chats/{chat_id}/messages/{seq},         User,   Json,         api::messages::edit(call, chat_id, seq);
    DELETE /chats/{chat_id}/messages/{seq},         User,   Empty,        api::messages::delete(call, chat_id, seq);
    PUT    /chats/{chat_id}/messages/{seq}/pin,     User,   Empty,        api::messages::pin(call, chat_id, seq, true);
    DELETE /chats/{chat_id}/messages/{seq}/pin,     User,   Empty,        api::messages::pin(call, chat_id, seq, false);
    GET    /chats/{chat_id}/messages/{seq}/reactions, User, Empty,        api::messages::reactions(call, chat_id, seq);
    PUT    /chats/{chat_id}/messages/{seq}/reactions/{emoji}, User, Empty, api::messages::react(call, chat_id, seq, emoji, true);
    DELETE /chats/{chat_id}/messages/{seq}/reactions/{emoji}, User, Empty, api::messages::react(call, chat_id, seq, emoji, false);
    GET    /chats/{chat_id}/mentions,               User,   Empty,        api::chats::mentions(call, chat_id);
    GET    /chats/{chat_id}/pins,                   User,   Empty,        api::messages::pins(call, chat_id);
    POST   /chats/{chat_id}/read,                   User,   Json,         api::chats::read(call, chat_id);

    // Sockets.
    GET /ws,                   User, Socket, SocketPath::All;
    GET /ws/general,           User, Socket, SocketPath::General;
    GET /ws/private/{chat_id}, User, Socket, SocketPath::Private(chat_id);
    GET /ws/room/{room_id},    User, Socket, SocketPath::Room(room_id);

    // For machines, and what needs no account.
    GET     /healthz,        Probe,    Empty, api::machines::healthz(call);
    OPTIONS /healthz,        Probe,    Empty, api::machines::healthz(call);
    GET     /readyz,         Probe,    Empty, api::machines::readyz(call);
    OPTIONS /readyz,         Probe,    Empty, api::machines::readyz(call);
    OPTIONS /,               Probe,    Empty, api::machines::healthz(call);
    GET     /metrics,        Operator, Empty, api::machines::metrics(call);
    GET     /openapi.json,   Anyone,   Empty, api::machines::openapi(call);
    GET     /docs,           Anyone,   Empty, pages::show_docs(call);
    GET     /assets/{asset}, Anyone,   Empty, pages::asset(call, asset);

    // Pages.
    GET  /later,                       Anyone,       PageData, pages::show_later(call);
    GET  /emoji,                       User,         PageData, pages::show_emoji(call);
    GET  /signup,                      OptionalUser, Door,     pages::signup_login::show_signup(call);
    POST /signup,                      OptionalUser, Form,     pages::signup_login::sign_up(call, form);
    GET  /login,                       OptionalUser, Door,     pages::signup_login::show_login(call);
    POST /login,                       OptionalUser, Form,     pages::signup_login::log_in(call, form);
    POST /logout,                      User,         Form,     pages::signup_login::log_out(call, form);
    GET  /forgot,                      OptionalUser, Door,     pages::forgot::show(call);
    POST /forgot,                      OptionalUser, Form,     pages::forgot::ask(call, form);
    GET  /reset,                       OptionalUser, Door,     pages::reset::show(call);
    POST /reset,                       OptionalUser, Form,     pages::reset::set_password(call, form);
    GET  /setup,                       OptionalUser, Door,     pages::setup::show(call);
    POST /setup/account,               OptionalUser, Form,     pages::setup::make_owner(call, form);
    GET  /,                            User,         Page,     pages::dashboard::show(call);
    POST /people,                      User,         Form,     pages::dashboard::open_private(call, form);
    POST /rooms,                       User,         Form,     pages::dashboard::create_room(call, form);
    POST /join,                        User,         Form,     pages::dashboard::join(call, form);
    GET  /general,                     User,         Page,     pages::chat::show(call, General);
    POST /general,                     User,         Form,     pages::chat::post(call, General, form);
    POST /general/read,                User,         Form,     pages::chat::read(call, General, form);
    GET  /private/{chat_id},           User,         Page,     pages::chat::show(call, Private(chat_id));
    POST /private/{chat_id},           User,         Form,     pages::chat::post(call, Private(chat_id), form);
    POST /private/{chat_id}/read,      User,         Form,     pages::chat::read(call, Private(chat_id), form);
    GET  /room/{room_id},              User,         Page,     pages::chat::show(call, Room(room_id));
    POST /room/{room_id},              User,         Form,     pages::chat::post(call, Room(room_id), form);
    POST /room/{room_id}/read,         User,         Form,     pages::chat::read(call, Room(room_id), form);
    POST /room/{room_id}/approve,      User,         Form,     pages::rooms::approve(call, room_id, form);
    POST /room/{room_id}/deny,         User,         Form,     pages::rooms::deny(call, room_id, form);
    POST /room/{room_id}/remove,       User,         Form,     pages::rooms::remove(call, room_id, form);
    POST /room/{room_id}/rotate,       User,         Form,     pages::rooms::rotate(call, room_id, form);
    POST /room/{room_id}/leave,        User,         Form,     pages::rooms::leave(call, room_id, form);
    GET  /message/{chat_id}/{seq},         User,     Page,     pages::message::show(call, chat_id, seq);
    POST /message/{chat_id}/{seq}/answer,  User,     Form,     pages::message::answer(call, chat_id, seq, form);
    POST /message/{chat_id}/{seq}/edit,    User,     Form,     pages::message::edit(call, chat_id, seq, form);
    POST /message/{chat_id}/{seq}/react,   User,     Form,     pages::message::react(call, chat_id, seq, form);
    POST /message/{chat_id}/{seq}/pin,     User,     Form,     pages::message::pin(call, chat_id, seq, form);
    POST /message/{chat_id}/{seq}/delete,  User,     Form,     pages::message::delete(call, chat_id, seq, form);
    GET  /chats/room/{room_id}/invite, OptionalUser, Page,     pages::invite::show(call, room_id);
    POST /chats/room/{room_id}/invite, User,         Form,     pages::invite::ask(call, room_id, form);
    POST /signups/approve,             Moderator,    Form,     pages::signups::approve(call, form);
    POST /signups/deny,                Moderator,    Form,     pages::signups::deny(call, form);
    GET  /requests,                    User,         PageData, pages::rooms::open_requests(call);
    GET  /find,                        User,         Page,     pages::find::show(call);
    GET  /settings,                    User,         Page,     pages::settings::show(call);
    POST /settings/theme,              User,         Form,     pages::settings::set_theme(call, form);
    POST /settings/presence,           User,         Form,     pages::settings::set_presence(call, form);
    POST /settings/email,              User,         Form,     pages::settings::set_email(call, form);
    POST /settings/delete,             User,         Form,     pages::settings::delete_account(call, form);
    POST /settings/session,            User,         Form,     pages::settings::end_session(call, form);
    POST /settings/password,           User,         Form,     pages::settings::set_password(call, form);
}
