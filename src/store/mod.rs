//! The only code that talks to PostgreSQL: a pool of connections, one file per table.
//!
//! Statements are in `sql/<table>/<function>.sql`; the functions here run them and turn rows into
//! values. Called by `chat`. Knows nothing of connected users, JSON or HTTP.

mod absence;
mod acts;
mod chat_rooms;
mod chats;
pub(crate) mod connect;
mod disk;
mod followed;
mod health;
mod indexed_ranges;
mod known;
mod leaving;
mod links;
mod mails;
mod mentions;
mod message_words;
mod messages;
mod migrate;
mod names;
mod notify;
mod page_rows;
mod pipelines;
mod pooled;
mod pooler;
mod private_chats;
mod read_positions;
mod removals;
mod room_members;
mod sessions;
mod settings;
mod signups;
mod snapshot;
mod tls;
mod transactions;
mod users;
mod writer;

pub use chat_rooms::{Room, RoomInvite, RoomRow};
pub use chats::ChatRow;
pub use connect::Libpq;
pub use disk::{WatchedDisk, WriteKind, free};
pub use followed::ReachChange;
pub use health::{Disagreement, SequenceHealth, ServerHealth};
pub use indexed_ranges::Indexed;
pub use leaving::{Left, Legacy};
pub use links::LinkHash;
pub use mails::DueMail;
pub use message_words::{Candidate, FoundAt, SearchExtent, SearchScope, Searching};
pub use messages::{
    ChangedPage, ChangedQuery, HistoryPage, PageQuery, PageStart, history_statement,
};
pub use migrate::{MigrateError, SCHEMA_VERSION, newer_one};
pub use notify::{BusTerms, ClockClient, Listening, Notifying};
pub use private_chats::Opened;
pub use read_positions::{HasRead, Moved};
pub use removals::Removal;
pub use room_members::{
    AskedRoom, Decided, JoinRequest, Member, MemberState, OpenRequest, Requested,
};
pub use sessions::{LivingSession, NewSession, Session, SessionUse, SignIn};
pub use settings::{Stats, Unsafe};
pub use signups::{PendingSignup, SignupAnswer};
pub use snapshot::{ChatContents, Contents, Snapshot, TableContents};
pub use users::{LoginRecord, NewUser, OwnerKept, PasswordChange, User, UserAndHash};
pub use writer::{
    Altered, Backend, Batch, Committed, NewDraft, Outcome, Stored, WriteError, Writer,
};

use crate::limits::{
    DATABASE_CONNECT_TIMEOUT, DATABASE_KEEPALIVE, MEDIUM, MemoryBounds, PING_TIMEOUT,
    POOL_WAIT_TIMEOUT,
};
use crate::model::error::{Error, Fatal, Result};
use crate::model::waits::DatabaseWaits;
use connect::Connector;
use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool, QueueMode, RecyclingMethod, Runtime,
};
use pooled::Pooled;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

/// The text of `sql/<path>.sql`.
macro_rules! sql {
    ($path:literal) => {
        include_str!(concat!("../../sql/", $path, ".sql"))
    };
}
pub(crate) use sql;

/// A log filter: the pool reports every connection that ends; code that then lacks one says more.
pub const LOG_QUIET: &str = "deadpool.postgres=off";

/// The database, as the rules see it.
#[derive(Clone)]
pub struct Store {
    pool: Pool,
    config: tokio_postgres::Config,
    connector: Connector,
    /// How long it is waited for, here and by the rules.
    pub waits: DatabaseWaits,
    names: Arc<names::NameCache>,
    pipelines: Arc<pipelines::Pipelines>,
    disk: Arc<disk::Disk>,
    absence: Arc<absence::Absence>,
    unindexed: Arc<indexed_ranges::Unindexed>,
}

/// How much of the pool is in use.
pub struct PoolState {
    pub open: usize,
    pub waiting: usize,
}

impl Store {
    /// Opens no connection yet: every call that needs one tries anew, in case the database is back.
    ///
    /// Statements are planned once per connection, whatever their parameters: planning a page of
    /// history takes longer than reading it. The connection that was used last is used next, because
    /// its process is still warm.
    pub fn new(config: tokio_postgres::Config, waits: DatabaseWaits) -> Self {
        Self::by(Connector::default(), config, waits)
    }

    /// A PostgreSQL that somebody else runs.
    pub fn external(url: &str, waits: DatabaseWaits) -> Result<Self, Fatal> {
        let (config, connector) = Connector::parse(url)?;
        Ok(Self::by(connector, config, waits))
    }

