//! Every page with sample and hostile values. If `SNUG_PREVIEW` is set to a folder, the pages are
//! written there, to look at in a browser.

use super::*;
use crate::http::views::*;
use crate::model::ids::{Change, ChatId, MessageId, Position, Seq, UserId};
use crate::model::message::{self, ChatType, Role, SessionId, Standing, Viewer};
use crate::model::signups::SignupPolicy;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use std::io::Write as _;

const HOSTILE: &str = "</script><img src=x onerror=alert(1)>{{7*7}}'\"";

fn base(theme: Theme) -> Base {
    Base { theme, form_token: "t0ken".into() }
}

fn viewer() -> Viewer {
    Viewer {
        user_id: UserId(1),
        username: "ada".into(),
        role: Role::Member,
        shows_presence: true,
        session: SessionId([0; 16]),
    }
}

fn line(
    chat_type: ChatType,
    id: i64,
    name: &str,
    seqs: (i64, i64),
    last: Option<LastLine>,
) -> ChatLine {
    let (reach, read_seq) = (Position { seq: Seq(seqs.0), change: Change(0) }, Seq(seqs.1));
    let other = (chat_type == ChatType::Private).then_some((UserId(id), Some(Seq(seqs.0))));
    ChatLine::new(
        Standing { chat_id: ChatId(id), chat_type, last: reach, read_seq, mentioned: 0 },
        name,
        other,
        last,
    )
}

fn last_line(username: &str, own: bool, content: &str) -> LastLine {
    LastLine::new(username, own, content, Timestamp::from_second(1_726_740_000).unwrap())
}

fn stored(seq: i64, user: (i64, &str), minute: i64, content: &str) -> message::Message {
    message::Message {
        id: MessageId(seq),
        seq: Seq(seq),
        chat_id: ChatId(9),
        chat_type: ChatType::Room,
        sender_id: UserId(user.0),
        receiver_id: None,
        username: user.1.into(),
        content: content.into(),
        timestamp: Timestamp::from_second(1_726_740_000 + minute * 60).unwrap(),
        client_id: None,
        more: None,
    }
}

fn shell(current: Option<i64>, requests: Vec<JoinRequestView>) -> Shell {
    Shell {
        viewer: Person::new(1, "ada"),
        here: "/general".into(),
        current,
        general: line(
            ChatType::General,
            1,
            "",
            (812, 809),
            Some(last_line("bo", false, "Lunch at one? The place by the canal is open again")),
        ),
        private_chats: vec![
            line(
                ChatType::Private,
                7,
                "grace.hopper",
                (12, 12),
                Some(last_line("ada", true, "See you tomorrow")),
            ),
            line(ChatType::Private, 8, "cy", (140, 2), Some(last_line("cy", false, "ok"))),
        ],
        rooms: vec![
            line(
                ChatType::Room,
                9,
                "Kitchen",
                (48, 46),
                Some(last_line("bo", false, "Who left the kettle on?")),
            ),
            line(ChatType::Room, 10, HOSTILE, (1, 1), Some(last_line("mallory", false, HOSTILE))),
            line(
                ChatType::Room,
                11,
                "A room whose name is so long that it cannot fit into any list there is",
                (0, 0),
                None,
            ),
        ],
        asked: vec![AskedRoomView { room_id: 21, name: HOSTILE.into() }],
        requests,
        signups: vec![Person::new(22, "newcomer")],
        epoch: "e".into(),
        renew_seconds: 302_400,
        last_chat: "snug_chat_0123abcd={chat}; Path=/; SameSite=Lax".into(),
    }
}

fn bare_shell() -> Shell {
    Shell {
        general: line(ChatType::General, 1, "", (0, 0), None),
        private_chats: Vec::new(),
        rooms: Vec::new(),
        asked: Vec::new(),
        ..shell(None, Vec::new())
    }
}

fn talk() -> HistoryView {
    let (ada, bo, cy) = ((1, "ada"), (2, "bo"), (3, "cy"));
    let stored: Vec<_> = [
        (bo, -1500, "Has anybody seen the good knife?"),
        (cy, -1490, "It is in the drawer under the sink, where it has been since somebody decided that the block on the counter was ugly."),
        (ada, 0, "Morning. I put the minutes here: https://example.org/minutes/2024-09-19?view=full#decisions (two pages)."),
        (ada, 1, "Three things to decide:\n\n1. the kettle\n2. the rota\n3. whether we keep the plant"),
        (bo, 4, "Keep the plant."),
        (bo, 4, "The rota is fine as it is, I think."),
        (cy, 9, "let x = \"a_very_long_word_without_any_place_to_break_it_because_somebody_pasted_code_into_the_chat_again_and_again\";"),
        (cy, 30, "@ada could you ask about the kettle?"),
        (bo, 44, HOSTILE),
        (bo, 45, "Who left the kettle on?"),
    ]
    .iter()
    .enumerate()
    .map(|(at, (user, minute, content))| stored(39 + at as i64, *user, *minute, content))
    .collect();
    HistoryView {
        messages: messages(&stored, &viewer(), Seq(46)),
        older: Some("/room/9?before=39".into()),
        newer: None,
        latest: "/room/9?before=49".into(),
        last_seq: 48,
        read_seq: 46,
        at: 0,
    }
}

