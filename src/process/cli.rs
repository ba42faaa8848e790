//! The command line: what was asked for, and the flags for settings (`flags`).
//!
//! Called by `main`. The values of flags are passed on as written and checked by `config`, so that a
//! flag and its environment variable are refused in the same words. Nothing here reads the
//! environment.

mod accounts;
mod flags;

pub use accounts::{RoomCommand, SessionCommand, SignupsCommand, UserCommand};

use crate::model::error::Fatal;
use crate::process::config;
use crate::process::doctor::{Examination, ReportForm};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches};
use flags::FLAGS;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// What `snug` was asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Serve,
    Config,
    /// Brings the schema up to date, as `Serve` does before it serves.
    Migrate {
        is_backed_up: bool,
    },
    /// Makes a backup of this name or, if it is to be verified, looks at one.
    Backup {
        file: PathBuf,
        is_verifying: bool,
    },
    /// Brings a backup back, into the place of another database if it may replace that.
    Restore {
        file: PathBuf,
        is_replacing: bool,
    },
    /// Takes its own database to the newest PostgreSQL that is installed.
    UpgradeDatabase,
    /// Looks whether all is well.
    Doctor(Examination),
    /// Prints the link by which the first owner comes.
    SetupLink,
    User(UserCommand),
    Session(SessionCommand),
    Room(RoomCommand),
    /// Prints how much there is of everything.
    Stats,
    /// Says who may sign up, or changes it.
    Signups(Option<SignupsCommand>),
    /// Prints a link to the sign-up page.
    Invite {
        uses: i32,
        lifetime: Duration,
    },
    /// A token for programs and load tests. Without a lifetime, it lasts as long as the settings say.
    Token {
        user: String,
        lifetime: Option<Duration>,
    },
}

/// A valid command line.
#[derive(Debug)]
pub enum Parsed {
    Run {
        command: Command,
        /// The settings, by the name of their environment variable.
        flags: BTreeMap<&'static str, String>,
    },
    /// The output of `help` or `version`, however they were asked for.
    Show(String),
}

/// Parses a command line that begins with the program's name. Wrong usage is one line with status 2.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Parsed, Fatal> {
    let matches = match command_line().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                return Ok(Parsed::Show(error.render().to_string()));
            }
            _ => return Err(Fatal::usage(one_line(&error))),
        },
    };
    if matches.subcommand_name() == Some("version") {
        return Ok(Parsed::Show(command_line().render_long_version()));
    }
    let flags = FLAGS
        .iter()
        .filter_map(|flag| Some((flag.variable, matches.get_one::<String>(flag.name)?.clone())))
        .collect();
    Ok(Parsed::Run { command: command(&matches), flags })
}

fn command(matches: &ArgMatches) -> Command {
    match matches.subcommand() {
        None | Some(("serve", _)) => Command::Serve,
        Some(("config", _)) => Command::Config,
        Some(("migrate", migrate)) => {
            Command::Migrate { is_backed_up: !migrate.get_flag("without-backup") }
        }
        Some(("backup", backup)) => {
            Command::Backup { file: file(backup), is_verifying: backup.get_flag("verify") }
        }
        Some(("restore", restore)) => {
            Command::Restore { file: file(restore), is_replacing: restore.get_flag("replace") }
        }
        Some(("upgrade-database", _)) => Command::UpgradeDatabase,
        Some(("doctor", doctor)) => Command::Doctor(examination(doctor)),
        Some(("setup-link", _)) => Command::SetupLink,
        Some(("user", user)) => Command::User(UserCommand::parsed(user)),
        Some(("session", session)) => Command::Session(SessionCommand::parsed(session)),
        Some(("room", room)) => Command::Room(RoomCommand::parsed(room)),
        Some(("stats", _)) => Command::Stats,
        Some(("signups", signups)) => Command::Signups(SignupsCommand::parsed(signups)),
        Some(("invite", invite)) => accounts::parsed_invite(invite),
        Some(("token", token)) => Command::Token {
            user: positional(token, "USER"),
            lifetime: token.get_one("lifetime").copied(),
        },
        Some((other, _)) => unreachable!("clap accepts no other command: {other}"),
    }
}

