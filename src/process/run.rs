//! From start to stop: `run` opens the database, starts everything that serves, does the chores beside
//! it, and stops all of it again.
//!
//! Called by `main` and by the tests. It can be told to stop at any moment, even while it is still
//! waiting for the database.

use super::backup::{self, Noted};
use super::systemd::Notifier;
use super::{measure, memory, progress, upgrade};
use crate::bus::{self, Bus};
use crate::chat::{Rules, Terms};
use crate::http::cookies::Cookies;
use crate::http::form::FormKey;
use crate::http::host::Host;
use crate::http::notices::Notices;
use crate::http::pages::docs::{self, Docs};
use crate::http::public_url;
use crate::http::render::Renderer;
use crate::http::server;
use crate::http::{App, HttpTerms};
use crate::limits::{
    BACKLOG_BYTES_MAX, DATABASE_WATCH_PAUSE, FORMER_CLUSTER_KEPT, LAST_NEWS_PATIENCE, MAIL_PAUSE,
    MIGRATE_PAUSES, NEWS_WAITING_MAX, NOTIFY_GATHER, NOTIFY_PAUSE, PURGE_PAUSE,
    SESSION_CHECK_PAUSE, SESSION_USE_PAUSE, STOP_PATIENCE, STOP_POSTGRES_BY, TRIM_PAUSE,
};
use crate::live;
use crate::mail::{Mailer, Unsent};
use crate::metrics::Metrics;
use crate::model::error::{Error, Fatal};
use crate::os::backoff::Backoff;
use crate::process::config::{BusSetting, Config, DatabaseSetting};
use crate::process::database::{self, Database, Opener};
use crate::registry::{Backlog, Inbox, Registry, SeatLimits, Seats};
use crate::store::{DueMail, SCHEMA_VERSION, Store};
use parking_lot::Mutex;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

