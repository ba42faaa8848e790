//! What can be done with accounts and rooms, and with who may have an account: `snug user …`, `snug session …`,
//! `snug room …`, `snug signups` and `snug invite`.

use super::positional;
use crate::limits::{
    INVITE_LIFETIME_DEFAULT, INVITE_USES_MAX, USERNAME_CHARS_MAX, USERNAME_CHARS_MIN,
};
use crate::model::ids::{ChatId, SessionNumber};
use crate::model::message::{Fate, Role};
use crate::model::signups::SignupPolicy;
use crate::process::config;
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command};

/// What to do with accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserCommand {
    Add { name: String, email: String },
    List,
    Show { name: String },
    Role { name: String, role: Role },
    Password { name: String },
    ResetLink { name: String },
    Disable { name: String, messages: Fate },
    Enable { name: String },
    Rename { name: String, to: String },
    Email { name: String, email: String },
    Delete { name: String, messages: Fate },
}

/// What to do with the sessions of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionCommand {
    List {
        name: String,
    },
    /// One of them, or all.
    Revoke {
        name: String,
        session: Option<SessionNumber>,
    },
}

/// What to do with rooms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomCommand {
    List,
    Transfer { room: ChatId, to: String },
    Delete { room: ChatId },
}

impl RoomCommand {
    pub(super) fn parsed(matches: &ArgMatches) -> Self {
        let room = |of: &ArgMatches| of.get_one("ROOM").copied().expect("clap has checked it");
        match matches.subcommand() {
            Some(("list", _)) => Self::List,
            Some(("transfer", of)) => Self::Transfer { room: room(of), to: positional(of, "NAME") },
            Some(("delete", of)) => Self::Delete { room: room(of) },
            other => unreachable!("clap accepts no other subcommand of room: {other:?}"),
        }
    }
}

pub(super) fn room() -> Command {
    let room = || {
        Arg::new("ROOM")
            .required(true)
            .value_parser(|text: &str| ChatId::parse(text).ok_or("see snug room list"))
            .help("The number of a room in snug room list")
    };
    Command::new("room")
        .about("List rooms, give them to others, delete them")
        .subcommand_required(true)
        .subcommand_help_heading("Commands")
        .subcommand(Command::new("list").about("Print all rooms, one per line"))
        .subcommand(
            Command::new("transfer")
                .about("Make a member of a room its creator")
                .arg(room())
                .arg(name()),
        )
        .subcommand(
            Command::new("delete")
                .about("Delete a room for ever, and all that was said in it")
                .arg(room()),
        )
}

/// Who may sign up from now on; `None` for what the setting says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignupsCommand(pub Option<SignupPolicy>);

/// For the policy of the setting.
const AS_SET: &str = "default";

impl SignupsCommand {
    pub(super) fn parsed(matches: &ArgMatches) -> Option<Self> {
        let policy: &String = matches.get_one("POLICY")?;
        Some(Self(SignupPolicy::from_name(policy)))
    }
}

pub(super) fn parsed_invite(matches: &ArgMatches) -> super::Command {
    let uses = matches.get_one("uses").copied().expect("clap gives the default");
    let lifetime = matches.get_one("expires").copied().expect("clap gives the default");
    super::Command::Invite { uses, lifetime }
}

pub(super) fn signups() -> Command {
    let policies = SignupPolicy::ALL.map(SignupPolicy::name).into_iter().chain([AS_SET]);
    Command::new("signups").about("Print who may sign up, or change it while snug serves").arg(
        Arg::new("POLICY")
            .value_parser(PossibleValuesParser::new(policies))
            .help("Who may sign up; default is what SNUG_SIGNUPS says"),
    )
}

pub(super) fn invite() -> Command {
    Command::new("invite")
        .about("Print a link with which people can sign up where an invitation is needed")
        .arg(
            Arg::new("uses")
                .long("uses")
                .value_name("N")
                .default_value("1")
                .value_parser(uses)
                .help("How many people can use it"),
        )
        .arg(
            Arg::new("expires")
                .long("expires")
                .value_name("TIME")
                .default_value(INVITE_LIFETIME_DEFAULT)
                .value_parser(config::lifetime)
                .help("How long it can be used, such as 7d or 12h"),
        )
}

fn uses(text: &str) -> Result<i32, String> {
    let number = text.parse().ok().filter(|uses| (1..=INVITE_USES_MAX).contains(uses));
    number.ok_or_else(|| format!("is not a number from 1 to {INVITE_USES_MAX}"))
}

impl SessionCommand {
    pub(super) fn parsed(matches: &ArgMatches) -> Self {
        match matches.subcommand() {
            Some(("list", list)) => Self::List { name: positional(list, "NAME") },
            Some(("revoke", revoke)) => Self::Revoke {
                name: positional(revoke, "NAME"),
                session: revoke.get_one("SESSION").copied(),
            },
            other => unreachable!("clap accepts no other subcommand of session: {other:?}"),
        }
    }
}