fn asked() -> Vec<JoinRequestView> {
    vec![JoinRequestView {
        room_id: 9,
        room_name: "Kitchen".into(),
        user: Person::new(4, "dorothy_v"),
    }]
}

fn composer() -> Composer {
    Composer { client_id: "w-1".into(), ..Composer::default() }
}

fn room(theme: Theme, is_creator: bool) -> ChatPage {
    let shell = shell(Some(9), if is_creator { asked() } else { Vec::new() });
    let person = |id, name, is_creator| PanelMember {
        user: Person::new(id, name),
        is_creator,
        is_viewer: name == "ada",
    };
    ChatPage {
        base: base(theme),
        chat: shell.rooms[0].clone(),
        shell: Some(shell),
        history: talk(),
        composer: composer(),
        pins: vec![PinView { seq: 41, username: "bo".into(), excerpt: HOSTILE.into() }],
        panel: Some(RoomPanel {
            room_id: 9,
            description: "Kettles, rotas and the plant.".into(),
            is_creator,
            members: vec![
                person(1, "ada", is_creator),
                person(2, "bo", !is_creator),
                person(3, "cy", false),
            ],
            members_count: 5,
            denied: if is_creator { vec![Person::new(5, "mallory")] } else { Vec::new() },
            invite_link: is_creator.then(|| {
                "http://localhost:8000/chats/room/9/invite?code=Zm9vYmFyYmF6cXV4MTIzNA".into()
            }),
        }),
        welcome: false,
        may: May { pin: is_creator, delete: is_creator },
    }
}

fn private(theme: Theme) -> ChatPage {
    let shell = shell(Some(7), Vec::new());
    let chat = ChatLine { last_seq: 0, read_seq: 0, unread: 0, ..shell.private_chats[0].clone() };
    let history = HistoryView::default();
    let (base, shell) = (base(theme), Some(shell));
    let (composer, panel, welcome) = (composer(), None, true);
    let may = May { pin: true, delete: false };
    ChatPage { base, chat, shell, history, composer, pins: Vec::new(), panel, welcome, may }
}

fn one_message(theme: Theme, fault: Option<&str>) -> MessagePage {
    let shell = shell(Some(9), Vec::new());
    let fault = fault.map(str::to_owned);
    MessagePage {
        base: base(theme),
        chat: shell.rooms[0].clone(),
        shell,
        message: lone_message(&stored(40, (1, "ada"), 0, HOSTILE), &viewer()),
        forms: MessageForms {
            client_id: "w-1".into(),
            answer: HOSTILE.into(),
            answer_fault: fault.clone(),
            content: HOSTILE.into(),
            content_fault: fault.clone(),
            emoji: HOSTILE.into(),
            emoji_fault: fault.clone(),
            fault,
        },
        may: May { pin: true, delete: true },
    }
}

fn dashboard(theme: Theme, shell: Shell) -> DashboardPage {
    DashboardPage {
        base: base(theme),
        shell: Some(shell),
        people: PeopleSearch::default(),
        room: RoomForm::default(),
        join: JoinForm::default(),
    }
}

fn faulty_dashboard(theme: Theme) -> DashboardPage {
    DashboardPage {
        people: PeopleSearch {
            text: "g".into(),
            found: Some(vec![Person::new(6, "grace.hopper"), Person::new(9, "Gwen")]),
            fault: None,
        },
        room: RoomForm {
            name: HOSTILE.into(),
            description: HOSTILE.into(),
            name_fault: Some("A room's name has 1 to 80 characters.".into()),
            description_fault: None,
        },
        join: JoinForm {
            invite_link: HOSTILE.into(),
            fault: Some("This is not an invite link of this server.".into()),
        },
        ..dashboard(theme, shell(None, asked()))
    }
}

fn invite(theme: Theme, standing: InviteStanding) -> InvitePage {
    InvitePage {
        base: base(theme),
        shell: bare_shell(),
        room_id: 9,
        room_name: "Kitchen".into(),
        description: "Kettles, rotas and the plant.".into(),
        creator: Person::new(2, "bo"),
        members: 5,
        code: HOSTILE.into(),
        standing,
    }
}

