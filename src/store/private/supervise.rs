//! Brings a postmaster to the point where it answers, and back there whenever it ends.
//!
//! A start adopts one that a killed predecessor left running. One that fails for a reason that passes
//! (orphans of a killed postmaster that still hold its shared memory) is tried again; any other
//! reason ends the first start, while a server that runs keeps trying, since it also has readers to
//! serve afterwards. What happens is logged once per change.

use super::directory::{Directory, Socket};
use super::find::Programs;
use super::postmaster::{Postmaster, end_orphans};
use crate::error::Fatal;
use crate::limits::{
    PG_ANSWER_TIMEOUT, PG_ASK_PAUSE_MAX, PG_ASK_PAUSE_MIN, PG_ASK_TIMEOUT, PG_LIFETIME_SOUND,
    PG_LOG_CHECK_INTERVAL, PG_RECOVERY_LOG_INTERVAL, PG_RECOVERY_TIMEOUT, PG_RESTART_PAUSE_MAX,
    PG_RESTART_PAUSE_MIN,
};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, NoTls};

/// How PostgreSQL complains that children of a killed postmaster still run.
const ORPHANS: &str = "shared memory block";

/// What the socket says.
#[derive(Debug)]
pub(super) enum Answer {
    Ready,
    /// It is there and recovers, or shuts down.
    Busy,
    Silent(String),
}

enum Unready {
    Ended(String),
    Timeout(String),
}

/// A postmaster that answers: the running one, else a new one.
pub(super) async fn start(
    directory: &Arc<Directory>,
    programs: &Programs,
) -> Result<Postmaster, Fatal> {
    let begun = Instant::now();
    let mut pause = PG_RESTART_PAUSE_MIN;
    loop {
        let mut postmaster = match Postmaster::running(directory) {
            Some(running) => running,
            None => Postmaster::spawn(directory, programs)?,
        };
        let adopted = postmaster.adopted();
        let log_length = directory.log_length();
        match ready(directory, &mut postmaster).await {
            Ok(()) => {
                let (pid, duration_ms) = (postmaster.pid(), begun.elapsed().as_millis());
                let how = if adopted { "adopted" } else { "started" };
                tracing::info!(pid, duration_ms, "{how} PostgreSQL");
                return Ok(postmaster);
            }
            Err(Unready::Ended(_)) if adopted => {}
            Err(Unready::Ended(how)) => {
                let said = directory.log_tail(log_length);
                if !passes(&said) || begun.elapsed() > PG_ANSWER_TIMEOUT {
                    return Err(Fatal::new(format!(
                        "PostgreSQL does not start ({how}): {said}: mend that; its log is {}",
                        directory.log_path().display()
                    )));
                }
                if said.contains(ORPHANS) {
                    end_orphans(&directory.cluster());
                }
                sleep(pause).await;
                pause = longer(pause);
            }
            Err(Unready::Timeout(said)) => {
                return Err(Fatal::new(format!(
                    "PostgreSQL (process {}) runs and does not answer: {said}: look at {}, or end \
                     it (kill -QUIT {0})",
                    postmaster.pid(),
                    directory.log_path().display()
                )));
            }
        }
    }
}

/// Whether a start that failed so may succeed a moment later.
fn passes(said: &str) -> bool {
    [ORPHANS, "lock file"].into_iter().any(|sign| said.contains(sign))
}

/// Keeps one running until told to stop it (or until the other end of `stop` is dropped).
pub(super) async fn watch(
    directory: Arc<Directory>,
    programs: Programs,
    mut postmaster: Postmaster,
    mut stop: oneshot::Receiver<()>,
) {
    let mut since = Instant::now();
    let mut pause = Duration::ZERO;
    let mut check = interval(PG_LOG_CHECK_INTERVAL);
    check.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        let how = tokio::select! {
            how = postmaster.ended() => how,
            _ = check.tick() => {
                if let Err(error) = directory.bound_log() {
                    tracing::warn!(%error, "cannot shorten the log of PostgreSQL");
                }
                continue;
            }
            _ = &mut stop => return postmaster.stop().await,
        };
        tracing::warn!(pid = postmaster.pid(), how, "PostgreSQL has ended; starting it again");
        pause = if since.elapsed() < PG_LIFETIME_SOUND { longer(pause) } else { Duration::ZERO };
        let restarted = tokio::select! {
            restarted = restart(&directory, &programs, pause) => Some(restarted),
            _ = &mut stop => None,
        };
        match restarted {
            Some(restarted) => postmaster = restarted,
            None => {
                // The attempt was dropped, which asked what it had started to stop.
                if let Some(half_started) = Postmaster::running(&directory) {
                    half_started.stop().await;
                }
                return;
            }
        }
        since = Instant::now();
    }
}

