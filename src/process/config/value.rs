//! How each kind of value is written: takes text, returns a value or what is wrong and how to write it.
//!
//! Called by `config` alone. Pure. The caller adds the setting's name and the text to each complaint.

use super::{BusSetting, DatabaseSetting, Secret};
use crate::http::public_url::{PublicUrl, Scheme};
use crate::limits::Memory;
use crate::limits::{
    CONNECTIONS_MAX, CONTACT_CHARS_MAX, TOKEN_LIFETIME_MAX, TOKEN_LIFETIME_MIN, TRUSTED_PROXIES_MAX,
};
use crate::model::signups::SignupPolicy;
use crate::process::backup::Keep;
use hyper::Uri;
use ipnet::IpNet;
use jiff::civil::Time;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

type Value<T> = Result<T, String>;

/// Without an address it means all those of the machine; of names, only `localhost` is one that cannot
/// change.
pub(super) fn address(text: &str) -> Value<SocketAddr> {
    let spelled = text.rsplit_once(':').and_then(|(host, port)| {
        let address = match host {
            "" => Ipv4Addr::UNSPECIFIED,
            _ if host.eq_ignore_ascii_case("localhost") => Ipv4Addr::LOCALHOST,
            _ => return None,
        };
        Some(SocketAddr::from((address, port.parse().ok()?)))
    });
    spelled.or_else(|| text.parse().ok()).ok_or_else(|| {
        "is not an address and a port; write it like 127.0.0.1:8000, localhost:8000, :8000 or \
         [::]:8000"
            .to_owned()
    })
}

pub(super) fn database(text: &str) -> Value<DatabaseSetting> {
    let known = ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme));
    if !known || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("is not the URL of a PostgreSQL database; write it like \
                    postgres://user:password@host/database"
            .into());
    }
    Ok(DatabaseSetting::External(Secret::new(text)))
}

/// Nodes that each have a PostgreSQL of their own cannot meet.
pub(super) fn bus(text: &str, is_shared: bool) -> Value<BusSetting> {
    match text {
        "off" => Ok(BusSetting::Off),
        "postgres" if is_shared => Ok(BusSetting::Postgres),
        "postgres" => Err("needs a database that nodes can share: set SNUG_DATABASE_URL".into()),
        url if url.starts_with("nats://") || url.starts_with("tls://") => {
            Err("names a NATS server, which this version cannot use yet; use postgres".into())
        }
        _ => Err("is neither off nor postgres".into()),
    }
}

pub(super) fn default_bus(is_shared: bool) -> BusSetting {
    if is_shared { BusSetting::Postgres } else { BusSetting::Off }
}

pub(super) fn spelled_bus(bus: BusSetting) -> &'static str {
    match bus {
        BusSetting::Off => "off",
        BusSetting::Postgres => "postgres",
    }
}

/// What a database URL may show of its query; anything else might be a password.
const SHOWN: [&str; 8] =
    ["application_name", "dbname", "host", "hostaddr", "port", "sslmode", "sslrootcert", "user"];

/// A database URL that is safe to show: the user and where, without the password.
pub(super) fn masked(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "********".into() };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    // An `@` after that means that the password contains a slash or a question mark: show nothing.
    if path.contains('@') {
        return format!("{scheme}://********");
    }
    let authority = match authority.rsplit_once('@') {
        None => authority.to_owned(),
        Some((login, host)) => {
            let user = login.split_once(':').map_or(login, |(user, _)| user);
            let password = if login.contains(':') { ":********" } else { "" };
            format!("{user}{password}@{host}")
        }
    };
    let shown = |pair: &str| match pair.split_once('=') {
        Some((key, _)) if SHOWN.contains(&key) => pair.to_owned(),
        Some((key, _)) => format!("{key}=********"),
        None => "********".to_owned(),
    };
    let place = match path.split_once('?') {
        Some((place, query)) => {
            format!("{place}?{}", query.split('&').map(shown).collect::<Vec<_>>().join("&"))
        }
        None => path.to_owned(),
    };
    format!("{scheme}://{authority}{place}")
}

