//! What each page shows, as a struct for its template.
//!
//! Filled by `http::pages` from what `chat` returns, rendered by `http::render`. Pure: no look-ups, no
//! clock. The wording is in the templates; the only text for people here is what people wrote and the
//! sentences of refusals.

mod chats;
mod devices;
mod found;
mod messages;
mod people;

pub use chats::{ChatLine, LastLine, PanelMember, RoomPanel, href, tell_apart};
pub use devices::Device;
pub use found::{FindFaults, FindForm, FoundMessageView, FoundView};
pub use messages::{HistoryView, MessageView, PinView, lone_message, messages, moment};
pub use people::{Avatar, Person};

use crate::model::ids::ChatId;
use crate::model::signups::SignupPolicy;
use serde::Serialize;

/// A page with its own template.
pub trait Page: Serialize {
    const TEMPLATE: &'static str;
}

/// What every page needs: the chosen theme and the token for its forms.
#[derive(Debug, Clone, Serialize)]
pub struct Base {
    pub theme: Theme,
    /// Every form contains it as the hidden field `form_token`. It is masked differently for each
    /// page, because pages are compressed together with what other people wrote.
    pub form_token: String,
}

/// Chosen in the settings and kept in the cookie `theme`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    /// What the cookie and the form contain; anything else means the system's theme.
    pub fn from_name(name: &str) -> Self {
        match name {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::System,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// `GET /login`, and a login that was refused.
#[derive(Debug, Serialize)]
pub struct LoginPage {
    pub base: Base,
    /// The path to go to afterwards; always one of our own, never another host.
    pub next: String,
    pub username: String,
    /// Why the login was refused.
    pub fault: Option<String>,
    /// What has just happened, of `LOGIN_NEWS`.
    pub news: Option<&'static str>,
    /// Where to sign up instead; see `door`.
    pub signup_href: String,
    /// Whether a link to set a new password can be sent by mail, and whom else to ask for one.
    pub sends_mail: bool,
    pub contact: Option<String>,
}

impl Page for LoginPage {
    const TEMPLATE: &'static str = "login.html";
}

/// `GET /signup`, and a signup that was refused.
#[derive(Debug, Serialize)]
pub struct SignupPage {
    pub base: Base,
    /// Who may sign up.
    pub policy: SignupPolicy,
    pub next: String,
    /// What their invite contains; empty without one.
    pub invite: String,
    pub username: String,
    pub email: String,
    pub faults: SignupFaults,
    pub login_href: String,
}

/// One sentence per field at fault; `form` is for anything that concerns no single field.
#[derive(Debug, Default, Serialize)]
pub struct SignupFaults {
    pub form: Option<String>,
    pub username: Option<String>,
    pub email: Option<String>,
    pub password: Option<String>,
}

impl Page for SignupPage {
    const TEMPLATE: &'static str = "signup.html";
}

/// `GET /setup`, and an owner's account that was refused.
#[derive(Debug, Serialize)]
pub struct SetupPage {
    pub base: Base,
    /// What the link contained.
    pub setup_token: String,
    pub username: String,
    pub email: String,
    pub faults: SignupFaults,
}

impl Page for SetupPage {
    const TEMPLATE: &'static str = "setup.html";
}

/// `GET /reset`, and a new password that was refused.
#[derive(Debug, Serialize)]
pub struct ResetPage {
    pub base: Base,
    /// What the link contained.
    pub reset_token: String,
    pub password_fault: Option<String>,
    pub form_fault: Option<String>,
}

impl Page for ResetPage {
    const TEMPLATE: &'static str = "reset.html";
}

/// `GET /forgot`, and an address that was refused.
#[derive(Debug, Serialize)]
pub struct ForgotPage {
    pub base: Base,
    pub email: String,
    pub email_fault: Option<String>,
    pub form_fault: Option<String>,
}

impl Page for ForgotPage {
    const TEMPLATE: &'static str = "forgot.html";
}

/// The part of the query that says that a session has ended.
pub const ENDED: &str = "ended";

/// What the query of the login page can say has happened: a session has ended, a new password is set, an account
/// is deleted, or made and waits, or a link is on its way.
pub const LOGIN_NEWS: [&str; 5] = [ENDED, "reset", "deleted", "waiting", "mailed"];

/// The part of the query of a chat's page that asks for a welcome.
pub const WELCOME: &str = "welcome";

/// The URL of `/login` or `/signup` that leads to `next` afterwards.
pub fn door(path: &str, next: &str) -> String {
    if next == "/" {
        return path.to_owned();
    }
    let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
    format!("{path}?next={next}")
}

/// What surrounds every page of a signed-in user: who they are, their chats, open requests.
#[derive(Debug, Serialize)]
pub struct Shell {
    pub viewer: Person,
    /// The path of this page, to which its small forms return.
    pub here: String,
    /// The chat in the middle.
    pub current: Option<i64>,
    pub general: ChatLine,
    pub private_chats: Vec<ChatLine>,
    pub rooms: Vec<ChatLine>,
    /// The rooms whose creators have not answered the viewer yet.
    pub asked: Vec<AskedRoomView>,
    /// Open requests to the viewer's own rooms, oldest first.
    pub requests: Vec<JoinRequestView>,
    /// Those who wait for the viewer, who looks after the server, to let them in.
    pub signups: Vec<Person>,
    /// The history's epoch, with which the page's socket resumes.
    pub epoch: String,
    /// How long until the page renews its session.
    pub renew_seconds: u64,
    /// The cookie that says in which chat this browser is, with `{chat}` in place of its id.
    pub last_chat: String,
}

impl Shell {
    /// The line of this chat in the list.
    pub fn line(&mut self, chat_id: ChatId) -> Option<&mut ChatLine> {
        let lines = std::iter::once(&mut self.general);
        let mut lines = lines.chain(&mut self.private_chats).chain(&mut self.rooms);
        lines.find(|line| line.chat_id == chat_id.0)
    }
}

/// A room that the viewer asks to join.
#[derive(Debug, Serialize)]
pub struct AskedRoomView {
    pub room_id: i64,
    pub name: String,
}

/// A user who asks to join one of the viewer's rooms.
#[derive(Debug, Serialize)]
pub struct JoinRequestView {
    pub room_id: i64,
    pub room_name: String,
    pub user: Person,
}

/// `GET /`: the chats, and how to start another.
#[derive(Debug, Serialize)]
pub struct DashboardPage {
    pub base: Base,
    /// `None` for a script that has it and asks for the middle of the page only.
    pub shell: Option<Shell>,
    pub people: PeopleSearch,
    pub room: RoomForm,
    pub join: JoinForm,
}

impl Page for DashboardPage {
    const TEMPLATE: &'static str = "dashboard.html";
}

/// `GET /?people=…`: what a search without scripts found; `found` is `None` before a search.
#[derive(Debug, Default, Serialize)]
pub struct PeopleSearch {
    pub text: String,
    pub found: Option<Vec<Person>>,
    pub fault: Option<String>,
}

/// `POST /rooms`, as it was filled in.
#[derive(Debug, Default, Serialize)]
pub struct RoomForm {
    pub name: String,
    pub description: String,
    pub name_fault: Option<String>,
    pub description_fault: Option<String>,
}

/// `POST /join`, as it was filled in.
#[derive(Debug, Default, Serialize)]
pub struct JoinForm {
    pub invite_link: String,
    pub fault: Option<String>,
}

/// `GET /general`, `/private/{chat_id}`, `/room/{room_id}`.
#[derive(Debug, Serialize)]
pub struct ChatPage {
    pub base: Base,
    /// `None` for a script that has it and asks for the middle of the page only.
    pub shell: Option<Shell>,
    pub chat: ChatLine,
    pub history: HistoryView,
    pub composer: Composer,
    /// The last pinned first.
    pub pins: Vec<PinView>,
    /// The room's panel; `None` for other kinds of chat.
    pub panel: Option<RoomPanel>,
    /// Whether the viewer has just come in and has nobody to talk to yet.
    pub welcome: bool,
    pub may: May,
}

/// What the viewer may do with messages in this chat, whoever wrote them.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct May {
    pub pin: bool,
    pub delete: bool,
}

impl Page for ChatPage {
    const TEMPLATE: &'static str = "chat.html";
}

/// `GET /find?q=…`
#[derive(Debug, Serialize)]
pub struct FindPage {
    pub base: Base,
    pub shell: Shell,
    pub form: FindForm,
    /// `None` before a search.
    pub found: Option<FoundView>,
}

impl Page for FindPage {
    const TEMPLATE: &'static str = "find.html";
}

/// `GET /message/{chat_id}/{seq}`: one message, and what one can do with it without scripts.
#[derive(Debug, Serialize)]
pub struct MessagePage {
    pub base: Base,
    pub shell: Shell,
    pub chat: ChatLine,
    pub message: MessageView,
    pub forms: MessageForms,
    pub may: May,
}

impl Page for MessagePage {
    const TEMPLATE: &'static str = "message.html";
}

/// The forms of a message's page, as they were filled in, and why one was refused.
#[derive(Debug, Default, Serialize)]
pub struct MessageForms {
    /// A fresh id for the answer, as in `Composer`.
    pub client_id: String,
    pub answer: String,
    pub answer_fault: Option<String>,
    /// What the message says, as it was written, or shall say.
    pub content: String,
    pub content_fault: Option<String>,
    pub emoji: String,
    pub emoji_fault: Option<String>,
    /// What concerns no field.
    pub fault: Option<String>,
}

/// The form that sends a message.
#[derive(Debug, Default, Serialize)]
pub struct Composer {
    /// A fresh id for the draft, so that a form sent twice is stored once.
    pub client_id: String,
    pub content: String,
    pub fault: Option<String>,
}

/// `GET /chats/room/{room_id}/invite?code=…`
#[derive(Debug, Serialize)]
pub struct InvitePage {
    pub base: Base,
    pub shell: Shell,
    pub room_id: i64,
    pub room_name: String,
    pub description: String,
    pub creator: Person,
    pub members: i64,
    pub code: String,
    pub standing: InviteStanding,
}

/// The same for somebody who is not signed in.
#[derive(Debug, Serialize)]
pub struct InviteDoorPage {
    pub base: Base,
    pub room_name: String,
    pub description: String,
    pub creator: Person,
    pub members: i64,
    pub signup_href: String,
    pub login_href: String,
}

impl Page for InviteDoorPage {
    const TEMPLATE: &'static str = "invite_door.html";
}

/// The viewer's state in the room that they are invited to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum InviteStanding {
    Stranger,
    Waiting,
    Member,
    Denied,
}