fn positional(matches: &ArgMatches, name: &str) -> String {
    matches.get_one::<String>(name).expect("clap has checked that it is there").clone()
}

fn examination(matches: &ArgMatches) -> Examination {
    let form = match (matches.get_flag("json"), matches.get_flag("report")) {
        (true, _) => ReportForm::Json,
        (_, true) => ReportForm::Plain,
        _ => ReportForm::Lines,
    };
    Examination { is_deep: matches.get_flag("deep"), form }
}

fn file(matches: &ArgMatches) -> PathBuf {
    matches.get_one::<PathBuf>("FILE").expect("clap has checked that it is there").clone()
}

const AFTER_HELP: &str = "\
Every setting also has a variable: --data-dir is SNUG_DATA_DIR, and so on. The secrets
SNUG_JWT_SECRET and SNUG_METRICS_TOKEN have no flag, because everyone on the machine
can read the list of processes. A flag wins over its variable.

Examples:
  snug                                   a chat on http://127.0.0.1:8000, with its own PostgreSQL
  snug --listen 0.0.0.0:8000             the same, for the whole network
  snug config                            the settings in force, and where they come from
  snug user add ada ada@example.org      an account; asks for its password
  snug user role ada owner               the first owner of a server that has accounts
  snug token ada --lifetime 1d           a token for a program
  snug backup chat.backup                everything in one file; snug restore brings it back";

fn command_line() -> clap::Command {
    let mut line = clap::Command::new("snug")
        .about("A chat server for small machines: one program, PostgreSQL, nothing lost.")
        .version(env!("CARGO_PKG_VERSION"))
        .long_version(concat!(
            env!("CARGO_PKG_VERSION"),
            "\n",
            env!("CARGO_PKG_DESCRIPTION"),
            "\nLicence: ",
            env!("CARGO_PKG_LICENSE")
        ))
        .override_usage("snug [COMMAND] [SETTINGS]")
        .after_help(AFTER_HELP)
        .subcommand_help_heading("Commands")
        .args(FLAGS.iter().map(flags::argument))
        .subcommand(clap::Command::new("serve").about("Serve the chat; the default"))
        .subcommand(
            clap::Command::new("config").about("Print the settings in force, secrets masked"),
        )
        .subcommand(migrate())
        .subcommand(doctor())
        .subcommand(backup())
        .subcommand(restore())
        .subcommand(
            clap::Command::new("upgrade-database")
                .about("Take its own database to the newest PostgreSQL that is installed"),
        )
        .subcommand(
            clap::Command::new("setup-link")
                .about("Print a link at which the first owner makes their account"),
        )
        .subcommand(accounts::user())
        .subcommand(accounts::session())
        .subcommand(accounts::room())
        .subcommand(clap::Command::new("stats").about("Print how much there is of everything"))
        .subcommand(accounts::signups())
        .subcommand(accounts::invite())
        .subcommand(token())
        .subcommand(clap::Command::new("version").about("Print the version"));
    // Building hands the flags down to the commands; only then can their own help leave them out.
    line.build();
    without_settings(line)
}

fn migrate() -> clap::Command {
    clap::Command::new("migrate").about("Bring the database's schema up to date and end").arg(
        Arg::new("without-backup")
            .long("without-backup")
            .action(ArgAction::SetTrue)
            .help("Make no backup of its own database first, as where there is no room for it"),
    )
}

