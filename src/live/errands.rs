//! What a worker has fetched from the database: each errand runs on the runtime and ends with one
//! event in the shard's inbox. A connection has at most one under way.

use super::follow::Follow;
use crate::chat::Chat;
use crate::error::{Error, Result};
use crate::ids::Seq;
use crate::message::Viewer;
use crate::registry::{ConnectionId, Event, Piece, Scope};
use std::future::Future;
use std::sync::Arc;
use tokio::runtime::Handle;

pub struct Errands {
    pub chat: Arc<Chat>,
    pub runtime: Handle,
}

impl Errands {
    /// The chats of a connection, for `welcome`.
    pub fn greet(&self, to: ConnectionId, viewer: &Arc<Viewer>, scope: Scope) {
        let (chat, viewer) = (Arc::clone(&self.chat), Arc::clone(viewer));
        self.run(to, async move {
            let greeting = chat.greet(&viewer, scope).await?;
            let crate::chat::Greeting { standings, epoch } = greeting;
            Ok(Event::Greeted { to, standings, epoch })
        });
    }

    /// The same chats, read again now that the connection follows them.
    pub fn confirm(&self, to: ConnectionId, viewer: &Arc<Viewer>) {
        let (chat, viewer) = (Arc::clone(&self.chat), Arc::clone(viewer));
        self.run(to, async move {
            let greeting = chat.greet(&viewer, Scope::All).await?;
            Ok(Event::Confirmed { to, standings: greeting.standings })
        });
    }

    /// What a chat that goes up to `head` has after the follower's position.
    pub fn replay(&self, to: ConnectionId, viewer: &Arc<Viewer>, follow: Follow, head: Seq) {
        let (chat, viewer) = (Arc::clone(&self.chat), Arc::clone(viewer));
        let Follow { chat_id, chat_type, seq: from, .. } = follow;
        self.run(to, async move {
            Ok(match chat.replay(&viewer, chat_id, chat_type, from).await? {
                Some(crate::chat::Piece { run, last_seq }) => {
                    Event::Replayed { to, piece: Piece { chat_id, from, head, run, last_seq } }
                }
                None => Event::Unreachable { to, chat_id },
            })
        });
    }

    fn run(&self, to: ConnectionId, errand: impl Future<Output = Result<Event>> + Send + 'static) {
        let registry = self.chat.registry.clone();
        self.runtime.spawn(async move {
            let event = errand.await.unwrap_or_else(|error| {
                match &error {
                    Error::Broken(_) => tracing::error!(%error, "a socket's chats"),
                    Error::Unavailable(_) | Error::Refused(_) => {
                        tracing::debug!(%error, "a socket's chats");
                    }
                }
                Event::GaveUp { to }
            });
            registry.post(to, event);
        });
    }
}