impl Page for InvitePage {
    const TEMPLATE: &'static str = "invite.html";
}

/// One of the viewer's own sessions.
#[derive(Debug, Serialize)]
pub struct SessionView {
    pub number: i64,
    pub device: Device,
    pub address: Option<String>,
    pub since: String,
    pub since_moment: String,
    pub last_used: String,
    pub last_used_moment: String,
    pub is_current: bool,
}

/// `GET /settings`, and a change that was refused or made.
#[derive(Debug, Serialize)]
pub struct SettingsPage {
    pub base: Base,
    pub shell: Shell,
    pub email: String,
    pub shows_presence: bool,
    pub sessions: Vec<SessionView>,
    pub outcome: SettingsOutcome,
}

/// What became of a change: what was done, or what was wrong with which field.
#[derive(Debug, Default, Serialize)]
pub struct SettingsOutcome {
    pub done: Option<&'static str>,
    pub email_fault: Option<String>,
    pub email_password_fault: Option<String>,
    pub current_fault: Option<String>,
    pub new_fault: Option<String>,
    pub deletion_fault: Option<String>,
}

impl Page for SettingsPage {
    const TEMPLATE: &'static str = "settings.html";
}

/// An answer that is not the requested page: 404, 403, 429, 500, 503 and the like.
#[derive(Debug, Serialize)]
pub struct FailurePage {
    pub theme: Theme,
    pub status: u16,
    /// The refusal's sentence; never a cause.
    pub detail: Option<String>,
    /// The id by which the operator finds the log line.
    pub request_id: Option<String>,
}

impl Page for FailurePage {
    const TEMPLATE: &'static str = "failure.html";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_theme_can_be_read_back_from_its_name() {
        for theme in [Theme::System, Theme::Light, Theme::Dark] {
            assert_eq!(Theme::from_name(theme.name()), theme);
        }
        assert_eq!(Theme::from_name("\"><script>"), Theme::System);
    }
}