impl UserCommand {
    /// Whether it wants a password, which comes from `prompt`.
    pub fn wants_password(&self) -> bool {
        match self {
            Self::Add { .. } | Self::Password { .. } => true,
            Self::List
            | Self::Show { .. }
            | Self::Role { .. }
            | Self::ResetLink { .. }
            | Self::Disable { .. }
            | Self::Enable { .. }
            | Self::Rename { .. }
            | Self::Email { .. }
            | Self::Delete { .. } => false,
        }
    }

    pub(super) fn parsed(matches: &ArgMatches) -> Self {
        match matches.subcommand() {
            Some(("add", add)) => {
                Self::Add { name: positional(add, "NAME"), email: positional(add, "EMAIL") }
            }
            Some(("list", _)) => Self::List,
            Some(("role", role)) => Self::Role {
                name: positional(role, "NAME"),
                role: Role::from_name(&positional(role, "ROLE")).expect("clap has checked it"),
            },
            Some(("show", of)) => Self::Show { name: positional(of, "NAME") },
            Some(("password", of)) => Self::Password { name: positional(of, "NAME") },
            Some(("reset-link", of)) => Self::ResetLink { name: positional(of, "NAME") },
            Some(("disable", of)) => {
                Self::Disable { name: positional(of, "NAME"), messages: fate(of) }
            }
            Some(("enable", of)) => Self::Enable { name: positional(of, "NAME") },
            Some(("rename", of)) => {
                Self::Rename { name: positional(of, "NAME"), to: positional(of, "NEW_NAME") }
            }
            Some(("delete", of)) => {
                Self::Delete { name: positional(of, "NAME"), messages: fate(of) }
            }
            Some(("email", of)) => {
                Self::Email { name: positional(of, "NAME"), email: positional(of, "EMAIL") }
            }
            other => unreachable!("clap accepts no other subcommand of user: {other:?}"),
        }
    }
}

pub(super) fn user() -> Command {
    let add = Command::new("add")
        .about("Create an account; asks for the password, or reads it from standard input")
        .arg(
            Arg::new("NAME")
                .required(true)
                .help(format!("{USERNAME_CHARS_MIN} to {USERNAME_CHARS_MAX} of A-Z a-z 0-9 _ . -")),
        )
        .arg(Arg::new("EMAIL").required(true).help("Their e-mail address"));
    let role = Command::new("role")
        .about("Make somebody a moderator or an owner of the server, or a member again")
        .arg(name())
        .arg(Arg::new("ROLE").required(true).help("Their new role").value_parser(
            PossibleValuesParser::new([Role::Member, Role::Moderator, Role::Owner].map(Role::name)),
        ));
    Command::new("user")
        .about("Create, list and change accounts")
        .subcommand_required(true)
        .subcommand_help_heading("Commands")
        .subcommand(add)
        .subcommand(Command::new("list").about("Print all accounts, one per line"))
        .subcommand(of("show", "Print what is known of an account"))
        .subcommand(role)
        .subcommand(of("password", "Set a new password, and end all sessions"))
        .subcommand(of("reset-link", "Print a link at which somebody sets a new password"))
        .subcommand(
            of("disable", "Let nobody log in to an account, and end all its sessions")
                .arg(messages()),
        )
        .subcommand(of("enable", "Let its user log in to it again"))
        .subcommand(
            of("rename", "Give an account another name, and end all its sessions")
                .arg(Arg::new("NEW_NAME").required(true).help("Its name from then on")),
        )
        .subcommand(
            of("email", "Give an account another e-mail address")
                .arg(Arg::new("EMAIL").required(true).help("Its address from then on")),
        )
        .subcommand(of("delete", "Delete an account for ever").arg(messages()))
}

pub(super) fn session() -> Command {
    let revoke = Command::new("revoke")
        .about("End sessions of somebody, and their sockets with them")
        .arg(name())
        .arg(
            Arg::new("SESSION")
                .required_unless_present("all")
                .value_parser(|text: &str| {
                    SessionNumber::parse(text).ok_or("see snug session list")
                })
                .help("Its number in snug session list"),
        )
        .arg(
            Arg::new("all")
                .long("all")
                .action(ArgAction::SetTrue)
                .conflicts_with("SESSION")
                .help("All of them"),
        );
    Command::new("session")
        .about("List and end sessions")
        .subcommand_required(true)
        .subcommand_help_heading("Commands")
        .subcommand(Command::new("list").about("Print the sessions of somebody").arg(name()))
        .subcommand(revoke)
}

/// Something to do with an account.
fn of(command: &'static str, about: &'static str) -> Command {
    Command::new(command).about(about).arg(name())
}

/// Of what was said in an account.
fn messages() -> Arg {
    Arg::new("messages")
        .long("messages")
        .value_name("FATE")
        .default_value(Fate::Keep.name())
        .value_parser(PossibleValuesParser::new(Fate::ALL.map(Fate::name)))
        .help("Whether what was said stays; it is removed while snug serves")
}

fn fate(matches: &ArgMatches) -> Fate {
    Fate::from_name(&positional(matches, "messages")).expect("clap has checked it")
}

/// Of an account that exists.
fn name() -> Arg {
    Arg::new("NAME").required(true).help("The name of an account")
}
