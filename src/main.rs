//! The process around `snug::run`: settings, log, file limit, listener, runtime, signals, exit status.
//!
//! Everything that can keep a start from working ends here as one line on standard error.

use snug::http::server;
use snug::limits::{
    BLOCKING_THREADS_MAX, FILES_RESERVED, LAST_WORDS_TIMEOUT, RUNTIME_STOP_TIMEOUT, STOP_TIMEOUT,
};
use snug::model::error::Fatal;
use snug::process::cli::{Command, Parsed};
use snug::process::config::{Config, SERVICE_SETTINGS, Written};
use snug::process::{cli, commands, doctor, log, memory, prompt, systemd, upgrade};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

fn main() -> ExitCode {
    memory::settle();
    match start() {
        Ok(status) => status,
        Err(fatal) => {
            let line = log::one_line(&fatal.message);
            say_last(line);
            ExitCode::from(fatal.status)
        }
    }
}

/// Says something on standard error, but not for ever: that may be a full pipe that nobody reads.
fn say_last(line: String) {
    within(LAST_WORDS_TIMEOUT, move || {
        // If standard error is closed, there is nobody left to tell.
        let _ = writeln!(io::stderr(), "snug: {line}");
    });
}

/// Runs this on a thread of its own, which is left behind if it takes longer.
fn within(limit: Duration, last: impl FnOnce() + Send + 'static) {
    let (done, waiting) = std::sync::mpsc::channel();
    let begun = std::thread::Builder::new().spawn(move || {
        last();
        // Whoever waited may have left.
        let _ = done.send(());
    });
    if begun.is_ok() {
        // Too late or done: either way it is over.
        let _ = waiting.recv_timeout(limit);
    }
}

/// The last resort: whatever hangs, the process ends, and says what it left undone.
fn end_in_time() {
    let begun = std::thread::Builder::new().name("snug-end".to_owned()).spawn(|| {
        std::thread::sleep(STOP_TIMEOUT);
        let seconds = STOP_TIMEOUT.as_secs_f64();
        say_last(format!(
            "stopping takes longer than {seconds} s: leaving PostgreSQL and what waits for it as they are"
        ));
        std::process::exit(1);
    });
    if let Err(error) = begun {
        tracing::warn!(%error, "cannot start the thread that ends a stop which takes too long");
    }
}

