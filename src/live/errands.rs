//! Errands: what a worker has fetched from the database. Each is a task of its own and ends with one
//! event in the shard's inbox. A connection has at most one under way.

use crate::chat::{Rules, Wanted};
use crate::model::error::{Error, Result};
use crate::model::ids::Position;
use crate::model::message::Viewer;
use crate::model::subnet::Subnet;
use crate::registry::{Backlog, ConnectionId, Event, Registry, ReplayPiece, Scope};
use std::future::Future;
use std::sync::Arc;

pub struct Errands {
    pub rules: Arc<Rules>,
    pub backlog: Arc<Backlog>,
}

impl Errands {
    /// The chats of a connection, for `welcome`.
    pub fn greet(&self, to: ConnectionId, viewer: &Arc<Viewer>, scope: Scope) {
        let (rules, viewer) = (Arc::clone(&self.rules), Arc::clone(viewer));
        self.run(to, async move {
            let greeting = rules.greet(&viewer, scope).await?;
            let crate::chat::Greeting { standings, epoch } = greeting;
            Ok(Event::Greeted { to, standings, epoch })
        });
    }

    /// The same chats, read again now that the connection follows them.
    pub fn confirm(&self, to: ConnectionId, viewer: &Arc<Viewer>) {
        let (rules, viewer) = (Arc::clone(&self.rules), Arc::clone(viewer));
        self.run(to, async move {
            let greeting = rules.greet(&viewer, Scope::All).await?;
            Ok(Event::Confirmed { to, standings: greeting.standings })
        });
    }

    /// What a chat that reaches up to `head` has after a position, for a reader in this subnet.
    pub fn replay(
        &self,
        to: ConnectionId,
        viewer: &Arc<Viewer>,
        wanted: Wanted,
        head: Position,
        subnet: Subnet,
    ) {
        let (rules, viewer) = (Arc::clone(&self.rules), Arc::clone(viewer));
        let backlog = Arc::clone(&self.backlog);
        let Wanted { chat_id, from, .. } = wanted;
        self.run(to, async move {
            let hold = |frames| backlog.hold(subnet, Some(viewer.user_id), frames);
            let Some(replay) = rules.replay(&viewer, &wanted, hold).await? else {
                return Ok(Event::Unreachable { to, chat_id });
            };
            let crate::chat::Replay { frames, upto, last, held, is_out_of_range } = replay;
            let piece =
                ReplayPiece { chat_id, from, head, frames, upto, last, held, is_out_of_range };
            Ok(Event::Replayed { to, piece })
        });
    }

    fn run(&self, to: ConnectionId, errand: impl Future<Output = Result<Event>> + Send + 'static) {
        let answer = ErrandEnd { registry: self.rules.registry.clone(), to, event: None };
        tokio::spawn(async move {
            let event = errand.await.unwrap_or_else(|error| {
                match &error {
                    Error::Broken(_) => tracing::error!(%error, "cannot read a socket's chats"),
                    Error::Unavailable(_) | Error::Refused(_) => {
                        tracing::debug!(%error, "cannot read a socket's chats");
                    }
                }
                Event::GaveUp { to }
            });
            answer.give(event);
        });
    }
}

/// However an errand ends, the connection that is waiting for it is told.
struct ErrandEnd {
    registry: Registry,
    to: ConnectionId,
    event: Option<Event>,
}

impl ErrandEnd {
    fn give(mut self, event: Event) {
        self.event = Some(event);
    }
}

impl Drop for ErrandEnd {
    fn drop(&mut self) {
        let to = self.to;
        self.registry.post(to, self.event.take().unwrap_or(Event::GaveUp { to }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::SMALL;
    use crate::registry::Inbox;

    #[test]
    fn an_errand_that_panics_is_reported_as_given_up() {
        let inbox = Arc::new(Inbox::new(SMALL.inbox_bytes));
        let registry = Registry::new(vec![Arc::clone(&inbox)], None);
        let to = ConnectionId { shard: 0, index: 7, generation: 0 };
        let answer = ErrandEnd { registry, to, event: None };
        let panicking = std::thread::spawn(move || {
            let _answer = answer;
            panic!("on purpose");
        });
        assert!(panicking.join().is_err());
        let news = inbox.take(Vec::new());
        assert!(matches!(news[..], [Event::GaveUp { to: given }] if given == to));
    }
}
