//! Connections that several reads share: while PostgreSQL works on one, the next are already on their way
//! to it, so that neither side is woken for each alone.
//!
//! Used by `messages` for pages of history, the one read that many ask for at once. A connection is taken
//! from the pool for the first read and given back after the last. For short reads only: they are
//! answered in the order in which they were asked.

use super::Store;
use crate::error::{Error, Result};
use crate::limits::{
    ANSWER_TIMEOUT, POOL_WAIT_TIMEOUT, READS_PER_CONNECTION_MAX, SHARED_READS_MAX,
};
use deadpool_postgres::Object;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

pub struct Shared {
    lines: Mutex<Vec<Line>>,
    places: Semaphore,
}

/// A connection that has reads under way, and how many.
struct Line {
    connection: Arc<Connection>,
    reads: usize,
}

struct Connection {
    /// Taken only when this is dropped.
    client: Option<Object>,
    /// An answer did not come in time: the database behind it may hang.
    is_late: AtomicBool,
}

/// One read's place on a connection.
struct Place<'a> {
    shared: &'a Shared,
    connection: Arc<Connection>,
    _permit: SemaphorePermit<'a>,
}

impl Store {
    /// As `rows`, on a connection on which others may be reading.
    pub(super) async fn rows_beside(
        &self,
        statement: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>> {
        let place = self.place().await?;
        let client = place.connection.client();
        let asking = async {
            let prepared = client.prepare_cached(statement).await?;
            client.query(&prepared, params).await
        };
        let failed = match tokio::time::timeout(ANSWER_TIMEOUT, asking).await {
            Ok(Ok(rows)) => return Ok(rows),
            Ok(Err(error)) => error.into(),
            Err(late) => {
                place.connection.is_late.store(true, Relaxed);
                Error::unavailable("PostgreSQL", late)
            }
        };
        place.shared.leave(&place.connection);
        Err(failed)
    }

    async fn place(&self) -> Result<Place<'_>> {
        let shared = &*self.shared;
        let permit = tokio::time::timeout(POOL_WAIT_TIMEOUT, shared.places.acquire()).await;
        let permit = permit.map_err(|late| Error::unavailable("the connection pool", late))?;
        let _permit = permit.expect("never closed");
        let connection = match shared.join() {
            Some(connection) => connection,
            None => shared.open(self.client().await?),
        };
        Ok(Place { shared, connection, _permit })
    }
}

impl Default for Shared {
    fn default() -> Self {
        Self { lines: Mutex::default(), places: Semaphore::new(SHARED_READS_MAX) }
    }
}

impl Shared {
    fn lines(&self) -> MutexGuard<'_, Vec<Line>> {
        self.lines.lock().expect("no one panics while holding it")
    }

    /// The busiest that has room: the others come to their end and go back.
    fn join(&self) -> Option<Arc<Connection>> {
        let mut lines = self.lines();
        let with_room = lines.iter_mut().filter(|line| line.reads < READS_PER_CONNECTION_MAX);
        let line = with_room.max_by_key(|line| line.reads)?;
        line.reads += 1;
        Some(Arc::clone(&line.connection))
    }

    fn open(&self, client: Object) -> Arc<Connection> {
        let connection =
            Arc::new(Connection { client: Some(client), is_late: AtomicBool::new(false) });
        self.lines().push(Line { connection: Arc::clone(&connection), reads: 1 });
        connection
    }

    /// No more reads join this one; those that are under way end by themselves.
    fn leave(&self, connection: &Arc<Connection>) {
        self.lines().retain(|line| !Arc::ptr_eq(&line.connection, connection));
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut lines = self.shared.lines();
        let is_ours = |line: &Line| Arc::ptr_eq(&line.connection, &self.connection);
        if let Some(at) = lines.iter().position(is_ours) {
            lines[at].reads -= 1;
            if lines[at].reads == 0 {
                lines.swap_remove(at);
            }
        }
    }
}

impl Connection {
    fn client(&self) -> &Object {
        self.client.as_ref().expect("taken only when this is dropped")
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
