//! The rules: what people can do, and what follows. One file per subject.
//!
//! Called by both edges with values that have already been parsed; calls `store` and `registry`. A call
//! that commits something and then tells somebody runs to its end, even if its client has left.

mod accounts;
mod acts;
mod alter;
mod aside;
mod batch;
mod elsewhere;
mod export;
mod forgotten;
mod history;
mod indexing;
mod lane;
mod limiter;
mod links;
mod operator;
mod overview;
mod own_account;
mod owners;
mod passwords;
mod post;
mod presence;
mod private;
mod reach;
mod read_positions;
mod removals;
mod resume;
mod rooms;
mod search;
mod sessions;
mod signups;
mod tokens;
mod turns;
mod uses;

pub use accounts::{Credentials, Token};
pub use alter::Reacted;
pub use export::Export;
pub use history::History;
use lane::Lane;
pub use lane::LaneState;
pub use links::LinkToken;
pub use overview::Overview;
pub use post::Posted;
pub use private::PrivateChat;
pub use resume::{AsOf, Greeting, Replay, Wanted};
pub use rooms::{Join, Listed};
pub use search::{FoundAt, FoundMessage, Results, Search};
pub use sessions::Authenticated;
pub use signups::{SignedUp, Signup};
// What the edges ask for and receive.
pub use crate::store::{HistoryPage, MemberState, PageQuery, PageStart, PoolState, User};

use crate::limits::{CHANGE_PATIENCE, CROWDED_PATIENCE, MemoryBounds, Pauses, RECONNECT_PAUSES};
use crate::metrics::Metrics;
use crate::model::error::{Error, Result};
use crate::model::signups::SignupPolicy;
use crate::os::backoff::Backoff;
use crate::registry::Registry;
use crate::store::Store;
use parking_lot::Mutex;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the rules need from the configuration.
pub struct Terms {
    pub jwt_secret: Vec<u8>,
    pub token_lifetime: Duration,
    /// From a sign-in to the end of its session, however often it is renewed.
    pub session_lifetime: Duration,
    pub rate_limits: bool,
    /// Who may sign up, as long as no command has said otherwise.
    pub signups: SignupPolicy,
    /// How many threads may hash passwords at once.
    pub hashers: usize,
    pub memory: &'static MemoryBounds,
}

/// The rules, and what they work on.
pub struct Rules {
    store: Store,
    pub registry: Registry,
    pub metrics: Arc<Metrics>,
    terms: Terms,
    lane: Lane,
    hasher: passwords::Hasher,
    tokens: tokens::Tokens,
    sessions: sessions::SessionCache,
    uses: uses::Uses,
    limiter: limiter::Limiter,
    reads: read_positions::Reads,
    resumes: tokio::sync::Semaphore,
    searches: tokio::sync::Semaphore,
    exports: Arc<tokio::sync::Semaphore>,
    searchers: Arc<search::Searchers>,
    /// Permits for users who are to be told about a chat later.
    untold: Arc<tokio::sync::Semaphore>,
    standings: Arc<resume::Standings>,
    epoch: Mutex<Option<(Arc<str>, Instant)>>,
    general: tokio::sync::OnceCell<crate::model::ids::ChatId>,
}

impl Rules {
    /// Starts the lane, the writing of read positions and the telling of presence, which live as long as the returned value.
    pub fn new(store: Store, registry: Registry, metrics: Arc<Metrics>, terms: Terms) -> Arc<Self> {
        let memory = terms.memory;
        let standings = Arc::new(resume::Standings::new(memory.cached));
        let lane = Lane::begin(
            store.clone(),
            registry.clone(),
            Arc::clone(&standings),
            Arc::clone(&metrics),
            memory.lane_bytes,
        );
        let rules = Arc::new(Self {
            hasher: passwords::Hasher::new(terms.hashers),
            tokens: tokens::Tokens::new(&terms.jwt_secret),
            sessions: sessions::SessionCache::new(memory.cached),
            uses: uses::Uses::new(memory.cached),
            limiter: limiter::Limiter::new(terms.rate_limits),
            reads: read_positions::Reads::default(),
            standings,
            resumes: tokio::sync::Semaphore::new(memory.socket_reads),
            searches: tokio::sync::Semaphore::new(memory.searches),
            exports: Arc::new(tokio::sync::Semaphore::new(crate::limits::EXPORTS_MAX)),
            searchers: search::Searchers::new(memory.message_searches),
            untold: Arc::new(tokio::sync::Semaphore::new(crate::limits::UNTOLD_MAX)),
            epoch: Mutex::default(),
            general: tokio::sync::OnceCell::new(),
            store,
            registry,
            metrics,
            terms,
            lane,
        });
        tokio::spawn(read_positions::write(Arc::downgrade(&rules)));
        tokio::spawn(presence::tell(Arc::downgrade(&rules)));
        rules
    }