/// Tries until it answers, at first after `pause`.
async fn restart(directory: &Arc<Directory>, programs: &Programs, pause: Duration) -> Postmaster {
    let mut pause = pause;
    let mut said = String::new();
    loop {
        sleep(pause).await;
        match start(directory, programs).await {
            Ok(mut postmaster) => {
                postmaster.ours = true;
                return postmaster;
            }
            Err(fatal) if fatal.message == said => {}
            Err(fatal) => {
                tracing::error!(reason = %fatal, "cannot start PostgreSQL; trying again and again");
                said = fatal.message;
            }
        }
        pause = longer(pause);
    }
}

fn longer(pause: Duration) -> Duration {
    (pause * 2).clamp(PG_RESTART_PAUSE_MIN, PG_RESTART_PAUSE_MAX)
}

/// Waits until it answers, has ended, or takes too long. A recovery gets more time: giving up would
/// only make the next start begin it again.
async fn ready(directory: &Directory, postmaster: &mut Postmaster) -> Result<(), Unready> {
    let socket = Socket::find(&directory.cluster()).map_err(|f| Unready::Timeout(f.message))?;
    let config = connection(&socket);
    let begun = Instant::now();
    let mut told = Duration::ZERO;
    let mut pause = PG_ASK_PAUSE_MIN;
    loop {
        let answer = tokio::select! {
            how = postmaster.ended() => return Err(Unready::Ended(how)),
            answer = ask(&config) => answer,
        };
        let waited = begun.elapsed();
        match answer {
            Answer::Ready => return Ok(()),
            Answer::Busy if waited > PG_RECOVERY_TIMEOUT => {
                return Err(Unready::Timeout("it still recovers".to_owned()));
            }
            Answer::Silent(said) if waited > PG_ANSWER_TIMEOUT => {
                return Err(Unready::Timeout(said));
            }
            Answer::Busy if waited - told > PG_RECOVERY_LOG_INTERVAL => {
                told = waited;
                tracing::info!(seconds = waited.as_secs(), "PostgreSQL is recovering");
            }
            Answer::Busy | Answer::Silent(_) => {}
        }
        tokio::select! {
            how = postmaster.ended() => return Err(Unready::Ended(how)),
            () = sleep(pause) => pause = (pause * 2).min(PG_ASK_PAUSE_MAX),
        }
    }
}

/// Superuser and database have our name. The errors of our own statements are answered to us; in
/// PostgreSQL's log they could show what people write.
pub(super) fn connection(socket: &Socket) -> Config {
    let mut config = Config::new();
    config.host_path(&socket.directory).user("snug").dbname("snug");
    config.options("-c log_min_messages=log").connect_timeout(PG_ASK_TIMEOUT);
    config
}

/// One question, and at the first start the making of our database.
pub(super) async fn ask(config: &Config) -> Answer {
    let asked = timeout(PG_ASK_TIMEOUT, async {
        match execute(config, "SELECT 1").await {
            Err(error) if error.code() == Some(&SqlState::INVALID_CATALOG_NAME) => {
                let mut first = config.clone();
                execute(first.dbname("postgres"), "CREATE DATABASE snug").await?;
                execute(config, "SELECT 1").await
            }
            answered => answered,
        }
    });
    match asked.await {
        Ok(Ok(())) => Answer::Ready,
        Ok(Err(error)) if error.code() == Some(&SqlState::CANNOT_CONNECT_NOW) => Answer::Busy,
        Ok(Err(error)) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            Answer::Silent(cause.unwrap_or_else(|| error.to_string()))
        }
        Err(_) => Answer::Silent("no answer".to_owned()),
    }
}

async fn execute(config: &Config, statement: &str) -> Result<(), tokio_postgres::Error> {
    let (client, connection) = config.connect(NoTls).await?;
    // Ends with the client, which this function drops.
    let driving = tokio::spawn(connection);
    let executed = client.batch_execute(statement).await;
    drop(client);
    // Its error, if any, is the statement's.
    let _ = driving.await;
    executed
}
