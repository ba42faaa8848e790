//! A user's own data, as JSON lines, a page at a time: nothing is read that its reader does not take.

use super::Rules;
use super::limiter::Key;
use crate::limits::{CHATS_SHOWN, EXPORT_PAGES_WAITING, EXPORT_ROWS, PAGE_ROWS_MAX, RETRY_SEAT};
use crate::model::error::{Error, Result};
use crate::model::export::{ExportLine, put_line};
use crate::model::ids::{ChatId, UserId};
use crate::model::message::{ChatType, Viewer};
use crate::model::wire::{MessageMembers, Micros};
use crate::store::User;
use bytes::Bytes;
use std::io;
use std::sync::Arc;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Pages as they are read; one that fails is the last.
pub type Export = Receiver<io::Result<Bytes>>;

const TOO_MANY_EXPORTS: &str =
    "You have just exported your data; wait a while before the next time.";

/// Somebody who does not listen any more.
struct Gone;

impl Rules {
    pub async fn export(self: &Arc<Self>, viewer: Arc<Viewer>) -> Result<Export> {
        let counted = self.limiter.count(&[Key::Exports(viewer.user_id)], TOO_MANY_EXPORTS)?;
        let Ok(turn) = Arc::clone(&self.exports).try_acquire_owned() else {
            counted.give_back();
            let waits = "Others are exporting their data; try again in a moment.";
            return Err(Error::busy(waits, RETRY_SEAT));
        };
        let account = self.user(&viewer).await?;
        let (pages, export) = channel(EXPORT_PAGES_WAITING);
        let rules = Arc::clone(self);
        tokio::spawn(async move {
            let _turn = turn;
            if let Err(error) = rules.write_export(&account, &pages).await {
                tracing::debug!(%error, "an export ends early");
                // Its reader sees that it is not whole.
                let _told = pages.send(Err(io::Error::other("it could not be read"))).await;
            }
        });
        Ok(export)
    }

    async fn write_export(&self, account: &User, pages: &Sender<io::Result<Bytes>>) -> Result<()> {
        let user_id = account.user_id;
        let mut page = Vec::new();
        put_line(
            &ExportLine::Account {
                user_id,
                username: &account.username,
                email: &account.email,
                created_at: Micros(account.created_at),
                role: account.role,
                shows_presence: account.shows_presence,
            },
            &mut page,
        );
        for session in self.sessions_of(user_id).await? {
            let line = ExportLine::Session {
                id: session.id.number(),
                created_at: Micros(session.created_at),
                last_used_at: Micros(session.last_used_at),
                address: session.address,
                user_agent: session.user_agent.as_deref(),
            };
            put_line(&line, &mut page);
        }
        for row in self.store.list_chats(user_id, None, CHATS_SHOWN, Some(0)).await? {
            let line = ExportLine::Chat {
                chat_id: row.standing.chat_id,
                chat_type: row.standing.chat_type,
                name: &row.name,
                user_id: row.other_id,
                last_seq: row.standing.last.seq,
                read_seq: row.standing.read_seq,
            };
            put_line(&line, &mut page);
        }
        if send(pages, page).await.is_err() {
            return Ok(());
        }
        let mut after = ChatId(0);
        loop {
            let chats = self.store.chats_read(user_id, after, PAGE_ROWS_MAX).await?;
            let Some((last, _)) = chats.last() else { return Ok(()) };
            after = *last;
            for (chat_id, chat_type) in chats {
                if self.write_messages(user_id, chat_id, chat_type, pages).await?.is_err() {
                    return Ok(());
                }
            }
        }
    }

    /// What this user has said in a chat, also in one that they have left.
    async fn write_messages(
        &self,
        user_id: UserId,
        chat_id: ChatId,
        chat_type: ChatType,
        pages: &Sender<io::Result<Bytes>>,
    ) -> Result<Result<(), Gone>> {
        let mut after = String::new();
        loop {
            let own = self.store.own_messages(user_id, chat_id, chat_type, &after, EXPORT_ROWS);
            let own = own.await?;
            let Some((last, _)) = own.last() else { return Ok(Ok(())) };
            after.clone_from(last);
            let mut page = Vec::new();
            for (_, message) in &own {
                put_line(&ExportLine::Message(MessageMembers(message)), &mut page);
            }
            if let Err(gone) = send(pages, page).await {
                return Ok(Err(gone));
            }
        }
    }
}

async fn send(pages: &Sender<io::Result<Bytes>>, page: Vec<u8>) -> Result<(), Gone> {
    pages.send(Ok(page.into())).await.map_err(|_| Gone)
}