pub(super) fn public_url(text: &str) -> Value<PublicUrl> {
    const WRITE: &str = "write it like https://chat.example.org";
    let uri: Uri = text.parse().map_err(|_| format!("is not a URL; {WRITE}"))?;
    let scheme = match uri.scheme_str() {
        Some("https") => Scheme::Https,
        Some("http") => Scheme::Http,
        _ => return Err(format!("does not begin with https:// or http://; {WRITE}")),
    };
    if !matches!(uri.path(), "" | "/") || text.contains(['?', '#']) {
        return Err(format!("has more than scheme, host and port; {WRITE}"));
    }
    let authority = uri.authority().ok_or_else(|| format!("has no host; {WRITE}"))?;
    let port = authority.as_str().strip_prefix(authority.host()).unwrap_or("@");
    let port_is_sound = match port.strip_prefix(':') {
        None => port.is_empty(),
        Some(digits) => {
            digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<u16>().is_ok_and(|p| p > 0)
        }
    };
    if authority.host().is_empty() || !port_is_sound {
        return Err(format!("has an impossible host or port; {WRITE}"));
    }
    // A browser's Origin is in lower case and leaves out the scheme's default port.
    let own_port = match scheme {
        Scheme::Https => ":443",
        Scheme::Http => ":80",
    };
    let authority = authority.as_str().to_ascii_lowercase();
    let authority = authority.strip_suffix(own_port).unwrap_or(&authority).to_owned();
    Ok(PublicUrl { scheme, authority })
}

/// `7d`, `12h`, `30m`, `90s`, or several together: `1d12h`.
pub fn lifetime(text: &str) -> Value<Duration> {
    const WRITE: &str = "write it like 7d, 12h, 30m, 90s or 1d12h";
    let mut total = Some(Duration::ZERO);
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, unit) = rest.split_at(digits);
        let seconds = match unit.as_bytes().first() {
            Some(b'd') => 86_400,
            Some(b'h') => 3_600,
            Some(b'm') => 60,
            Some(b's') => 1,
            _ => return Err(format!("is not a length of time; {WRITE}")),
        };
        let Ok(number) = number.parse::<u64>() else {
            return Err(format!("is not a length of time; {WRITE}"));
        };
        let part = number.checked_mul(seconds).map(Duration::from_secs);
        total = total.zip(part).and_then(|(total, part)| total.checked_add(part));
        rest = &unit[1..];
    }
    total.filter(|total| (TOKEN_LIFETIME_MIN..=TOKEN_LIFETIME_MAX).contains(total)).ok_or_else(
        || {
            let [min, max] = [TOKEN_LIFETIME_MIN, TOKEN_LIFETIME_MAX].map(spelled);
            format!("is not between {min} and {max}; {WRITE}")
        },
    )
}

/// The form that `lifetime` reads, largest unit first.
pub(super) fn spelled(duration: Duration) -> String {
    let mut seconds = duration.as_secs();
    let mut text = String::new();
    for (unit, length) in [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)] {
        if seconds >= length {
            text += &format!("{}{unit}", seconds / length);
            seconds %= length;
        }
    }
    text
}

pub(super) fn networks(text: &str) -> Value<Vec<IpNet>> {
    let networks = text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| match part.parse::<IpAddr>() {
            Ok(address) => Some(IpNet::from(address)),
            Err(_) => part.parse::<IpNet>().ok().map(|network| network.trunc()),
        })
        .collect::<Option<Vec<_>>>()
        .ok_or(
            "has a part that is not an address or a network; write it like 127.0.0.1,10.0.0.0/8",
        )?;
    if networks.len() > TRUSTED_PROXIES_MAX {
        return Err(format!(
            "has more than {TRUSTED_PROXIES_MAX} parts; combine them into networks"
        ));
    }
    Ok(networks)
}

const UNITS: [(&str, u32); 4] = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];

/// `64MiB`, `2GiB`, or a number of bytes.
pub(super) fn bytes(text: &str) -> Value<u64> {
    let (number, shift) = UNITS
        .iter()
        .find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)))
        .unwrap_or((text, 0));
    let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    let number: Option<u64> = if is_number { number.parse().ok() } else { None };
    number
        .and_then(|number| number.checked_mul(1 << shift))
        .ok_or_else(|| "is not a size; write it like 64MiB or 2GiB, or 0 for none".to_owned())
}

/// The form that `bytes` reads.
pub(super) fn spelled_bytes(bytes: u64) -> String {
    let fits = |(_, shift): &&(&str, u32)| bytes > 0 && bytes.is_multiple_of(1 << shift);
    match UNITS.iter().find(fits) {
        Some((unit, shift)) => format!("{}{unit}", bytes >> shift),
        None => bytes.to_string(),
    }
}

