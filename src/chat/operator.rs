//! What the operator does with accounts and rooms, by command: another process, whose sockets hear of it from the
//! database within a second or two.

use super::Rules;
use super::owners::last_owner;
use crate::model::error::{Error, Result};
use crate::model::ids::{ChatId, UserId};
use crate::model::message::Fate;
use crate::model::subnet::Subnet;
use crate::model::text::{Email, Password, Username};
use crate::store::{OwnerKept, RoomRow, Stats};

impl Rules {
    /// A new password for somebody, who has to log in again everywhere.
    pub async fn put_password(&self, user_id: UserId, new: Password, from: Subnet) -> Result<()> {
        let hash = self.hasher.hash(from, new).await?;
        self.store.put_password(user_id, &hash).await
    }

    /// Nobody can log in to the account from now on, and whoever has is out; the last owner is spared. Messages
    /// that are not kept are removed later, by the process that serves.
    pub async fn disable(&self, user_id: UserId, messages: Fate) -> Result<()> {
        match self.store.disable_user(user_id, messages).await? {
            OwnerKept::Changed => Ok(()),
            OwnerKept::NoSuchUser => Err(Error::not_found()),
            OwnerKept::LastOwner => Err(last_owner()),
        }
    }

    pub async fn enable(&self, user_id: UserId) -> Result<()> {
        self.store.enable_user(user_id).await
    }

    /// Another name for somebody, who has to log in again everywhere.
    pub async fn rename(&self, user_id: UserId, username: &Username) -> Result<()> {
        self.store.rename_user(user_id, username).await
    }

    /// All rooms after this id.
    pub async fn list_rooms(&self, after: ChatId, limit: i64) -> Result<Vec<RoomRow>> {
        self.store.list_rooms(after, limit).await
    }

    /// Makes a member of a room its creator.
    pub async fn transfer_room(&self, room_id: ChatId, to: UserId) -> Result<()> {
        match self.store.transfer_room(room_id, to).await? {
            true => Ok(()),
            false => Err(Error::conflict(
                "not_a_member",
                format!(
                    "there is no room {room_id}, or they are not a member of it; see snug room list"
                ),
            )),
        }
    }

    /// Deletes a room and what was said in it.
    pub async fn delete_room(&self, room_id: ChatId) -> Result<()> {
        if !self.store.delete_room(room_id).await? {
            let detail = format!("there is no room {room_id}; see snug room list");
            return Err(Error::conflict("room_not_found", detail));
        }
        self.store.purge_rooms().await
    }

    pub async fn stats(&self) -> Result<Stats> {
        self.store.stats().await
    }

    pub async fn put_email(&self, user_id: UserId, email: &Email) -> Result<()> {
        self.store.set_email(user_id, email).await
    }
}
