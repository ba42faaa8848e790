//! Starts a postmaster and waits until it answers; starts it again whenever it ends.
//!
//! A start adopts a postmaster that a killed snug left running. A start that fails for a transient
//! reason (orphans of a killed postmaster still hold its shared memory) is tried again. Any other
//! failure ends the first start, but a server that is already running keeps trying, because its users
//! still want it back. Every change is logged once.

use super::directory::Directory;
use super::find::Programs;
use super::postmaster::{Postmaster, end_orphans};
use super::ready::{Unready, ready};
use crate::limits::{
    PG_ANSWER_TIMEOUT, PG_LIFETIME_SOUND, PG_LOG_CHECK_INTERVAL, PG_RESTART_PAUSES,
};
use crate::model::error::Fatal;
use crate::model::text;
use crate::os::backoff::Backoff;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval};

/// How PostgreSQL complains that children of a killed postmaster are still running.
const ORPHANS: &str = "shared memory block";

/// A postmaster that answers: the one already running, or a new one.
pub(super) async fn start(
    directory: &Arc<Directory>,
    programs: &Programs,
) -> Result<Postmaster, Fatal> {
    let begun = Instant::now();
    let mut backoff = Backoff::new(PG_RESTART_PAUSES);
    loop {
        let log_length = directory.log_length();
        let mut postmaster = match Postmaster::running(directory)? {
            Some(running) => running,
            None => Postmaster::spawn(directory, programs)?,
        };
        let adopted = postmaster.adopted();
        match ready(directory, &mut postmaster).await {
            Ok(()) => {
                let (pid, duration_ms) = (postmaster.pid(), text::millis(begun.elapsed()));
                let how = if adopted { "adopted" } else { "started" };
                tracing::info!(pid, duration_ms, "{how} PostgreSQL");
                return Ok(postmaster);
            }
            Err(Unready::Ended(_)) if adopted => {}
            Err(Unready::Ended(how)) => {
                let said = directory.log_tail(log_length);
                if !passes(&said) || begun.elapsed() > PG_ANSWER_TIMEOUT {
                    return Err(Fatal::new(format!(
                        "PostgreSQL does not start ({how}): {said}: fix that; its log is {}",
                        directory.log_path().display()
                    )));
                }
                if said.contains(ORPHANS) {
                    end_orphans(&directory.cluster());
                }
                backoff.pause().await;
            }
            Err(Unready::Timeout(said)) => {
                return Err(Fatal::new(format!(
                    "PostgreSQL (process {}) is running but does not answer: {said}: look at {}, or end \
                     it (kill -QUIT {0})",
                    postmaster.pid(),
                    directory.log_path().display()
                )));
            }
        }
    }
}

/// Whether a start that failed with this message may succeed a moment later.
fn passes(said: &str) -> bool {
    said.contains(ORPHANS) || (said.contains("lock file") && said.contains("already exists"))
}

/// Keeps PostgreSQL running until told to stop it (or until the other end of `stop` is dropped).
pub(super) async fn watch(
    directory: Arc<Directory>,
    programs: Programs,
    mut postmaster: Postmaster,
    mut stop: oneshot::Receiver<Option<Instant>>,
) {
    let mut since = Instant::now();
    let mut backoff = Backoff::new(PG_RESTART_PAUSES);
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
            by = &mut stop => return postmaster.stop(by.ok().flatten()).await,
        };
        tracing::warn!(pid = postmaster.pid(), how, "PostgreSQL ended; starting it again");
        let was_sound = since.elapsed() >= PG_LIFETIME_SOUND;
        if was_sound {
            backoff = Backoff::new(PG_RESTART_PAUSES);
        }
        let restarting = async {
            if !was_sound {
                backoff.pause().await;
            }
            restart(&directory, &programs, &mut backoff).await
        };
        let restarted = tokio::select! {
            restarted = restarting => Ok(restarted),
            by = &mut stop => Err(by.ok().flatten()),
        };
        match restarted {
            Ok(restarted) => postmaster = restarted,
            Err(by) => {
                // Dropping the attempt told whatever it had started to shut down.
                if let Ok(Some(half_started)) = Postmaster::running(&directory) {
                    half_started.stop(by).await;
                }
                return;
            }
        }
        since = Instant::now();
    }
}

/// Tries until PostgreSQL answers.
async fn restart(
    directory: &Arc<Directory>,
    programs: &Programs,
    backoff: &mut Backoff,
) -> Postmaster {
    let mut said = String::new();
    loop {
        match start(directory, programs).await {
            Ok(mut postmaster) => {
                postmaster.ours = true;
                return postmaster;
            }
            Err(fatal) if fatal.message == said => {}
            Err(fatal) => {
                tracing::error!(reason = %fatal, "cannot start PostgreSQL; will keep trying");
                said = fatal.message;
            }
        }
        backoff.pause().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_leftovers_of_a_killed_postmaster_are_transient() {
        assert!(passes(
            "FATAL:  pre-existing shared memory block (key 910041, ID 6) is still in use"
        ));
        assert!(passes("FATAL:  lock file \"postmaster.pid\" already exists"));
        assert!(!passes(
            "FATAL:  could not write lock file \"postmaster.pid\": No space left on device"
        ));
    }
}