    fn by(connector: Connector, mut config: tokio_postgres::Config, waits: DatabaseWaits) -> Self {
        let connector = connector.setting(&format!(
            "set statement_timeout = {0}; set idle_in_transaction_session_timeout = {0}; \
             set synchronous_commit = on; set timezone = 'UTC'; set jit = off; \
             set plan_cache_mode = force_generic_plan",
            waits.statement.as_millis()
        ));
        if config.get_application_name().is_none() {
            config.application_name("snug");
        }
        config
            .connect_timeout(DATABASE_CONNECT_TIMEOUT)
            .keepalives_idle(DATABASE_KEEPALIVE)
            .tcp_user_timeout(DATABASE_KEEPALIVE);
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_connect(config.clone(), connector.clone(), recycling);
        let pool = Pool::builder(manager)
            .max_size(MEDIUM.pool_connections)
            .wait_timeout(Some(POOL_WAIT_TIMEOUT))
            .create_timeout(Some(DATABASE_CONNECT_TIMEOUT))
            .recycle_timeout(Some(DATABASE_CONNECT_TIMEOUT))
            .queue_mode(QueueMode::Lifo)
            .runtime(Runtime::Tokio1)
            .build()
            .expect("timeouts have a runtime");
        Self {
            pool,
            config,
            connector,
            waits,
            names: Arc::new(names::NameCache::new(MEDIUM.cached)),
            pipelines: Arc::new(pipelines::Pipelines::new(waits.answer, &MEDIUM)),
            disk: Arc::default(),
            absence: Arc::default(),
            unindexed: Arc::default(),
        }
    }

    /// With these bounds instead of those of a machine of medium size.
    pub fn within(self, memory: &MemoryBounds) -> Self {
        self.pool.resize(memory.pool_connections);
        let pipelines = Arc::new(pipelines::Pipelines::new(self.waits.answer, memory));
        Self { names: Arc::new(names::NameCache::new(memory.cached)), pipelines, ..self }
    }

    /// Whether PostgreSQL answers, with the schema that we know.
    pub async fn ping(&self) -> Result<()> {
        let client = self.client().await?;
        let asked = client.simple_query(migrate::PING);
        let asked = tokio::time::timeout(PING_TIMEOUT, asked).await;
        if let Err(late) = asked {
            let _discarded = client.answered::<(), tokio_postgres::Error>(Err(late));
            let late = "no answer to a ping";
            return Err(Error::unavailable_because("PostgreSQL", absence::SILENT, late));
        }
        if let Some(lost) = self.absence.lost() {
            return Err(Error::unavailable_because("PostgreSQL", lost, lost));
        }
        let answer = client.answered(asked)?;
        self.absence.tell_read_only(migrate::is_read_only(&answer));
        match migrate::is_current(&answer) {
            true => Ok(()),
            false => {
                let missing = "the schema is not up to date yet";
                Err(Error::unavailable_because("PostgreSQL", missing, missing))
            }
        }
    }

    /// Closes connections that have not been needed for a while: each is a process of PostgreSQL.
    pub fn close_idle(&self) {
        let _closed = self.pool.retain(|_, metrics| metrics.last_used() < self.waits.idle);
    }

    /// Closes idle connections, so that none is cut off when PostgreSQL stops.
    pub fn close(&self) {
        self.pool.close();
    }

    /// Whether nothing could be written at the last ping.
    pub fn is_read_only(&self) -> bool {
        self.absence.is_read_only()
    }

    /// Whether PostgreSQL had no connection left when one was last asked for.
    pub fn is_crowded(&self) -> bool {
        self.absence.is_crowded()
    }

    pub fn pool_state(&self) -> PoolState {
        let status = self.pool.status();
        PoolState { open: status.size, waiting: status.waiting }
    }

    /// The current epoch of the history.
    pub async fn epoch(&self) -> Result<String> {
        let row = self.one(sql!("meta/epoch"), &[]).await?;
        Ok(row.get("epoch"))
    }

    /// Takes a connection from the pool.
    async fn client(&self) -> Result<Pooled> {
        self.pooled().await.map(|client| Pooled::new(client, self.waits.answer))
    }

    async fn pooled(&self) -> Result<Object> {
        match self.pool.get().await {
            Ok(client) => {
                if self.absence.ends() {
                    tracing::info!("PostgreSQL is back");
                }
                Ok(client)
            }
            Err(error) => {
                let error = Error::from(error);
                if self.absence.goes_on(error.is_crowded(), Instant::now()) {
                    tracing::warn!(%error, "PostgreSQL is unavailable");
                }
                Err(error)
            }
        }
    }