fn doctor() -> clap::Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    clap::Command::new("doctor")
        .about(
            "Look whether all is well, and say what to do; status 1 for warnings, 2 for failures",
        )
        .arg(flag("deep", "Read every message: prove that none is missing or there twice, and that searches find them all"))
        .arg(flag("json", "For programs").conflicts_with("report"))
        .arg(flag("report", "To paste into a bug: no names, texts, addresses or secrets"))
}

fn backup() -> clap::Command {
    let named = Arg::new("FILE").required(true).value_parser(clap::value_parser!(PathBuf));
    clap::Command::new("backup")
        .about("Write everything into one file, also while it serves")
        .arg(named.help("The file to write, which must not exist, or the one to verify"))
        .arg(
            Arg::new("verify")
                .long("verify")
                .action(ArgAction::SetTrue)
                .help("Restore FILE into a scratch database, and compare everything"),
        )
}

fn restore() -> clap::Command {
    let named = Arg::new("FILE").required(true).value_parser(clap::value_parser!(PathBuf));
    clap::Command::new("restore")
        .about("Bring a backup back, into an empty data directory or database")
        .arg(named.help("A file that snug backup has written"))
        .arg(
            Arg::new("replace")
                .long("replace")
                .action(ArgAction::SetTrue)
                .help("Take the place of what is there, and keep that aside"),
        )
}

fn token() -> clap::Command {
    clap::Command::new("token")
        .about("Print a token for programs and load tests")
        .arg(Arg::new("USER").required(true).help("The name of an account"))
        .arg(
            Arg::new("lifetime")
                .long("lifetime")
                .value_name("TIME")
                .value_parser(config::lifetime)
                .help("How long it is valid, such as 7d or 12h [SNUG_TOKEN_LIFETIME]"),
        )
}

/// Settings can be given after each command, but only `snug --help` lists them.
fn without_settings(mut line: clap::Command) -> clap::Command {
    let names: Vec<String> =
        line.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    for name in names {
        line = line.mut_subcommand(name, |command| {
            let command = command
                .mut_args(|arg| if arg.is_global_set() { arg.hide(true) } else { arg })
                .after_help("Every setting that `snug --help` lists can be given here, too.");
            without_settings(command)
        });
    }
    line
}

