//! The table `chat_rooms`: rooms, their creators, and their invite links.

use super::acts::{done_in, made_in};
use super::room_members::MemberState;
use super::transactions::{changed_in, maybe_in};
use super::{Store, WriteKind, sql, timestamp};
use crate::limits::{ROOMS_PER_CREATOR_MAX, ROOMS_PER_USER_MAX};
use crate::model::error::{Error, Result};
use crate::model::ids::{ActName, ChatId, Seq, UserId};
use jiff::Timestamp;
use tokio_postgres::types::ToSql;

/// A room as its members see it.
#[derive(Debug)]
pub struct Room {
    pub room_id: ChatId,
    pub name: String,
    pub description: String,
    pub creator_id: UserId,
    pub created_at: Timestamp,
    pub members: i64,
    /// Path and code; shown only to the creator.
    pub invite_link: String,
}

/// A room as the operator sees it.
pub struct RoomRow {
    pub room_id: ChatId,
    pub name: String,
    pub creator_name: String,
    pub created_at: Timestamp,
    pub members: i64,
    /// How many messages it has.
    pub last_seq: Seq,
}

/// What an invite link shows to a person who follows it.
pub struct RoomInvite {
    pub name: String,
    pub description: String,
    pub creator_id: UserId,
    pub creator_name: String,
    pub invite_link: String,
    pub members: i64,
    /// The viewer's membership state, if they ever asked to join.
    pub state: Option<MemberState>,
}

impl Store {
    /// `None` if the creator already has as many rooms as allowed; with an act that has been done, the room
    /// that it made. `link` makes the invite link's path from the room's id.
    pub async fn insert_room(
        &self,
        creator: UserId,
        name: &str,
        description: &str,
        link: impl FnOnce(ChatId) -> String,
        act: Option<ActName>,
    ) -> Result<Option<(ChatId, String)>> {
        self.in_transaction(WriteKind::Content, async |transaction| {
            let locked = maybe_in(transaction, sql!("users/lock"), &[&vec![creator.0]]).await?;
            if locked.is_none() {
                return Err(Error::unauthenticated());
            }
            if let Some(made) = made_in(transaction, act).await? {
                let params: [&(dyn ToSql + Sync); 2] = [&creator.0, &made];
                let row = maybe_in(transaction, sql!("chat_rooms/find"), &params).await?;
                return Ok(row.map(|row| (ChatId(made), row.get("invite_link"))));
            }
            let counts = maybe_in(transaction, sql!("chat_rooms/count"), &[&creator.0]).await?;
            if counts.is_some_and(|row| {
                row.get::<_, i64>("created") >= ROOMS_PER_CREATOR_MAX
                    || row.get::<_, i64>("joined") >= ROOMS_PER_USER_MAX
            }) {
                return Ok(None);
            }
            let row = maybe_in(transaction, sql!("chats/insert"), &[&"room"]).await?;
            let row = row.ok_or_else(|| Error::broken("a new chat", "no row was returned"))?;
            let room_id = ChatId(row.get("id"));
            let invite_link = link(room_id);
            changed_in(
                transaction,
                sql!("chat_rooms/insert"),
                &[&room_id.0, &creator.0, &name, &description, &invite_link],
            )
            .await?;
            done_in(transaction, act, room_id.0).await?;
            Ok(Some((room_id, invite_link)))
        })
        .await
    }

    /// All rooms after this id.
    pub async fn list_rooms(&self, after: ChatId, limit: i64) -> Result<Vec<RoomRow>> {
        let rows = self.rows(sql!("chat_rooms/list"), &[&after.0, &limit]).await?;
        let room = |row: &tokio_postgres::Row| RoomRow {
            room_id: ChatId(row.get("id")),
            name: row.get("name"),
            creator_name: row.get("creator_name"),
            created_at: timestamp(row, "created_at"),
            members: row.get("members"),
            last_seq: Seq(row.get("last_seq")),
        };
        Ok(rows.iter().map(room).collect())
    }

    /// False if there is no such room, or the user is not a member of it.
    pub async fn transfer_room(&self, room_id: ChatId, to: UserId) -> Result<bool> {
        let params: [&(dyn ToSql + Sync); 2] = [&room_id.0, &to.0];
        Ok(self.changed(WriteKind::Upkeep, sql!("chat_rooms/transfer"), &params).await? == 1)
    }

    /// `None` if the viewer is not a member.
    pub async fn room(&self, viewer: UserId, room_id: ChatId) -> Result<Option<Room>> {
        let row = self.maybe(sql!("chat_rooms/find"), &[&viewer.0, &room_id.0]).await?;
        Ok(row.map(|row| Room {
            room_id: ChatId(row.get("id")),
            name: row.get("name"),
            description: row.get("description"),
            creator_id: UserId(row.get("creator_id")),
            created_at: timestamp(&row, "created_at"),
            members: row.get("members"),
            invite_link: row.get("invite_link"),
        }))
    }

    /// Anyone may ask; the caller compares the link before it shows anything.
    pub async fn invite(&self, viewer: UserId, room_id: ChatId) -> Result<Option<RoomInvite>> {
        let row = self.maybe(sql!("chat_rooms/invite"), &[&viewer.0, &room_id.0]).await?;
        row.map(|row| {
            let state =
                row.get::<_, Option<&str>>("state").map(MemberState::from_name).transpose()?;
            Ok(RoomInvite {
                name: row.get("name"),
                description: row.get("description"),
                creator_id: UserId(row.get("creator_id")),
                creator_name: row.get("creator_name"),
                invite_link: row.get("invite_link"),
                members: row.get("members"),
                state,
            })
        })
        .transpose()
    }

    /// False if it is not one of the viewer's own rooms.
    pub async fn set_invite_link(
        &self,
        viewer: UserId,
        room_id: ChatId,
        link: &str,
    ) -> Result<bool> {
        let changed = self
            .changed(WriteKind::Upkeep, sql!("chat_rooms/rotate"), &[&viewer.0, &room_id.0, &link])
            .await?;
        Ok(changed == 1)
    }

    /// The room's creator; `None` if the viewer is not a member.
    pub async fn room_creator(&self, viewer: UserId, room_id: ChatId) -> Result<Option<UserId>> {
        let row = self.maybe(sql!("chat_rooms/creator"), &[&viewer.0, &room_id.0]).await?;
        Ok(row.map(|row| UserId(row.get("creator_id"))))
    }
}
