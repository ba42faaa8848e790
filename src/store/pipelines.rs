//! Pipelining: connections on which several pages are read at once. While PostgreSQL works on one page,
//! the next requests are already on their way, so neither side has to be woken for each page.
//!
//! Used by `messages` for history, the one read that many people request at once. A connection is taken
//! from the pool for its first page and given back after its last. Only for short reads: they are
//! answered in the order of the requests (head-of-line blocking).

use super::Store;
use super::page_rows::{PagePermit, PageRows};
use super::pooled::{is_done, see_to_its_end};
use crate::limits::{MemoryBounds, PAGES_PER_CONNECTION, PAGES_STILL_MAX, POOL_WAIT_TIMEOUT};
use crate::model::error::{Error, Result};
use crate::model::ids::UserId;
use deadpool_postgres::Object;
use parking_lot::{Mutex, MutexGuard};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

pub struct Pipelines {
    pipelines: Mutex<Vec<Pipeline>>,
    rows: Arc<PageRows>,
    /// Only one caller opens a connection at a time; those waiting for that may find room on it.
    opening: Semaphore,
    /// How long a page is waited for.
    limit: Duration,
    /// How many connections there may be.
    most: usize,
}

/// A connection with pages under way, and how many.
struct Pipeline {
    connection: Arc<PipelinedClient>,
    pages: usize,
    /// When it was opened, or last returned a page.
    moved_at: Instant,
}

struct PipelinedClient {
    /// Taken only in `drop`.
    client: Option<Object>,
    /// An answer was too late: the database behind this connection may hang.
    is_late: AtomicBool,
}

/// One page's slot on a connection.
struct PipelineSlot {
    pipelines: Arc<Pipelines>,
    connection: Arc<PipelinedClient>,
    rows: PagePermit,
}

/// If the reader leaves, this keeps the page's slot until PostgreSQL has finished with it, so that the
/// work under way stays bounded.
struct PageRead(Option<PipelineSlot>);

impl Store {
    /// Like `rows`, for a page of at most `limit` rows, on a connection that other readers may share.
    pub(super) async fn page(
        &self,
        user: UserId,
        limit: i64,
        statement: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<(Vec<Row>, PagePermit)> {
        let wait_until = tokio::time::Instant::now() + POOL_WAIT_TIMEOUT;
        let rows =
            self.pipelines.rows.take(user, u32::try_from(limit).unwrap_or(1), wait_until).await?;
        let placed = tokio::time::timeout_at(wait_until, self.slot(rows)).await;
        let slot = placed.map_err(|late| Error::unavailable("the connection pool", late))??;
        let connection = Arc::clone(&slot.connection);
        let mut reading = PageRead(Some(slot));
        let asking = async {
            let prepared = connection.client().prepare_cached(statement).await?;
            connection.client().query(&prepared, params).await
        };
        let asked = tokio::time::timeout(self.pipelines.limit, asking).await;
        let slot = reading.0.take().expect("taken only here, or when it is dropped");
        let permit = slot.end(asked.is_ok());
        match asked {
            Ok(answer) => {
                let rows = answer.map_err(Error::from);
                Ok((rows.inspect_err(|error| self.absence.note(error))?, permit))
            }
            Err(late) => Err(Error::unavailable("PostgreSQL", late)),
        }
    }

    async fn slot(&self, rows: PagePermit) -> Result<PipelineSlot> {
        let pipelines = &self.pipelines;
        let connection = match pipelines.join() {
            Some(connection) => connection,
            None => {
                let _turn = pipelines.opening.acquire().await.expect("never closed");
                match pipelines.join() {
                    Some(connection) => connection,
                    None if pipelines.is_full() => {
                        return Err(Error::unavailable("PostgreSQL", "all connections to it hang"));
                    }
                    None => pipelines.open(self.pooled().await?),
                }
            }
        };
        Ok(PipelineSlot { pipelines: Arc::clone(pipelines), connection, rows })
    }
}

impl Pipelines {
    pub fn new(limit: Duration, memory: &MemoryBounds) -> Self {
        Self {
            pipelines: Mutex::default(),
            rows: PageRows::new(memory.pages_rows),
            opening: Semaphore::new(1),
            limit,
            most: memory.pages_connections,
        }
    }

    fn pipelines(&self) -> MutexGuard<'_, Vec<Pipeline>> {
        self.pipelines.lock()
    }

    /// Whether there may be no more connections; those that hang count, too.
    fn is_full(&self) -> bool {
        self.pipelines().len() >= self.most
    }

    /// The busiest connection that has room and makes progress, so that the others finish and go back
    /// to the pool. If there may be no more connections, the least busy one, preferably one that makes
    /// progress.
    fn join(&self) -> Option<Arc<PipelinedClient>> {
        let mut pipelines = self.pipelines();
        let is_full = pipelines.len() >= self.most;
        let sound =
            || pipelines.iter().enumerate().filter(|(_, pipeline)| pipeline.connection.is_sound());
        let moves = |pipeline: &Pipeline| pipeline.moved_at.elapsed() < PAGES_STILL_MAX;
        let chosen = sound()
            .filter(|(_, pipeline)| pipeline.pages < PAGES_PER_CONNECTION && moves(pipeline))
            .max_by_key(|(_, pipeline)| pipeline.pages)
            .or_else(|| {
                sound()
                    .filter(|_| is_full)
                    .min_by_key(|(_, pipeline)| (!moves(pipeline), pipeline.pages))
            });
        let at = chosen.map(|(at, _)| at)?;
        pipelines[at].pages += 1;
        Some(Arc::clone(&pipelines[at].connection))
    }

    fn open(&self, client: Object) -> Arc<PipelinedClient> {
        let connection =
            Arc::new(PipelinedClient { client: Some(client), is_late: AtomicBool::new(false) });
        let pipeline =
            Pipeline { connection: Arc::clone(&connection), pages: 1, moved_at: Instant::now() };
        self.pipelines().push(pipeline);
        connection
    }
}

impl PipelineSlot {
    /// Gives up the slot, with an answer or without one in the time allowed.
    fn end(self, is_answered: bool) -> PagePermit {
        if !is_answered {
            self.connection.is_late.store(true, Relaxed);
        }
        let mut pipelines = self.pipelines.pipelines();
        let is_ours = |pipeline: &Pipeline| Arc::ptr_eq(&pipeline.connection, &self.connection);
        if let Some(at) = pipelines.iter().position(is_ours) {
            pipelines[at].pages -= 1;
            pipelines[at].moved_at = Instant::now();
            if pipelines[at].pages == 0 {
                pipelines.swap_remove(at);
            }
        }
        drop(pipelines);
        self.rows
    }
}

impl Drop for PageRead {
    fn drop(&mut self) {
        let Some(slot) = self.0.take() else { return };
        see_to_its_end(async move {
            let done = is_done(slot.connection.client(), slot.pipelines.limit).await;
            slot.end(done.is_ok());
        });
    }
}

impl PipelinedClient {
    fn client(&self) -> &Object {
        self.client.as_ref().expect("taken only in drop")
    }

    fn is_sound(&self) -> bool {
        !self.is_late.load(Relaxed) && !self.client().is_closed()
    }
}

/// Returns the connection to the pool, or discards it.
impl Drop for PipelinedClient {
    fn drop(&mut self) {
        if let Some(client) = self.client.take()
            && self.is_late.load(Relaxed)
        {
            drop(Object::take(client));
        }
    }
}
