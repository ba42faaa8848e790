//! The flags for settings: one for each variable that is not a secret, under the heading at which the help lists it.

use crate::limits::{
    BACKUP_AT_DEFAULT, BACKUP_KEEP_DEFAULT, CONNECTIONS_PER_ADDRESS_DEFAULT,
    CONNECTIONS_PER_USER_DEFAULT, DISK_RESERVE_DEFAULT, SESSION_LIFETIME_DEFAULT,
    TOKEN_LIFETIME_DEFAULT,
};
use clap::{Arg, ArgAction};

/// A flag for a setting, or for a file that holds the setting.
pub struct Flag {
    pub variable: &'static str,
    pub name: &'static str,
    value: &'static str,
    heading: &'static str,
    help: &'static str,
}

const NETWORK: &str = "Network";
const STORAGE: &str = "Storage";
const BACKUPS: &str = "Backups";
const SIGNING_IN: &str = "Signing in";
const LIMITS: &str = "Limits";
const WATCHING: &str = "Watching";

#[rustfmt::skip]
pub const FLAGS: [Flag; 26] = [
    Flag { variable: "SNUG_LISTEN", name: "listen", value: "ADDRESS:PORT", heading: NETWORK,
        help: "Where to listen [127.0.0.1:8000]" },
    Flag { variable: "SNUG_PUBLIC_URL", name: "public-url", value: "URL", heading: NETWORK,
        help: "How browsers reach the server, for invite links and cookies [from the request's Host]" },
    Flag { variable: "SNUG_TRUSTED_PROXIES", name: "trusted-proxies", value: "NETWORKS", heading: NETWORK,
        help: "Whose X-Forwarded-For and -Proto to trust, separated by commas [none]" },
    Flag { variable: "SNUG_DATA_DIR", name: "data-dir", value: "DIR", heading: STORAGE,
        help: "The database and the key [/var/lib/snug as root, else ~/.local/share/snug]" },
    Flag { variable: "SNUG_DATABASE_URL", name: "database-url", value: "URL", heading: STORAGE,
        help: "An existing PostgreSQL; DATABASE_URL works, too [its own]" },
    Flag { variable: "SNUG_DATABASE_URL_FILE", name: "database-url-file", value: "FILE", heading: STORAGE,
        help: "The same, from a file, for a URL that contains a password" },
    Flag { variable: "SNUG_BUS", name: "bus", value: "BUS", heading: STORAGE,
        help: "How servers that share a database hear of each other: postgres or off [by the database]" },
    Flag { variable: "SNUG_PG_BINDIR", name: "pg-bindir", value: "DIR", heading: STORAGE,
        help: "Where initdb and postgres are [found automatically]" },
    Flag { variable: "SNUG_DISK_RESERVE", name: "disk-reserve", value: "SIZE", heading: STORAGE,
        help: "With less free for its own PostgreSQL, nothing is stored [{DISK_RESERVE_DEFAULT}]" },
    Flag { variable: "SNUG_BACKUP_DIR", name: "backup-dir", value: "DIR", heading: BACKUPS,
        help: "Where backups are made by themselves [backups/ in the data directory]" },
    Flag { variable: "SNUG_BACKUP_AT", name: "backup-at", value: "HH:MM|off", heading: BACKUPS,
        help: "At what time of day, by the machine's clock [{BACKUP_AT_DEFAULT}]" },
    Flag { variable: "SNUG_BACKUP_KEEP", name: "backup-keep", value: "COUNTS", heading: BACKUPS,
        help: "Of how many days, weeks and months one is kept [{BACKUP_KEEP_DEFAULT}]" },
    Flag { variable: "SNUG_BACKUP_HOOK", name: "backup-hook", value: "PROGRAM", heading: BACKUPS,
        help: "Run with the path of each new backup [none]" },
    Flag { variable: "SNUG_JWT_SECRET_FILE", name: "jwt-secret-file", value: "FILE", heading: SIGNING_IN,
        help: "The key that signs tokens [created at first start, kept in the data directory]" },
    Flag { variable: "SNUG_TOKEN_LIFETIME", name: "token-lifetime", value: "TIME", heading: SIGNING_IN,
        help: "How long a sign-in lasts, such as 7d or 12h [{TOKEN_LIFETIME_DEFAULT}]" },
    Flag { variable: "SNUG_SESSION_LIFETIME", name: "session-lifetime", value: "TIME", heading: SIGNING_IN,
        help: "When a session ends at the latest, however often it is renewed [{SESSION_LIFETIME_DEFAULT}]" },
    Flag { variable: "SNUG_SIGNUPS", name: "signups", value: "POLICY", heading: SIGNING_IN,
        help: "Who may sign up: open, invite, approval or closed; snug signups changes it [open]" },
    Flag { variable: "SNUG_CONTACT", name: "contact", value: "TEXT", heading: SIGNING_IN,
        help: "Whom people ask who have forgotten their password, as the login page says it [none]" },
    Flag { variable: "SNUG_SMTP_URL_FILE", name: "smtp-url-file", value: "FILE", heading: SIGNING_IN,
        help: "The URL of a mail server, by which forgotten passwords are set anew [none]" },
    Flag { variable: "SNUG_RATE_LIMITS", name: "rate-limits", value: "on|off", heading: LIMITS,
        help: "Off is for load tests only [on]" },
    Flag { variable: "SNUG_MAX_CONNECTIONS", name: "max-connections", value: "N", heading: LIMITS,
        help: "Sockets in total [from the file limit]" },
    Flag { variable: "SNUG_MAX_CONNECTIONS_PER_USER", name: "max-connections-per-user", value: "N", heading: LIMITS,
        help: "Sockets of one user [{CONNECTIONS_PER_USER_DEFAULT}]" },
    Flag { variable: "SNUG_MAX_CONNECTIONS_PER_ADDRESS", name: "max-connections-per-address", value: "N", heading: LIMITS,
        help: "Sockets from one address [{CONNECTIONS_PER_ADDRESS_DEFAULT}]" },
    Flag { variable: "SNUG_MEMORY", name: "memory", value: "PRESET", heading: LIMITS,
        help: "How much memory it and its own PostgreSQL may take: small, medium or large [by the machine]" },
    Flag { variable: "SNUG_LOG", name: "log", value: "FILTER", heading: WATCHING,
        help: "What to log, such as warn or info,snug::live=debug [info]" },
    Flag { variable: "SNUG_METRICS_TOKEN_FILE", name: "metrics-token-file", value: "FILE", heading: WATCHING,
        help: "Lets callers from other machines read /metrics with this token [none]" },
];

pub fn argument(flag: &Flag) -> Arg {
    Arg::new(flag.name)
        .long(flag.name)
        .value_name(flag.value)
        .help_heading(flag.heading)
        .help(with_defaults(flag.help))
        .global(true)
        .action(ArgAction::Set)
}

/// The help with the defaults for the names of their constants.
fn with_defaults(help: &str) -> String {
    help.replace("{TOKEN_LIFETIME_DEFAULT}", TOKEN_LIFETIME_DEFAULT)
        .replace("{SESSION_LIFETIME_DEFAULT}", SESSION_LIFETIME_DEFAULT)
        .replace("{BACKUP_AT_DEFAULT}", BACKUP_AT_DEFAULT)
        .replace("{BACKUP_KEEP_DEFAULT}", BACKUP_KEEP_DEFAULT)
        .replace("{DISK_RESERVE_DEFAULT}", DISK_RESERVE_DEFAULT)
        .replace("{CONNECTIONS_PER_USER_DEFAULT}", &CONNECTIONS_PER_USER_DEFAULT.to_string())
        .replace("{CONNECTIONS_PER_ADDRESS_DEFAULT}", &CONNECTIONS_PER_ADDRESS_DEFAULT.to_string())
}
