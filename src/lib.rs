//! snug: a chat server for small machines. This page is the map.
//!
//! # Four floors, calls only go down
//!
//! | floor | modules | what they are |
//! | --- | --- | --- |
//! | process | `main` `cli` `config` `prompt` `log` `systemd` `progress` `memory` `commands` | settings, signals, watchdog, commands |
//! | | [`run`] `app` `server` | the one seam that the program and the tests share; the listener |
//! | edge: requests | `http` | `route` (all routes on one screen, those of pages in `pages::route`), `guard` (who asks), `body`, `form` (forms and their tokens), `respond`, `sockets` (before a 101); `api` (JSON) and `pages` (HTML), one file per resource each, `render`, `assets` |
//! | edge: sockets | `live` | `upgrade` (handshake), `worker` (a thread per shard: the only code that touches its sockets), `connection`, `hearing` (frames in), `news` (events in), `delivery` (messages out, live and replayed), `session` (what a frame means), `follow` (where a connection is in a chat), `frames`, `close`, `wheel`, `slab`, `errands` (reads for sockets) |
//! | rules | `chat` | `post`, `lane` (commit, then publish), `batch` (what drafts become), `resume`, `reads`, `history`, `overview`, `rooms`, `private`, `accounts`, `sessions`, `tokens`, `passwords`, `limiter` |
//! | ground, effects | `store` | the only code that talks to PostgreSQL: one file per table, `migrate`, `private` (the PostgreSQL that we start ourselves); statements in `sql/<table>/<function>.sql` |
//! | | `registry` | the only code that knows who is connected: `shard` (one slice of it), `inbox` (what it is told), `outbox` (what waits for one reader), `seats` (how many there may be, and of which sessions) |
//! | ground, pure | `message` `wire` `views` `text` `ids` `error` `limits` | the nouns, frames and JSON, page structs, rules for text, every bound with its reason |
//! | beside | `metrics` | what the process counts about itself |
//!
//! # Where state lives
//!
//! PostgreSQL holds everything that must outlive the process. A chat's next number is in its locked row,
//! never in memory. A shard's worker owns its connections and who follows what; the lane owns the
//! writing connection; caches (sessions, epoch) are at most a second old.
//!
//! # Three walks
//!
//! *A message by socket.* `live::worker` is told that a socket is readable, `hearing` parses the frame in
//! the worker's scratch buffer, `session` says that it is a message, `chat::post` paces its sender and
//! hands the draft to the `lane`. The lane takes what has queued up as one batch; `store::messages` locks
//! the chats, numbers and inserts in one transaction, sent in one go. After the commit `wire` encodes
//! each message once, `registry` tells every shard, and `delivery` writes it to each follower whose position
//! is right before it, straight to the kernel or behind what waits in the outbox. The sender gets its
//! `ack`.
//!
//! *A reader comes back.* `http::sockets` checks handshake, token, origin, reach, query and seats, and
//! answers 101. `server` hands the bare socket to its shard. `news` follows the chat first, then has the
//! database read (`errands`, `chat::resume`), and `delivery` passes pages on as the outbox drains. When the position
//! is level with the last number that was published since, the chat goes live: seam, double and hole are
//! one comparison in `follow`.
//!
//! *Somebody is approved.* `http::api::requests` parses, `chat::rooms` asks whether the viewer made the
//! room, `store::room_members` locks the user and the chat, counts and decides; after the commit
//! `registry` tells the user's sockets, which follow the room from where it stood.
//!
//! # What is never there
//!
//! 1. SQL outside `sql/` (short constant statements in `store` aside); `tokio_postgres` outside `store`
//!    (its error and URL types at the start aside).
//! 2. A message committed or published anywhere but in the lane: stored before seen, seen in order.
//! 3. A look-up of a chat or message by bare id from the edges: the viewer's reach is in the statement.
//! 4. An await while a lock is held; a guard that leaves its module.
//! 5. A queue, body, list, retry or wait without a bound. Every bound is in `limits`.
//! 6. Global state: everything hangs off `App`.
//! 7. A route without a declared access: the matches in `http::route` are exhaustive.
//! 8. A second step after a commit inside a future that a leaving client can drop: the rules run such
//!    calls to their end.
//! 9. Inline script or style in HTML; text for people or a path in a script.
//!
//! `tests/it/tidy.rs` checks those that a text search can check.