fn invite_door(theme: Theme) -> InviteDoorPage {
    InviteDoorPage {
        base: base(theme),
        room_name: HOSTILE.into(),
        description: HOSTILE.into(),
        creator: Person::new(2, "bo"),
        members: 1,
        signup_href: door("/signup", "/chats/room/9/invite?code=x&y"),
        login_href: door("/login", "/chats/room/9/invite?code=x&y"),
    }
}

fn settings(theme: Theme, password_changed: bool) -> SettingsPage {
    SettingsPage {
        base: base(theme),
        shell: shell(None, Vec::new()),
        email: "ada@example.org".into(),
        shows_presence: true,
        outcome: match password_changed {
            true => SettingsOutcome { done: Some("password"), ..SettingsOutcome::default() },
            false => SettingsOutcome {
                current_fault: Some("This is not your password.".into()),
                email_fault: Some("Write an e-mail address like ada@example.org.".into()),
                deletion_fault: Some(HOSTILE.into()),
                ..SettingsOutcome::default()
            },
        },
        sessions: [None, Some(HOSTILE), Some("Gecko (Linux) Firefox/150.0")]
            .into_iter()
            .map(|user_agent| SessionView {
                number: 7,
                device: Device::of(user_agent),
                address: user_agent.map(|_| "2001:db8::7".into()),
                since: "2024-09-19T10:00:00Z".into(),
                since_moment: "19 September 2024, 10:00 UTC".into(),
                last_used: "2024-09-19T11:00:00Z".into(),
                last_used_moment: "19 September 2024, 11:00 UTC".into(),
                is_current: user_agent.is_none(),
            })
            .collect(),
    }
}

fn signup(theme: Theme, faulty: bool) -> SignupPage {
    let fault = |text: &str| faulty.then(|| text.to_owned());
    SignupPage {
        base: base(theme),
        policy: SignupPolicy::Open,
        next: "/".into(),
        invite: if faulty { HOSTILE.into() } else { String::new() },
        username: if faulty { HOSTILE.into() } else { String::new() },
        email: if faulty { HOSTILE.into() } else { String::new() },
        faults: SignupFaults {
            form: None,
            username: fault("Use 3 to 32 of the characters A–Z, a–z, 0–9, _ . and -."),
            email: fault("Write an e-mail address like ada@example.org."),
            password: fault("Use 8 to 128 characters."),
        },
        login_href: door("/login", "/"),
    }
}

fn setup(theme: Theme) -> SetupPage {
    let SignupPage { base, username, email, faults, .. } = signup(theme, true);
    SetupPage { base, setup_token: HOSTILE.into(), username, email, faults }
}

fn forgot(theme: Theme) -> ForgotPage {
    ForgotPage {
        base: base(theme),
        email: HOSTILE.into(),
        email_fault: Some("Write an e-mail address like ada@example.org.".into()),
        form_fault: None,
    }
}

fn reset(theme: Theme) -> ResetPage {
    ResetPage {
        base: base(theme),
        reset_token: HOSTILE.into(),
        password_fault: Some("Use 8 to 128 characters.".into()),
        form_fault: Some(HOSTILE.into()),
    }
}

fn login(theme: Theme, fault: Option<&str>) -> LoginPage {
    LoginPage {
        base: base(theme),
        next: "/room/9".into(),
        username: if fault.is_some() { HOSTILE.into() } else { String::new() },
        fault: fault.map(str::to_owned),
        news: fault.is_none().then_some("waiting"),
        signup_href: door("/signup", "/chats/room/9/invite?code=x&y"),
        sends_mail: false,
        contact: fault.map(|_| HOSTILE.to_owned()),
    }
}

fn failure(theme: Theme, status: u16) -> FailurePage {
    FailurePage { theme, status, detail: Some(HOSTILE.into()), request_id: Some("01J9".into()) }
}