fn start() -> Result<ExitCode, Fatal> {
    let (command, flags) = match cli::parse(std::env::args_os())? {
        Parsed::Show(text) => return print(&text).map(|()| ExitCode::SUCCESS),
        Parsed::Run { command, flags } => (command, flags),
    };
    raise_file_limit();
    let mut written = Written::here(flags)?;
    if !matches!(command, Command::Serve | Command::Config) {
        written.join_service(Path::new(SERVICE_SETTINGS))?;
    }
    let (config, in_force) = Config::resolve(&written)?;
    let done = match command {
        Command::Doctor(examination) => {
            let mut status = 0;
            let examined = say(&config, async |config| {
                let (said, found) = doctor::examine(config, &in_force, examination).await;
                status = found;
                Ok(said)
            });
            return examined.map(|()| ExitCode::from(status));
        }
        Command::Config => print(&in_force.to_string()),
        Command::Serve => {
            let inherited = systemd::listener()?;
            let logging = log::start(&config.log)?;
            warn_of_file_limit(&config, written.files_max);
            let runtime = runtime()?;
            let served = runtime.block_on(serve(config, inherited));
            runtime.shutdown_timeout(RUNTIME_STOP_TIMEOUT);
            // It writes what is queued, and complains on standard output if it cannot.
            within(LAST_WORDS_TIMEOUT, move || drop(logging));
            served
        }
        Command::User(user) => {
            // Before the database is started, which would have to wait for the answer.
            let password = user.wants_password().then(prompt::password).transpose()?;
            say(&config, async |config| commands::user(config, user, password).await)
        }
        Command::Session(session) => {
            say(&config, async |config| commands::session(config, session).await)
        }
        Command::Room(room) => say(&config, async |config| commands::room(config, room).await),
        Command::Stats => say(&config, commands::stats),
        Command::Signups(policy) => {
            say(&config, async |config| commands::signups(config, policy).await)
        }
        Command::Invite { uses, lifetime } => {
            say(&config, async |config| commands::invite(config, uses, lifetime).await)
        }
        Command::SetupLink => say(&config, commands::setup_link),
        Command::Backup { file, is_verifying: false } => {
            say(&config, async |config| commands::back_up(config, &file).await)
        }
        Command::Backup { file, is_verifying: true } => {
            say(&config, async |config| commands::verify(config, &file).await)
        }
        Command::Restore { file, is_replacing } => {
            say(&config, async |config| commands::restore(config, &file, is_replacing).await)
        }
        Command::UpgradeDatabase => say(&config, upgrade::upgrade_database),
        Command::Migrate { is_backed_up } => {
            say(&config, async |config| commands::migrate(config, is_backed_up).await)
        }
        Command::Token { user, lifetime } => {
            say(&config, async |config| commands::token(config, user, lifetime).await)
        }
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// Runs a command that prints something and ends.
fn say(
    config: &Config,
    command: impl AsyncFnOnce(&Config) -> Result<String, Fatal>,
) -> Result<(), Fatal> {
    let _logging = log::start("warn")?;
    let runtime = runtime()?;
    let said = runtime.block_on(async {
        let stopped = stop_asked(signals()?);
        tokio::select! {
            said = command(config) => said,
            // If it has started a PostgreSQL, dropping the command stops that.
            () = stopped => Err(Fatal::new("stopped by a signal before it was done")),
        }
    });
    runtime.shutdown_timeout(RUNTIME_STOP_TIMEOUT);
    print(&said?)
}

async fn serve(config: Config, inherited: Option<std::net::TcpListener>) -> Result<(), Fatal> {
    let listener = match inherited {
        Some(socket) => server::adopt(socket).map_err(|error| {
            Fatal::new(format!("cannot use the socket that systemd passes: {error}"))
        })?,
        None => server::bind(config.listen).map_err(|error| {
            unbindable(config.called.name("SNUG_LISTEN"), config.listen, &error)
        })?,
    };
    let signals = signals()?;
    let stop = async {
        stop_asked(signals).await;
        end_in_time();
    };
    snug::run(config, listener, stop).await
}

/// Each socket is a file; most systems start with 1,024 and allow far more on request.
fn raise_file_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        // If this is refused, the limit stays as it is, and the number of connections follows it.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

fn warn_of_file_limit(config: &Config, files_max: u64) {
    let needed = config.max_connections as u64 + FILES_RESERVED;
    if needed > files_max {
        tracing::warn!(
            files_max,
            needed,
            "the file limit is below SNUG_MAX_CONNECTIONS; raise it with LimitNOFILE= or ulimit -n"
        );
    }
}

fn runtime() -> Result<Runtime, Fatal> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .thread_name("snug")
        .enable_all()
        .build()
        .map_err(|error| Fatal::new(format!("cannot start threads: {error}")))
}

fn unbindable(setting: &str, address: SocketAddr, error: &io::Error) -> Fatal {
    Fatal::new(match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "{setting}: {address} is in use by another program; stop it or choose another port"
        ),
        io::ErrorKind::AddrNotAvailable => format!(
            "{setting}: {address} is not an address of this machine; 0.0.0.0 and [::] mean all of them"
        ),
        io::ErrorKind::PermissionDenied => format!(
            "{setting}: {address} needs a privilege that this user lacks; use a port from 1024 up"
        ),
        _ => format!("{setting}: cannot listen on {address}: {error}"),
    })
}

/// What asks us to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// The terminal was closed; none if that is to be ignored, as `nohup` wants it.
    hangup: Option<Signal>,
}

/// The handlers are installed before anything starts, so that no signal is missed.
fn signals() -> Result<Signals, Fatal> {
    let install = || {
        let hangup = (!ignores_hangup()).then(|| signal(SignalKind::hangup())).transpose()?;
        let (terminate, interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        Ok(Signals { terminate, interrupt, hangup })
    };
    install().map_err(|error: io::Error| Fatal::new(format!("cannot wait for signals: {error}")))
}

/// Whether whoever started us had the signal ignored; the first signal is the lowest bit.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 != 0)
}

async fn stop_asked(mut signals: Signals) {
    let hung_up = async {
        match &mut signals.hangup {
            Some(hangup) => hangup.recv().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = signals.terminate.recv() => {}
        _ = signals.interrupt.recv() => {}
        _ = hung_up => {}
    }
}

fn print(text: &str) -> Result<(), Fatal> {
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        // `snug --help | head` has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Fatal::new(format!("cannot write to standard output: {error}"))),
        Ok(()) => Ok(()),
    }
}