pub mod app;
pub mod chat;
pub mod cli;
pub mod commands;
pub mod config;
pub mod error;
pub mod http;
pub mod ids;
pub mod limits;
pub mod live;
pub mod log;
pub mod memory;
pub mod message;
pub mod metrics;
pub mod progress;
pub mod prompt;
pub mod registry;
pub mod server;
pub mod store;
pub mod systemd;
pub mod text;
pub mod views;
pub mod wire;

use app::App;
use chat::{Chat, Terms};
use config::{Config, Database};
use error::{Error, Fatal};
use http::render::Renderer;
use limits::{MIGRATE_PAUSE_MAX, PURGE_PAUSE, SESSION_CHECK_PAUSE, STOP_PATIENCE};
use registry::{Registry, SeatLimits, Seats};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use store::private::{Options, Private};
use store::{MigrateError, Store};
use tokio::net::TcpListener;

/// Serves on `listener` until `shutdown` resolves: the one seam that the program and the tests share.
///
/// # Errors
///
/// A start that cannot work, in one line: PostgreSQL's programs, the data directory, the schema.
pub async fn run(
    config: Config,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Fatal> {
    let database = open(&config).await?;
    let served = serve(config, listener, &database, shutdown).await;
    database.close().await;
    served
}

/// A database to work on: our own PostgreSQL, or somebody else's.
pub struct Opened {
    pub store: Store,
    private: Option<Private>,
}

impl Opened {
    /// Stops the PostgreSQL that is our own.
    pub async fn close(self) {
        if let Some(private) = self.private {
            private.stop().await;
        }
    }
}

async fn open(config: &Config) -> Result<Opened, Fatal> {
    config.known_key()?;
    match &config.database {
        Database::External(url) => {
            Ok(Opened { store: Store::new(external(url.expose())?), private: None })
        }
        Database::Private => {
            let private = Private::serve(&private_options(config)).await?;
            Ok(Opened { store: Store::new(private.connection()), private: Some(private) })
        }
    }
}

fn private_options(config: &Config) -> Options {
    Options { data_dir: config.data_dir.clone(), bindir: config.pg_bindir.clone() }
}

fn external(url: &str) -> Result<tokio_postgres::Config, Fatal> {
    url.parse().map_err(|error: tokio_postgres::Error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        Fatal::new(format!(
            "SNUG_DATABASE_URL is not understood ({cause}); write it like postgres://user:password@host:5432/database"
        ))
    })
}