    async fn rows(
        &self,
        statement: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>> {
        self.rows_within(self.waits.answer, statement, params).await
    }

    async fn rows_within(
        &self,
        limit: Duration,
        statement: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>> {
        let client = self.client().await?;
        let asking = async {
            let prepared = client.prepare_cached(statement).await?;
            client.query(&prepared, params).await
        };
        let asked = tokio::time::timeout(limit, asking).await;
        client.answered(asked).inspect_err(|error| self.absence.note(error))
    }

    /// Remembers what the outcome of a write says about the disk.
    fn noted<T>(&self, outcome: Result<T>) -> Result<T> {
        match &outcome {
            Ok(_) => self.disk.wrote(0),
            Err(error) if error.is_storage_full() => self.disk.refused(),
            Err(_) => {}
        }
        outcome
    }

    async fn maybe(
        &self,
        statement: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>> {
        Ok(self.rows(statement, params).await?.into_iter().next())
    }

    async fn one(&self, statement: &'static str, params: &[&(dyn ToSql + Sync)]) -> Result<Row> {
        let row = self.maybe(statement, params).await?;
        row.ok_or_else(|| {
            Error::broken("a statement that always returns a row returned none", statement)
        })
    }

    /// The rows that a statement returns that writes.
    async fn written(
        &self,
        write: WriteKind,
        statement: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>> {
        self.admit(write)?;
        self.noted(self.rows(statement, params).await)
    }

    /// The number of rows that the statement changed.
    async fn changed(
        &self,
        write: WriteKind,
        statement: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<u64> {
        self.admit(write)?;
        let client = self.client().await?;
        let asking = async {
            let prepared = client.prepare_cached(statement).await?;
            client.execute(&prepared, params).await
        };
        let asked = tokio::time::timeout(self.waits.answer, asking).await;
        self.noted(client.answered(asked))
    }
}

/// A timestamp in PostgreSQL's resolution: microseconds.
fn timestamp(row: &Row, column: &str) -> jiff::Timestamp {
    let time: std::time::SystemTime = row.get(column);
    jiff::Timestamp::try_from(time).unwrap_or_default()
}

fn system_time(timestamp: jiff::Timestamp) -> std::time::SystemTime {
    timestamp.try_into().expect("both types cover the years in which tokens are valid")
}

impl Error {
    /// Whether PostgreSQL turned us away because all its connections are taken.
    pub fn is_crowded(&self) -> bool {
        matches!(self, Self::Unavailable(away) if away.reason == Some(absence::CROWDED))
    }
}

impl From<deadpool_postgres::PoolError> for Error {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        match error {
            deadpool_postgres::PoolError::Backend(error) => {
                Self::unavailable_because("PostgreSQL", absence::reason(&error), cause(error))
            }
            deadpool_postgres::PoolError::Timeout(wait) => {
                let late = deadpool_postgres::PoolError::Timeout(wait);
                Self::unavailable_because("the connection pool", absence::SILENT, late)
            }
            other => Self::unavailable("the connection pool", other),
        }
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.code() {
            Some(code) if absence::is_session_lost(code) => {
                Self::unavailable_because("PostgreSQL", absence::reason(&error), cause(error))
            }
            Some(&SqlState::DISK_FULL) if is_answer(&error) => Self::storage_full(),
            Some(&SqlState::UNIQUE_VIOLATION) => taken(error),
            Some(code) if !passes_by_itself(code) => {
                Self::broken("a statement failed", cause(error))
            }
            Some(_) | None => {
                Self::unavailable_because("PostgreSQL", absence::reason(&error), cause(error))
            }
        }
    }
}

/// What somebody else has already, by the constraint that says so.
fn taken(error: tokio_postgres::Error) -> Error {
    match error.as_db_error().and_then(|answer| answer.constraint()) {
        Some("users_username_key") => Error::username_taken(),
        Some("users_email_key") => Error::email_taken(),
        Some(_) | None => Error::broken("a statement failed", cause(error)),
    }
}

/// Whether PostgreSQL refused the statement and is still there; if it or its process ended, nobody knows
/// what became of the statement.
fn is_answer(error: &tokio_postgres::Error) -> bool {
    use tokio_postgres::error::Severity;
    error.as_db_error().is_some_and(|answer| {
        !matches!(answer.parsed_severity(), Some(Severity::Fatal | Severity::Panic))
    })
}

/// PostgreSQL's message without its detail, which repeats rows and thus what people wrote.
fn cause(error: tokio_postgres::Error) -> Box<dyn std::error::Error + Send + Sync> {
    let Some(answer) = error.as_db_error() else { return error.into() };
    let (message, code) = (answer.message(), answer.code().code());
    format!("{}: {message} ({code})", answer.severity()).into()
}

/// Connection errors, shutdown and start-up, exhausted resources, a statement that hit its timeout, lost
/// races, a schema that has not been created yet: worth trying again. The classes are in PostgreSQL's
/// Appendix A.
fn passes_by_itself(code: &SqlState) -> bool {
    let is_unmade = matches!(*code, SqlState::UNDEFINED_TABLE | SqlState::UNDEFINED_FUNCTION);
    let class = code.code().get(..2).unwrap_or_default();
    is_unmade || matches!(class, "08" | "25" | "40" | "53" | "55" | "57" | "58" | "XX")
}
