//! The table `room_members`: who asked to join a room, who was let in, and who was not.

use super::acts::done_in;
use super::transactions::{changed_in, maybe_in};
use super::{Store, WriteKind, sql, timestamp};
use crate::limits::{REQUESTS_PER_ROOM_MAX, ROOMS_PER_USER_MAX};
use crate::model::error::{Error, Result};
use crate::model::ids::{ActName, ChatId, Seq, UserId};
use deadpool_postgres::Transaction;
use jiff::Timestamp;
use tokio_postgres::types::ToSql;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberState {
    Pending,
    Approved,
    Denied,
}

pub struct Member {
    pub user_id: UserId,
    pub username: String,
    pub is_creator: bool,
    /// And so does the one who asks.
    pub shows_presence: bool,
}

/// A user who asked to join, whatever the outcome.
pub struct JoinRequest {
    pub user_id: UserId,
    pub username: String,
    pub requested_at: Timestamp,
}

/// A user who is waiting for the answer of a room's creator.
pub struct OpenRequest {
    pub room_id: ChatId,
    pub room_name: String,
    pub user_id: UserId,
    pub username: String,
}

/// A room that a user asked to join, and whose creator has not answered.
pub struct AskedRoom {
    pub room_id: ChatId,
    pub name: String,
}

/// What became of a request to join.
pub enum Requested {
    /// Asked for the first time.
    New,
    /// Already in the table, in this state.
    Standing(MemberState),
    LimitReached,
}

/// What became of the creator's answer.
pub enum Decided {
    /// The state changed from this one; the chat's last number at that moment.
    From(MemberState, Seq),
    /// There was nothing to change.
    Already,
    NobodyAsked,
    LimitReached,
}

impl MemberState {
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
        }
    }

    pub(super) fn from_name(name: &str) -> Result<Self> {
        match name {
            "pending" => Ok(Self::Pending),
            "approved" => Ok(Self::Approved),
            "denied" => Ok(Self::Denied),
            other => Err(Error::broken("an unknown membership state", other)),
        }
    }
}

impl Store {
    /// Members after this id; empty if the viewer is not a member.
    pub async fn members(
        &self,
        viewer: UserId,
        room_id: ChatId,
        after: UserId,
        limit: i64,
    ) -> Result<Vec<Member>> {
        let rows = self
            .rows(sql!("room_members/list"), &[&viewer.0, &room_id.0, &after.0, &limit])
            .await?;
        let member = |row: &tokio_postgres::Row| Member {
            user_id: UserId(row.get("user_id")),
            username: row.get("username"),
            is_creator: row.get("is_creator"),
            shows_presence: row.get("shows_presence"),
        };
        Ok(rows.iter().map(member).collect())
    }

    /// Requests in this state, oldest first, for the room's creator.
    pub async fn requests(
        &self,
        creator: UserId,
        room_id: ChatId,
        state: MemberState,
        after: Option<UserId>,
        limit: i64,
    ) -> Result<Vec<JoinRequest>> {
        let after = after.map(|id| id.0);
        let rows = self
            .rows(
                sql!("room_members/requests"),
                &[&creator.0, &room_id.0, &state.name(), &after, &limit],
            )
            .await?;
        let request = |row: &tokio_postgres::Row| JoinRequest {
            user_id: UserId(row.get("user_id")),
            username: row.get("username"),
            requested_at: timestamp(row, "requested_at"),
        };
        Ok(rows.iter().map(request).collect())
    }

    /// Open requests to all rooms of their creator: those to `first` come first, then the oldest.
    pub async fn open_requests(
        &self,
        creator: UserId,
        first: Option<ChatId>,
        limit: i64,
    ) -> Result<Vec<OpenRequest>> {
        let first = first.map(|id| id.0);
        let rows =
            self.rows(sql!("room_members/open_requests"), &[&creator.0, &first, &limit]).await?;
        let request = |row: &tokio_postgres::Row| OpenRequest {
            room_id: ChatId(row.get("room_id")),
            room_name: row.get("room_name"),
            user_id: UserId(row.get("user_id")),
            username: row.get("username"),
        };
        Ok(rows.iter().map(request).collect())
    }

    /// The rooms that this user waits for, the latest request first.
    pub async fn asked(&self, user: UserId, limit: i64) -> Result<Vec<AskedRoom>> {
        let rows = self.rows(sql!("room_members/asked"), &[&user.0, &limit]).await?;
        let asked = |row: &tokio_postgres::Row| AskedRoom {
            room_id: ChatId(row.get("room_id")),
            name: row.get("name"),
        };
        Ok(rows.iter().map(asked).collect())
    }

    /// A user's membership state in a room; `None` if they never asked to join.
    pub async fn member_state(&self, room_id: ChatId, user: UserId) -> Result<Option<MemberState>> {
        let row = self.maybe(sql!("room_members/state"), &[&room_id.0, &user.0]).await?;
        row.map(|row| MemberState::from_name(row.get("state"))).transpose()
    }