/// clap's error message, which takes several lines, in one line, and what to do.
fn one_line(error: &clap::Error) -> String {
    let rendered = error.render().to_string();
    let complaint = rendered.split("\n\n").next().unwrap_or_default();
    let complaint: Vec<&str> = complaint.split_whitespace().collect();
    let complaint = complaint.join(" ");
    let complaint = complaint.strip_prefix("error: ").unwrap_or(&complaint);
    let suggestion = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand]
        .iter()
        .find_map(|kind| match error.get(*kind)? {
            ContextValue::String(name) => Some(name.as_str()),
            // The nearest comes last.
            ContextValue::Strings(names) => names.last().map(String::as_str),
            _ => None,
        })
        .map(|name| format!("; did you mean {name}?"))
        .unwrap_or_default();
    format!("{complaint}{suggestion}; see snug --help")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::{ChatId, SessionNumber};
    use crate::model::message::{Fate, Role};
    use crate::model::signups::SignupPolicy;
    use crate::process::config::SETTINGS;

    fn parsed(line: &str) -> Result<Parsed, Fatal> {
        parse(line.split(' ').map(OsString::from))
    }

    fn run(line: &str) -> (Command, BTreeMap<&'static str, String>) {
        match parsed(line) {
            Ok(Parsed::Run { command, flags }) => (command, flags),
            other => panic!("{line}: {other:?}"),
        }
    }

    fn shown(line: &str) -> String {
        match parsed(line) {
            Ok(Parsed::Show(text)) => text,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn snug_alone_serves() {
        assert_eq!(run("snug").0, Command::Serve);
        assert_eq!(run("snug serve").0, Command::Serve);
        assert_eq!(run("snug config").0, Command::Config);
    }

    #[test]
    fn accounts_and_tokens_have_commands() {
        let add = UserCommand::Add { name: "ada".into(), email: "ada@example.org".into() };
        assert_eq!(run("snug user add ada ada@example.org").0, Command::User(add));
        let (list, flags) = run("snug user list --data-dir /var/lib/snug");
        let user_list = Command::User(UserCommand::List);
        assert_eq!((list, flags["SNUG_DATA_DIR"].as_str()), (user_list, "/var/lib/snug"));
        let role = UserCommand::Role { name: "ada".into(), role: Role::Owner };
        assert_eq!(run("snug user role ada owner").0, Command::User(role));
        let disable = UserCommand::Disable { name: "ada".into(), messages: Fate::Keep };
        assert_eq!(run("snug user disable ada").0, Command::User(disable));
        let delete = UserCommand::Delete { name: "ada".into(), messages: Fate::Remove };
        assert_eq!(run("snug user delete ada --messages remove").0, Command::User(delete));
        let rename = UserCommand::Rename { name: "ada".into(), to: "adele".into() };
        assert_eq!(run("snug user rename ada adele").0, Command::User(rename));
        assert_eq!(run("snug setup-link").0, Command::SetupLink);
        let revoke =
            |session| Command::Session(SessionCommand::Revoke { name: "ada".into(), session });
        assert_eq!(run("snug session revoke ada 7").0, revoke(Some(SessionNumber(7))));
        assert_eq!(run("snug session revoke ada --all").0, revoke(None));
        let transfer = RoomCommand::Transfer { room: ChatId(9), to: "ada".into() };
        assert_eq!(run("snug room transfer 9 ada").0, Command::Room(transfer));
        assert_eq!(run("snug stats").0, Command::Stats);
        assert_eq!(run("snug signups").0, Command::Signups(None));
        let signups = |line| match run(line).0 {
            Command::Signups(Some(SignupsCommand(policy))) => policy,
            other => panic!("{other:?}"),
        };
        assert_eq!(signups("snug signups closed"), Some(SignupPolicy::Closed));
        assert_eq!(signups("snug signups default"), None);
        let (week, hour) = (Duration::from_secs(7 * 86_400), Duration::from_secs(3_600));
        assert_eq!(run("snug invite").0, Command::Invite { uses: 1, lifetime: week });
        let many = "snug invite --uses 30 --expires 1h";
        assert_eq!(run(many).0, Command::Invite { uses: 30, lifetime: hour });
        let token = |lifetime| Command::Token { user: "ada".into(), lifetime };
        assert_eq!(run("snug token ada").0, token(None));
        let day = Some(Duration::from_secs(86_400));
        assert_eq!(run("snug token ada --lifetime 1d").0, token(day));
        assert!(!shown("snug user add --help").contains("--listen"));
    }

    #[test]
    fn backups_are_made_verified_and_restored() {
        let file = || PathBuf::from("a.backup");
        for (line, is_verifying) in [("", false), (" --verify", true)] {
            let (command, _) = run(&format!("snug backup{line} a.backup"));
            assert_eq!(command, Command::Backup { file: file(), is_verifying });
        }
        for (line, is_replacing) in [("", false), (" --replace", true)] {
            let (command, _) = run(&format!("snug restore a.backup{line}"));
            assert_eq!(command, Command::Restore { file: file(), is_replacing });
        }
    }

    #[test]
    fn the_doctor_looks_deeper_and_tells_others() {
        let asked = |is_deep, form| Command::Doctor(Examination { is_deep, form });
        assert_eq!(run("snug doctor").0, asked(false, ReportForm::Lines));
        assert_eq!(run("snug doctor --deep --json").0, asked(true, ReportForm::Json));
        assert_eq!(run("snug doctor --report").0, asked(false, ReportForm::Plain));
        assert!(parsed("snug doctor --report --json").is_err());
    }

    #[test]
    fn flags_may_come_before_or_after_the_command() {
        for line in
            ["snug --listen [::]:1 config --log warn", "snug config --listen [::]:1 --log=warn"]
        {
            let (_, flags) = run(line);
            assert_eq!(flags["SNUG_LISTEN"], "[::]:1");
            assert_eq!(flags["SNUG_LOG"], "warn");
            assert_eq!(flags.len(), 2);
        }
    }

    #[test]
    fn every_setting_has_a_flag_and_every_flag_a_setting() {
        let mut expected = Vec::new();
        for setting in &SETTINGS {
            if let Some(flag) = setting.flag {
                expected.push((setting.variable.to_owned(), flag.to_owned()));
            }
            if setting.has_file {
                let variable = format!("{}_FILE", setting.variable);
                let name = variable.trim_start_matches("SNUG_").to_lowercase().replace('_', "-");
                expected.push((variable, format!("--{name}")));
            }
        }
        let mut flags: Vec<_> =
            FLAGS.iter().map(|f| (f.variable.to_owned(), format!("--{}", f.name))).collect();
        expected.sort();
        flags.sort();
        assert_eq!(flags, expected);
    }

    #[test]
    fn wrong_usage_is_one_line_that_names_the_mistake() {
        for (line, named) in [
            ("snug --colour", "'--colour'"),
            ("snug --listn x", "did you mean --listen?"),
            ("snug --jwt-secret x", "--jwt-secret-file"),
            ("snug serv", "did you mean serve?"),
            ("snug servee", "did you mean serve?"),
            ("snug confg", "did you mean config?"),
            ("snug user lst", "did you mean list?"),
            ("snug config extra", "'extra'"),
            ("snug user", "requires a subcommand"),
            ("snug user add ada", "<EMAIL>"),
            ("snug user remove ada", "'remove'"),
            ("snug user role ada", "<ROLE>"),
            ("snug user rename ada", "<NEW_NAME>"),
            ("snug user reset-link", "<NAME>"),
            ("snug user role ada king", "'king'"),
            ("snug room delete tea", "see snug room list"),
            ("snug signups shut", "'shut'"),
            ("snug invite --uses 0", "from 1 to"),
            ("snug invite --expires never", "write it like 7d"),
            ("snug session revoke ada", "SESSION"),
            ("snug session revoke ada 7 --all", "--all"),
            ("snug session revoke ada x", "see snug session list"),
            ("snug token", "<USER>"),
            ("snug backup", "<FILE>"),
            ("snug restore", "<FILE>"),
            ("snug backup a b", "'b'"),
            ("snug restore a --verify", "'--verify'"),
            ("snug token ada --lifetime week", "write it like 7d"),
            ("snug --listen", "'--listen <ADDRESS:PORT>'"),
            ("snug --log a --log b", "'--log <FILTER>'"),
            ("snug --log\n", "unexpected"),
        ] {
            let fatal = parsed(line).map(|_| ()).unwrap_err();
            assert_eq!(fatal.status, 2);
            assert!(fatal.message.contains(named), "{line}: {fatal}");
            assert!(fatal.message.ends_with("; see snug --help"), "{line}: {fatal}");
            assert!(!fatal.message.contains('\n'), "{line}: {fatal}");
        }
    }

    #[test]
    fn settings_are_listed_once_in_groups() {
        let help = shown("snug --help");
        for text in
            ["Commands:", "Network:", "Storage:", "Limits:", "--listen <ADDRESS:PORT>", "Examples:"]
        {
            assert!(help.contains(text), "{text} is missing from:\n{help}");
        }
        assert!(!shown("snug config --help").contains("--listen"));
        assert!(shown("snug --version").starts_with("snug 0."));
        assert_eq!(shown("snug version"), shown("snug --version"));
        assert_eq!(shown("snug help"), shown("snug --help"));
        assert_eq!(shown("snug help token"), shown("snug token --help"));
        assert_eq!(shown("snug user help add"), shown("snug user add --help"));
    }
}
