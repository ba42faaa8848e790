//! Connections on which several pages are read at once: while PostgreSQL works on one, the next are already
//! on their way to it, so that neither side is woken for each alone.
//!
//! Used by `messages` for history, the one read that many ask for at once. A connection is taken from the
//! pool for its first page and given back after its last. For short reads only: they are answered in the
//! order in which they were asked.

use super::Store;
use super::asked::{is_done, see_to_its_end};
use crate::error::{Error, Result};
use crate::limits::{
    ANSWER_TIMEOUT, PAGES_CONNECTIONS_MAX, PAGES_PER_CONNECTION, PAGES_ROWS_MAX, PAGES_STILL_MAX,
    POOL_WAIT_TIMEOUT,
};
use deadpool_postgres::Object;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

pub struct Shared {
    lines: Mutex<Vec<Line>>,
    /// Rows that may still be asked for.
    rows: Arc<Semaphore>,
    /// One opens a connection at a time; who waits for that may find room on it.
    opening: Semaphore,
}

/// A connection that has pages under way, and how many.
struct Line {
    connection: Arc<Connection>,
    pages: usize,
    /// When it was opened, or last brought a page.
    moved_at: Instant,
}

struct Connection {
    /// Taken only when this is dropped.
    client: Option<Object>,
    /// An answer did not come in time: the database behind it may hang.
    is_late: AtomicBool,
}

/// One page's place on a connection.
struct Place {
    shared: Arc<Shared>,
    connection: Arc<Connection>,
    _rows: OwnedSemaphorePermit,
}

/// Keeps the place of a page whose reader has left until PostgreSQL is done with it: what is under way stays
/// bounded, whoever leaves.
struct Reading(Option<Place>);

impl Store {
    /// As `rows`, for a page of at most `limit` of them, on a connection on which others may be reading.
    pub(super) async fn page(
        &self,
        limit: i64,
        statement: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>> {
        let placed = tokio::time::timeout(POOL_WAIT_TIMEOUT, self.place(limit)).await;
        let place = placed.map_err(|late| Error::unavailable("the connection pool", late))??;
        let connection = Arc::clone(&place.connection);
        let mut reading = Reading(Some(place));
        let asking = async {
            let prepared = connection.client().prepare_cached(statement).await?;
            connection.client().query(&prepared, params).await
        };
        let asked = tokio::time::timeout(ANSWER_TIMEOUT, asking).await;
        if let Some(place) = reading.0.take() {
            place.end(asked.is_ok());
        }
        match asked {
            Ok(answer) => Ok(answer?),
            Err(late) => Err(Error::unavailable("PostgreSQL", late)),
        }
    }

    async fn place(&self, limit: i64) -> Result<Place> {
        let shared = &self.shared;
        let rows = u32::try_from(limit).unwrap_or(1);
        let rows = Arc::clone(&shared.rows).acquire_many_owned(rows).await.expect("never closed");
        let connection = match shared.join() {
            Some(connection) => connection,
            None => {
                let _turn = shared.opening.acquire().await.expect("never closed");
                match shared.join() {
                    Some(connection) => connection,
                    None if shared.is_full() => {
                        return Err(Error::unavailable("PostgreSQL", "all its connections hang"));
                    }
                    None => shared.open(self.pooled().await?),
                }
            }
        };
        Ok(Place { shared: Arc::clone(shared), connection, _rows: rows })
    }
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            lines: Mutex::default(),
            rows: Arc::new(Semaphore::new(PAGES_ROWS_MAX)),
            opening: Semaphore::new(1),
        }
    }
}

impl Shared {
    fn lines(&self) -> MutexGuard<'_, Vec<Line>> {
        self.lines.lock().expect("no one panics while holding it")
    }

    /// There may be no more connections, those that hang among them.
    fn is_full(&self) -> bool {
        self.lines().len() >= PAGES_CONNECTIONS_MAX
    }

    /// The busiest that has room and moves: the others come to their end and go back. When there may be no
    /// more of them, the least busy, if possible of those that move.
    fn join(&self) -> Option<Arc<Connection>> {
        let mut lines = self.lines();
        let is_full = lines.len() >= PAGES_CONNECTIONS_MAX;
        let sound = || lines.iter().enumerate().filter(|(_, line)| line.connection.is_sound());
        let moves = |line: &Line| line.moved_at.elapsed() < PAGES_STILL_MAX;
        let chosen = sound()
            .filter(|(_, line)| line.pages < PAGES_PER_CONNECTION && moves(line))
            .max_by_key(|(_, line)| line.pages)
            .or_else(|| {
                sound().filter(|_| is_full).min_by_key(|(_, line)| (!moves(line), line.pages))
            });
        let at = chosen.map(|(at, _)| at)?;
        lines[at].pages += 1;
        Some(Arc::clone(&lines[at].connection))
    }

    fn open(&self, client: Object) -> Arc<Connection> {
        let connection =
            Arc::new(Connection { client: Some(client), is_late: AtomicBool::new(false) });
        let line = Line { connection: Arc::clone(&connection), pages: 1, moved_at: Instant::now() };
        self.lines().push(line);
        connection
    }
}

impl Place {
    /// Leaves it with an answer, or without one in the time there is.
    fn end(self, is_answered: bool) {
        if !is_answered {
            self.connection.is_late.store(true, Relaxed);
        }
        let mut lines = self.shared.lines();
        let is_ours = |line: &Line| Arc::ptr_eq(&line.connection, &self.connection);
        let Some(at) = lines.iter().position(is_ours) else { return };
        lines[at].pages -= 1;
        lines[at].moved_at = Instant::now();
        if lines[at].pages == 0 {
            lines.swap_remove(at);
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let Some(place) = self.0.take() else { return };
        see_to_its_end(async move {
            let done = is_done(place.connection.client()).await;
            place.end(done.is_ok());
        });
    }
}

impl Connection {
    fn client(&self) -> &Object {
        self.client.as_ref().expect("taken only when this is dropped")
    }

    fn is_sound(&self) -> bool {
        !self.is_late.load(Relaxed) && !self.client().is_closed()
    }
}

/// Back to the pool, or thrown away.
impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(client) = self.client.take()
            && self.is_late.load(Relaxed)
        {
            drop(Object::take(client));
        }
    }
}