    /// Asks to join. The chat's row is locked, so that the open requests can be counted.
    pub async fn request_to_join(&self, room_id: ChatId, user: UserId) -> Result<Requested> {
        self.in_transaction(WriteKind::Content, async |transaction| {
            lock_chat(transaction, room_id).await?;
            if let Some(state) = state_in(transaction, room_id, user).await? {
                return Ok(Requested::Standing(state));
            }
            let pending =
                maybe_in(transaction, sql!("room_members/count_pending"), &[&room_id.0]).await?;
            if pending.is_some_and(|row| row.get::<_, i64>(0) >= REQUESTS_PER_ROOM_MAX) {
                return Ok(Requested::LimitReached);
            }
            let params: [&(dyn ToSql + Sync); 2] = [&room_id.0, &user.0];
            match changed_in(transaction, sql!("room_members/request"), &params).await? {
                // The chat of a room that is gone outlives it for a while.
                0 => Err(Error::not_found()),
                _ => Ok(Requested::New),
            }
        })
        .await
    }

    /// Lets a user in, who begins to read after what is there now. The user's row is locked before the
    /// chat's, so that their rooms can be counted.
    pub async fn approve(&self, room_id: ChatId, user: UserId) -> Result<Decided> {
        self.in_transaction(WriteKind::Content, async |transaction| {
            maybe_in(transaction, sql!("users/lock"), &[&vec![user.0]]).await?;
            let last_seq = lock_chat(transaction, room_id).await?;
            let state = match state_in(transaction, room_id, user).await? {
                None => return Ok(Decided::NobodyAsked),
                Some(MemberState::Approved) => return Ok(Decided::Already),
                Some(state @ (MemberState::Pending | MemberState::Denied)) => state,
            };
            let counts = maybe_in(transaction, sql!("chat_rooms/count"), &[&user.0]).await?;
            if counts.is_some_and(|row| row.get::<_, i64>("joined") >= ROOMS_PER_USER_MAX) {
                return Ok(Decided::LimitReached);
            }
            decide(transaction, room_id, user, MemberState::Approved).await?;
            let position: [&(dyn ToSql + Sync); 3] = [&user.0, &room_id.0, &last_seq.0];
            changed_in(transaction, sql!("read_positions/begin"), &position).await?;
            Ok(Decided::From(state, last_seq))
        })
        .await
    }

    /// Turns a request down. A member stays a member: `From(Approved, _)` means that nothing changed.
    pub async fn deny(&self, room_id: ChatId, user: UserId) -> Result<Decided> {
        self.in_transaction(WriteKind::Upkeep, async |transaction| {
            let last_seq = lock_chat(transaction, room_id).await?;
            let state = match state_in(transaction, room_id, user).await? {
                None => return Ok(Decided::NobodyAsked),
                Some(MemberState::Denied) => return Ok(Decided::Already),
                Some(MemberState::Approved) => {
                    return Ok(Decided::From(MemberState::Approved, last_seq));
                }
                Some(MemberState::Pending) => MemberState::Pending,
            };
            decide(transaction, room_id, user, MemberState::Denied).await?;
            Ok(Decided::From(state, last_seq))
        })
        .await
    }

    /// Ends a membership under the chat's lock, so that no message of theirs slips in afterwards.
    /// False if they were not a member.
    pub async fn remove_member(
        &self,
        room_id: ChatId,
        user: UserId,
        act: Option<ActName>,
    ) -> Result<bool> {
        self.in_transaction(WriteKind::Upkeep, async |transaction| {
            lock_chat(transaction, room_id).await?;
            let params: [&(dyn ToSql + Sync); 2] = [&room_id.0, &user.0];
            let removed = changed_in(transaction, sql!("room_members/remove"), &params).await? == 1;
            if removed {
                done_in(transaction, act, 0).await?;
            }
            Ok(removed)
        })
        .await
    }
}

async fn lock_chat(transaction: &Transaction<'_>, chat_id: ChatId) -> Result<Seq> {
    let row = maybe_in(transaction, sql!("chats/lock"), &[&chat_id.0]).await?;
    row.map(|row| Seq(row.get("last_seq"))).ok_or_else(Error::not_found)
}

async fn state_in(
    transaction: &Transaction<'_>,
    room_id: ChatId,
    user: UserId,
) -> Result<Option<MemberState>> {
    let row = maybe_in(transaction, sql!("room_members/state"), &[&room_id.0, &user.0]).await?;
    row.map(|row| MemberState::from_name(row.get("state"))).transpose()
}

async fn decide(
    transaction: &Transaction<'_>,
    room_id: ChatId,
    user: UserId,
    state: MemberState,
) -> Result<()> {
    changed_in(transaction, sql!("room_members/decide"), &[&room_id.0, &user.0, &state.name()])
        .await?;
    Ok(())
}