/// Serves on `listener` until `shutdown` resolves: the one seam that the program and the tests share.
/// The listener comes from `server::bind` or `adopt`, which set the options that its connections
/// inherit.
///
/// # Errors
///
/// A start that cannot succeed, in one line: PostgreSQL's programs, the data directory, the schema.
pub async fn run(
    config: Config,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Fatal> {
    let asked = std::sync::OnceLock::new();
    let mut shutdown = pin!(async {
        shutdown.await;
        asked.get_or_init(Instant::now);
    });
    // If this is dropped, whatever it has started is told to stop.
    let database = tokio::select! {
        opened = Database::open(&config, Opener::Server) => opened?,
        () = &mut shutdown => return Ok(()),
    };
    let served = serve(config, listener, &database.store, shutdown).await;
    let asked = asked.get_or_init(Instant::now);
    database.close(Some(*asked + STOP_POSTGRES_BY)).await;
    served
}

async fn serve(
    config: Config,
    listener: TcpListener,
    store: &Store,
    mut shutdown: Pin<&mut impl Future<Output = ()>>,
) -> Result<(), Fatal> {
    let secret = config.signing_key()?;
    let notifier = Arc::new(Notifier::open());
    let is_prepared = tokio::select! {
        prepared = database::prepare_at_once(&config, store, &notifier) => prepared?,
        () = &mut shutdown => return Ok(()),
    };
    let (for_backups, as_written) = (config.clone(), config.clone());
    let is_own = config.database == DatabaseSetting::Private;
    let room = (is_own.then(|| config.data_dir.clone()), config.disk_reserve);
    let memory = config.memory.bounds();
    let shards = std::thread::available_parallelism().map_or(1, usize::from);
    let broken = |what, error: &dyn std::fmt::Display| Fatal::new(format!("{what}: {error}"));
    let inboxes: Vec<Arc<Inbox>> =
        (0..shards).map(|_| Arc::new(Inbox::new(memory.inbox_bytes))).collect();
    let metrics = Arc::new(Metrics::new().map_err(|error| broken("counting", &error))?);
    let bus = match config.bus {
        BusSetting::Off => None,
        BusSetting::Postgres => Some(Bus::new(Arc::clone(&metrics))),
    };
    let bus = bus.transpose().map_err(|error| broken("naming this node", &error))?;
    let registry = Registry::new(inboxes.clone(), bus.clone());
    let terms = Terms {
        jwt_secret: secret.expose().as_bytes().to_vec(),
        token_lifetime: config.token_lifetime,
        session_lifetime: config.session_lifetime,
        signups: config.signups,
        rate_limits: config.rate_limits,
        hashers: shards.min(memory.hashers),
        memory,
    };
    let rules = Rules::new(store.clone(), registry.clone(), metrics, terms);
    let backlog = Backlog::new(BACKLOG_BYTES_MAX);
    let workers = live::begin(&inboxes, &rules, &backlog, config.waits.sockets)
        .map_err(|error| broken("starting shards", &error))?;
    let seats = Seats::new(SeatLimits {
        total: config.max_connections,
        per_user: config.max_connections_per_user,
        per_address: config.max_connections_per_address,
    });
    let openapi = docs::openapi();
    let app = Arc::new(App {
        notices: Notices::default(),
        cookies: Cookies::new(secret.expose().as_bytes()),
        terms: HttpTerms {
            machine: machine(),
            home: home(&listener),
            public_url: config.public_url,
            trusted_proxies: config.trusted_proxies,
            metrics_token: config.metrics_token.map(|token| token.expose().into()),
            token_lifetime: config.token_lifetime,
            sends_mail: config.smtp_url.is_some(),
            contact: config.contact,
            waits: config.waits.requests,
            memory,
        },
        rules: Arc::clone(&rules),
        seats,
        backlog,
        renderer: Renderer::new()?,
        docs: Docs::of(&openapi),
        openapi: openapi.into(),
        form_key: FormKey::new(secret.expose().as_bytes()),
        stopping: AtomicBool::new(false),
        requests: AtomicU64::new(0),
    });
    rules.metrics.built(env!("CARGO_PKG_VERSION"), SCHEMA_VERSION);
    let backups = Noted { status: Arc::default(), metrics: Arc::clone(&rules.metrics) };
    let mailer = config.smtp_url.map(|url| Mailer::new(url.expose())).transpose();
    let mailer = mailer.map_err(|fault| Fatal::usage(format!("SNUG_SMTP_URL {fault}")))?;
    let chores = [
        tokio::spawn(meet_others(bus.clone(), store.clone(), Arc::clone(&rules))),
        tokio::spawn(offer_setup(Arc::clone(&app))),
        tokio::spawn(send_mails(Arc::clone(&app), mailer)),
        tokio::spawn(measure::measure(store.clone(), Arc::clone(&rules.metrics), room.clone())),
        tokio::spawn(backup::keep_backups(for_backups, store.clone(), backups.clone())),
        tokio::spawn(forget_former(room.0)),
        tokio::spawn(purge(store.clone())),
        tokio::spawn(shorten_sessions(store.clone(), config.session_lifetime)),
        tokio::spawn(store.clone().watch_disk()),
        tokio::spawn(check_sockets(Arc::clone(&app))),
        tokio::spawn(write_uses(Arc::clone(&rules))),
        tokio::spawn(Arc::clone(&rules).index_messages()),
        tokio::spawn(Arc::clone(&rules).remove_messages()),
        tokio::spawn(give_memory_back(store.clone())),
        tokio::spawn(Arc::clone(&notifier).feed_watchdog(progress::watch(&rules, inboxes))),
    ];
    let (stop, stopping) = tokio::sync::watch::channel(false);
    let address = listener.local_addr().map(|address| address.to_string()).unwrap_or_default();
    let accepting = tokio::spawn(server::accept(Arc::clone(&app), listener, stopping));
    tracing::info!(address, "serving");
    tracing::info!("Open {}", app.terms.address());
    let serving = format!("serving on {address}");
    let watching = keep_status(Arc::clone(&notifier), store.clone(), serving, backups.status);
    let watching = tokio::spawn(watching);

    let ended = tokio::select! {
        () = shutdown => Ok(()),
        fatal = database::prepare_in_time(&as_written, store, &notifier), if !is_prepared => Err(fatal),
    };
    watching.abort();
    tracing::info!("stopping");
    notifier.stopping();
    app.stopping.store(true, Relaxed);
    registry.stop();
    join(workers).await;
    // The receiver belongs to the task that accepts; if that has ended, there is nobody to tell.
    let _told = stop.send(true);
    if let Err(error) = accepting.await {
        tracing::error!(%error, "accepting connections ended too early");
    }
    rules.finish(STOP_PATIENCE).await;
    if let Some(bus) = bus {
        say_the_rest(&bus).await;
    }
    for chore in chores {
        chore.abort();
    }
    store.close();
    tracing::info!("stopped");
    ended
}

/// Tells other nodes that share the database what is new, and hears them.
async fn meet_others(bus: Option<Arc<Bus>>, store: Store, rules: Arc<Rules>) {
    let Some(bus) = bus else { return };
    let (told, heard) = mpsc::channel(NEWS_WAITING_MAX);
    let looks = Arc::new(Notify::new());
    tokio::join!(
        bus::serve(bus, store, told),
        Arc::clone(&rules).hear_elsewhere(heard, Arc::clone(&looks)),
        Arc::clone(&rules).read_followed(),
        rules.look_elsewhere(looks),
    );
}

/// What other nodes have not been told in time they find for themselves.
async fn say_the_rest(bus: &Bus) {
    let began = Instant::now();
    while !bus.has_said_all() && began.elapsed() < LAST_NEWS_PATIENCE {
        tokio::time::sleep(NOTIFY_GATHER).await;
    }
}

/// The names by which the machine knows itself; one without a name has none.
fn machine() -> Vec<Host> {
    let name = nix::unistd::gethostname().unwrap_or_default();
    Host::of_machine(&name.to_string_lossy())
}

/// An address at which the pages are, on the machine itself.
fn home(listener: &TcpListener) -> String {
    listener.local_addr().map_or_else(|_| "http://localhost".to_owned(), public_url::home)
}

async fn join(workers: Vec<JoinHandle<()>>) {
    for worker in workers {
        if let Err(error) = worker.await {
            tracing::error!(%error, "a shard ended too early");
        }
    }
}

/// Tells the service manager that we serve and keeps its status true, and notices a database that is away even if
/// nobody asks for it.
async fn keep_status(
    notifier: Arc<Notifier>,
    store: Store,
    serving: String,
    backups: Arc<Mutex<String>>,
) {
    // How the database is may take a while to know.
    let mut is_told = notifier.serving(&serving);
    let mut shown = serving.clone();
    loop {
        let why = match store.ping().await {
            Ok(()) => None,
            Err(Error::Unavailable(away)) => {
                Some(away.reason.unwrap_or("PostgreSQL is unavailable"))
            }
            Err(_) => Some("PostgreSQL is unavailable"),
        };
        let mut now = serving.clone();
        if let Some(why) = why {
            now.push_str(&format!(", but without a database: {why}"));
        }
        match backups.lock().as_str() {
            "" => {}
            backed_up => now.push_str(&format!("; {backed_up}")),
        }
        if !is_told || now != shown {
            is_told = notifier.serving(&now);
            shown = now;
        }
        let pause = if is_told { DATABASE_WATCH_PAUSE } else { NOTIFY_PAUSE };
        tokio::time::sleep(pause).await;
    }
}

/// Says once, while nobody has an account, how to become the owner: a person at a terminal gets the link, a
/// log never does.
async fn offer_setup(app: Arc<App>) {
    let mut backoff = Backoff::new(MIGRATE_PAUSES);
    let is_new = loop {
        match app.rules.has_users().await {
            Ok(has_users) => break !has_users,
            Err(error) if error.is_passing() => backoff.pause().await,
            Err(error) => {
                return tracing::warn!(%error, "cannot see whether anybody has an account");
            }
        }
    };
    if !is_new {
        return;
    }
    if !io::stdout().is_terminal() {
        tracing::info!("nobody has an account yet: snug setup-link prints a link for the owner");
        return;
    }
    match app.rules.make_setup_link().await {
        Ok(path) => {
            let link = format!("{}{path}", app.terms.address());
            let said = format!("To own this server, open this link within a day: {link}\n");
            // A terminal that has gone away, or does not read, keeps nobody waiting.
            let _said =
                tokio::task::spawn_blocking(move || io::stdout().write_all(said.as_bytes()));
        }
        Err(error) => tracing::warn!(%error, "cannot make a setup link; try snug setup-link"),
    }
}

/// Sends what is due, where mail is set up. What cannot be sent is due again later.
async fn send_mails(app: Arc<App>, mailer: Option<Mailer>) {
    let Some(mailer) = mailer else { return };
    // That none can be sent is said once, and not for each of them.
    let mut is_away = false;
    loop {
        tokio::time::sleep(MAIL_PAUSE).await;
        match app.rules.due_mails().await {
            Ok(due) => {
                for mail in due {
                    if let Err(error) = send_mail(&app, &mailer, &mail, &mut is_away).await {
                        tracing::debug!(%error, "a mail waits; will try again");
                    }
                }
            }
            Err(error) => tracing::debug!(%error, "cannot see which mails are due; will try again"),
        }
    }
}

/// `is_away`: whether the last one could not be sent.
async fn send_mail(
    app: &App,
    mailer: &Mailer,
    mail: &DueMail,
    is_away: &mut bool,
) -> Result<(), Error> {
    let Some(path) = app.rules.mailed_link(mail.user_id).await? else {
        return app.rules.settle_mail(mail.user_id).await;
    };
    let link = format!("{}{path}", app.terms.address());
    match mailer.send_reset(&mail.email, &mail.username, &link).await {
        Ok(()) => tracing::info!(user.id = %mail.user_id, "sent a link to set a new password"),
        Err(Unsent::Refused) => {
            tracing::warn!(user.id = %mail.user_id, "the mail server refuses a mail for good");
        }
        Err(Unsent::Later(reason)) => {
            if !std::mem::replace(is_away, true) {
                tracing::warn!(reason, "mails cannot be sent at present; will try again");
            }
            return Ok(());
        }
    }
    if std::mem::take(is_away) {
        tracing::info!("mails are sent again");
    }
    app.rules.settle_mail(mail.user_id).await
}

/// The lifetime may have been longer until now.
async fn shorten_sessions(store: Store, lifetime: Duration) {
    let mut backoff = Backoff::new(MIGRATE_PAUSES);
    while let Err(error) = store.shorten_sessions(lifetime).await {
        tracing::debug!(%error, "cannot shorten sessions; will try again");
        backoff.pause().await;
    }
}

/// What an upgrade of its own PostgreSQL has put aside.
async fn forget_former(data_dir: Option<PathBuf>) {
    if let Some(data_dir) = data_dir {
        upgrade::forget_former(data_dir, FORMER_CLUSTER_KEPT).await;
    }
}

async fn purge(store: Store) {
    loop {
        tokio::time::sleep(PURGE_PAUSE).await;
        if let Err(error) = store.purge_sessions().await {
            tracing::debug!(%error, "cannot delete ended sessions; will try again");
        }
        if let Err(error) = store.purge_links().await {
            tracing::debug!(%error, "cannot delete links that nobody used; will try again");
        }
        if let Err(error) = store.purge_signups().await {
            tracing::debug!(%error, "cannot delete invites and answers of long ago; will try again");
        }
        if let Err(error) = store.purge_mails().await {
            tracing::debug!(%error, "cannot give up mails of long ago; will try again");
        }
        if let Err(error) = store.purge_former_names().await {
            tracing::debug!(%error, "cannot free names that were kept; will try again");
        }
        if let Err(error) = store.purge_rooms().await {
            tracing::debug!(%error, "cannot delete rooms that are gone; will try again");
        }
        if let Err(error) = store.purge_reach_changes().await {
            tracing::debug!(%error, "cannot forget who came and went long ago; will try again");
        }
        if let Err(error) = store.purge_acts().await {
            tracing::debug!(%error, "cannot delete acts of long ago; will try again");
        }
    }
}

/// A session or a room can end without us (by a command or in SQL). Nothing is asked while nobody has a
/// socket.
async fn check_sockets(app: Arc<App>) {
    loop {
        tokio::time::sleep(SESSION_CHECK_PAUSE).await;
        let sessions = app.seats.sessions();
        if sessions.is_empty() {
            continue;
        }
        if let Err(error) = app.rules.end_dead_sessions(&sessions).await {
            tracing::debug!(%error, "cannot check which sessions are alive; will try again");
        }
        if let Err(error) = app.rules.leave_deleted_rooms().await {
            tracing::debug!(%error, "cannot see which rooms are deleted; will try again");
        }
    }
}

async fn write_uses(rules: Arc<Rules>) {
    loop {
        tokio::time::sleep(SESSION_USE_PAUSE).await;
        rules.write_uses().await;
    }
}

/// From time to time, because what thousands of connections have freed is left in fragments.
async fn give_memory_back(store: Store) {
    loop {
        tokio::time::sleep(TRIM_PAUSE).await;
        store.close_idle();
        if tokio::task::spawn_blocking(memory::give_back).await.is_err() {
            return;
        }
    }
}
