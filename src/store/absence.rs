//! Why PostgreSQL cannot be had, in words for operators, and how often the log says so.
//!
//! Used by `store`. The reasons name neither users nor hosts, because `/readyz` tells them to anybody.

use super::tls::TlsFault;
use crate::limits::{DATABASE_LOST_FOR, DATABASE_RETELL_PAUSE};
use crate::model::error::Error;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;
use tokio_postgres::error::SqlState;

/// Said while PostgreSQL turns away whoever comes.
pub(super) const CROWDED: &str = "PostgreSQL has no connection left (53300)";
pub(super) const SILENT: &str = "PostgreSQL does not answer";
const UNREACHABLE: &str = "PostgreSQL cannot be reached";

/// What to do about a connection that can never be had with these settings, because time does not mend them.
pub(super) fn advice(error: &tokio_postgres::Error) -> Option<&'static str> {
    const CORRECT: &str = "correct the user, the password or the name of the database";
    let misconfigured = [
        SqlState::INVALID_PASSWORD,
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        SqlState::INVALID_CATALOG_NAME,
    ];
    match TlsFault::of(error) {
        None if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
            Some("let the user connect to the database, with grant connect")
        }
        None => error.code().is_some_and(|code| misconfigured.contains(code)).then_some(CORRECT),
        Some(TlsFault::NotOffered) => Some("turn on ssl there, or set sslmode=disable"),
        Some(TlsFault::Untrusted) => {
            Some("name the file with the certificate of who signed it as sslrootcert")
        }
        Some(TlsFault::OtherName) => {
            Some("connect by a name that it is for, or settle for sslmode=verify-ca")
        }
        Some(TlsFault::Other) => {
            Some("have it made anew with X.509 version 3, or see the log of PostgreSQL")
        }
        // A clock that is set, or a new certificate.
        Some(TlsFault::Expired) => None,
    }
}

/// Whether what we have prepared is not there, or was there before us: this session is not ours alone, as at
/// the start (`pooler`).
pub(super) fn is_session_lost(code: &SqlState) -> bool {
    [SqlState::INVALID_SQL_STATEMENT_NAME, SqlState::DUPLICATE_PSTATEMENT].contains(code)
}

const LOST: &str = "a pooler changes PostgreSQL's sessions under way";

/// Why there is no connection.
pub(super) fn reason(error: &tokio_postgres::Error) -> &'static str {
    match TlsFault::of(error) {
        Some(TlsFault::NotOffered) => return "PostgreSQL does not offer TLS",
        Some(TlsFault::Untrusted) => return "PostgreSQL's certificate is not trusted",
        Some(TlsFault::OtherName) => return "PostgreSQL's certificate is for another name",
        Some(TlsFault::Expired) => {
            return "PostgreSQL's certificate has expired or is not valid yet";
        }
        Some(TlsFault::Other) => return "there is no TLS with PostgreSQL",
        None => {}
    }
    let Some(code) = error.code() else { return UNREACHABLE };
    match code.code() {
        "28P01" => "PostgreSQL refuses the password (28P01)",
        "28000" => "PostgreSQL refuses the user (28000)",
        "25006" => "the database is read-only (25006)",
        "42501" => "PostgreSQL refuses the user this database (42501)",
        "3D000" => "the database does not exist (3D000)",
        "53300" => CROWDED,
        "57P03" => "PostgreSQL is starting, stopping or recovering (57P03)",
        _ if is_session_lost(code) => LOST,
        "55000" => "the database accepts no connections (55000)",
        _ => "PostgreSQL refuses the connection; the log has its answer",
    }
}

/// Whether there was a connection at the last attempt.
#[derive(Default)]
pub(super) struct Absence {
    is_away: AtomicBool,
    is_crowded: AtomicBool,
    is_read_only: AtomicBool,
    told: Mutex<Option<Instant>>,
    /// When a statement last found that its session was not ours alone.
    lost: Mutex<Option<Instant>>,
}

impl Absence {
    /// Returns whether it is time to log that there is no connection: at first, and then again and again.
    pub fn goes_on(&self, is_crowded: bool, now: Instant) -> bool {
        self.is_crowded.store(is_crowded, Relaxed);
        let is_new = !self.is_away.swap(true, Relaxed);
        let mut told = self.told.lock();
        let is_due =
            is_new || told.is_none_or(|told| now.duration_since(told) >= DATABASE_RETELL_PAUSE);
        if is_due {
            *told = Some(now);
        }
        is_due
    }

    /// Returns whether this is the end of one.
    pub fn ends(&self) -> bool {
        if !self.is_away.load(Relaxed) {
            return false;
        }
        self.is_crowded.store(false, Relaxed);
        self.is_away.swap(false, Relaxed)
    }

    /// What became of a statement.
    pub fn note(&self, error: &Error) {
        if matches!(error, Error::Unavailable(away) if away.reason == Some(LOST)) {
            *self.lost.lock() = Some(Instant::now());
        }
    }

    /// Why we are not ready although PostgreSQL answers.
    pub fn lost(&self) -> Option<&'static str> {
        let lost = *self.lost.lock();
        lost.is_some_and(|at| at.elapsed() < DATABASE_LOST_FOR).then_some(LOST)
    }

    /// Logs when a database begins or ceases to refuse writes: one of which a standby has taken the place.
    pub fn tell_read_only(&self, is_read_only: bool) {
        match (self.is_read_only.swap(is_read_only, Relaxed), is_read_only) {
            (false, true) => {
                tracing::warn!(
                    "the database is read-only: nothing is stored until it takes writes"
                );
            }
            (true, false) => tracing::warn!("the database takes writes again"),
            (true, true) | (false, false) => {}
        }
    }

    pub fn is_read_only(&self) -> bool {
        self.is_read_only.load(Relaxed)
    }

    pub fn is_crowded(&self) -> bool {
        self.is_crowded.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn an_absence_is_told_when_it_begins_and_every_few_minutes() {
        let (absence, began) = (Absence::default(), Instant::now());
        let told: Vec<u64> = (0..700)
            .filter(|second| absence.goes_on(false, began + Duration::from_secs(*second)))
            .collect();
        assert_eq!(told, [0, 300, 600]);
        assert!(absence.ends() && !absence.ends());
        assert!(absence.goes_on(true, began + Duration::from_secs(701)), "another one");
        assert!(absence.is_crowded());
    }
}
