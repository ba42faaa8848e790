//! Keeps the index by which messages are found level with the messages, some moments behind.
//!
//! Run by `process::run`. New messages come first. Messages that were there before the index are put into it
//! while nothing new comes, at a pace that leaves the machine to others; how far that is, the log and the
//! metrics say.

use super::Rules;
use crate::limits::{
    INDEX_DRAFTS_BUSY, INDEX_LOOK_PAUSE, INDEX_LOOK_PAUSE_MIN, INDEX_PAUSE, INDEX_PENDING_ROWS_MAX,
    INDEX_RETRY_PAUSES, INDEX_ROWS_MAX, INDEX_SETTLE_AFTER, INDEX_SHARE, INDEX_SHARE_BUSY,
    INDEX_TOLD_PAUSE,
};
use crate::model::error::Result;
use crate::model::ids::ChatId;
use crate::os::backoff::Backoff;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;
use tokio::time::{sleep, timeout};

struct Indexing {
    rules: Arc<Rules>,
    /// Chats with messages that are not in the index yet.
    news: Vec<ChatId>,
    /// Whether messages may have been edited.
    has_edits: bool,
    /// Whether there may be messages in other chats that are not in the index.
    is_elsewhere: bool,
    /// When all chats were last looked at.
    looked_at: Option<Instant>,
    /// Entries that the index has collected since they were last sorted in; unknown at the start.
    pending: usize,
    old: Old,
    /// When the lane was last looked at, and how long it had been storing by then, in microseconds.
    lane: (Instant, u64),
}

/// Messages that were there before the index.
enum Old {
    /// Nobody has looked yet.
    Unknown,
    Filling(Fill),
    Done,
}

struct Fill {
    began: Instant,
    told: Instant,
    /// Messages that we have put into the index, and those that are left.
    done: usize,
    left: i64,
}

impl Rules {
    /// For as long as it is not dropped.
    pub async fn index_messages(self: Arc<Self>) {
        let mut indexing = Indexing {
            rules: self,
            news: Vec::new(),
            has_edits: true,
            is_elsewhere: false,
            looked_at: None,
            pending: 1,
            old: Old::Unknown,
            lane: (Instant::now(), 0),
        };
        let mut backoff = Backoff::new(INDEX_RETRY_PAUSES);
        loop {
            match indexing.turn().await {
                Ok(()) => backoff = Backoff::new(INDEX_RETRY_PAUSES),
                Err(error) => {
                    tracing::debug!(%error, "cannot fill the index of words; will try again");
                    // What was under way is found again.
                    indexing.looked_at = None;
                    backoff.pause().await;
                }
            }
        }
    }
}

impl Indexing {
    /// One step of what is most urgent, and the pause after it.
    async fn turn(&mut self) -> Result<()> {
        let began = Instant::now();
        self.take_news().await?;
        if self.has_edits {
            let done = self.rules.store.index_edited().await?;
            self.pending += done.messages;
            self.has_edits = done.has_more;
        }
        if !self.news.is_empty() {
            // Each has a message at least.
            let some = self.news.len().min(INDEX_ROWS_MAX as usize);
            let done = self.rules.store.index_new(&self.news[..some]).await?;
            self.pending += done.messages;
            if !done.has_more {
                self.news.drain(..some);
            }
        } else if !matches!(self.old, Old::Done) {
            self.fill_old().await?;
        }
        if self.pending >= INDEX_PENDING_ROWS_MAX {
            self.settle().await?;
        }
        match self.news.is_empty() && !self.has_edits && matches!(self.old, Old::Done) {
            true => self.wait().await,
            false => {
                let share = self.share();
                sleep(began.elapsed() * (share - 1)).await;
                Ok(())
            }
        }
    }

    async fn take_news(&mut self) -> Result<()> {
        self.news.extend(self.rules.store.take_news());
        self.has_edits |= !self.news.is_empty();
        self.is_elsewhere |= self.rules.store.has_news_elsewhere();
        let pause = if self.is_elsewhere { INDEX_LOOK_PAUSE_MIN } else { INDEX_LOOK_PAUSE };
        if self.looked_at.is_none_or(|looked_at| looked_at.elapsed() >= pause) {
            self.is_elsewhere = false;
            self.news.extend(self.rules.store.outgrown().await?);
            self.has_edits = true;
            self.looked_at = Some(Instant::now());
        }
        self.news.sort_unstable();
        self.news.dedup();
        Ok(())
    }

    async fn fill_old(&mut self) -> Result<()> {
        let store = self.rules.store.clone();
        if matches!(self.old, Old::Unknown) {
            let (left, now) = (store.count_unindexed_old().await?, Instant::now());
            if left > 0 {
                tracing::info!(messages = left, "putting earlier messages into the index of words");
            }
            self.old = Old::Filling(Fill { began: now, told: now, done: 0, left });
        }
        let Old::Filling(fill) = &mut self.old else { return Ok(()) };
        let step = store.index_old().await?;
        self.pending += step.messages;
        fill.done += step.messages;
        fill.left -= step.messages as i64;
        let is_due = fill.told.elapsed() >= INDEX_TOLD_PAUSE;
        if !step.has_more || is_due {
            // Other processes may be filling it, too.
            fill.left = store.count_unindexed_old().await?;
        }
        if is_due {
            fill.told = Instant::now();
            if fill.left > 0 {
                tracing::info!(messages = fill.left, "earlier messages are still to be indexed");
            }
        }
        self.rules.metrics.unindexed.set(fill.left.max(0));
        if step.has_more || fill.left > 0 {
            if !step.has_more {
                // The rest is in the hands of others.
                sleep(INDEX_PAUSE).await;
            }
            return Ok(());
        }
        if fill.done > 0 {
            store.settle_index().await?;
            store.analyze_index().await?;
            let seconds = fill.began.elapsed().as_secs();
            tracing::info!(messages = fill.done, seconds, "earlier messages are indexed");
        }
        self.old = Old::Done;
        Ok(())
    }

    /// Until there is news; what the index has collected is sorted in when none comes.
    async fn wait(&mut self) -> Result<()> {
        if self.pending > 0 && timeout(INDEX_SETTLE_AFTER, self.rules.store.news()).await.is_err() {
            self.settle().await?;
        }
        if self.pending == 0 {
            let pause = if self.is_elsewhere { INDEX_LOOK_PAUSE_MIN } else { INDEX_LOOK_PAUSE };
            let _late = timeout(pause, self.rules.store.news()).await;
        }
        sleep(INDEX_PAUSE).await;
        Ok(())
    }

    async fn settle(&mut self) -> Result<()> {
        self.rules.store.settle_index().await?;
        self.pending = 0;
        Ok(())
    }

    /// One part in how many of the time may be ours.
    fn share(&mut self) -> u32 {
        let (lane, now) = (self.rules.lane_state(), Instant::now());
        let busy = lane.busy_micros.load(Relaxed);
        let (looked_at, was_busy) = std::mem::replace(&mut self.lane, (now, busy));
        let is_busy = u128::from(busy - was_busy) * 2 > now.duration_since(looked_at).as_micros();
        match is_busy || lane.waiting.load(Relaxed) > INDEX_DRAFTS_BUSY {
            true => INDEX_SHARE_BUSY,
            false => INDEX_SHARE,
        }
    }
}
