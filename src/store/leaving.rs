//! The end of an account, over all tables: what goes with it, what stays, and what passes to others. And the
//! end of rooms that nobody is left in.

use super::removals::ask_removal_in;
use super::transactions::{changed_in, rows_in};
use super::users::{OwnerKept, end_sessions_in, lock_owners};
use super::{Store, WriteKind, sql};
use crate::limits::{NAME_KEPT, PURGE_ROWS_MAX};
use crate::model::error::Result;
use crate::model::ids::{ChatId, UserId};
use crate::model::message::{Fate, SessionId};
use tokio_postgres::types::ToSql;

/// What became of the account of somebody who leaves.
pub enum Left {
    Gone(Legacy),
    NoSuchUser,
    LastOwner,
}

/// What somebody who has left leaves behind.
pub struct Legacy {
    /// Those that ended.
    pub sessions: Vec<SessionId>,
    /// The rooms that they were a member of.
    pub rooms: Vec<ChatId>,
    /// Of these, the ones that they had made, and who has them now.
    pub heirs: Vec<(ChatId, UserId)>,
}

impl Store {
    /// Deletes an account. Messages stay, under `deleted-<id>`, or are removed later. A room goes to the member who was let in first,
    /// and with the account if there is none.
    pub async fn delete_user(&self, user_id: UserId, messages: Fate) -> Result<Left> {
        self.in_transaction(WriteKind::Upkeep, async |transaction| {
            match lock_owners(transaction, user_id).await? {
                OwnerKept::Changed => {}
                OwnerKept::NoSuchUser => return Ok(Left::NoSuchUser),
                OwnerKept::LastOwner => return Ok(Left::LastOwner),
            }
            let id = user_id.0;
            rows_in(transaction, sql!("chats/lock_of_member"), &[&id]).await?;
            let passed = rows_in(transaction, sql!("chat_rooms/pass_on"), &[&id]).await?;
            changed_in(transaction, sql!("room_members/delete_of_creator"), &[&id]).await?;
            changed_in(transaction, sql!("chat_rooms/delete_of"), &[&id]).await?;
            let left = rows_in(transaction, sql!("room_members/delete_of"), &[&id]).await?;
            if messages == Fate::Remove {
                ask_removal_in(transaction, user_id).await?;
            }
            changed_in(transaction, sql!("read_positions/delete_of"), &[&id]).await?;
            let kept: [&(dyn ToSql + Sync); 2] = [&id, &NAME_KEPT.as_secs_f64()];
            changed_in(transaction, sql!("former_names/insert"), &kept).await?;
            let sessions = end_sessions_in(transaction, user_id, None).await?;
            changed_in(transaction, sql!("users/delete"), &[&id]).await?;
            let is_member = |row: &&tokio_postgres::Row| row.get::<_, bool>("is_approved");
            let rooms = left.iter().filter(is_member).map(|row| ChatId(row.get("room_id")));
            let heir =
                |row: &tokio_postgres::Row| (ChatId(row.get("id")), UserId(row.get("creator_id")));
            let heirs = passed.iter().map(heir).collect();
            Ok(Left::Gone(Legacy { sessions, rooms: rooms.collect(), heirs }))
        })
        .await
    }

    /// Deletes a room; what was said in it goes with `purge_rooms`. False if there is none. Its chat is locked,
    /// so that no message slips in afterwards.
    pub async fn delete_room(&self, room_id: ChatId) -> Result<bool> {
        self.in_transaction(WriteKind::Upkeep, async |transaction| {
            let id = room_id.0;
            rows_in(transaction, sql!("chats/lock"), &[&id]).await?;
            changed_in(transaction, sql!("room_members/delete_of_room"), &[&id]).await?;
            Ok(changed_in(transaction, sql!("chat_rooms/delete"), &[&id]).await? == 1)
        })
        .await
    }

    /// The rooms that a command has deleted within the last minute.
    pub async fn deleted_rooms(&self) -> Result<Vec<ChatId>> {
        let rows = self.rows(sql!("deleted_rooms/list"), &[]).await?;
        Ok(rows.iter().map(|row| ChatId(row.get("room_id"))).collect())
    }

    /// Deletes what is left of rooms that are gone, in portions.
    pub async fn purge_rooms(&self) -> Result<()> {
        let rows = self.rows(sql!("chats/ownerless"), &[&PURGE_ROWS_MAX]).await?;
        for chat_id in rows.iter().map(|row| row.get::<_, i64>("id")) {
            let params: [&(dyn ToSql + Sync); 2] = [&chat_id, &PURGE_ROWS_MAX];
            while self.changed(WriteKind::Upkeep, sql!("messages/delete_of_room"), &params).await?
                > 0
            {}
            let of_chat: [&(dyn ToSql + Sync); 1] = [&chat_id];
            self.changed(WriteKind::Upkeep, sql!("reactions/delete_of_chat"), &of_chat).await?;
            self.changed(WriteKind::Upkeep, sql!("mentions/delete_of_chat"), &of_chat).await?;
            self.changed(WriteKind::Upkeep, sql!("read_positions/delete_of_chat"), &of_chat)
                .await?;
            self.changed(WriteKind::Upkeep, sql!("chats/delete"), &of_chat).await?;
        }
        self.changed(WriteKind::Upkeep, sql!("deleted_rooms/purge"), &[]).await?;
        Ok(())
    }

    /// Frees the names that were kept long enough.
    pub async fn purge_former_names(&self) -> Result<()> {
        self.changed(WriteKind::Upkeep, sql!("former_names/purge"), &[]).await?;
        Ok(())
    }
}