/// A time of day, with seconds if need be, or never.
pub(super) fn time_of_day(text: &str) -> Value<Option<Time>> {
    if text == "off" {
        return Ok(None);
    }
    let is_plain = text.bytes().all(|b| b.is_ascii_digit() || b == b':') && text.len() >= 5;
    let time = text.parse().ok().filter(|_| is_plain);
    time.map(Some).ok_or_else(|| "is not a time of day; write it like 03:30, or off".to_owned())
}

/// The form that `time_of_day` reads.
pub(super) fn spelled_time(time: &Option<Time>) -> String {
    match time {
        None => "off".to_owned(),
        Some(time) if time.second() == 0 => time.strftime("%H:%M").to_string(),
        Some(time) => time.strftime("%H:%M:%S").to_string(),
    }
}

pub(super) fn keep(text: &str) -> Value<Keep> {
    Keep::parse(text).ok_or_else(|| {
        "is not a count of days, weeks and months; write it like 7d4w6m or 30d".to_owned()
    })
}

pub(super) fn switch(text: &str) -> Value<bool> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("is not on or off".into()),
    }
}

/// One line for people.
pub(super) fn contact(text: &str) -> Value<String> {
    match text.chars().count() <= CONTACT_CHARS_MAX && !text.contains(char::is_control) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "is not one line of at most {CONTACT_CHARS_MAX} characters; write it like Ada, ada@example.org"
        )),
    }
}

pub(super) fn signups(text: &str) -> Value<SignupPolicy> {
    SignupPolicy::from_name(text).ok_or_else(|| "is not open, invite, approval or closed".into())
}

pub(super) fn memory(text: &str) -> Value<Memory> {
    let named = Memory::ALL.into_iter().find(|memory| memory.name() == text);
    named.ok_or_else(|| "is not small, medium or large".into())
}

pub(super) fn count(text: &str) -> Value<usize> {
    text.parse()
        .ok()
        .filter(|count| (1..=CONNECTIONS_MAX).contains(count))
        .ok_or_else(|| format!("is not a number from 1 to {CONNECTIONS_MAX}; write it like 20000"))
}