fn every_page(theme: Theme) -> Vec<(&'static str, String)> {
    let renderer = Renderer::new().unwrap();
    let by = |policy| SignupPage { policy, ..signup(theme, false) };
    let no_panel = |page: ChatPage| ChatPage { panel: None, ..page };
    vec![
        ("login", renderer.page(&login(theme, None)).unwrap()),
        (
            "login-fault",
            renderer.page(&login(theme, Some("Username and password do not match."))).unwrap(),
        ),
        ("signup", renderer.page(&signup(theme, false)).unwrap()),
        ("signup-approval", renderer.page(&by(SignupPolicy::Approval)).unwrap()),
        ("signup-invite", renderer.page(&by(SignupPolicy::Invite)).unwrap()),
        ("signup-closed", renderer.page(&by(SignupPolicy::Closed)).unwrap()),
        ("signup-fault", renderer.page(&signup(theme, true)).unwrap()),
        ("forgot", renderer.page(&forgot(theme)).unwrap()),
        ("reset", renderer.page(&reset(theme)).unwrap()),
        ("setup", renderer.page(&setup(theme)).unwrap()),
        ("dashboard", renderer.page(&dashboard(theme, shell(None, Vec::new()))).unwrap()),
        ("dashboard-empty", renderer.page(&dashboard(theme, bare_shell())).unwrap()),
        ("dashboard-fault", renderer.page(&faulty_dashboard(theme)).unwrap()),
        ("room-creator", renderer.page(&room(theme, true)).unwrap()),
        ("room-member", renderer.page(&room(theme, false)).unwrap()),
        ("chat", renderer.page(&no_panel(room(theme, false))).unwrap()),
        ("private-empty", renderer.page(&private(theme)).unwrap()),
        ("message", renderer.page(&one_message(theme, None)).unwrap()),
        ("message-fault", renderer.page(&one_message(theme, Some(HOSTILE))).unwrap()),
        ("invite", renderer.page(&invite(theme, InviteStanding::Stranger)).unwrap()),
        ("invite-waiting", renderer.page(&invite(theme, InviteStanding::Waiting)).unwrap()),
        ("invite-denied", renderer.page(&invite(theme, InviteStanding::Denied)).unwrap()),
        ("invite-member", renderer.page(&invite(theme, InviteStanding::Member)).unwrap()),
        ("invite-door", renderer.page(&invite_door(theme)).unwrap()),
        ("settings", renderer.page(&settings(theme, false)).unwrap()),
        ("settings-done", renderer.page(&settings(theme, true)).unwrap()),
        ("failure-404", renderer.page(&failure(theme, 404)).unwrap()),
        ("failure-403", renderer.page(&failure(theme, 403)).unwrap()),
        ("failure-500", renderer.page(&failure(theme, 500)).unwrap()),
        ("failure-503", renderer.page(&failure(theme, 503)).unwrap()),
    ]
}

#[test]
fn what_people_wrote_is_only_text_on_every_page() {
    for (name, html) in every_page(Theme::Dark) {
        assert!(!html.contains("<img"), "{name} contains markup that somebody wrote");
        // The fingerprint may contain any digits.
        let shown = html.replace(assets::FINGERPRINT, "");
        assert!(!shown.contains("49"), "{name} ran what somebody wrote");
        assert!(html.contains("data-theme=\"dark\""), "{name} does not have the chosen theme");
    }
}

#[test]
fn nothing_is_inline_and_every_post_carries_the_form_token() {
    for (name, html) in every_page(Theme::System) {
        assert!(!html.contains(" style="), "{name} has an inline style");
        assert!(!html.contains("<style"), "{name} has an inline stylesheet");
        for script in html.split("<script").skip(1) {
            assert!(script.starts_with(" type=\"module\" src=\""), "{name} has an inline script");
        }
        for form in html.split("<form").skip(1).filter(|form| form.starts_with(" method=\"post\""))
        {
            let form = form.split("</form>").next().unwrap();
            assert!(form.contains("name=\"form_token\" value=\"t0ken\""), "{name}: <form{form}");
        }
    }
}

/// Against the same pages with no indentation and each tag on one line.
#[test]
fn white_space_costs_little_of_what_is_sent() {
    for (name, html) in every_page(Theme::System) {
        let lines = html.lines().map(str::trim).collect::<Vec<_>>().join("\n");
        let dense: String = lines
            .split_inclusive('>')
            .map(|piece| {
                let (text, tag) = piece.split_at(piece.rfind('<').unwrap_or(piece.len()));
                format!("{text}{}", tag.replace('\n', " "))
            })
            .collect();
        let (sent, least) = (gzip(&html), gzip(&dense));
        let allowed = least + least * 3 / 100;
        assert!(sent <= allowed, "{name}: {sent} bytes instead of {least}");
    }
}

fn gzip(text: &str) -> usize {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap().len()
}

#[test]
fn pages_can_be_written_to_a_folder() {
    let Ok(folder) = std::env::var("SNUG_PREVIEW") else { return };
    for theme in [Theme::Light, Theme::Dark] {
        for (name, html) in every_page(theme) {
            let file = format!("{folder}/{name}-{}.html", theme.name());
            std::fs::write(file, html).unwrap();
        }
    }
}