async fn serve(
    config: Config,
    listener: TcpListener,
    database: &Opened,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Fatal> {
    let secret = config.signing_key()?;
    let store = database.store.clone();
    let is_prepared = prepare_at_once(&store).await?;
    let shards = std::thread::available_parallelism().map_or(1, usize::from);
    let broken = |what, error: &dyn std::fmt::Display| Fatal::new(format!("{what}: {error}"));
    let shards = live::Shards::new(shards).map_err(|error| broken("polling sockets", &error))?;
    let inboxes = shards.inboxes.clone();
    let registry = Registry::new(inboxes.clone());
    let metrics = metrics::Metrics::new().map_err(|error| broken("counting", &error))?;
    let terms = Terms {
        jwt_secret: secret.expose().as_bytes().to_vec(),
        token_lifetime: config.token_lifetime,
        rate_limits: config.rate_limits,
        hashers: std::thread::available_parallelism().map_or(1, usize::from),
    };
    let chat = Chat::new(store.clone(), registry.clone(), Arc::new(metrics), terms);
    let workers = live::begin(shards, &chat).map_err(|error| broken("starting shards", &error))?;
    let seats = Seats::new(SeatLimits {
        total: config.max_connections,
        per_user: config.max_connections_per_user,
        per_address: config.max_connections_per_address,
    });
    let app = Arc::new(App {
        config,
        chat: Arc::clone(&chat),
        seats,
        renderer: Renderer::new()?,
        form_key: http::form::FormKey::new(secret.expose().as_bytes()),
        stopping: AtomicBool::new(false),
    });
    let chores = [
        tokio::spawn(purge(store.clone())),
        tokio::spawn(check_sessions(Arc::clone(&app))),
        tokio::spawn(give_memory_back()),
        tokio::spawn(systemd::feed_watchdog(progress::watch(&chat, inboxes))),
    ];
    let (stop, stopping) = tokio::sync::watch::channel(false);
    let address = listener.local_addr().map(|address| address.to_string()).unwrap_or_default();
    let accepting = tokio::spawn(server::accept(Arc::clone(&app), listener, stopping));
    tracing::info!(address, "serving");
    systemd::ready(&format!("serving on {address}"));

    let ended = tokio::select! {
        () = shutdown => Ok(()),
        fatal = prepare_in_time(&store), if !is_prepared => Err(fatal),
    };
    tracing::info!("stopping");
    systemd::stopping();
    app.stopping.store(true, Relaxed);
    registry.stop();
    join(workers).await;
    // The receiver lives in the task that accepts; if that is gone there is nobody to tell.
    let _told = stop.send(true);
    if let Err(error) = accepting.await {
        tracing::error!(%error, "accepting connections ended before its time");
    }
    chat.finish(STOP_PATIENCE).await;
    for chore in chores {
        chore.abort();
    }
    store.close();
    tracing::info!("stopped");
    ended
}

async fn join(workers: Vec<std::thread::JoinHandle<()>>) {
    let joined = tokio::task::spawn_blocking(move || {
        workers.into_iter().all(|worker| worker.join().is_ok())
    });
    if !joined.await.unwrap_or(false) {
        tracing::error!("a shard ended before its time");
    }
}

/// Brings the schema up to date if the database answers now, and says whether it did. Only what time
/// does not mend is fatal.
async fn prepare_at_once(store: &Store) -> Result<bool, Fatal> {
    match store.migrate().await {
        Ok(()) => {
            tell_unsafe(store).await;
            Ok(true)
        }
        Err(MigrateError::Unavailable(error)) => {
            tracing::warn!(%error, "the database does not answer; serving what can be served without");
            Ok(false)
        }
        Err(error) => Err(Fatal::new(error.to_string())),
    }
}

/// Tries on while the database is away; returns only what time does not mend, once it is back.
async fn prepare_in_time(store: &Store) -> Fatal {
    let mut pause = Duration::from_millis(100);
    loop {
        match store.migrate().await {
            Ok(()) => {
                tell_unsafe(store).await;
                return std::future::pending().await;
            }
            Err(MigrateError::Unavailable(_)) => {}
            Err(error) => return Fatal::new(error.to_string()),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(MIGRATE_PAUSE_MAX);
    }
}

async fn tell_unsafe(store: &Store) {
    match store.unsafe_settings().await {
        Ok(settings) => {
            for store::Unsafe { name, value } in settings {
                tracing::error!(
                    setting = name,
                    value,
                    "PostgreSQL may lose acknowledged messages in a power cut: set this to on"
                );
            }
        }
        Err(error) => tracing::warn!(%error, "PostgreSQL's settings could not be checked"),
    }
}

async fn purge(store: Store) {
    loop {
        tokio::time::sleep(PURGE_PAUSE).await;
        if let Err(error) = store.purge_sessions().await {
            tracing::debug!(%error, "ended sessions are kept for now");
        }
    }
}

/// A session may end without our doing; nothing is asked while nobody has a socket.
async fn check_sessions(app: Arc<App>) {
    loop {
        tokio::time::sleep(SESSION_CHECK_PAUSE).await;
        if let Err(error) = app.chat.end_dead_sessions(&app.seats.sessions()).await {
            tracing::debug!(%error, "which sessions live is not known for now");
        }
    }
}

/// Now and then, since what thousands of connections have freed lies in pieces.
async fn give_memory_back() {
    loop {
        tokio::time::sleep(limits::TRIM_PAUSE).await;
        if tokio::task::spawn_blocking(memory::give_back).await.is_err() {
            return;
        }
    }
}

/// Broken starts carry what broke, without the cause's own words about it.
impl From<Error> for Fatal {
    fn from(error: Error) -> Self {
        Self::new(error.to_string())
    }
}