/// A filter for `tracing`. A bare word that is not a level would be taken as the name of a module and
/// silence everything else: almost certainly a mistake.
pub(super) fn log_filter(text: &str) -> Value<String> {
    const WRITE: &str = "write it like info, warn or info,snug::live=debug";
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        if !part.contains(['=', '[']) && part.parse::<LevelFilter>().is_err() {
            return Err(format!("has a level that does not exist; {WRITE}"));
        }
    }
    match EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(format!("is not a filter; {WRITE}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_numbers_with_units_and_read_as_they_are_shown() {
        for (text, size) in [
            ("0", 0),
            ("1000", 1_000),
            ("64MiB", 64 << 20),
            ("2GiB", 2 << 30),
            ("1TiB", 1 << 40),
            ("3KiB", 3 << 10),
        ] {
            assert_eq!(bytes(text), Ok(size), "{text}");
            assert_eq!(spelled_bytes(size), text);
        }
        assert_eq!(spelled_bytes(2048 << 20), "2GiB");
        for bad in ["", "MiB", "-1", "+1", "1.5GiB", "64MB", "64 MiB", "17179869184GiB"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn lifetimes_are_numbers_with_units() {
        for (text, seconds) in [
            ("1s", 1),
            ("90s", 90),
            ("30m", 1_800),
            ("12h", 43_200),
            ("7d", 604_800),
            ("1d12h", 129_600),
            ("400d", 34_560_000),
        ] {
            assert_eq!(lifetime(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for bad in [
            "",
            "7",
            "d",
            "0s",
            "401d",
            "7 d",
            "-1d",
            "1w",
            "1.5h",
            "7d!",
            "7é",
            "99999999999999999999d",
            "18446744073709551615d",
        ] {
            assert!(lifetime(bad).is_err(), "{bad}");
        }
        assert_eq!(spelled(Duration::from_secs(129_661)), "1d12h1m1s");
        assert_eq!(spelled(Duration::from_secs(604_800)), "7d");
    }

    #[test]
    fn times_of_day_are_read_as_they_are_shown() {
        for text in ["03:30", "00:00", "23:59:58", "off"] {
            assert_eq!(spelled_time(&time_of_day(text).unwrap()), text);
        }
        for bad in ["", "3:30", "24:00", "03:60", "0330", "03:30Z", "03:30:00.5", "T03:30", "on"] {
            assert!(time_of_day(bad).is_err(), "{bad}");
        }
        assert!(keep("7d4w6m").is_ok() && keep("a week").is_err());
    }

    #[test]
    fn a_public_url_is_what_a_browser_sends_as_origin() {
        for (text, shown) in [
            ("https://chat.example.org", "https://chat.example.org"),
            ("https://Chat.Example.org:443/", "https://chat.example.org"),
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
            ("http://[::1]:80", "http://[::1]"),
            ("https://chat.example.org:80", "https://chat.example.org:80"),
        ] {
            assert_eq!(public_url(text).unwrap().to_string(), shown);
        }
        for bad in [
            "chat.example.org",
            "ftp://chat.example.org",
            "https://",
            "https:///x",
            "https://a/b",
            "https://a?b",
            "https://a/#b",
            "https://user@a",
            "https://u:p@a:1",
            "https://a:0",
            "https://a:65536",
            "https://a:",
            "https://a:+1",
            "https://:8000",
            "https://a b",
            "*",
            "/",
        ] {
            assert!(public_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_database_url_is_shown_without_its_password() {
        for (url, shown) in [
            (
                "postgres://ada:pw@db.example.org/snug",
                "postgres://ada:********@db.example.org/snug",
            ),
            ("postgres://ada@db/snug", "postgres://ada@db/snug"),
            ("postgres://db", "postgres://db"),
            (
                "postgres:///snug?host=/run&sslmode=require&password=pw&options=-c%20a=b",
                "postgres:///snug?host=/run&sslmode=require&password=********&options=********",
            ),
            ("postgres:///snug?p%61ssword=pw&pw", "postgres:///snug?p%61ssword=********&********"),
            ("postgres://ada:p@w@db/snug", "postgres://ada:********@db/snug"),
            ("postgres://ada:p/w@db/snug", "postgres://********"),
            ("postgres://ada:p?w@db/snug", "postgres://********"),
        ] {
            assert!(database(url).is_ok());
            assert_eq!(masked(url), shown);
        }
        for bad in ["mysql://db/snug", "host=/run user=ada", "postgres", "postgres://a b"] {
            assert!(database(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_network_may_be_a_single_address() {
        let networks = networks("127.0.0.1, 10.1.2.3/8,::1").unwrap();
        let shown: Vec<_> = networks.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["127.0.0.1/32", "10.0.0.0/8", "::1/128"]);
        for bad in ["localhost", "10.0.0.0/33", "10.0.0.1:80", "1.2.3"] {
            assert!(super::networks(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_misspelt_level_is_not_a_filter() {
        for good in ["info", "WARN", "off", "info,snug::live=debug", "warn,hyper=off"] {
            assert!(log_filter(good).is_ok(), "{good}");
        }
        for bad in ["inof", "snug", "info,=,", "snug=loud", "info,[", "snug:debug"] {
            assert!(log_filter(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses_switches_and_counts_are_strict() {
        for good in ["[::]:0", "127.0.0.1:8000", ":8000", "localhost:8000"] {
            assert!(address(good).is_ok(), "{good}");
        }
        for bad in ["", "8000", ":", "elsewhere:8000", "127.0.0.1", "127.0.0.1:70000"] {
            assert!(address(bad).is_err(), "{bad}");
        }
        assert_eq!((switch("on"), switch("off")), (Ok(true), Ok(false)));
        assert!(switch("yes").is_err());
        assert_eq!(signups("approval"), Ok(SignupPolicy::Approval));
        assert!(signups("Open").is_err());
        assert_eq!(contact("Ada, at the desk"), Ok("Ada, at the desk".to_owned()));
        for bad in ["a\nb", &"x".repeat(CONTACT_CHARS_MAX + 1)] {
            assert!(contact(bad).is_err(), "{bad:?}");
        }
        assert_eq!(count("1"), Ok(1));
        for bad in ["0", "-1", "1e3", "100000001", "18446744073709551616"] {
            assert!(count(bad).is_err(), "{bad}");
        }
    }
}