    /// The current epoch of the history; at most a second old.
    pub async fn epoch(&self) -> Result<Arc<str>> {
        if let Some(epoch) = self.recent_epoch() {
            return Ok(epoch);
        }
        let epoch: Arc<str> = self.store.epoch().await?.into();
        *self.epoch.lock() = Some((Arc::clone(&epoch), Instant::now()));
        Ok(epoch)
    }

    /// The epoch, if it was read within the last second.
    pub fn recent_epoch(&self) -> Option<Arc<str>> {
        let cached = self.epoch.lock();
        let (epoch, read_at) = cached.as_ref()?;
        (read_at.elapsed() < crate::limits::EPOCH_CACHE_AGE).then(|| Arc::clone(epoch))
    }

    /// Whether PostgreSQL answers.
    pub async fn is_ready(&self) -> Result<()> {
        self.store.ping().await
    }

    /// Whether the disk is full: reading goes on, and nothing is stored.
    pub fn is_read_only(&self) -> bool {
        self.store.is_read_only()
    }

    pub fn is_disk_full(&self) -> bool {
        self.store.is_disk_full()
    }

    pub fn pool_state(&self) -> PoolState {
        self.store.pool_state()
    }

    /// How many passwords are being hashed or waiting to be.
    pub fn hashings(&self) -> usize {
        self.hasher.waiting()
    }

    pub fn lane_state(&self) -> Arc<LaneState> {
        self.lane.state()
    }

    /// Writes what is still to be written, within `limit`; nothing may be posted afterwards.
    pub async fn finish(&self, limit: Duration) {
        let finishing = async {
            self.lane.close().await;
            self.reads.flush(self).await;
        };
        if tokio::time::timeout(limit, finishing).await.is_err() {
            tracing::warn!("some drafts were not settled before the end");
        }
    }

    /// Runs a call to its end, whether or not its caller waits for it; but none runs forever.
    async fn to_the_end<T: Send + 'static>(
        &self,
        call: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let mut called = tokio::spawn(call);
        let crowded = async {
            tokio::time::sleep(CROWDED_PATIENCE).await;
            if !self.store.is_crowded() {
                std::future::pending::<()>().await;
            }
        };
        let limited = tokio::time::timeout(self.store.waits.change, &mut called);
        let ended = tokio::select! {
            biased;
            ended = limited => ended,
            () = crowded => {
                return Err(Error::unavailable("PostgreSQL", "it has no connection left"));
            }
        };
        match ended {
            Ok(Ok(result)) => result,
            Ok(Err(error)) => Err(Error::broken("a call ended too early", error)),
            Err(late) => Err(Error::unavailable("PostgreSQL", late)),
        }
    }
}

/// Retries an idempotent change while PostgreSQL is unavailable or its answers are lost, for a limited
/// time. Called within `to_the_end`, because no client waits that long.
async fn change_patiently<T, F: Future<Output = Result<T>>>(
    change: impl FnMut() -> F,
) -> Result<T> {
    patiently(CHANGE_PATIENCE, RECONNECT_PAUSES, change).await
}

/// Tries again, with growing pauses (exponential backoff), while PostgreSQL is unavailable or busy; the last
/// attempt begins within `patience`.
async fn patiently<T, F: Future<Output = Result<T>>>(
    patience: Duration,
    pauses: Pauses,
    mut attempt: impl FnMut() -> F,
) -> Result<T> {
    let began = Instant::now();
    let mut backoff = Backoff::new(pauses);
    loop {
        match attempt().await {
            Err(error) if error.is_passing() && began.elapsed() < patience => backoff.pause().await,
            result => return result,
        }
    }
}
